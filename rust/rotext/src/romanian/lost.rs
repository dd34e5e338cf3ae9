//! Words in which a sign is written for a Romanian letter: `pNdure`, `c_nd`, `fa]a`.
//!
//! Old fonts and lost tables show one sign for all ă of a text. A name in code (`nume_fisier`), a brand (`YouTube`) and a mark
//! of a note (`spus1`) look the same. So the word must be in the lexicon with ă â î ș ț in the place of the sign, and several
//! different words of the text must agree on the sign: two that have it inside, or four of which one has it inside. Then words
//! that begin or end with the sign count too.

use xxhash_rust::xxh3::xxh3_64;

use super::{is_hyphen, letter, model};

const LOST: [char; 5] = ['ă', 'â', 'î', 'ș', 'ț'];
/// A word with more signs is no word. Each sign may be another letter.
const MOST_SIGNS: usize = 2;
/// Longer words are not looked at.
const LONGEST: usize = 32;
/// The lexicon has 24 bits of each word, so it takes some strings for words. These cost more bits a letter.
const BITS: f32 = 4.3;
/// So many different words with the sign inside prove it, or so many of all kinds.
const INSIDE: usize = 2;
const ANYWHERE: usize = 4;
/// Foreign letters that no Romanian orthography has. Letters with accents are old spelling (`vědȡut`, `moștenitόre`).
const FOREIGN: &str = "æÆøØþÞðÐßłŁńŃñÑƒ";
/// Signs of sentences, which end words.
const PUNCTUATION: &[char] =
    &['.', ',', ':', ';', '!', '?', '(', ')', '"', '„', '”', '“', '«', '»', '…', '–', '—', '\'', '’', '‘'];

/// Counts the words of a text that lost a letter.
#[derive(Debug, Default)]
pub(crate) struct LostLetters {
    words: Vec<Lost>,
    word: Vec<char>,
    text: String,
}

/// A word that lost a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Lost {
    sign: char,
    word: u64,
    inside: bool,
    counts: bool,
}

impl LostLetters {
    /// Forgets the text.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    /// Adds a token of the text. With `counts` false it is a witness only.
    pub(crate) fn add(&mut self, token: &str, counts: bool) {
        if !may_be_word(token.as_bytes()) {
            return;
        }
        let token = token.trim_matches(PUNCTUATION);
        if token.len() <= LONGEST {
            token.split(is_hyphen).for_each(|part| self.add_part(part, counts));
        }
    }

    fn add_part(&mut self, part: &str, counts: bool) {
        let (word, text) = (&mut self.word, &mut self.text);
        word.clear();
        word.extend(part.chars());
        let mut places = [0; MOST_SIGNS];
        let mut count = 0;
        for (at, &c) in word.iter().enumerate() {
            if letter(c) != 0 && (at == 0 || !c.is_uppercase()) {
                continue;
            }
            let other = letter(c) == 0 && !c.is_ascii() && c.is_alphabetic() && !FOREIGN.contains(c);
            if PUNCTUATION.contains(&c) || other || count == MOST_SIGNS {
                return;
            }
            places[count] = at;
            count += 1;
        }
        let places = &places[..count];
        if count == 0 || count == word.len() {
            return;
        }
        let last = word.len() - 1;
        let (sign, inside) = (word[places[0]], places.iter().any(|at| *at > 0 && *at < last));
        let known = (0..LOST.len().pow(count as u32)).any(|choice| {
            for (number, &at) in places.iter().enumerate() {
                word[at] = LOST[choice / LOST.len().pow(number as u32) % LOST.len()];
            }
            text.clear();
            text.extend(word.iter());
            model().knows_whole(text) && model().bits(text) < BITS * (word.len() + 1) as f32
        });
        if known {
            self.words.push(Lost { sign, word: xxh3_64(part.as_bytes()), inside, counts });
        }
    }

    /// The number of words that lost a letter.
    pub(crate) fn count(&mut self) -> u32 {
        self.words.sort_unstable();
        let proven = |words: &&[Lost]| {
            let different = || words.chunk_by(|a, b| a.word == b.word);
            let inside = different().filter(|same| same[0].inside).count();
            inside >= INSIDE || inside > 0 && different().count() >= ANYWHERE
        };
        let signs = self.words.chunk_by(|a, b| a.sign == b.sign).filter(proven);
        signs.flatten().filter(|word| word.counts).count() as u32
    }
}

/// A quick look at the bytes: a call, a path or a name of many parts is no word.
fn may_be_word(token: &[u8]) -> bool {
    const ENDS: &[u8] = b".,:;!?()\"'";
    let end = |byte: &u8| ENDS.contains(byte);
    let start = token.iter().position(|byte| !end(byte)).unwrap_or(token.len());
    let stop = token.iter().rposition(|byte| !end(byte)).map_or(start, |last| last + 1);
    let (mut small, mut signs) = (false, 0);
    for (at, byte) in token[start..stop].iter().enumerate() {
        match byte {
            b'a'..=b'z' => small = true,
            b'-' | b'\'' | 0x80.. => {}
            b'A'..=b'Z' => signs += usize::from(at > 0),
            b'.' | b',' | b':' | b';' | b'!' | b'?' | b'(' | b')' | b'"' | b'/' | b'&' => return false,
            _ => signs += 1,
        }
    }
    small && signs <= MOST_SIGNS && stop - start <= LONGEST + 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(text: &str) -> u32 {
        let mut found = LostLetters::default();
        text.split(' ').for_each(|token| found.add(token, true));
        found.count()
    }

    /// The text with a sign for each letter of `letters`.
    fn with(text: &str, letters: &str, sign: char) -> String {
        text.chars().map(|c| if letters.contains(c) { sign } else { c }).collect()
    }

    #[test]
    fn a_sign_for_a_letter_is_found_in_the_whole_text() {
        let good = "Bătrânul își luă căciula și plecă după pâine, ca să fie masă bună în casă.";
        assert_eq!(lost(good), 0);
        for sign in ['N', 'S', 'T', '_', '3', ']', '~', '=', '□', '¿'] {
            assert!(lost(&with(good, "ă", sign)) >= 7, "{}", with(good, "ă", sign));
        }
        assert!(lost(&with(good, "ăâîșț", '_')) >= 6);
        assert!(lost(&with(&with(good, "ă", 'N'), "ș", 'S')) >= 7);
        let ends = "Bătrânul știe că până mâine o să fie multă pâine bună.";
        assert!(lost(&with(ends, "ă", 'N')) >= 4);
    }

    #[test]
    fn names_and_marks_stay() {
        for text in [
            "Variabila nume_fisier și lungime_maxima din YouTube, LaTeX, eMAG și iPhone au 5 kW și 3 mV.",
            "Așa a spus1 și a adus2 tot, iar m2 și m3 sunt unități; cas[ă] și [sic] rămân, _foarte_ *bine*.",
            "Fie x_i și y_j, s_a și l_am; adresa ana_maria@exemplu.ro, PrimN.",
            "Vědȡut, găsěsce, vrěme, trecěnd și moștenitόre sunt scrise așa.",
            "text=verde și mod=ia, an=2020, nume=Ana, a=b, dimensiune=mare, culoare=alb",
            "mysqli_real_escape_string și set_magic_quotes_runtime, pg_config, user_error",
        ] {
            assert_eq!(lost(text), 0, "{text}");
        }
    }
}

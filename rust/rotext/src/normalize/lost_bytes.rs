//! Class 4b: UTF-8 that was read as Latin-1, and then lost its control characters (`bÄtrân` for `bătrân`, `È` for `ș`).
//!
//! The second byte of ă Ă ș ț and their capitals is a control character of Latin-1, which many programs remove. The first byte
//! alone does not say which letter it was, so the lexicon decides: of all readings of the word, exactly one must be
//! known. The document must have three letters whose second byte is still there.

use memchr::memchr_iter;

use super::charset::decode;
use super::code_pages::Page;
use super::edit::Editor;
use super::lexicon::{known, plausible};
use super::rules::Id;
use super::words::{REACH, after, before, is_letter};

/// The letters whose first byte is shown as `lead`, and whose second byte is a control character: small, then capital. The
/// second bytes of î and â are signs (`Ã®`, `Ã¢`), so only their capitals lose one.
fn letters(lead: char) -> &'static [(char, char)] {
    match lead {
        'Ä' => &[('ă', 'Ă')],
        'È' => &[('ș', 'Ș'), ('ț', 'Ț')],
        'Å' => &[('ș', 'Ș')],
        'Ã' => &[('Î', 'Î'), ('Â', 'Â')],
        _ => &[],
    }
}

/// How many letters must be whole, and how many of a word may be broken.
const WITNESSES: usize = 3;
const BROKEN: usize = 3;

/// A part of a word: a letter, or the place of a lead without its second byte.
enum Part {
    Letter(char),
    Lost(usize, char),
}

/// Repairs the words in which one reading of the lost bytes is in the lexicon.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let whole = |at: usize| decode(&text[at..], |c| Page::Western.byte(c));
    // ă â î ș ț begin with C3, C4, C5 and C8; their images in UTF-8 begin with C3.
    let leads = || {
        memchr_iter(0xC3, text.as_bytes())
            .filter_map(|at| after(text, at).filter(|&c| !letters(c).is_empty()).map(|c| (at, c)))
    };
    let ours = |c: char| "ăâîșțşţĂÂÎȘȚŞŢ".contains(c);
    let witnesses =
        leads().filter(|&(at, _)| whole(at).is_some_and(|(_, c)| ours(c))).take(WITNESSES).count();
    if witnesses < WITNESSES {
        return;
    }
    // Each word is looked at once: rows of leads are what a text leaves that was broken several times.
    let mut done = 0;
    for (at, lead) in leads() {
        if at < done || whole(at).is_some() {
            continue;
        }
        let start = start(text, at);
        let (word, end) = parts(text, start);
        done = end.max(at + lead.len_utf8());
        let and = matches!(word[..], [Part::Lost(_, 'È'), Part::Letter('i')]);
        let good = if and && !text[end..].starts_with(['-', '’', '\'']) {
            // `ți` leans on a hyphen, so a word alone is `și`.
            Some("și".to_owned())
        } else {
            only_reading(&word)
        };
        let Some(mut good) = good else { continue };
        let sentence = text[..start].trim_end_matches(' ').chars().next_back();
        if matches!(word[..], [Part::Lost(..), ..]) && sentence.is_none_or(|c| "\n.!?…„—–".contains(c))
        {
            let rest = good.split_off(good.chars().next().map_or(0, char::len_utf8));
            good = good.to_uppercase() + &rest;
        }
        let mut good = good.chars();
        for part in &word {
            let letter = good.next();
            if let (Part::Lost(place, _), Some(letter)) = (part, letter) {
                editor.put(*place..place + lead.len_utf8(), letter, Id::DoubleEncoding);
            }
        }
    }
}

/// The first byte of the word around `at`. The images of second bytes are signs, so each pair is stepped over.
fn start(text: &str, at: usize) -> usize {
    let mut start = at;
    for _ in 0..REACH {
        let Some(c) = before(text, start) else { break };
        let one = start - c.len_utf8();
        let pair = before(text, one).map(|lead| one - lead.len_utf8());
        let pair = pair.filter(|&two| {
            decode(&text[two..], |c| Page::Western.byte(c)).is_some_and(|(len, _)| two + len == start)
        });
        start = match pair {
            Some(two) => two,
            None if is_letter(c) => one,
            None => break,
        };
    }
    start
}

/// The letters of the word that begins at `at`, and its end.
fn parts(text: &str, mut at: usize) -> (Vec<Part>, usize) {
    let mut parts = Vec::new();
    while parts.len() < REACH
        && let Some(c) = after(text, at)
    {
        if let Some((len, letter)) =
            decode(&text[at..], |c| Page::Western.byte(c)).filter(|(_, c)| is_letter(*c))
        {
            parts.push(Part::Letter(letter));
            at += len;
        } else if is_letter(c) {
            parts.push(if letters(c).is_empty() { Part::Letter(c) } else { Part::Lost(at, c) });
            at += c.len_utf8();
        } else {
            break;
        }
    }
    (parts, at)
}

/// The only reading of the word that is in the lexicon. `None`: there is none, or more.
fn only_reading(word: &[Part]) -> Option<String> {
    let lost = word.iter().filter(|part| matches!(part, Part::Lost(..))).count();
    if lost == 0 || lost > BROKEN || word.len() < 2 {
        return None;
    }
    // A word in capitals; a capital that only begins a word is not known, so the letter is small.
    let upper = |part: &Part| matches!(part, Part::Letter(c) if c.is_uppercase());
    let lower = |part: &Part| matches!(part, Part::Letter(c) if c.is_lowercase());
    let capitals = word.iter().any(upper) && !word.iter().any(lower);
    let mut readings = vec![String::new()];
    for part in word {
        readings = match part {
            Part::Letter(c) => {
                readings.into_iter().map(|reading| reading + c.encode_utf8(&mut [0; 4])).collect()
            }
            Part::Lost(_, lead) => {
                let choose = |&(small, capital): &(char, char)| if capitals { capital } else { small };
                let options: Vec<char> = letters(*lead).iter().map(choose).collect();
                let with = |reading: &String| -> Vec<String> {
                    options.iter().map(|c| format!("{reading}{c}")).collect()
                };
                readings.iter().flat_map(with).collect()
            }
        };
    }
    // Every Ä was an ă, so there is nothing to choose: the word must only be spelled like Romanian.
    if let [reading] = &readings[..] {
        return plausible(reading).then(|| reading.clone());
    }
    let mut known = readings.into_iter().filter(|reading| known(reading));
    known.next().filter(|_| known.next().is_none())
}

#[cfg(test)]
mod tests {
    use crate::normalize::{Normalizer, Report};

    fn repaired(text: &str) -> String {
        Normalizer::default().normalize(text, &mut Report::default()).into_owned()
    }

    /// UTF-8 as Latin-1, without control characters.
    fn stripped(text: &str) -> String {
        text.bytes().map(char::from).filter(|c| !c.is_control()).collect()
    }

    #[test]
    fn the_lexicon_says_which_letter_it_was() {
        let good = "Într-o zi bătrânul pescar a ieșit din casă și a coborât pe malul apei, unde îl aștepta barca lui veche. \
                    VÂNTUL BĂTEA încet, iar noaptea era liniștită în toată țara.";
        let broken = stripped(good);
        assert!(broken.contains("bÄtrÃ¢nul") && broken.contains("ieÈit"));
        let found = repaired(&broken);
        for word in ["Într-o", " și ", "bătrânul", "ieșit", "casă", "aștepta", "liniștită", "toată"]
        {
            assert!(found.contains(word), "{word}: {found}");
        }
    }

    #[test]
    fn what_two_readings_fit_stays() {
        let broken = stripped(
            "Când s-a întors la școala împărătească și-a luat cărțile, iar bătrânul l-a întâmpinat și l-a dus.",
        );
        let found = repaired(&broken);
        assert!(
            found.contains("școala împărătească Èi-a luat cărțile") && found.contains(" și l-a dus"),
            "{found}"
        );
    }

    #[test]
    fn letters_of_other_languages_stay() {
        for text in [
            "Äpfel und Birnen. Această piață a fost vizitată de mulți oameni în București.",
            "È vero, spune el în piață. RÅDHUSET este o clădire.",
        ] {
            assert_eq!(repaired(text), text);
        }
    }
}

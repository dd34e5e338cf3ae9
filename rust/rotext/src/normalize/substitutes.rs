//! Class 10b: letters that are typed or printed for ă and â: ā å ӑ ắ ȃ ậ, ȋ for î, and ṣ ṭ for ș ț.
//!
//! Each of them is a good letter of another language (`Māori`, `Skåne`, `Mahābhārata`, pinyin). So the document votes:
//! words of four letters or more that are in the lexicon after the repair. One vote repairs its own word; with two, every
//! word that becomes Romanian is repaired.

use super::edit::Editor;
use super::lexicon::{bits, known};
use super::rules::Id;
use super::words::{function_words, is_letter, word_around};

/// The letter that was meant.
pub(super) fn meant(c: char) -> Option<char> {
    Some(match c {
        'ā' | 'å' | 'ӑ' | 'ặ' | 'ắ' | 'ằ' | 'ẳ' | 'ẵ' => 'ă',
        'Ā' | 'Å' | 'Ӑ' | 'Ặ' | 'Ắ' | 'Ằ' | 'Ẳ' | 'Ẵ' => 'Ă',
        'ȃ' | 'ậ' | 'ấ' | 'ầ' | 'ẩ' | 'ẫ' => 'â',
        'Ȃ' | 'Ậ' | 'Ấ' | 'Ầ' | 'Ẩ' | 'Ẫ' => 'Â',
        'ȋ' => 'î',
        'Ȋ' => 'Î',
        'ṣ' => 'ș',
        'Ṣ' => 'Ș',
        'ṭ' => 'ț',
        'Ṭ' => 'Ț',
        _ => return None,
    })
}

/// Foreign letters beside a substitute: the word is not Romanian.
fn plain(word: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_alphabetic() || "ăâîșțşţĂÂÎȘȚŞŢ".contains(c);
    word.chars().map(|c| meant(c).or_else(|| good(c).then_some(c))).collect()
}

/// The vote of a document, counted at the first question.
#[derive(Default)]
pub(super) struct Vote(Option<usize>);

impl Vote {
    /// Repairs the letter `c` at `at` if the document and the word allow it.
    pub(super) fn repair(&mut self, editor: &mut Editor, at: usize, c: char) {
        let text = editor.text();
        let (start, end) = word_around(text, at, is_letter);
        let Some((good, word)) = meant(c).zip(plain(&text[start..end])) else { return };
        let votes = *self.0.get_or_insert_with(|| count(text));
        let long = word.chars().count() >= 4 || "ȃȂȋȊ".contains(c);
        let fits = match votes {
            0 => false,
            1 => long && (known(&word) || bits(&word) < 3.9),
            _ => known(&word) || long && bits(&word) < 4.3,
        };
        if fits {
            editor.put(at..at + c.len_utf8(), good, Id::LookAlike);
        }
    }
}

/// Letters of the languages of the substitutes that nobody types for a Romanian letter.
fn foreign(c: char) -> bool {
    "ēīōūĒĪŌŪơưđĐôê".contains(c) || matches!(c, 'Ạ'..='ỹ') && meant(c).is_none()
}

/// Words of the lexicon after the repair; counts to two. A text that is not Romanian, or has names of one of these
/// languages, has none.
fn count(text: &str) -> usize {
    if function_words(text, 1) == 0 || text.contains(foreign) {
        return 0;
    }
    let (mut long, mut short) = (0, false);
    for word in text.split(|c| !is_letter(c)).filter(|word| word.contains(|c| meant(c).is_some())) {
        let Some(good) = plain(word) else { continue };
        // No language is written with the inverted breve, so its short words vote too.
        if good.chars().count() >= 4 || word.contains(['ȃ', 'Ȃ', 'ȋ', 'Ȋ']) {
            long += usize::from(known(&good) || good.chars().count() >= 6 && bits(&good) < SMOOTH);
        } else {
            short |= SHORT.contains(&good.to_lowercase().as_str());
        }
        if long == 2 {
            return 2;
        }
    }
    // `masā` and `sā`
    long + usize::from(long > 0 && short)
}

/// A word of six letters that costs less votes as one of the lexicon does: compare `arătoasă` (3.0) and `Mahăbhărata` (4.4).
const SMOOTH: f32 = 3.3;
/// The words in ă of nearly every text.
const SHORT: &[&str] = &["să", "că", "mă", "vă"];

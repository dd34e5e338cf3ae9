//! Which of two copies is better: the one that says more in sound words, then the one with less dirt, then the longer one.
//!
//! A copy that went through OCR, lost its diacritics, or carries tags and stars often has more bytes than the clean one.

use crate::romanian;
use crate::window::{self, Window};

/// Known words are compared in steps of about 8 %, so that a copy with a menu around it is not better than one without
/// tags: 2^(1/9).
const STEPS: f64 = 9.0;
/// The share of dirt is compared in this many steps.
const SHARES: u64 = 1 << 12;

/// Letters have the numbers of [`romanian::letter`], 1 to 31. The other characters:
const OTHER: u8 = 32;
/// Inside a word: it was cut there, or misread.
const BREAK: u8 = 33;
const DIRT: u8 = 34;
const OPEN: u8 = 35;
/// The end of a tag, also of one that was never closed.
const CLOSE: u8 = 36;

/// The class of each ASCII character. Most text is ASCII, and one look costs less than the match of [`romanian::letter`].
static CLASS: [u8; 128] = {
    let (mut table, mut byte) = ([OTHER; 128], 0);
    while byte < table.len() {
        table[byte] = match byte as u8 {
            letter @ b'a'..=b'z' => letter - b'a' + 1,
            letter @ b'A'..=b'Z' => letter - b'A' + 1,
            b'0'..=b'9' => BREAK,
            b'<' => OPEN,
            b'>' | b'\n' => CLOSE,
            b'*' | b'_' | b'#' | b'|' | b'^' | b'~' | b'\\' => DIRT,
            _ => OTHER,
        };
        byte += 1;
    }
    table
};

const fn class(c: char) -> u8 {
    match (romanian::letter(c), c) {
        (0, '¬' | '\u{ad}') => BREAK,
        (0, '\u{fffd}') => DIRT,
        (0, _) => OTHER,
        (letter, _) => letter,
    }
}

/// The classes of the characters of two bytes from U+00C0 to U+027F, which begin with C3 to C9.
static TWO_BYTES: [u8; 0x1C0] = {
    let (mut table, mut at) = ([OTHER; 0x1C0], 0);
    while at < table.len() {
        if let Some(c) = char::from_u32(0xC0 + at as u32) {
            table[at] = class(c);
        }
        at += 1;
    }
    table
};

/// The class of the character at `at`, and its bytes. Behind the text there is a character that is no letter.
#[inline(always)]
fn class_at(text: &str, at: usize) -> (u8, usize) {
    match text.as_bytes()[at.min(text.len())..] {
        [byte @ ..0x80, ..] => (CLASS[usize::from(byte)], 1),
        [first @ 0xC3..=0xC9, second, ..] => {
            (TWO_BYTES[(usize::from(first & 31) << 6 | usize::from(second & 63)) - 0xC0], 2)
        }
        _ => text[at..].chars().next().map_or((OTHER, 0), |c| (class(c), c.len_utf8())),
    }
}

/// The longest word that the lexicon may have, in letters.
const LONGEST: usize = 64;

/// A number that is higher for a better copy.
///
/// Bits 44 to 63: the known words, in steps. Bits 32 to 43: the share of words and signs that are no dirt. Bits 0 to 31: the
/// bytes. Linear in the text, without allocation.
#[must_use]
pub fn worth(text: &str) -> u64 {
    let mut sound = romanian::model().counter();
    let bytes = text.as_bytes();
    let (mut words, mut dirt) = (0u64, 0u64);
    // A window may be copied behind the longest word.
    let (mut letters, mut length) = ([0u8; LONGEST + window::BYTES], 0);
    let (mut tag, mut broken) = (false, false);
    let mut at = 0;
    while at < bytes.len() || length > 0 {
        let window = Window::at(bytes, at).small();
        let run = (!window.between(b'a', b'z')).trailing_zeros() as usize;
        if run > 0 {
            if let Some(place) = letters.get_mut(length..).and_then(<[u8]>::first_chunk_mut) {
                *place = window.bytes().map(|letter| letter & 31);
            }
            (length, at) = (length + run, at + run);
            if run == window::BYTES {
                continue;
            }
        }
        let (class, size) = class_at(text, at);
        at += size;
        if class < OTHER {
            if let Some(place) = letters.get_mut(length) {
                *place = class;
            }
            length += 1;
            continue;
        }
        if class == BREAK && length > 0 {
            broken = true;
            continue;
        }
        if length > 1 && !tag {
            words += 1;
            if !broken && length <= LONGEST {
                sound.add(&letters[..length]);
            }
        }
        (length, broken) = (0, false);
        match class {
            OPEN => {
                tag = true;
                dirt += 1;
            }
            CLOSE => tag = false,
            DIRT => dirt += 1,
            _ => {}
        }
    }
    let known = sound.known();
    // A word that is not known is dirt too.
    dirt += words - known;
    let step = if known == 0 { 0 } else { 1 + ((known as f64).log2() * STEPS) as u64 };
    let share = SHARES - 1 - dirt * (SHARES - 1) / (known + dirt).max(1);
    step << 44 | share << 32 | u64::from(u32::try_from(text.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by characters: the words between others, cut or misread where a break is inside.
    fn plain(text: &str) -> u64 {
        let model = romanian::model();
        let (mut known, mut dirt, mut tag) = (0u64, 0u64, false);
        let (mut word, mut broken): (Vec<u8>, bool) = (Vec::new(), false);
        for c in text.chars().chain([' ']) {
            if romanian::letter(c) > 0 {
                word.push(romanian::letter(c));
                continue;
            }
            if !word.is_empty() && (matches!(c, '¬' | '\u{ad}') || c.is_ascii_digit()) {
                broken = true;
                continue;
            }
            if word.len() > 1 && !tag {
                if !broken && word.len() <= LONGEST && model.knows_letters(&word) {
                    known += 1
                } else {
                    dirt += 1
                }
            }
            (broken, _) = (false, word.clear());
            dirt += u64::from("<*_#|^~\\\u{fffd}".contains(c));
            tag = c == '<' || tag && c != '>' && c != '\n';
        }
        let step = if known == 0 { 0 } else { 1 + ((known as f64).log2() * STEPS) as u64 };
        step << 44 | (SHARES - 1 - dirt * (SHARES - 1) / (known + dirt).max(1)) << 32 | text.len() as u64
    }

    proptest! {
        #[test]
        fn classes_say_what_characters_say(
            pieces in prop::collection::vec("casa|mare|Țara|de|[a-zăâîșț]{1,4}|[<>*_|\n ¬7.]|\u{ad}|\u{fffd}|é|[a-z]{63,66}", 0..40)
        ) {
            let text = pieces.concat();
            prop_assert_eq!(worth(&text), plain(&text), "{:?}", text);
        }
    }

    const CLEAN: &str = "Bătrânul pescar a ieșit din casă înainte de răsărit și a coborât pe malul apei, unde îl aștepta \
                         barca lui veche. Marea era liniștită, iar vântul de noapte se oprise cu totul.";

    #[test]
    fn the_clean_copy_is_better() {
        let broken =
            CLEAN.replace("pescar", "pe5car").replace("malul", "rnalul").replace("vântul", "vîntnl-") + " !!";
        let tagged = format!("<p>{}</p>", CLEAN.replace("barca", "<b>barca</b>"));
        let plain = CLEAN.replace(['ă', 'â'], "a").replace('î', "i").replace('ș', "s");
        let cut = CLEAN.replace("pescar", "pes¬car").replace("liniștită", "liniș¬tită");
        for worse in [&broken, &cut, &tagged, &plain, &CLEAN[..CLEAN.len() / 2].to_owned()] {
            assert!(worth(CLEAN) > worth(worse), "{worse}");
        }
        assert!(worth(&CLEAN.repeat(2)) > worth(CLEAN));
    }
}

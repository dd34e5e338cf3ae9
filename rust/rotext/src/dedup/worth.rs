//! Which of two copies is better: the one that says more in sound words, then the one with less dirt, then the longer one.
//!
//! A copy that went through OCR, lost its diacritics, or carries tags and stars often has more bytes than the clean one.

use crate::romanian;

/// Known words are compared in steps of about 8 %, so that a copy with a menu around it is not better than one without
/// tags: 2^(1/9).
const STEPS: f64 = 9.0;
/// The share of dirt is compared in this many steps.
const SHARES: u64 = 1 << 12;

/// A number that is higher for a better copy.
///
/// Bits 44 to 63: the known words, in steps. Bits 32 to 43: the share of words and signs that are no dirt. Bits 0 to 31: the
/// bytes. Linear in the text, without allocation.
#[must_use]
pub fn worth(text: &str) -> u64 {
    let model = romanian::model();
    let (mut known, mut dirt) = (0u64, 0u64);
    let mut letters: Vec<u8> = Vec::with_capacity(32);
    let (mut tag, mut broken) = (false, false);
    for c in text.chars().chain([' ']) {
        match romanian::letter(c) {
            // Inside a word: it was cut there, or misread.
            0 if !letters.is_empty() && (matches!(c, '¬' | '\u{ad}') || c.is_ascii_digit()) => broken = true,
            0 => {
                if letters.len() > 1 && !tag {
                    if !broken && model.knows_letters(&letters) { known += 1 } else { dirt += 1 }
                }
                letters.clear();
                broken = false;
            }
            letter => letters.push(letter),
        }
        match c {
            '<' => {
                tag = true;
                dirt += 1;
            }
            '>' | '\n' => tag = false,
            '*' | '_' | '#' | '|' | '^' | '~' | '\\' | '\u{fffd}' => dirt += 1,
            _ => {}
        }
    }
    let step = if known == 0 { 0 } else { 1 + ((known as f64).log2() * STEPS) as u64 };
    let share = SHARES - 1 - dirt * (SHARES - 1) / (known + dirt).max(1);
    step << 44 | share << 32 | u64::from(u32::try_from(text.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

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

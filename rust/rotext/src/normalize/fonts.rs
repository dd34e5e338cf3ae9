//! Class 9: a font with a wrong table shows ț as Ń or Ġ, and Ț as ł (`spaŃiu`, `EXERCIłII`, `CondiĠii`).
//!
//! No language writes a capital Ń or Ġ inside a word in lower case, or a small ł inside capitals. Three such places must
//! agree, and nearly all places of the document must fit ț. Polish names (`Wałęsa`, `GDAŃSK`) and the Ġ that some
//! tokenizers print for a space do not fit.

use memchr::memchr2_iter;

use super::edit::Editor;
use super::lexicon::{known, plausible};
use super::rules::Id;
use super::words::{after, before, function_words, is_letter, letter, word_around};

fn suspects(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    memchr2_iter(0xC4, 0xC5, text.as_bytes())
        .filter_map(|at| after(text, at).map(|c| (at, c)))
        .filter(|&(_, c)| matches!(c, 'Ń' | 'Ġ' | 'ł'))
}

/// Whether only ț can be meant in this place.
fn fits(text: &str, at: usize, c: char) -> bool {
    let (prev, next) = (before(text, at), after(text, at + c.len_utf8()));
    let lower = |c: Option<char>| c.is_some_and(|c| c.is_lowercase() && letter(Some(c)));
    let upper = |c: Option<char>| c.is_some_and(char::is_uppercase);
    let vowel = next.is_some_and(|n| "aeiouăâîĭŭĕ".contains(n));
    // `AŃi`: after the capital that begins a word, before a small letter.
    let second = upper(prev) && vowel && !letter(prev.and_then(|p| before(text, at - p.len_utf8())));
    match c {
        'Ń' | 'Ġ' => (lower(prev) || second) && prev != Some('ł') && (vowel || !letter(next)),
        'ł' => upper(prev) && (upper(next) || !letter(next)),
        _ => false,
    }
}

/// Repairs the letters that fit, if there are three.
pub(super) fn repair(editor: &mut Editor) {
    const HITS: u32 = 3;
    let text = editor.text();
    if ligatures(editor) {
        return;
    }
    // For each letter: the places that fit, and the places that do not.
    let (mut hits, mut against_n, mut against_g, mut g_before_i, mut g_hits) = (0u32, 0u32, 0u32, 0u32, 0u32);
    for (at, c) in suspects(text) {
        let fit = fits(text, at, c);
        hits += u32::from(fit);
        match c {
            'Ġ' => {
                g_hits += u32::from(fit);
                g_before_i +=
                    u32::from(fit && matches!(after(text, at + c.len_utf8()), Some('i' | 'e' | 'ă')));
                against_g += u32::from(!fit && letter(after(text, at + c.len_utf8())));
            }
            'Ń' => against_n += u32::from(!fit && !initial(text, at, c)),
            _ => {}
        }
    }
    // Tokens printed with Ġ for the space (`ĠaĠfost`) have it before consonants and after spaces too.
    let tokens = against_g * 10 > g_hits || g_before_i * 2 < g_hits || text.contains('Ċ');
    // One Ń inside a word in lower case is enough in Romanian text: no language writes that.
    let enough = hits >= HITS || hits > g_hits && function_words(text, 2) == 2;
    if !enough || against_n > hits {
        return;
    }
    let polish = suspects(text).any(|(at, c)| c == 'ł' && before(text, at).is_some_and(char::is_lowercase));
    for (at, c) in suspects(text) {
        let good = match c {
            'Ġ' if tokens => continue,
            'Ń' if initial(text, at, c) => 'ț',
            'ł' if initial(text, at, c) && !polish => 'Ț',
            _ if !fits(text, at, c) => continue,
            'ł' => 'Ț',
            _ => 'ț',
        };
        editor.put(at..at + c.len_utf8(), good, Id::FontLetter);
    }
}

/// Ligatures of Calibri in PDF files of Word: the table of the font gives them the codes of other letters. Inside a word of
/// small letters no language writes these capitals. Says whether it repaired one.
fn ligatures(editor: &mut Editor) -> bool {
    let text = editor.text();
    let parts = |c: &str| match c {
        "Ɵ" => "ti",
        "Ʃ" => "tt",
        _ => "tti",
    };
    let mut found = false;
    for (at, c) in text.match_indices(['Ɵ', 'Ʃ', 'ƫ']) {
        let end = at + c.len();
        let small = |c: Option<char>| c.is_some_and(|c| letter(Some(c)) && c.is_lowercase());
        let (start, stop) = word_around(text, at, is_letter);
        let word = text[start..stop].replace('Ɵ', "ti").replace('Ʃ', "tt").replace('ƫ', "tti");
        let inside = small(before(text, at)) && (small(after(text, end)) || !letter(after(text, end)));
        let begins = at == start && small(after(text, end)) && known(&word);
        if (inside && plausible(&word) || begins) && function_words(text, 1) == 1 {
            editor.replace(at..end, parts(c), Id::FontLetter);
            found = true;
        }
    }
    found
}

/// `Ńinut`: at the beginning of a word in lower case. No Polish word begins with Ń.
fn initial(text: &str, at: usize, c: char) -> bool {
    !letter(before(text, at)) && after(text, at + c.len_utf8()).is_some_and(|n| "aeiouăâî".contains(n))
}

//! Class 10: letters that look like the right one. ǎ (caron) for ă (breve), Cyrillic letters inside words that
//! are otherwise Latin, the prime for an apostrophe. Whole Cyrillic or Greek words are left alone.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, is_letter, word_after, word_around, word_before};

/// Repairs them word by word.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let bytes = text.as_bytes();
    let mut at = 0;
    // C7 8D/8E: ǎ. D0, D1, D2: Cyrillic. E2 80 B2: prime.
    while let Some(n) = bytes[at..].iter().position(|&b| matches!(b, 0xC7 | 0xD0..=0xD2 | 0xE2)) {
        at += n;
        let Some(c) = after(text, at) else { break };
        let end = at + c.len_utf8();
        match c {
            'ǎ' | 'Ǎ' => caron(editor, at, c),
            '\u{400}'..='\u{4BF}' => {
                at = cyrillic(editor, at);
                continue;
            }
            '\u{2032}' if clitic(text, at, end) => editor.put(at..end, '\u{2019}', Id::Prime),
            _ => {}
        }
        at = end;
    }
}

/// Does the prime at `at..end` part a clitic group (`s′a`, `într′o`, `a′ntors`), and not the names of points or
/// functions (`A′B′`, `x′y`)? What follows is a small letter, and of two single letters the first is one that
/// Romanian elides and the second a vowel.
fn clitic(text: &str, at: usize, end: usize) -> bool {
    let (left, right) = (word_before(text, at), word_after(text, end));
    let single = |word: &str| word.chars().count() == 1;
    let elided =
        || left.to_lowercase().contains(['c', 'd', 'l', 'm', 'n', 'p', 's', 'ș', 'ş', 't', 'v', 'z']);
    let vowel = || right.contains(['a', 'e', 'i', 'o', 'u', 'ă', 'î', 'ĭ']);
    !left.is_empty()
        && right.chars().next().is_some_and(char::is_lowercase)
        && (!single(left) || !single(right) || elided() && vowel())
}

/// ǎ is the third tone of pinyin as well: not in words with other tones or with `ǎo`, nor beside such words.
fn caron(editor: &mut Editor, at: usize, c: char) {
    let text = editor.text();
    let tone = |c: char| "āáàēéěèīíìōóǒòūúùǖǘǚǜ".contains(c);
    let (start, end) = word_around(text, at, is_letter);
    let word = &text[start..end];
    let neighbour = |word: &str| {
        word.contains("ǎo")
            || word.contains(|c| tone(c) || c == 'ǐ' || c == 'ǔ') && !word.ends_with(['ǐ', 'ǔ'])
    };
    let left = text[..start].trim_end_matches(' ');
    let right = text[end..].trim_start_matches(' ');
    let near = neighbour(word_before(left, left.len())) || neighbour(word_after(right, 0));
    let lower = word.to_lowercase();
    let pinyin = lower.contains(tone) || lower.contains("ǎo") || near || pinyin_pair(left, right);
    if !pinyin {
        editor.put(at..at + c.len_utf8(), if c == 'ǎ' { 'ă' } else { 'Ă' }, Id::LookAlike);
    }
}

/// `nǐ hǎo`, `wǒ mǎ`: a short neighbour that ends in a third tone.
fn pinyin_pair(left: &str, right: &str) -> bool {
    let short = |word: &str| {
        ["nǐ", "wǒ", "hǎo", "lǐ", "yǔ", "běi", "wǔ", "shǐ", "zǐ", "mǐ"]
            .contains(&word.to_lowercase().as_str())
    };
    short(word_before(left, left.len())) || short(word_after(right, 0))
}

/// The Latin letter of the same shape.
fn latin(c: char) -> Option<char> {
    Some(match c {
        'а' => 'a',
        'е' => 'e',
        'о' => 'o',
        'с' => 'c',
        'р' => 'p',
        'х' => 'x',
        'у' => 'y',
        'і' => 'i',
        'ј' => 'j',
        'ѕ' => 's',
        'А' => 'A',
        'В' => 'B',
        'Е' => 'E',
        'К' => 'K',
        'М' => 'M',
        'Н' => 'H',
        'О' => 'O',
        'Р' => 'P',
        'С' => 'C',
        'Т' => 'T',
        'Х' => 'X',
        'І' => 'I',
        'Ј' => 'J',
        'Ѕ' => 'S',
        'ҫ' => 'ç',
        'Ҫ' => 'Ç',
        _ => return None,
    })
}

/// Repairs the word at `at` when each of its Cyrillic letters has a Latin double and at least as many of its
/// letters are Latin. Returns the end of the word.
fn cyrillic(editor: &mut Editor, at: usize) -> usize {
    let text = editor.text();
    let (start, end) = word_around(text, at, is_letter);
    let word = &text[start..end];
    let is_cyrillic = |c: char| matches!(c, '\u{400}'..='\u{52F}');
    let foreign = word.chars().filter(|&c| is_cyrillic(c)).count();
    let native =
        word.chars().filter(|&c| c.is_ascii_alphabetic() || ('\u{C0}'..'\u{250}').contains(&c)).count();
    let all = word.chars().count();
    let doubles = word.chars().filter(|&c| is_cyrillic(c)).all(|c| latin(c).is_some());
    if doubles && native >= foreign && native + foreign == all {
        for (i, c) in word.char_indices() {
            if let Some(good) = latin(c) {
                editor.put(start + i..start + i + c.len_utf8(), good, Id::LookAlike);
            }
        }
    }
    end
}

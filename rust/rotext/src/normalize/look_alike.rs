//! Class 10: letters that look like the right one. ǎ (caron) for ă (breve), Cyrillic letters inside Latin words, the
//! prime for an apostrophe. Whole Cyrillic or Greek words are left alone.

use super::edit::Editor;
use super::rules::Id;
use super::words::{after, is_letter, word_after, word_around, word_before};

/// Repairs the look-alikes, word by word.
pub(super) fn repair(editor: &mut Editor) {
    let text = editor.text();
    let bytes = text.as_bytes();
    let mut romanian = None;
    let mut mixed = None;
    let mut at = 0;
    // C7 8D/8E: ǎ. D0, D1, D2: Cyrillic. E2 80 B2: prime.
    while let Some(n) = bytes[at..].iter().position(|&b| matches!(b, 0xC7 | 0xD0..=0xD2 | 0xE2)) {
        at += n;
        let Some(c) = after(text, at) else { break };
        let end = at + c.len_utf8();
        match c {
            'ǎ' | 'Ǎ' => caron(editor, at, c, &mut romanian),
            // The signs of Cyrillic (U+0482 to U+0489) are in no word.
            '\u{400}'..='\u{4BF}' if is_letter(c) => {
                at = cyrillic(editor, at, &mut mixed);
                continue;
            }
            '\u{2032}' if clitic(text, at, end) => editor.put(at..end, '\u{2019}', Id::Prime),
            _ => {}
        }
        at = end;
    }
}

/// Whether the prime at `at..end` separates a clitic group (`s′a`, `într′o`, `a′ntors`), and not the names of points or
/// functions (`A′B′`, `x′y`). A small letter follows. Of two single letters, the first is one that Romanian elides and
/// the second is a vowel.
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

/// ǎ is the third tone of pinyin too. So it stays in words with other tones or with `ǎo`, and beside such words, unless
/// the document has three long words that are Romanian with it.
fn caron(editor: &mut Editor, at: usize, c: char, romanian: &mut Option<bool>) {
    let text = editor.text();
    let tone = |c: char| "āáàēéěèīíìōóǒòūúùǖǘǚǜ".contains(c);
    let (start, end) = word_around(text, at, is_letter);
    let lower = text[start..end].to_lowercase();
    let neighbour = |word: &str| {
        word.contains("ǎo")
            || word.contains(|c| tone(c) || c == 'ǐ' || c == 'ǔ') && !word.ends_with(['ǐ', 'ǔ'])
    };
    let left = text[..start].trim_end_matches(' ');
    let right = text[end..].trim_start_matches(' ');
    let near = || neighbour(word_before(left, left.len())) || neighbour(word_after(right, 0));
    let chinese = lower.contains(['ā', 'ē', 'ī', 'ō', 'ū', 'ǒ', 'ǚ']);
    let doubtful = lower.contains("ǎo") || lower.contains(tone) || near() || pinyin_pair(left, right);
    if !chinese && (!doubtful || *romanian.get_or_insert_with(|| caron_words(text) == 3)) {
        editor.put(at..at + c.len_utf8(), if c == 'ǎ' { 'ă' } else { 'Ă' }, Id::LookAlike);
    }
}

/// Words of six letters or more that are Romanian except for ǎ; counts to three.
fn caron_words(text: &str) -> usize {
    text.split(|c| !is_letter(c))
        .filter(|word| word.contains('ǎ') && !word.contains("ǎo") && word.chars().count() >= 6)
        .filter(|word| word.chars().all(|c| matches!(c, 'a'..='z' | 'ǎ' | 'â' | 'î' | 'ș' | 'ț')))
        .take(3)
        .count()
}

/// `nǐ hǎo`, `wǒ mǎ`: a short neighbour that ends in a third tone.
fn pinyin_pair(left: &str, right: &str) -> bool {
    let short = |word: &str| {
        ["nǐ", "wǒ", "hǎo", "lǐ", "yǔ", "běi", "wǔ", "shǐ", "zǐ", "mǐ"]
            .contains(&word.to_lowercase().as_str())
    };
    short(word_before(left, left.len())) || short(word_after(right, 0))
}

/// The Latin letter with the same shape.
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

fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{52F}')
}

/// The numbers of Cyrillic and of Latin letters in `word`. `None` if it has other letters, or a Cyrillic letter without a
/// Latin look-alike.
fn doubles(word: &str) -> Option<(usize, usize)> {
    let (mut foreign, mut native) = (0, 0);
    for c in word.chars() {
        match c {
            c if is_cyrillic(c) => {
                latin(c)?;
                foreign += 1;
            }
            c if c.is_ascii_alphabetic() || ('\u{C0}'..'\u{250}').contains(&c) => native += 1,
            _ => return None,
        }
    }
    Some((foreign, native))
}

/// Repairs the word at `at` if each of its Cyrillic letters has a Latin look-alike and at least half of its letters are
/// Latin. If the document has three such words, also repairs small words between Latin ones that are all Cyrillic (`о
/// dată`). Returns the end of the word.
fn cyrillic(editor: &mut Editor, at: usize, mixed: &mut Option<bool>) -> usize {
    let text = editor.text();
    let (start, end) = word_around(text, at, is_letter);
    let word = &text[start..end];
    let Some((foreign, native)) = doubles(word) else { return end };
    let small = native == 0 && foreign <= 2 && latin_neighbours(text, start, end);
    if native >= foreign || small && *mixed.get_or_insert_with(|| mixed_words(text) == 3) {
        for (i, c) in word.char_indices() {
            if let Some(good) = latin(c) {
                editor.put(start + i..start + i + c.len_utf8(), good, Id::LookAlike);
            }
        }
    }
    end
}

/// Words with letters of both alphabets that would be repaired; counts to three.
fn mixed_words(text: &str) -> usize {
    text.split(|c| !is_letter(c))
        .filter(|word| word.contains(is_cyrillic))
        .filter(|word| doubles(word).is_some_and(|(foreign, native)| native >= foreign))
        .take(3)
        .count()
}

fn latin_neighbours(text: &str, start: usize, end: usize) -> bool {
    let latin = |word: &str| !word.is_empty() && !word.contains(is_cyrillic);
    let left = text[..start].strip_suffix(' ').map_or("", |left| word_before(left, left.len()));
    let right = text[end..].strip_prefix(' ').map_or("", |right| word_after(right, 0));
    latin(left) && latin(right)
}

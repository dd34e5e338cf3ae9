//! Bytes of a text file or page as text, by evidence.
//!
//! | evidence | charset |
//! |---|---|
//! | a byte order mark | UTF-8, UTF-16, UTF-32 |
//! | zeros in every second place | UTF-16 |
//! | valid, or with more good letters than bad bytes | UTF-8; a bad byte is repaired where it is sure, else U+FFFD |
//! | else, for a page | the charset that it names, if Romanian was not written in it and the bytes are valid |
//! | else | the single-byte charset with the most Romanian letters in Romanian places |

use super::charset_tables::CHARSETS;
use super::utf16::Order;

/// A decoded text, and what was guessed.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// The charset.
    pub charset: &'static str,
    /// How much better it fits than the next charset, 0 to 1. 1: it was not guessed.
    pub sure: f64,
    /// Bad bytes of UTF-8 that were repaired.
    pub repaired: u64,
    /// Bad bytes that became U+FFFD.
    pub lost: u64,
}

impl Decoded {
    fn certain(text: impl Into<String>, charset: &'static str) -> Self {
        Self { text: text.into(), charset, sure: 1.0, repaired: 0, lost: 0 }
    }
}

/// Decodes a text.
///
/// # Examples
///
/// ```
/// use rotext::reader::charset::decode;
///
/// let old = decode(b"\xcenv\xe3\xfe\xe3torul \xbai \xbacoala".to_vec());
/// assert_eq!((old.text.as_str(), old.charset), ("Învăţătorul şi şcoala", "windows-1250"));
/// assert_eq!(decode("Țară".into()).charset, "utf-8");
/// ```
#[must_use]
pub fn decode(bytes: Vec<u8>) -> Decoded {
    decode_with(bytes, None)
}

/// Decodes a page. `label` is the charset of its HTTP header; a `meta` element counts too.
///
/// A page whose `meta` says UTF-16 is UTF-8, as in the HTML standard: it could be read, so it was not UTF-16.
#[must_use]
pub fn decode_page(bytes: Vec<u8>, label: Option<&str>) -> Decoded {
    let meta = meta_charset(&bytes);
    decode_with(bytes, label.map(str::to_owned).or(meta))
}

fn decode_with(bytes: Vec<u8>, label: Option<String>) -> Decoded {
    if let Some(decoded) = marked(&bytes) {
        return decoded;
    }
    if let Some(order) = utf16_order(&bytes) {
        let (text, _) = order.encoding().decode_without_bom_handling(&bytes);
        return Decoded { sure: 0.99, ..Decoded::certain(text, utf16_name(order)) };
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Decoded::certain(text, "utf-8"),
        Err(e) => e.into_bytes(),
    };
    if let Some(decoded) = nearly_utf8(&bytes) {
        return decoded;
    }
    if let Some(encoding) = label.and_then(|label| encoding_rs::Encoding::for_label(label.trim().as_bytes()))
        && !WEAK_LABELS.contains(&encoding)
        && let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(&bytes)
    {
        return Decoded::certain(text, encoding.name());
    }
    single_byte(&bytes)
}

/// Labels that say nothing about a Romanian page that is not UTF-8: the defaults of servers and editors, and the charsets
/// that are told apart by evidence.
const WEAK_LABELS: [&encoding_rs::Encoding; 8] = [
    encoding_rs::UTF_8,
    encoding_rs::UTF_16LE,
    encoding_rs::UTF_16BE,
    encoding_rs::WINDOWS_1252,
    encoding_rs::WINDOWS_1250,
    encoding_rs::ISO_8859_2,
    encoding_rs::ISO_8859_16,
    encoding_rs::X_USER_DEFINED,
];

/// The charset that a page names in its first kilobytes.
fn meta_charset(bytes: &[u8]) -> Option<String> {
    let head = bytes[..bytes.len().min(4096)].to_ascii_lowercase();
    let after = memchr::memmem::find(&head, b"charset")? + 7;
    let rest = head[after..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or(rest.strip_prefix(b"'")).unwrap_or(rest);
    let end =
        rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':')).count();
    String::from_utf8(rest[..end].to_vec()).ok()
}

/// A text with a byte order mark.
fn marked(bytes: &[u8]) -> Option<Decoded> {
    match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => Some(Decoded::certain(utf32(rest, u32::from_le_bytes), "utf-32le")),
        [0, 0, 0xfe, 0xff, rest @ ..] => Some(Decoded::certain(utf32(rest, u32::from_be_bytes), "utf-32be")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            let order = utf16_order(bytes)?;
            let (text, _) = order.encoding().decode_with_bom_removal(bytes);
            Some(Decoded::certain(text, utf16_name(order)))
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => Some(match std::str::from_utf8(rest) {
            Ok(text) => Decoded::certain(text, "utf-8"),
            Err(_) => nearly_utf8(rest).unwrap_or_else(|| mended_utf8(rest)),
        }),
        _ => None,
    }
}

fn utf16_name(order: Order) -> &'static str {
    match order {
        Order::LittleEndian => "utf-16le",
        Order::BigEndian => "utf-16be",
    }
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> String {
    let units = bytes.chunks(4).map(|four| four.try_into().ok().map(unit).and_then(char::from_u32));
    units.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The byte order of UTF-16: by its mark, or by the zeros of the letters of ASCII, which are most of a Romanian text.
pub(super) fn utf16_order(bytes: &[u8]) -> Option<Order> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => return None, // UTF-32
        [0xff, 0xfe, ..] => return Some(Order::LittleEndian),
        [0xfe, 0xff, ..] => return Some(Order::BigEndian),
        _ => {}
    }
    let sample = &bytes[..bytes.len().min(64 << 10)];
    memchr::memchr(0, sample)?;
    let units = sample.len() / 2;
    let zeros = |rest: usize| sample.iter().skip(rest).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    // More than half of the units are ASCII, and nearly none is U+xx00.
    match () {
        () if odd * 2 > units && even * 50 <= units => Some(Order::LittleEndian),
        () if even * 2 > units && odd * 50 <= units => Some(Order::BigEndian),
        () => None,
    }
}

/// UTF-8 with a few bad bytes: more letters are good than bytes are bad. In another charset a byte pair that is valid UTF-8 is
/// rare, and here nearly all are.
fn nearly_utf8(bytes: &[u8]) -> Option<Decoded> {
    let (mut good, mut bad) = (0, 0);
    for part in bytes.utf8_chunks() {
        good += part.valid().bytes().filter(|byte| *byte >= 0xc0).count();
        bad += part.invalid().len();
    }
    (good > bad).then(|| mended_utf8(bytes))
}

/// UTF-8 in which bad bytes are repaired from windows-1250, or replaced.
fn mended_utf8(bytes: &[u8]) -> Decoded {
    let mut decoded = Decoded::certain(String::with_capacity(bytes.len()), "utf-8");
    let mut parts = bytes.utf8_chunks().peekable();
    while let Some(part) = parts.next() {
        decoded.text.push_str(part.valid());
        let after = parts.peek().and_then(|part| part.valid().chars().next());
        match part.invalid() {
            [] => {}
            [byte] if let Some(c) = certain(*byte, decoded.text.chars().next_back(), after) => {
                decoded.text.push(c);
                decoded.repaired += 1;
            }
            bytes => {
                decoded.text.push(char::REPLACEMENT_CHARACTER);
                decoded.lost += bytes.len() as u64;
            }
        }
    }
    decoded
}

/// The sign that a single bad byte can only be: a mark that windows-1250 and -1252 share, outside a word, or a small Romanian
/// letter inside one. The first bytes of a Romanian letter in UTF-8 (C3, C4, C5, C8) may be what is left of one.
fn certain(byte: u8, before: Option<char>, after: Option<char>) -> Option<char> {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let inside = letter(before) && letter(after);
    let beside = before.is_some_and(char::is_lowercase) || after.is_some_and(char::is_lowercase);
    match byte {
        0x84 if !letter(before) => Some('„'),
        0x85 if !inside => Some('…'),
        0x91 if !inside => Some('‘'),
        0x92 => Some('’'),
        0x93 if !letter(before) => Some('“'),
        0x94 if !letter(after) => Some('”'),
        0x96 if !inside => Some('–'),
        0x97 if !inside => Some('—'),
        0xa0 => Some('\u{a0}'),
        0xab if !letter(before) => Some('«'),
        0xbb if !letter(after) => Some('»'),
        0xe2 if inside && beside => Some('â'),
        0xe3 if beside => Some('ă'),
        0xee if beside => Some('î'),
        0xfe if beside => Some('ţ'),
        0xba if letter(after) && beside => Some('ş'),
        _ => None,
    }
}

/// The single-byte charset that makes the bytes most Romanian.
fn single_byte(bytes: &[u8]) -> Decoded {
    let tables = CHARSETS.map(|(_, upper)| upper.chars().collect::<Vec<char>>());
    // 64 kB identify a charset as well as a whole book.
    let sample = &bytes[..bytes.len().min(64 << 10)];
    let mut scores: Vec<(i64, usize)> = tables.iter().map(|table| score(sample, table)).zip(0..).collect();
    // The first of equals, then the best of the charsets that would read other letters.
    scores.sort_by_key(|(score, index)| (-score, *index));
    let (best_score, best) = scores[0];
    let text: String = tables_decode(bytes, &tables[best]);
    let sample_text = tables_decode(sample, &tables[best]);
    let other = scores[1..]
        .iter()
        .find(|(_, index)| !same_letters(&tables_decode(sample, &tables[*index]), &sample_text));
    let gap = other.map_or(0, |(score, _)| best_score - score);
    let high = sample.iter().filter(|byte| **byte >= 0x80).count().max(1);
    let sure = (gap as f64 / (4 * high) as f64).clamp(0.0, 0.99);
    let lost = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count() as u64;
    Decoded { text, charset: CHARSETS[best].0, sure, repaired: 0, lost }
}

fn tables_decode(bytes: &[u8], table: &[char]) -> String {
    bytes.iter().map(|&b| if b < 0x80 { char::from(b) } else { table[usize::from(b) - 0x80] }).collect()
}

/// ISO 8859-2, -16 and windows-1250 have ş, ţ or ș, ț at the same bytes; the normalizer makes them equal.
fn same_letters(a: &str, b: &str) -> bool {
    let comma = |c: char| match c {
        'ş' => 'ș',
        'ţ' => 'ț',
        'Ş' => 'Ș',
        'Ţ' => 'Ț',
        c => c,
    };
    a.chars().map(comma).eq(b.chars().map(comma))
}

/// Romanian letters between letters raise the score; symbols between letters and control codes lower it.
fn score(bytes: &[u8], table: &[char]) -> i64 {
    let mut score = 0i64;
    for (index, &byte) in bytes.iter().enumerate() {
        if byte < 0x80 {
            continue;
        }
        let before = index > 0 && bytes[index - 1].is_ascii_alphabetic();
        let after = bytes.get(index + 1).is_some_and(u8::is_ascii_alphabetic);
        score += match table[usize::from(byte) - 0x80] {
            'ă' | 'â' | 'î' | 'ș' | 'ț' | 'ş' | 'ţ' if before || after => 4,
            'Ă' | 'Â' | 'Î' | 'Ș' | 'Ț' | 'Ş' | 'Ţ' if after && !before => 2,
            '„' | '”' | '“' | '«' | '»' | '–' | '—' | '’' | '…' if !(before && after) => 1,
            c if c.is_control() || c == '\u{fffd}' => -8,
            c if c.is_alphabetic() => -2,
            _ if before && after => -4,
            _ => 0,
        };
    }
    score
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests {
    use super::*;

    fn encode(text: &str, upper: &str) -> Option<Vec<u8>> {
        let at = |c: char| upper.chars().position(|u| u == c).and_then(|i| u8::try_from(i + 0x80).ok());
        text.chars().map(|c| if c.is_ascii() { u8::try_from(c).ok() } else { at(c) }).collect()
    }

    const TEXT: &str =
        "Învăţătorul îşi aminteşte că în tinereţe părinţii săi ţineau mult la ştiinţă şi la artă.";

    #[test]
    fn each_charset_is_recognized() {
        for (name, upper) in CHARSETS {
            let text = if encode(TEXT, upper).is_some() {
                TEXT.to_owned()
            } else {
                TEXT.replace('ş', "ș").replace('ţ', "ț").replace('Ş', "Ș")
            };
            let bytes = encode(&text, upper).expect(name);
            let decoded = decode(bytes);
            assert!(same_letters(&decoded.text, &text), "{name}: {decoded:?}");
            assert!(decoded.sure > 0.5, "{name}: {decoded:?}");
        }
    }

    #[test]
    fn utf8_and_utf16_are_taken_as_they_are() {
        assert_eq!(decode("\u{feff}Țară".into()), Decoded::certain("Țară", "utf-8"));
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            for text in ["\u{feff}Țară", "Țara și oamenii ei, într-o zi de toamnă."] {
                let units: Vec<u8> = text.encode_utf16().flat_map(order).collect();
                let decoded = decode(units);
                assert_eq!(decoded.text, text.trim_start_matches('\u{feff}'));
                assert!(decoded.charset.starts_with("utf-16"));
            }
        }
    }

    #[test]
    fn a_bad_byte_does_not_change_the_charset() {
        let mut bytes = "Dimineața, la țară ".to_owned().into_bytes();
        bytes.extend(b"\x96 la munte, dou\xe3 vaci");
        let decoded = decode(bytes);
        assert_eq!(decoded.text, "Dimineața, la țară – la munte, două vaci");
        assert_eq!((decoded.charset, decoded.repaired, decoded.lost), ("utf-8", 2, 0));
        let text = "Grădina înflorește și iarna, în fiecare an, lângă casă";
        let cut = &text.as_bytes()[..text.len() - 1];
        let decoded = decode(cut.to_vec());
        assert_eq!(
            (decoded.text.as_str(), decoded.lost),
            ("Grădina înflorește și iarna, în fiecare an, lângă cas\u{fffd}", 1)
        );
    }

    #[test]
    fn a_page_is_not_what_it_says() {
        let page = "<html><head><meta charset=\"utf-16\"></head><body>Bună dimineața</body></html>";
        assert_eq!(decode_page(page.into(), None).text, page);
        let russian = b"<meta charset=windows-1251>\xcf\xf0\xe8\xe2\xe5\xf2".to_vec();
        assert!(decode_page(russian, None).text.ends_with("Привет"));
        let latin = b"<meta charset=iso-8859-1>P\xe3durea \xbai \xfeara".to_vec();
        assert!(decode_page(latin, None).text.ends_with("Pădurea şi ţara"));
    }
}

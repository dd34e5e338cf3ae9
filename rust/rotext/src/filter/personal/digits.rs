//! Digits with separators between them, as people write long numbers.

/// A longer sequence of digits is a table.
const LONGEST: usize = 40;
/// Signs between two groups of digits: ` / `, `) -`.
const GAP: usize = 3;

/// Digits that may be one number: the place of each, and its value.
#[derive(Default)]
pub(super) struct Digits {
    pub(super) values: Vec<u8>,
    pub(super) places: Vec<usize>,
}

impl Digits {
    /// Reads digits from `start` on, across separators. A letter O that touches a digit and begins the number, or stands
    /// between two digits, is a zero.
    pub(super) fn read(&mut self, text: &str, start: usize) {
        self.values.clear();
        self.places.clear();
        let bytes = text.as_bytes();
        let (mut at, mut gap) = (start, 0);
        while at < bytes.len() && self.values.len() < LONGEST {
            let byte = bytes[at];
            let follows = bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
            let zero = matches!(byte, b'O' | b'o')
                && follows
                && (at == start || gap == 0 && self.places.last() == Some(&(at - 1)));
            if byte.is_ascii_digit() || zero {
                self.values.push(if zero { 0 } else { byte - b'0' });
                self.places.push(at);
                gap = 0;
                at += 1;
                continue;
            }
            let length = separator(&bytes[at..]);
            if length == 0 || gap == GAP {
                break;
            }
            gap += 1;
            at += length;
        }
    }

    /// The lengths of the groups of the first `n` digits.
    pub(super) fn groups(&self, n: usize) -> Vec<usize> {
        let mut groups = vec![1];
        for pair in self.places[..n].windows(2) {
            if pair[1] == pair[0] + 1 {
                if let Some(last) = groups.last_mut() {
                    *last += 1;
                }
            } else {
                groups.push(1);
            }
        }
        groups
    }

    /// Whether the number, or at least the group, ends after `n` digits.
    pub(super) fn parted(&self, n: usize) -> bool {
        self.places.get(n).is_none_or(|&next| next > self.places[n - 1] + 1)
    }

    /// Whether another group of digits follows the first `n` after one sign, and does not begin a number of its own.
    pub(super) fn goes_on(&self, bytes: &[u8], n: usize) -> bool {
        self.places.get(n).is_some_and(|&next| {
            self.values[n] != 0 && next <= self.places[n - 1] + 2 && bytes[next - 1] != b'('
        })
    }
}

/// The length in bytes of the separator at the start: a blank of any width, a hyphen or dash, `.`, `/`, a bracket.
pub(super) fn separator(bytes: &[u8]) -> usize {
    match bytes {
        [b' ' | b'-' | b'.' | b'/' | b'(' | b')', ..] => 1,
        [0xC2, 0xA0, ..] => 2,
        // Blanks (U+2000 to U+200A, U+202F), hyphens and dashes (U+2010 to U+2014), the minus sign (U+2212).
        [0xE2, 0x80, 0x80..=0x8A | 0x90..=0x94 | 0xAF, ..] | [0xE2, 0x88, 0x92, ..] => 3,
        _ => 0,
    }
}

/// Whether a letter, a digit or `_` is right before `at`.
pub(super) fn inside_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

//! Personal data, replaced by its kind: `[CNP]`, `[IBAN]`, `[card]`, `[e-mail]`, `[telefon]`.
//!
//! Check digits are verified (CNP, IBAN, card), so that numbers of laws, articles and programs are kept.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr_iter;

/// A kind of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PersonalData {
    /// The personal number of a citizen or resident (13 digits; law 105/1996).
    Cnp,
    /// A bank account of any country (ISO 13616).
    Iban,
    /// A payment card (ISO/IEC 7812, Luhn check digit).
    Card,
    /// An e-mail address.
    Email,
    /// A Romanian telephone number, national or with +40.
    Telephone,
}

impl PersonalData {
    /// All kinds, in the order in which they are counted.
    pub const ALL: [Self; 5] = [Self::Cnp, Self::Iban, Self::Card, Self::Email, Self::Telephone];

    /// The name in reports and the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cnp => "personal-cnp",
            Self::Iban => "personal-iban",
            Self::Card => "personal-card",
            Self::Email => "personal-email",
            Self::Telephone => "personal-telephone",
        }
    }

    /// The text that replaces it.
    #[must_use]
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Cnp => "[CNP]",
            Self::Iban => "[IBAN]",
            Self::Card => "[card]",
            Self::Email => "[e-mail]",
            Self::Telephone => "[telefon]",
        }
    }
}

/// The text without personal data, and the number of replacements of each kind (in the order of [`PersonalData::ALL`]).
///
/// # Examples
///
/// ```
/// use rotext::filter::redact;
///
/// let (text, counts) = redact("Scrieți la ion.popescu@posta.ro până luni.");
/// assert_eq!(text, "Scrieți la [e-mail] până luni.");
/// assert_eq!(counts.iter().sum::<u64>(), 1);
/// ```
#[must_use]
pub fn redact(text: &str) -> (Cow<'_, str>, [u64; PersonalData::ALL.len()]) {
    let mut counts = [0; PersonalData::ALL.len()];
    let places = find(text);
    if places.is_empty() {
        return (Cow::Borrowed(text), counts);
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (range, kind) in places {
        out.push_str(&text[done..range.start]);
        out.push_str(kind.placeholder());
        counts[kind as usize] += 1;
        done = range.end;
    }
    out.push_str(&text[done..]);
    (Cow::Owned(out), counts)
}

/// The places of personal data, in order; none overlaps another.
#[must_use]
pub fn find(text: &str) -> Vec<(Range<usize>, PersonalData)> {
    let bytes = text.as_bytes();
    let mut places: Vec<(Range<usize>, PersonalData)> =
        memchr_iter(b'@', bytes).filter_map(|at| Some((email(bytes, at)?, PersonalData::Email))).collect();
    numbers(bytes, &mut places);
    // The longest of those that begin first: a number inside an address is part of the address.
    places.sort_by_key(|(range, kind)| (range.start, std::cmp::Reverse(range.end), *kind));
    let mut end = 0;
    places.retain(|(range, _)| {
        let free = range.start >= end;
        if free {
            end = range.end;
        }
        free
    });
    places
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte)
}

/// Endings that follow an `@` in programs and not in addresses: systemd units, files, and the domains that are reserved
/// for examples (RFC 2606).
const NO_DOMAINS: &[&str] = &[
    "service",
    "socket",
    "target",
    "timer",
    "mount",
    "slice",
    "scope",
    "device",
    "path",
    "swap",
    "automount",
    "conf",
    "example",
    "invalid",
    "test",
    "localhost",
    "local",
    "localdomain",
];

/// The address around the `@` at `at`.
fn email(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    const LOCAL: usize = 64;
    const DOMAIN: usize = 253;
    let mut start = at;
    while start > 0 && at - start < LOCAL && is_local(bytes[start - 1]) {
        start -= 1;
    }
    while start < at && !bytes[start].is_ascii_alphanumeric() {
        start += 1;
    }
    let rest = &bytes[at + 1..bytes.len().min(at + 1 + DOMAIN)];
    let length = rest
        .iter()
        .position(|&b| !(b.is_ascii_alphanumeric() || b == b'.' || b == b'-'))
        .unwrap_or(rest.len());
    let domain = std::str::from_utf8(&rest[..length]).ok()?.trim_end_matches(['.', '-']);
    let (name, top) = domain.rsplit_once('.')?;
    let labels =
        name.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let lower = domain.to_ascii_lowercase();
    let reserved = ["example.com", "example.org", "example.net"]
        .iter()
        .any(|example| lower == *example || lower.ends_with(&format!(".{example}")));
    let real = top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
        && !NO_DOMAINS.contains(&top.to_ascii_lowercase().as_str());
    // `user@host:path` is the address of a repository, not of a person.
    let repository = bytes.get(at + 1 + domain.len()) == Some(&b':')
        && bytes
            .get(at + 2 + domain.len())
            .is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'/' || b == b'~');
    (start < at && labels && real && !reserved && !repository).then_some(start..at + 1 + domain.len())
}

/// Digits with at most one separator between them: the place of each, and its value.
struct Digits {
    values: Vec<u8>,
    places: Vec<usize>,
}

/// A longer sequence of digits is a table.
const LONGEST: usize = 24;

fn numbers(bytes: &[u8], places: &mut Vec<(Range<usize>, PersonalData)>) {
    let mut digits = Digits { values: Vec::with_capacity(LONGEST), places: Vec::with_capacity(LONGEST) };
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) {
        // Each run of digits begins here exactly once, so a number may begin at each of its groups.
        let group = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        at = start + group;
        if let Some(range) = iban(bytes, start) {
            at = range.end;
            places.push((range, PersonalData::Iban));
            continue;
        }
        if inside_word(bytes, start) {
            continue;
        }
        phrase(bytes, start, &mut digits);
        if digits.values.len() < 10 {
            continue;
        }
        let found = [
            (PersonalData::Cnp, cnp(&digits)),
            (PersonalData::Telephone, telephone(bytes, &digits)),
            (PersonalData::Card, card(&digits)),
        ];
        if let Some((kind, Some(length))) = found.into_iter().find(|(_, length)| length.is_some()) {
            let end = digits.places[length - 1] + 1;
            // What follows is another number or a word.
            if bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
                continue;
            }
            let start = if kind == PersonalData::Telephone { plus(bytes, start, end) } else { start };
            places.push((start..end, kind));
            at = end;
        }
    }
}

/// Whether a letter, a digit or `_` is right before `at`. Non-ASCII letters begin with C3 to DF.
fn inside_word(bytes: &[u8], at: usize) -> bool {
    let before = bytes[..at].iter().rev().find(|&&byte| !(0x80..0xC0).contains(&byte));
    before.is_some_and(|&lead| lead.is_ascii_alphanumeric() || lead == b'_' || (0xC3..0xE0).contains(&lead))
}

/// The place of the `+` that begins the telephone number, and of a bracket before it that the number closes.
fn plus(bytes: &[u8], start: usize, end: usize) -> usize {
    let before = |at: usize, byte: u8| at > 0 && bytes[at - 1] == byte;
    let first = if before(start, b'+') { start - 1 } else { start };
    let brackets = |which| bytes[start..end].iter().filter(|&&byte| byte == which).count();
    if before(first, b'(') && brackets(b')') > brackets(b'(') { first - 1 } else { first }
}

/// Reads digits from `start` on, across single separators (and pairs such as `) ` and `) -`).
fn phrase(bytes: &[u8], start: usize, digits: &mut Digits) {
    digits.values.clear();
    digits.places.clear();
    let mut gap = 0;
    for (at, &byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' if digits.values.len() < LONGEST => {
                digits.values.push(byte - b'0');
                digits.places.push(at);
                gap = 0;
            }
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' if gap < 2 => gap += 1,
            _ => break,
        }
    }
}

impl Digits {
    /// Whether the first `n` digits have groups of these lengths (`(start of group, length)`).
    fn groups(&self, n: usize) -> Vec<usize> {
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
    fn parted(&self, n: usize) -> bool {
        self.places.get(n).is_none_or(|&next| next > self.places[n - 1] + 1)
    }
}

/// 13 digits: sex and century, date of birth, county, number, check digit.
fn cnp(digits: &Digits) -> Option<usize> {
    const WEIGHTS: [u32; 12] = [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9];
    let d = digits.values.get(..13)?;
    let groups = digits.groups(13);
    let spaced = groups.len() <= 4 && groups.iter().all(|&n| n != 4 || groups.len() < 3) && groups[0] <= 7;
    let pair = |i: usize| d[i] * 10 + d[i + 1];
    let (month, day, county) = (pair(3), pair(5), pair(7));
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    let county = matches!(county, 1..=48 | 51 | 52 | 70 | 80..=83);
    let sum: u32 = d.iter().zip(WEIGHTS).map(|(&digit, weight)| u32::from(digit) * weight).sum();
    let check = if sum % 11 == 10 { 1 } else { sum % 11 };
    let born = d[0] != 0 && (1..=days).contains(&day);
    let whole = groups.len() == 1 || spaced;
    (whole && digits.parted(13) && born && county && u32::from(d[12]) == check).then_some(13)
}

/// `07xx xxx xxx`, `021 xxx xx xx`, `+40 7xx xxx xxx`, `0040-...`, `(+40) ...`, `+40 (0)21 ...`.
fn telephone(bytes: &[u8], digits: &Digits) -> Option<usize> {
    let d = &digits.values;
    let first = digits.places[0];
    // `nr. 1.078/326/2009`: the number began earlier.
    if first > 1 && bytes[first - 1] == b'.' && bytes[first - 2].is_ascii_digit() {
        return None;
    }
    let abroad = first > 0 && bytes[first - 1] == b'+';
    let prefix = match d.as_slice() {
        [4, 0, 0, 2 | 3 | 7, ..] if abroad => 3,
        [4, 0, 2 | 3 | 7, ..] if abroad => 2,
        [0, 0, 4, 0, 2 | 3 | 7, ..] => 4,
        [0, 2 | 3 | 7, ..] => 1,
        _ => return None,
    };
    let n = prefix + 9;
    let number = d.get(prefix..n)?;
    // Mobile; Bucharest; the counties (x3 to x6); national numbers (37x, 38x) and old second operators.
    let area = matches!(number, [7, ..] | [2 | 3, 1, ..] | [2 | 3, 3..=6, ..] | [3, 7 | 8, ..]);
    let groups = digits.groups(n);
    // In the groups that people write. A number in pairs from the start is a list or a time.
    let written = groups.len() <= 6
        && (groups.len() == 1 || groups[0] >= 3 || prefix > 1)
        && groups[1..].iter().all(|&g| g >= 2 || prefix == 3 && g == 1);
    let same = number.iter().all(|&digit| digit == number[0]);
    (area && written && !same && digits.parted(n)).then_some(n)
}

/// 13 to 19 digits of a known issuer, in one run or in groups of four.
fn card(digits: &Digits) -> Option<usize> {
    let d = &digits.values;
    let length = match d.as_slice() {
        [3, 4 | 7, ..] => 15,
        [4, ..] | [5, 1..=5, ..] | [2, 2..=7, ..] | [6, 0, 1, 1, ..] | [6, 5, ..] | [6, 7, ..] => 16,
        _ => return None,
    };
    let number = d.get(..length)?;
    let groups = digits.groups(length);
    let written = groups.len() == 1 || groups == [4, 4, 4, 4] || groups == [4, 6, 5];
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &digit)| match u32::from(digit) << (i % 2) {
            double @ 10.. => double - 9,
            double => double,
        })
        .sum();
    // Powers of two and of ten are not cards.
    let zeros = number.iter().filter(|&&digit| digit == 0).count();
    (written && digits.parted(length) && sum.is_multiple_of(10) && zeros < length / 2).then_some(length)
}

/// The account whose two check digits are at `at`: two capitals before them and 11 to 30 characters after, in one run or
/// in groups of four; valid modulo 97.
fn iban(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(2)?;
    let country = &bytes[start..at];
    let alone = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
    if !alone || !country.iter().all(u8::is_ascii_uppercase) || !bytes.get(at + 1)?.is_ascii_digit() {
        return None;
    }
    let mut signs = Vec::with_capacity(34);
    let mut end = start;
    for (i, &byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' if signs.len() < 34 => {
                signs.push(byte);
                end = i + 1;
                if valid_iban(&signs) && bytes.get(end).is_none_or(|next| !next.is_ascii_alphanumeric()) {
                    return Some(start..end);
                }
            }
            b' ' | b'-' | b'.' if i == end && signs.len().is_multiple_of(4) => {}
            _ => break,
        }
    }
    None
}

/// Lengths by country. A Romanian account has 24 characters; four letters name the bank.
fn valid_iban(signs: &[u8]) -> bool {
    let known = match &signs[..2.min(signs.len())] {
        b"RO" => signs.len() == 24 && signs[4..8].iter().all(u8::is_ascii_uppercase),
        b"NO" => signs.len() == 15,
        b"BE" => signs.len() == 16,
        b"DK" | b"FI" | b"NL" => signs.len() == 18,
        b"MK" | b"SI" => signs.len() == 19,
        b"AT" | b"BA" | b"EE" | b"LT" | b"LU" => signs.len() == 20,
        b"CH" | b"HR" | b"LI" | b"LV" => signs.len() == 21,
        b"BG" | b"DE" | b"GB" | b"IE" | b"ME" | b"RS" => signs.len() == 22,
        b"GI" | b"IL" | b"AE" => signs.len() == 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"SE" | b"SK" => signs.len() == 24,
        b"PT" => signs.len() == 25,
        b"IS" | b"TR" => signs.len() == 26,
        b"FR" | b"GR" | b"IT" | b"MC" | b"SM" => signs.len() == 27,
        b"AL" | b"CY" | b"HU" | b"PL" => signs.len() == 28,
        b"UA" => signs.len() == 29,
        b"MT" => signs.len() == 31,
        _ => false,
    };
    if !known {
        return false;
    }
    let value = |sign: u8| u32::from(if sign.is_ascii_digit() { sign - b'0' } else { sign - b'A' + 10 });
    let remainder = signs[4..].iter().chain(&signs[..4]).fold(0, |sum, &sign| match value(sign) {
        letter @ 10.. => (sum * 100 + letter) % 97,
        digit => (sum * 10 + digit) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        redact(text).0.into_owned()
    }

    #[test]
    fn personal_data_is_named() {
        for (text, wanted) in [
            ("CNP 1800101221144.", "CNP [CNP]."),
            ("cont RO49AAAA1B31007593840000 la bancă", "cont [IBAN] la bancă"),
            ("IBAN: RO49 AAAA 1B31 0075 9384 0000, BIC", "IBAN: [IBAN], BIC"),
            ("DE89 3704 0044 0532 0130 00", "[IBAN]"),
            ("scrie la ion.popescu@firma.ro.", "scrie la [e-mail]."),
            ("<maria_x+a@mail.gov.ro>", "<[e-mail]>"),
            ("tel. 0721 123 456, 021.312.34.56", "tel. [telefon], [telefon]"),
            ("+40 721 123 456 sau (+40) 21 312 34 56", "[telefon] sau [telefon]"),
            ("0040-721-123-456; 0721123456", "[telefon]; [telefon]"),
            ("(0264) 412 345", "[telefon]"),
            ("(+40 (0)264 412 345)", "([telefon])"),
            ("(0264) 412 345, (0264 412 345)", "[telefon], ([telefon])"),
            ("card 4539 1488 0343 6467", "card [card]"),
            ("378282246310005", "[card]"),
        ] {
            assert_eq!(redacted(text), wanted, "{text}");
        }
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "1800101221145 1801301221144 CNP",
            "RO49AAAA1B31007593840001",
            "Legea nr. 287/2009, art. 1.349 alin. (2), M.Of. nr. 505/15.07.2011",
            "getty@tty1.service user@host git@github.com:org/repo.git a@example.com @nume x@y",
            "0755 0644 0x0721123456 07:21:12:34:56 02 03 04 05 06",
            "4611686018427387904 4000000000000000 1234567890123",
            "2011-12-03 10:15:30 +0200, 0721 12",
            "ordinul nr. 1.078/326/2009 și nr. 2.074/2010",
            "CUI 14399840, J40/8302/1992",
            "3.14159265358979323846",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}

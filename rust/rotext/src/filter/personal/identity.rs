//! Numbers with check digits: the CNP, payment cards, bank accounts.

use std::ops::Range;

use super::context::{any, words_before};
use super::digits::{Digits, inside_word, separator};

/// 13 digits: sex and century, date of birth, county, number, check digit (law 105/1996).
pub(super) fn cnp(text: &str, digits: &Digits) -> Option<usize> {
    const WEIGHTS: [u32; 12] = [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9];
    let d = digits.values.get(..13)?;
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
    if d[0] == 0 || !(1..=days).contains(&day) || !county || u32::from(d[12]) != check || !digits.parted(13) {
        return None;
    }
    // By the parts of the number; in other groups (digit by digit in a form) only after its name.
    let groups = digits.groups(13);
    let by_parts = matches!(groups.as_slice(), [_] | [1, 6, ..] | [7, ..] | [1, 2, 2, 2, ..]);
    let named = || any(&words_before(text, digits.places[0]), &["cnp", "numeric", "numericul", "cod"]);
    (by_parts || named()).then_some(13)
}

/// 13 to 19 digits of a known issuer, in one run or in the groups of a card (ISO/IEC 7812, Luhn check digit).
pub(super) fn card(digits: &Digits) -> Option<usize> {
    let d = &digits.values;
    let length = match d.as_slice() {
        [3, 4 | 7, ..] => 15,
        [3, 0 | 6 | 8, ..] => 14,
        [4, ..] | [5, 0..=8, ..] | [2, 2..=7, ..] | [3, 5, ..] | [6, 0, 1, 1, ..] | [6, 3..=7, ..] => 16,
        _ => return None,
    };
    let number = d.get(..length)?;
    let groups = digits.groups(length);
    // Numbers of 14 digits are often dates with the time, so one run of them is no card.
    let written = groups.len() == 1 && length > 14
        || groups == [4, 4, 4, 4]
        || groups == [4, 6, 5]
        || groups == [4, 6, 4];
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

/// The most bytes between two groups of an account: two blanks of any width.
const GAP: usize = 3;

/// The account whose two check digits are at `at`: the letters of the country before them and 11 to 30 characters after,
/// in capitals or small letters; valid modulo 97 (ISO 13616).
pub(super) fn iban(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    // `RO49` or `RO 49`.
    let letters_end = if at > 0 && bytes[at - 1] == b' ' { at - 1 } else { at };
    let start = letters_end.checked_sub(2)?;
    let country = &bytes[start..letters_end];
    if !country.iter().all(u8::is_ascii_alphabetic) || !bytes.get(at + 1)?.is_ascii_digit() {
        return None;
    }
    let glued = bytes[..start].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let named = glued == 4 && bytes[start - 4..start].eq_ignore_ascii_case(b"iban");
    // `inside_word` knows letters of more than one byte.
    if !named && (glued > 0 || inside_word(text, start)) {
        return None;
    }
    // A Romanian account has a form of its own, and may have a blank anywhere. Others have groups of four.
    let anywhere = country.eq_ignore_ascii_case(b"RO");
    let mut signs: Vec<u8> = country.to_ascii_uppercase();
    let (mut end, mut i) = (letters_end, letters_end);
    while let Some(&byte) = bytes.get(i) {
        if byte.is_ascii_alphanumeric() {
            if signs.len() == 34 {
                break;
            }
            signs.push(byte.to_ascii_uppercase());
            i += 1;
            end = i;
            if valid_iban(&signs) && !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
                return Some(start..end);
            }
            continue;
        }
        let blank = separator(&bytes[i..]);
        let place = anywhere || signs.len() == 2 || signs.len().is_multiple_of(4);
        if blank == 0 || !place || i > end + GAP {
            break;
        }
        i += blank;
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

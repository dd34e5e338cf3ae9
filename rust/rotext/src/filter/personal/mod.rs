//! Personal data, replaced by its kind: `[CNP]`, `[IBAN]`, `[card]`, `[e-mail]`, `[telefon]`.
//!
//! Check digits are verified (CNP, IBAN, card), and the words before a number are read (`art.`, `comanda`), so that numbers
//! of laws, orders and programs are kept.

mod context;
mod digits;
mod email;
mod identity;
mod telephone;

use std::borrow::Cow;
use std::ops::Range;

use digits::{Digits, inside_word};
use identity::{card, cnp, iban};
use telephone::telephone;

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
    /// A telephone number: Romanian in any writing, of another country with its `+`.
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
    let mut addresses = Vec::new();
    email::find(text, &mut addresses);
    let mut places: Vec<(Range<usize>, PersonalData)> =
        addresses.into_iter().map(|range| (range, PersonalData::Email)).collect();
    numbers(text, &mut places);
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

/// The fewest digits of a number that is looked at: a telephone number after `+373`, without its code.
const FEWEST: usize = 10;

fn numbers(text: &str, places: &mut Vec<(Range<usize>, PersonalData)>) {
    let bytes = text.as_bytes();
    let mut digits = Digits::default();
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|n| at + n) {
        // Each run of digits begins here exactly once, so a number may begin at each of its groups.
        let group = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        at = start + group;
        if let Some(range) = iban(text, start) {
            at = range.end;
            places.push((range, PersonalData::Iban));
            continue;
        }
        // `O722 123 987`: the letter O for the zero.
        let letter = start > 0
            && matches!(bytes[start - 1], b'O' | b'o')
            && matches!(bytes[start], b'2' | b'3' | b'7');
        let start = start - usize::from(letter);
        if inside_word(text, start) && !announced(text, start) {
            continue;
        }
        digits.read(text, start);
        if digits.values.len() < FEWEST {
            continue;
        }
        let whole = |length: usize| {
            let end = digits.places[length - 1] + 1;
            let goes_on = text[end..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
            (!goes_on).then_some(digits.places[0]..end)
        };
        let found = cnp(text, &digits)
            .and_then(whole)
            .map(|range| (range, PersonalData::Cnp))
            .or_else(|| Some((telephone(text, &digits)?, PersonalData::Telephone)))
            .or_else(|| Some((card(&digits).and_then(whole)?, PersonalData::Card)));
        if let Some(found) = found {
            at = found.0.end;
            places.push(found);
        }
    }
}

/// Whether the letters that touch the number are its name: `tel0722123987`, `CNP1850412400016`.
fn announced(text: &str, start: usize) -> bool {
    const NAMES: [&str; 6] = ["cnp", "tel", "telefon", "mobil", "fax", "gsm"];
    let before = &text[..start];
    let name = before.len() - before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    NAMES.contains(&before[name..].to_ascii_lowercase().as_str()) && !inside_word(text, name)
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
            // As people write them.
            ("07 45 31 62 90 e al meu", "[telefon] e al meu"),
            ("la 40731456290, zilnic", "la [telefon], zilnic"),
            ("0731456290Sunați oricând", "[telefon]Sunați oricând"),
            ("O731 456 290 sau 07O1 456 29O", "[telefon] sau 07O1 456 29O"),
            ("Tel0731456290", "Tel[telefon]"),
            ("0256 / 419 230", "[telefon]"),
            ("0731–456–290, 0731\u{a0}456\u{a0}290", "[telefon], [telefon]"),
            ("+373 69 123 457; +49 (0)30 1234 5678; +39 347 123 4567", "[telefon]; [telefon]; [telefon]"),
            ("0 731 456 290", "[telefon]"),
            ("004 0731 456 290", "[telefon]"),
            ("nr. de telefon 0731 456 290 12", "nr. de telefon [telefon] 12"),
            ("ana.ionescu[at]posta.ro", "[e-mail]"),
            ("ana.ionescu (at) posta (dot) ro", "[e-mail]"),
            ("ana at posta dot ro; ana arond posta punct ro", "[e-mail]; [e-mail]"),
            ("ana.ionescu at posta.ro", "[e-mail]"),
            ("ana.ionescu @ posta.ro, ana@ gmail.com", "[e-mail], [e-mail]"),
            ("mihăiță.țepeș@poștă.ro", "[e-mail]"),
            ("ana_i@yahoo și atât", "[e-mail] și atât"),
            ("cont ana@posta.ro:parola1", "cont [e-mail]:parola1"),
            ("CNP1 8 0 0 1 0 1 2 2 1 1 4 4", "CNP[CNP]"),
            ("CNP: 180 0101 221144", "CNP: [CNP]"),
            ("1-800101-221144", "[CNP]"),
            ("în contul ro49 aaaa 1b31 0075 9384 0000, la", "în contul [IBAN], la"),
            ("IBANRO49AAAA1B31007593840000", "IBAN[IBAN]"),
            ("RO49 \u{2009}AAAA\u{2009}1B31\u{2009}0075\u{2009}9384\u{2009}0000", "[IBAN]"),
            ("RO 49 AAAA 1B310075 93840000", "[IBAN]"),
            ("card 4539–1488–0343–6467", "card [card]"),
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
            // Numbers of other things.
            "art. 0231 456 789 din catalog, articolul nr. 0231 456 789",
            "comanda #0731456290, comanda nr. 0731456290, factura 0731456290",
            "factura seria AB nr. 0731456290 din martie, tabelul 0331 425 678 din anexă",
            "poza 0731456290.jpg și IMG_0731456290.png, bugetul de 0 731 456 290 lei",
            "AWB 0731 456 290 88, numărul cadastral 0256 419 230",
            "prevăzut în O.U.G. 0231 456 789, H.G. 0231 456 789 și OUG 0231 456 789",
            "O.M.F.P. nr. 0231 456 789, O.M.S. 0231 456 789, H.C.L.M. 0231 456 789, H.G.R. 0256 419 230",
            "0 1 1 1 1 0 0 1 1 1 1 0 0 1 1 1 1 0 0 1",
            "cifrul aes128-gcm@openssh.com",
            "loto: 07 12 23 34 45 49; 07 08 09 10 11",
            "0731456290ab12 f0731456290",
            "sigla@2x.png, icon@3x.webp, vue@3.2.min.js",
            "git@server.ro:<nume>/a.git; ssh ion@server.firma.ro; scp a.txt ion@server.ro:b.txt",
            "ion@server.ro:/home/ion",
            "He looked at yahoo.com and at example dot nothing",
            "la ora 10 at last. dot ro",
            "@Override public int x = a[at] + b(a).c",
            "ro04 de oameni au venit la mare azi",
            "20110315123059 și 36111111111111",
            "+1234567890123 + 40 mere",
        ] {
            assert_eq!(redacted(text), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[0-9oO@.a-zăț ()\\[\\]+/–-]{0,80}") {
            let places = find(&text);
            proptest::prop_assert!(places.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start));
            proptest::prop_assert!(places.iter().all(|(range, _)| text.get(range.clone()).is_some()));
        }
    }
}

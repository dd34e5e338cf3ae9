//! Telephone numbers: Romanian ones in every writing, those of other countries with their `+`.

use std::ops::Range;

use super::context::{any, nearest, words_before};
use super::digits::Digits;

/// Words that announce a telephone number.
const ANNOUNCED: &[&str] = &[
    "tel",
    "tlf",
    "telef",
    "telefon*",
    "phone",
    "mobil",
    "mobilul",
    "mobile",
    "fax",
    "faxul",
    "gsm",
    "whatsapp",
    "viber",
    "sms",
    "suna",
    "sunati",
    "sunand",
    "apel",
    "apelati",
    "apeland",
    "contact",
    "contactati",
];

/// Words that announce another number. Acts are among them: ordinances, orders of ministers, decisions of councils.
const REFERENCES: &[&str] = &[
    "alin",
    "art",
    "articol*",
    "awb",
    "bon*",
    "brevet*",
    "cadastral*",
    "catalog*",
    "certificat*",
    "cf",
    "chitant*",
    "cif",
    "cod",
    "codul",
    "coduri*",
    "colet*",
    "comanda",
    "contract",
    "contractul",
    "cui",
    "decizi*",
    "doi",
    "dosar*",
    "ean",
    "factur*",
    "funciar*",
    "hcl*",
    "hg",
    "hgr",
    "hotarar*",
    "id",
    "imei",
    "inregistr*",
    "inventar*",
    "isbn",
    "iso",
    "issn",
    "legea",
    "legii",
    "lot",
    "lotul",
    "matricol*",
    "model",
    "modelul",
    "og",
    "omai",
    "omef",
    "omf*",
    "oms",
    "ordin",
    "ordinul",
    "ordonant*",
    "oug",
    "parcel*",
    "polit*",
    "produs*",
    "ref",
    "referint*",
    "registr*",
    "seria",
    "serial",
    "serie",
    "sn",
    "stas",
    "tabel*",
    "tichet*",
    "ticket*",
    "versiun*",
];

/// Country codes, and how many digits follow them (ITU-T E.164 and the national plans).
const COUNTRIES: &[(&str, std::ops::RangeInclusive<usize>)] = &[
    ("1", 10..=10),
    ("30", 10..=10),
    ("31", 9..=9),
    ("32", 8..=9),
    ("33", 9..=9),
    ("34", 9..=9),
    ("351", 9..=9),
    ("353", 8..=9),
    ("357", 8..=8),
    ("359", 8..=9),
    ("36", 8..=9),
    ("373", 8..=8),
    ("380", 9..=9),
    ("381", 8..=9),
    ("385", 8..=9),
    ("386", 8..=8),
    ("39", 9..=10),
    ("41", 9..=9),
    ("420", 9..=9),
    ("421", 9..=9),
    ("43", 9..=11),
    ("44", 10..=10),
    ("45", 8..=8),
    ("46", 8..=9),
    ("47", 8..=8),
    ("48", 9..=9),
    ("49", 9..=11),
    ("7", 10..=10),
    ("90", 10..=10),
    ("972", 8..=9),
];

/// The telephone number that begins with the first of the digits.
pub(super) fn telephone(text: &str, digits: &Digits) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let first = digits.places[0];
    // `nr. 1.078/326/2009`: the number began earlier. `#0731...` is the number of an order.
    let before = |n: usize| first.checked_sub(n).map(|at| bytes[at]);
    if before(1) == Some(b'#') || before(1) == Some(b'.') && before(2).is_some_and(|b| b.is_ascii_digit()) {
        return None;
    }
    let plus = match (before(1), before(2)) {
        (Some(b'+'), _) => Some(first - 1),
        (Some(b' '), Some(b'+')) => Some(first - 2),
        _ => None,
    };
    let words = words_before(text, plus.unwrap_or(first));
    let announced = any(&words[..words.len().min(4)], ANNOUNCED);
    let length =
        romanian(digits, plus.is_some(), announced).or_else(|| foreign(digits, plus.is_some(), announced))?;
    if !announced {
        let spaced = digits.groups(length).len() > 1;
        // `factura seria AB nr. 0744...`
        let numbered = words.first().is_some_and(|word| matches!(word.as_str(), "nr" | "numar" | "numarul"));
        let reference =
            nearest(&words, REFERENCES) || numbered && any(&words[..words.len().min(4)], REFERENCES);
        if reference
            || is_other(&text[digits.places[length - 1] + 1..])
            || spaced && plus.is_none() && digits.goes_on(bytes, length)
        {
            return None;
        }
    }
    // A word may be glued to a mobile number (`0722123987Sună`), a code may not (`0722123987ab4`).
    let end = digits.places[length - 1] + 1;
    let glued: String = text[end..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let word = glued.chars().count() >= 3 && glued.chars().all(char::is_alphabetic);
    let may_touch = glued.is_empty() || word && digits.values.starts_with(&[0, 7]);
    if !may_touch {
        return None;
    }
    Some(opening(bytes, plus.unwrap_or(first), end)..end)
}

/// Whether what follows a number says that it is no telephone number: the ending of a file (`0744123456.jpg`), or the unit of an amount.
fn is_other(rest: &str) -> bool {
    const UNITS: &[&str] = &[
        "lei",
        "leu",
        "ron",
        "euro",
        "eur",
        "usd",
        "dolari",
        "kg",
        "tone",
        "metri",
        "km",
        "ha",
        "mp",
        "locuitori",
        "bucăți",
    ];
    let word = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric()).take(12).collect() };
    if let Some(ending) = rest.strip_prefix('.').map(word) {
        return matches!(ending.len(), 2..=4)
            && ending.bytes().any(|b| b.is_ascii_lowercase())
            && FILES.contains(&ending.as_str());
    }
    let rest = rest.trim_start_matches([' ', '\u{A0}']);
    rest.starts_with('%') || UNITS.contains(&word(rest).to_lowercase().as_str())
}

const FILES: &[&str] = &[
    "jpg", "jpeg", "png", "gif", "pdf", "doc", "docx", "xls", "xlsx", "txt", "zip", "mp3", "mp4", "avi",
    "htm", "html", "php", "xml", "csv", "webp",
];

/// `07xx xxx xxx`, `021 xxx xx xx`, `+40 7xx xxx xxx`, `0040-...`, `(+40) ...`, `+40 (0)21 ...`, `407xxxxxxxx`: how many
/// of the digits it takes.
fn romanian(digits: &Digits, plus: bool, announced: bool) -> Option<usize> {
    let d = &digits.values;
    let prefix = match d.as_slice() {
        [4, 0, 0, 2 | 3 | 7, ..] if plus => 3,
        [4, 0, 2 | 3 | 7, ..] if plus => 2,
        [0, 0, 4, 0, 0, 2 | 3 | 7, ..] => 5,
        [0, 0, 4, 0, 2 | 3 | 7, ..] => 4,
        [0, 2 | 3 | 7, ..] => 1,
        [4, 0, 7, ..] => 2,
        [4, 0, 2 | 3, ..] if announced => 2,
        _ => return None,
    };
    let n = prefix + 9;
    let number = d.get(prefix..n)?;
    // Mobile; Bucharest; the counties (x3 to x6); national numbers (37x, 38x) and old second operators.
    let area = matches!(number, [7, ..] | [2 | 3, 1, ..] | [2 | 3, 3..=6, ..] | [3, 7 | 8, ..]);
    let same = number.iter().all(|&digit| digit == number[0]);
    (area && !same && digits.parted(n) && written(digits, prefix, n, plus || announced)).then_some(n)
}

/// Whether the number has the groups that people write.
fn written(digits: &Digits, prefix: usize, n: usize, sure: bool) -> bool {
    let groups = digits.groups(n);
    match groups.as_slice() {
        [_] => true,
        // Without the 0 of the country: one run, or the groups of a telephone number.
        _ if prefix == 2 && !sure => {
            matches!(groups.as_slice(), [2, 3, 3, 3] | [4, 3, 3] | [2, 9] | [5, 3, 3])
        }
        [1, 3, 3, 3] => true,
        // Pairs. A list of ascending numbers is no telephone number, nor are pairs in a longer row of pairs.
        [2, 2, 2, 2, 2] => {
            let pairs: Vec<u8> = digits.values[..n].chunks(2).map(|pair| 10 * pair[0] + pair[1]).collect();
            sure || digits.values.len() == n && !pairs.is_sorted() && digits.values[1] == 7 && pairs[1] > 12
        }
        [first, rest @ ..] => {
            groups.len() <= 6
                && (*first >= 3 || prefix > 1)
                && rest.iter().all(|&g| g >= 2 || (prefix == 3 || prefix == 5) && g == 1)
        }
        [] => false,
    }
}

/// A number of another country: `+` or an announced `00`, the code of the country, and as many digits as it has.
fn foreign(digits: &Digits, plus: bool, announced: bool) -> Option<usize> {
    let d = &digits.values;
    let skip = match d.as_slice() {
        _ if plus => 0,
        [0, 0, ..] if announced => 2,
        _ => return None,
    };
    let code =
        |code: &str| d[skip..].iter().copied().map(|digit| digit + b'0').take(code.len()).eq(code.bytes());
    let (code, lengths) = COUNTRIES.iter().find(|(name, _)| code(name))?;
    let begin = skip + code.len();
    // `+49 (0)30 ...`: the zero is not dialled from abroad.
    let begin = begin + usize::from(d.get(begin) == Some(&0) && *code != "39");
    let n = lengths.clone().rev().map(|length| begin + length).find(|&n| n <= d.len() && digits.parted(n))?;
    let groups = digits.groups(n);
    let number = &d[begin..n];
    (groups.len() <= 7 && number.iter().any(|&digit| digit != number[0])).then_some(n)
}

/// The bracket before `start` that the number closes.
fn opening(bytes: &[u8], start: usize, end: usize) -> usize {
    let brackets = |which| bytes[start..end].iter().filter(|&&byte| byte == which).count();
    let open = start > 0 && bytes[start - 1] == b'(' && brackets(b')') > brackets(b'(');
    start - usize::from(open)
}

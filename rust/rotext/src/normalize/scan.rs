//! One scan of the bytes of a document, which says which rules may find something in it.
//!
//! Good Romanian is about 8 % non-ASCII (ă â î ș ț „ ” – —), so "is it ASCII" decides nothing. [`sign`] is the
//! definition: what the character that begins at a byte may need. [`PATTERNS`] tests less: three neighbouring bytes.
//! Look-ups by half a byte answer it for 32 places at once (the classification of Keiser and Lemire, *Validating UTF-8 in
//! less than one instruction per byte*, 2020). [`sign`] is called only where a pattern matches. A test over all windows
//! shows that no place is missed.

use std::ops::{BitOr, BitOrAssign};

/// Which stages a document needs: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Signs(u32);

impl Signs {
    pub(super) const NONE: Self = Self(0);
    pub(super) const DOUBLE: Self = Self(1);
    pub(super) const ENTITY: Self = Self(1 << 1);
    pub(super) const LATIN2: Self = Self(1 << 2);
    pub(super) const ACCENT: Self = Self(1 << 3);
    pub(super) const FONT: Self = Self(1 << 4);
    pub(super) const COMPOSE: Self = Self(1 << 5);
    pub(super) const CEDILLA: Self = Self(1 << 6);
    pub(super) const LOOK_ALIKE: Self = Self(1 << 7);
    pub(super) const INVISIBLE: Self = Self(1 << 8);
    pub(super) const HARD_HYPHEN: Self = Self(1 << 9);
    pub(super) const SPACES: Self = Self(1 << 10);
    pub(super) const HYPHEN: Self = Self(1 << 11);
    pub(super) const OCR: Self = Self(1 << 12);
    pub(super) const MARKUP: Self = Self(1 << 13);
    pub(super) const ESCAPE: Self = Self(1 << 14);
    pub(super) const COMMA: Self = Self(1 << 15);
    pub(super) const QUOTE: Self = Self(1 << 16);
    pub(super) const GLUED: Self = Self(1 << 17);
    pub(super) const RULING: Self = Self(1 << 18);
    pub(super) const STYLED: Self = Self(1 << 19);
    pub(super) const CHARSET: Self = Self(1 << 20);
    pub(super) const DASH: Self = Self(1 << 21);
    pub(super) const UNDERSCORE: Self = Self(1 << 22);

    /// Scans `text` once.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2; the function has no other precondition.
            return unsafe { x86::signs(bytes) };
        }
        signs_from(bytes, 0)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Signs {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Signs {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// A set of bytes, as bits: the upper half of the byte is in the first list, and the lower half in the second.
type Set = (u16, u16);

/// The halves `halves`, as bits.
const fn halves(halves: &[u32]) -> u16 {
    let (mut set, mut i) = (0, 0);
    while i < halves.len() {
        set |= 1 << halves[i];
        i += 1;
    }
    set
}

const ALL: u16 = u16::MAX;
const ANY: Set = (ALL, ALL);
/// Bytes of characters that are not ASCII.
const HIGH: Set = (0xFF00, ALL);
const E2: Set = (halves(&[0xE]), halves(&[2]));

/// Where a rule may start: sets for a byte and the two bytes after it. They are wider than [`sign`] where that costs
/// nothing.
const PATTERNS: [[Set; 3]; 16] = [
    // Controls except tab, line feed and form feed; lead bytes that are rare in good Romanian.
    [(halves(&[0x0, 0x1, 0xD, 0xF]), !halves(&[0x9, 0xA, 0xC])), ANY, ANY],
    [(halves(&[0xC]), halves(&[2, 5, 6, 7, 9, 0xA, 0xB, 0xC, 0xD, 0xE, 0xF])), ANY, ANY],
    [(halves(&[0x1, 0xD, 0xE, 0xF]), !halves(&[2])), ANY, ANY],
    [(halves(&[0x7]), halves(&[0xF])), ANY, ANY],
    // `&#`, `&a`, `[b`, `\\u`, `_a`, `,a`, `,,`, `__`.
    [(halves(&[2, 5]), halves(&[6, 0xB, 0xC, 0xF])), (halves(&[2, 4, 5, 6, 7]), !halves(&[0])), ANY],
    // `.A`, `!Î`, `?Ș`; `<b`, `&p`.
    [(halves(&[2, 3]), halves(&[1, 6, 0xC, 0xE, 0xF])), (halves(&[4, 5, 6, 7, 0xC]), ALL), ANY],
    [(halves(&[3]), halves(&[0xD])), (halves(&[3]), halves(&[0xD])), (halves(&[3]), halves(&[0xD]))],
    // Two spaces; a hyphen before or after a space, or at the end of a line.
    [(halves(&[2]), halves(&[0, 0xD])), (halves(&[0, 2]), halves(&[0, 0xA, 0xD])), ANY],
    // `Ia `, `Iui` and `1-a`.
    [
        (halves(&[3, 4]), halves(&[1, 9])),
        (halves(&[2, 6, 7]), halves(&[1, 5, 0xD])),
        (halves(&[2, 6]), halves(&[0, 1, 9])),
    ],
    // Ã ã å æ ø Þ þ Ç Ġ İ ı ȃ alone.
    [(halves(&[0xC]), halves(&[3, 4])), (halves(&[0xA, 0xB]), halves(&[0, 1, 3, 5, 6, 8])), ANY],
    [(halves(&[0xC]), halves(&[3, 8])), (halves(&[8, 9, 0xB]), halves(&[3, 7, 0xE])), ANY],
    // À-ÿ before another character that is not ASCII: UTF-8 read as something else. So are Ă, Ć, Č, Ĺ. Ā ā Ȃ Ȋ ȋ.
    [(halves(&[0xC]), halves(&[3])), (halves(&[8, 9, 0xA, 0xB]), !halves(&[9, 0xA])), HIGH],
    [(halves(&[0xC]), halves(&[4, 8])), (halves(&[8, 0xB]), halves(&[0, 1, 2, 6, 9, 0xA, 0xB, 0xC])), ANY],
    // U+2000 to U+2013, U+2028 to U+202F, U+2030 to U+2032: spaces, hyphens, the en dash, directions, the prime. Other
    // dashes, quotation marks and the ellipsis are between them.
    [
        E2,
        (halves(&[8]), halves(&[0])),
        (halves(&[8, 0xA]), halves(&[0, 1, 7, 8, 9, 0xA, 0xB, 0xC, 0xD, 0xE, 0xF])),
    ],
    [E2, (halves(&[8]), halves(&[0])), (halves(&[9, 0xB]), halves(&[0, 1, 2, 3]))],
    // Other blocks with characters to remove or compose.
    [E2, (halves(&[8, 9, 0xA, 0xB]), halves(&[1, 3, 4, 5, 6, 7, 8, 0xB, 0xC])), ANY],
];

/// For each place of a window, the patterns that allow a half of its byte: the upper half, then the lower half.
static TABLES: [[[u16; 16]; 2]; 3] = tables();

const fn tables() -> [[[u16; 16]; 2]; 3] {
    let mut tables = [[[0; 16]; 2]; 3];
    let mut pattern = 0;
    while pattern < PATTERNS.len() {
        let mut place = 0;
        while place < 3 {
            let (upper, lower) = PATTERNS[pattern][place];
            let mut half = 0;
            while half < 16 {
                tables[place][0][half] |= (upper >> half & 1) << pattern;
                tables[place][1][half] |= (lower >> half & 1) << pattern;
                half += 1;
            }
            place += 1;
        }
        pattern += 1;
    }
    tables
}

/// Whether a pattern matches. It always matches where [`sign`] finds something.
#[inline]
fn may_start(window: [u8; 3]) -> bool {
    let fits = |place: usize| {
        let byte = usize::from(window[place]);
        TABLES[place][0][byte >> 4] & TABLES[place][1][byte & 15]
    };
    fits(0) & fits(1) & fits(2) != 0
}

/// The window of four bytes at `at`; zeros stand for bytes beyond the end.
#[inline]
fn window(bytes: &[u8], at: usize) -> [u8; 4] {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => [a, b, c, d],
        _ => std::array::from_fn(|i| bytes.get(at + i).copied().unwrap_or(0)),
    }
}

/// The signs of the bytes from `at` on, one by one.
fn signs_from(bytes: &[u8], at: usize) -> Signs {
    let mut found = Signs::NONE;
    for at in at..bytes.len() {
        let window = window(bytes, at);
        if may_start([window[0], window[1], window[2]]) {
            found |= sign(window);
        }
    }
    found
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Signs, TABLES, sign, signs_from, window};

    /// The number of places that are tested together.
    const LANES: usize = 32;

    /// The four tables of one place of the window, as registers: patterns 0 to 7 and 8 to 15 of each half.
    #[target_feature(enable = "avx2")]
    fn registers(place: usize) -> [__m256i; 4] {
        std::array::from_fn(|i| {
            let table = TABLES[place][i / 2].map(|patterns| (patterns >> (8 * (i % 2))) as u8);
            // SAFETY: a table has 16 bytes, and the load may be unaligned.
            _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
        })
    }

    /// More places than this in a window of good text are the signs of a drawn line.
    const MANY: u32 = 4;

    /// The places from `at` on where a sign of a frame (E2 94 or E2 95) stands before another character that begins with E2. Drawn lines
    /// are long, and each place of them says [`Signs::RULING`] and nothing else.
    #[target_feature(enable = "avx2")]
    fn drawn(bytes: &[u8], at: usize) -> u32 {
        if at + LANES + 3 > bytes.len() {
            return 0;
        }
        // SAFETY: `at + 3 + LANES` is at most the length; the loads may be unaligned.
        let lanes = |place| unsafe { _mm256_loadu_si256(bytes.as_ptr().add(at + place).cast()) };
        let is = |lanes, byte: u8| _mm256_cmpeq_epi8(lanes, _mm256_set1_epi8(byte as i8));
        let (second, lead) = (lanes(1), 0xE2);
        let frame = _mm256_or_si256(is(second, 0x94), is(second, 0x95));
        let between = _mm256_and_si256(is(lanes(0), lead), is(lanes(3), lead));
        _mm256_movemask_epi8(_mm256_and_si256(between, frame)) as u32
    }

    /// The signs of `bytes`: the same as [`signs_from`] the start, and about twenty times as fast.
    #[target_feature(enable = "avx2")]
    pub(super) fn signs(bytes: &[u8]) -> Signs {
        let tables = [registers(0), registers(1), registers(2)];
        let (low, zero) = (_mm256_set1_epi8(0x0F), _mm256_setzero_si256());
        let mut found = Signs::NONE;
        let mut at = 0;
        // The tests read two bytes beyond the lanes.
        while at + LANES + 2 <= bytes.len() {
            let (mut first, mut second) = (_mm256_set1_epi8(-1), _mm256_set1_epi8(-1));
            for (place, [upper_first, upper_second, lower_first, lower_second]) in tables.iter().enumerate() {
                // SAFETY: `at + place + LANES` is at most the length; the load may be unaligned.
                let byte = unsafe { _mm256_loadu_si256(bytes.as_ptr().add(at + place).cast()) };
                let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(byte), low);
                let lower = _mm256_and_si256(byte, low);
                let fits = |upper_table, lower_table| {
                    _mm256_and_si256(
                        _mm256_shuffle_epi8(upper_table, upper),
                        _mm256_shuffle_epi8(lower_table, lower),
                    )
                };
                first = _mm256_and_si256(first, fits(*upper_first, *lower_first));
                second = _mm256_and_si256(second, fits(*upper_second, *lower_second));
            }
            let none = _mm256_cmpeq_epi8(_mm256_or_si256(first, second), zero);
            let mut hits = !(_mm256_movemask_epi8(none) as u32);
            if hits.count_ones() > MANY && found.meets(Signs::RULING) {
                hits &= !drawn(bytes, at);
            }
            while hits != 0 {
                found |= sign(window(bytes, at + hits.trailing_zeros() as usize));
                hits &= hits - 1;
            }
            at += LANES;
        }
        found | signs_from(bytes, at)
    }
}

/// What the character that begins with these bytes may need.
fn sign(window: [u8; 4]) -> Signs {
    let high = window[2] >= 0x80;
    match window {
        [b'&', b'#' | b'a'..=b'z' | b'A'..=b'Z', ..] => Signs::ENTITY,
        [b'<', b'a'..=b'z' | b'A'..=b'Z', ..] => Signs::MARKUP,
        // No code of a bulletin board begins with p.
        [b'[', b'/' | b'a'..=b'o' | b'q'..=b'z' | b'A'..=b'O' | b'Q'..=b'Z', ..] => Signs::MARKUP,
        [b'\\', b'u', b'0' | b'2', _] => Signs::ESCAPE,
        [b',', b'a'..=b'z', ..] => Signs::COMMA,
        [b',', b',', ..] => Signs::QUOTE,
        [b'.' | b'!' | b'?', b'A'..=b'Z', b'a'..=b'z' | 0xC3..=0xC8, _] => Signs::GLUED,
        [b'.' | b'!' | b'?', 0xC3, 0x82 | 0x8E, _] => Signs::GLUED,
        [b'.' | b'!' | b'?', 0xC4 | 0xC5 | 0xC8, 0x82 | 0x98 | 0x9A | 0x9E | 0xA2, _] => Signs::GLUED,
        [b'=', b'=', b'=', b'='] | [b'_', b'_', b'_', b'_'] => Signs::RULING,
        [b'-', b'-', b'-', b'-'] => Signs::RULING,
        [b'_', b'a', b' ' | b'm' | b'r' | b'u' | b'i', _] | [b'_', b'o' | b'i' | b'l', b' ', _] => {
            Signs::UNDERSCORE
        }
        [b' ', b'-', b'a'..=b'z' | 0x80.., _] => Signs::HYPHEN,
        [b' ', b' ', ..] => Signs::SPACES,
        [b'-', b' ' | b'\n' | b'\r', ..] => Signs::HYPHEN,
        [b'I', b'a', b' ', _] | [b'1', b'-', b'a', _] | [b'I', b'u', b'i', _] => Signs::OCR,
        [b'\t' | b'\n' | 0xC, ..] => Signs::NONE,
        [0..=0x1F | 0x7F, ..] => Signs::INVISIBLE,
        [0xC2, 0x80..=0x9F | 0xAC | 0xAD, ..] => Signs::INVISIBLE,
        [0xC2, 0xA0, ..] => Signs::SPACES,
        [0xC2, 0xAA | 0xBA, ..] => Signs::LATIN2,
        // ´ and ʼ may be apostrophes.
        [0xC2, 0xB4, b'a'..=b'z', _] | [0xCA, 0xBC, b'a'..=b'z', _] => Signs::LOOK_ALIKE,
        [0xC2, 0xB8 | 0xBC, ..] => Signs::ACCENT,
        [0xC3, 0x83, ..] if high => Signs::DOUBLE | Signs::LATIN2,
        [0xC3, 0x83 | 0x9E | 0xA3 | 0xBE, ..] => Signs::LATIN2,
        // â before another Romanian letter is not a broken quotation mark.
        [0xC3, 0xA2, 0xC3 | 0xC8, _] | [0xC3, 0xA2, 0xC4, 0x83] => Signs::NONE,
        [0xC3, 0xA2, 0xC5, 0x9E | 0x9F | 0xA2 | 0xA3] => Signs::NONE,
        [0xC3, 0x8E, 0xC8, _] | [0xC4, 0x82, 0xC8, _] => Signs::NONE,
        [0xC3, 0x82..=0x88 | 0x8B..=0x91 | 0xA2 | 0xAF | 0xB0, ..] if high => Signs::DOUBLE,
        [0xC3, 0xA5, ..] | [0xC4, 0x80 | 0x81, ..] | [0xC8, 0x82 | 0x83 | 0x8A | 0x8B, ..] => {
            Signs::LOOK_ALIKE
        }
        // á, à, û are lead bytes of HP Roman 8, and Ć of cp1257.
        [0xC3, 0xA0 | 0xA1 | 0xBB, ..] if high => Signs::CHARSET,
        // Ç, æ and ø are ă of the Romanian pages of DOS and the Macintosh.
        [0xC3, 0x87 | 0xA6 | 0xB8, ..] => Signs::CHARSET,
        [0xC4, 0x86, ..] if high => Signs::CHARSET,
        [0xC6, 0x92, ..] => Signs::CHARSET,
        [0xC6, 0x9F | 0xA9 | 0xAB, ..] => Signs::FONT,
        [0xC4, 0xB0, ..] => Signs::CEDILLA,
        [0xC4, 0xA0, ..] => Signs::FONT,
        [0xC4, 0xB1, 0xCC, 0x82] => Signs::COMPOSE,
        [0xC4, 0x82 | 0x8C | 0xB9, ..] if high => Signs::DOUBLE,
        [0xC5, 0x82 | 0x83, ..] => Signs::FONT,
        [0xC5, 0x9E | 0x9F | 0xA2 | 0xA3, ..] => Signs::CEDILLA,
        [0xC7, 0x8D | 0x8E, ..] => Signs::LOOK_ALIKE,
        // ∫ ˛ π: cp1250 as MacRoman or a page of DOS.
        [0xCB, 0x9B, ..] => Signs::CHARSET,
        [0xCB, 0x86 | 0x87 | 0x98, ..] => Signs::ACCENT,
        [0xCC | 0xCD, ..] => Signs::COMPOSE,
        // A Greek letter before one of another alphabet.
        [0xCE | 0xCF, _, b'a'..=b'z' | 0xC2..=0xCB | 0xE2, _] => Signs::LOOK_ALIKE | Signs::CHARSET,
        [0xCE | 0xCF, ..] => Signs::LOOK_ALIKE,
        [0xD0..=0xD1, ..] => Signs::LOOK_ALIKE | Signs::COMPOSE | Signs::CHARSET,
        [0xD2, 0xAA | 0xAB, ..] | [0xD3, 0x90 | 0x91, ..] => {
            Signs::LOOK_ALIKE | Signs::COMPOSE | Signs::CHARSET
        }
        [0xD2..=0xDF, ..] => Signs::COMPOSE | Signs::CHARSET,
        [0xE2, 0x80, 0x80 | 0x81, _] => Signs::COMPOSE,
        [0xE2, 0x80, 0x87 | 0xAF, _] => Signs::SPACES,
        [0xE2, 0x80, 0x8B..=0x8F | 0xA8..=0xAE, _] => Signs::INVISIBLE,
        [0xE2, 0x80, 0x90 | 0x91, _] => Signs::HARD_HYPHEN,
        [0xE2, 0x80, 0xB2, _] => Signs::LOOK_ALIKE,
        // An en dash before a letter may be the hyphen of a clitic.
        [0xE2, 0x80, 0x93, b'a'..=b'z' | 0xC3..=0xC8] => Signs::DASH,
        [0xE2, 0x80, ..] => Signs::NONE,
        // √ and lines of frames: UTF-8 as a page of DOS, KOI8 or Macintosh.
        [0xE2, 0x88, 0x9A, 0x80..=0xFF] | [0xE2, 0x88, 0xAB, b'a'..=b'z' | 0x80..=0xFF] => Signs::CHARSET,
        [0xE2, 0x94..=0x96, _, 0xC2..=0xDF] => Signs::CHARSET | Signs::RULING,
        [0xE2, 0x95 | 0x96, 0x91 | 0x9F | 0xA0, b'a'..=b'z'] => Signs::CHARSET | Signs::RULING,
        [0xE2, 0x94..=0x96, ..] => Signs::RULING,
        [0xE2, 0x81, 0xA0..=0xAF, _] => Signs::INVISIBLE,
        [0xE2, 0x83 | 0x84 | 0x8C | 0xAB | 0xB3 | 0xB5 | 0xB7, ..] => Signs::COMPOSE,
        [0xEF, 0xAC, 0x80..=0x84, _] | [0xEF, 0xBB, 0xBF, _] | [0xEF, 0xBF, 0xBE, _] => Signs::INVISIBLE,
        [0xEE, ..] | [0xEF, 0x80..=0xA3, ..] | [0xF3, 0xB0..=0xBF, ..] | [0xF4, ..] => Signs::INVISIBLE,
        [0xE0 | 0xE3 | 0xEA | 0xEF, ..] => Signs::COMPOSE | Signs::CHARSET,
        [0xE4..=0xED, ..] => Signs::CHARSET,
        [0xE1, 0xB8..=0xBB, ..] => Signs::COMPOSE | Signs::LOOK_ALIKE,
        [0xE1 | 0xF1..=0xF3, ..] => Signs::COMPOSE,
        [0xF0, 0x9F, ..] => Signs::NONE,
        [0xF0, 0x9D, ..] => Signs::COMPOSE | Signs::STYLED,
        [0xF0, ..] => Signs::COMPOSE,
        _ => Signs::NONE,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every window of three bytes, with the fourth bytes that [`sign`] distinguishes and their neighbours.
    #[test]
    fn patterns_fit_wherever_there_is_a_sign() {
        let fourth = [0, b'a', b'-', b'=', b'_', 0xC3, 0x80, 0x82, 0x83, 0x9E, 0x9F, 0xA2, 0xA3, 0xBF];
        for number in 0..1u32 << 24 {
            let [_, a, b, c] = number.to_be_bytes();
            if !may_start([a, b, c]) {
                assert!(fourth.iter().all(|&d| sign([a, b, c, d]) == Signs::NONE), "{a:x} {b:x} {c:x}");
            }
        }
    }

    /// Tables that match everything would be correct too, but slow.
    #[test]
    fn good_romanian_fits_no_pattern() {
        let text = "„Țara” – spune el – are 1.234 de sate, în față; O’Neill & Co. a zis: «Știu!» Își ia câinele… (§ 5)\n";
        let bytes = text.as_bytes();
        let fits: Vec<usize> =
            (0..bytes.len() - 2).filter(|&at| may_start([bytes[at], bytes[at + 1], bytes[at + 2]])).collect();
        // «, », § (beside NBSP and the soft hyphen in C2), Î before a letter of two bytes, `& `, and the en dashes.
        assert_eq!(fits.len(), 7, "{:?}", fits.iter().map(|&at| &bytes[at..at + 3]).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn vectors_and_scalars_agree(text in "([ -~]|[ăâîșțÎȘ„”–]|[─═│]{1,40}|[\\u{0}-\\u{24f}]|[\\u{2000}-\\u{2060}]|\\PC){0,200}") {
            let naive = (0..text.len()).fold(Signs::NONE, |all, at| all | sign(window(text.as_bytes(), at)));
            prop_assert_eq!(Signs::of(&text), naive);
            prop_assert_eq!(signs_from(text.as_bytes(), 0), naive);
        }
    }
}

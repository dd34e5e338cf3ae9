//! The code pages in which UTF-8 was read by mistake, and the bytes of their characters.

/// A single-byte code page. An undefined byte is the control character with the same number, as in every browser and most
/// converters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    /// Windows-1252. With the controls it contains Latin-1 too.
    Western,
    /// Windows-1250.
    Central,
    /// ISO 8859-2.
    Latin2,
}

/// Windows-1252, bytes 0x80 to 0x9F; the rest is Latin-1.
pub(super) const WESTERN: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// Windows-1250, bytes 0x80 to 0xFF.
pub(super) const CENTRAL: [char; 128] = [
    '€', '\u{81}', '‚', '\u{83}', '„', '…', '†', '‡', '\u{88}', '‰', 'Š', '‹', 'Ś', 'Ť', 'Ž', 'Ź', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '\u{98}', '™', 'š', '›', 'ś', 'ť', 'ž', 'ź', '\u{A0}', 'ˇ', '˘', 'Ł',
    '¤', 'Ą', '¦', '§', '¨', '©', 'Ş', '«', '¬', '\u{AD}', '®', 'Ż', '°', '±', '˛', 'ł', '´', 'µ', '¶', '·',
    '¸', 'ą', 'ş', '»', 'Ľ', '˝', 'ľ', 'ż', 'Ŕ', 'Á', 'Â', 'Ă', 'Ä', 'Ĺ', 'Ć', 'Ç', 'Č', 'É', 'Ę', 'Ë', 'Ě',
    'Í', 'Î', 'Ď', 'Đ', 'Ń', 'Ň', 'Ó', 'Ô', 'Ő', 'Ö', '×', 'Ř', 'Ů', 'Ú', 'Ű', 'Ü', 'Ý', 'Ţ', 'ß', 'ŕ', 'á',
    'â', 'ă', 'ä', 'ĺ', 'ć', 'ç', 'č', 'é', 'ę', 'ë', 'ě', 'í', 'î', 'ď', 'đ', 'ń', 'ň', 'ó', 'ô', 'ő', 'ö',
    '÷', 'ř', 'ů', 'ú', 'ű', 'ü', 'ý', 'ţ', '˙',
];

/// ISO 8859-2, bytes 0xA0 to 0xFF; 0x80 to 0x9F are controls.
const LATIN2: [char; 96] = [
    '\u{A0}', 'Ą', '˘', 'Ł', '¤', 'Ľ', 'Ś', '§', '¨', 'Š', 'Ş', 'Ť', 'Ź', '\u{AD}', 'Ž', 'Ż', '°', 'ą', '˛',
    'ł', '´', 'ľ', 'ś', 'ˇ', '¸', 'š', 'ş', 'ť', 'ź', '˝', 'ž', 'ż', 'Ŕ', 'Á', 'Â', 'Ă', 'Ä', 'Ĺ', 'Ć', 'Ç',
    'Č', 'É', 'Ę', 'Ë', 'Ě', 'Í', 'Î', 'Ď', 'Đ', 'Ń', 'Ň', 'Ó', 'Ô', 'Ő', 'Ö', '×', 'Ř', 'Ů', 'Ú', 'Ű', 'Ü',
    'Ý', 'Ţ', 'ß', 'ŕ', 'á', 'â', 'ă', 'ä', 'ĺ', 'ć', 'ç', 'č', 'é', 'ę', 'ë', 'ě', 'í', 'î', 'ď', 'đ', 'ń',
    'ň', 'ó', 'ô', 'ő', 'ö', '÷', 'ř', 'ů', 'ú', 'ű', 'ü', 'ý', 'ţ', '˙',
];

impl Page {
    /// The byte (0x80 and above) that this page shows as `c`.
    pub(super) fn byte(self, c: char) -> Option<u8> {
        let find = |table: &[char], first: u8| table.iter().position(|&t| t == c).map(|i| first + i as u8);
        let same = u8::try_from(u32::from(c)).ok();
        match (self, same) {
            (Self::Western, Some(byte @ 0xA0..)) => Some(byte),
            (Self::Western, Some(byte @ 0x80..=0x9F)) => Some(byte),
            (Self::Western, _) => find(&WESTERN, 0x80),
            (Self::Central, _) => find(&CENTRAL, 0x80),
            (Self::Latin2, Some(byte @ 0x80..=0x9F)) => Some(byte),
            (Self::Latin2, _) => find(&LATIN2, 0xA0),
        }
    }
}

//! Plain text files in the single-byte charsets that Romanian was written in before UTF-8.
//!
//! A file that is UTF-8 is read as it is. Any other file is decoded with each charset. The decoding with the most
//! Romanian letters in Romanian places wins (rule book, step 1 and class 3e).

/// The upper halves (bytes 0x80-0xFF) of the charsets, in the order that decides ties. Source: the Unicode Consortium's
/// mapping tables; Mac OS Romanian with the comma-below letters that it shows.
#[rustfmt::skip]
const CHARSETS: [(&str, &str); 5] = [
    ("Cp1250", "\u{20ac}\u{fffd}\u{201a}\u{fffd}\u{201e}\u{2026}\u{2020}\u{2021}\u{fffd}\u{2030}\u{160}\u{2039}\u{15a}\u{164}\u{17d}\u{179}\u{fffd}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{fffd}\u{2122}\u{161}\u{203a}\u{15b}\u{165}\u{17e}\u{17a}\u{a0}\u{2c7}\u{2d8}\u{141}\u{a4}\u{104}\u{a6}\u{a7}\u{a8}\u{a9}\u{15e}\u{ab}\u{ac}\u{ad}\u{ae}\u{17b}\u{b0}\u{b1}\u{2db}\u{142}\u{b4}\u{b5}\u{b6}\u{b7}\u{b8}\u{105}\u{15f}\u{bb}\u{13d}\u{2dd}\u{13e}\u{17c}\u{154}\u{c1}\u{c2}\u{102}\u{c4}\u{139}\u{106}\u{c7}\u{10c}\u{c9}\u{118}\u{cb}\u{11a}\u{cd}\u{ce}\u{10e}\u{110}\u{143}\u{147}\u{d3}\u{d4}\u{150}\u{d6}\u{d7}\u{158}\u{16e}\u{da}\u{170}\u{dc}\u{dd}\u{162}\u{df}\u{155}\u{e1}\u{e2}\u{103}\u{e4}\u{13a}\u{107}\u{e7}\u{10d}\u{e9}\u{119}\u{eb}\u{11b}\u{ed}\u{ee}\u{10f}\u{111}\u{144}\u{148}\u{f3}\u{f4}\u{151}\u{f6}\u{f7}\u{159}\u{16f}\u{fa}\u{171}\u{fc}\u{fd}\u{163}\u{2d9}"),
    ("Latin2", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}\u{104}\u{2d8}\u{141}\u{a4}\u{13d}\u{15a}\u{a7}\u{a8}\u{160}\u{15e}\u{164}\u{179}\u{ad}\u{17d}\u{17b}\u{b0}\u{105}\u{2db}\u{142}\u{b4}\u{13e}\u{15b}\u{2c7}\u{b8}\u{161}\u{15f}\u{165}\u{17a}\u{2dd}\u{17e}\u{17c}\u{154}\u{c1}\u{c2}\u{102}\u{c4}\u{139}\u{106}\u{c7}\u{10c}\u{c9}\u{118}\u{cb}\u{11a}\u{cd}\u{ce}\u{10e}\u{110}\u{143}\u{147}\u{d3}\u{d4}\u{150}\u{d6}\u{d7}\u{158}\u{16e}\u{da}\u{170}\u{dc}\u{dd}\u{162}\u{df}\u{155}\u{e1}\u{e2}\u{103}\u{e4}\u{13a}\u{107}\u{e7}\u{10d}\u{e9}\u{119}\u{eb}\u{11b}\u{ed}\u{ee}\u{10f}\u{111}\u{144}\u{148}\u{f3}\u{f4}\u{151}\u{f6}\u{f7}\u{159}\u{16f}\u{fa}\u{171}\u{fc}\u{fd}\u{163}\u{2d9}"),
    ("Latin10", "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\u{a0}\u{104}\u{105}\u{141}\u{20ac}\u{201e}\u{160}\u{a7}\u{161}\u{a9}\u{218}\u{ab}\u{179}\u{ad}\u{17a}\u{17b}\u{b0}\u{b1}\u{10c}\u{142}\u{17d}\u{201d}\u{b6}\u{b7}\u{17e}\u{10d}\u{219}\u{bb}\u{152}\u{153}\u{178}\u{17c}\u{c0}\u{c1}\u{c2}\u{102}\u{c4}\u{106}\u{c6}\u{c7}\u{c8}\u{c9}\u{ca}\u{cb}\u{cc}\u{cd}\u{ce}\u{cf}\u{110}\u{143}\u{d2}\u{d3}\u{d4}\u{150}\u{d6}\u{15a}\u{170}\u{d9}\u{da}\u{db}\u{dc}\u{118}\u{21a}\u{df}\u{e0}\u{e1}\u{e2}\u{103}\u{e4}\u{107}\u{e6}\u{e7}\u{e8}\u{e9}\u{ea}\u{eb}\u{ec}\u{ed}\u{ee}\u{ef}\u{111}\u{144}\u{f2}\u{f3}\u{f4}\u{151}\u{f6}\u{15b}\u{171}\u{f9}\u{fa}\u{fb}\u{fc}\u{119}\u{21b}\u{ff}"),
    ("Cp852", "\u{c7}\u{fc}\u{e9}\u{e2}\u{e4}\u{16f}\u{107}\u{e7}\u{142}\u{eb}\u{150}\u{151}\u{ee}\u{179}\u{c4}\u{106}\u{c9}\u{139}\u{13a}\u{f4}\u{f6}\u{13d}\u{13e}\u{15a}\u{15b}\u{d6}\u{dc}\u{164}\u{165}\u{141}\u{d7}\u{10d}\u{e1}\u{ed}\u{f3}\u{fa}\u{104}\u{105}\u{17d}\u{17e}\u{118}\u{119}\u{ac}\u{17a}\u{10c}\u{15f}\u{ab}\u{bb}\u{2591}\u{2592}\u{2593}\u{2502}\u{2524}\u{c1}\u{c2}\u{11a}\u{15e}\u{2563}\u{2551}\u{2557}\u{255d}\u{17b}\u{17c}\u{2510}\u{2514}\u{2534}\u{252c}\u{251c}\u{2500}\u{253c}\u{102}\u{103}\u{255a}\u{2554}\u{2569}\u{2566}\u{2560}\u{2550}\u{256c}\u{a4}\u{111}\u{110}\u{10e}\u{cb}\u{10f}\u{147}\u{cd}\u{ce}\u{11b}\u{2518}\u{250c}\u{2588}\u{2584}\u{162}\u{16e}\u{2580}\u{d3}\u{df}\u{d4}\u{143}\u{144}\u{148}\u{160}\u{161}\u{154}\u{da}\u{155}\u{170}\u{fd}\u{dd}\u{163}\u{b4}\u{ad}\u{2dd}\u{2db}\u{2c7}\u{2d8}\u{a7}\u{f7}\u{b8}\u{b0}\u{a8}\u{2d9}\u{171}\u{158}\u{159}\u{25a0}\u{a0}"),
    ("MacRomanian", "\u{c4}\u{c5}\u{c7}\u{c9}\u{d1}\u{d6}\u{dc}\u{e1}\u{e0}\u{e2}\u{e4}\u{e3}\u{e5}\u{e7}\u{e9}\u{e8}\u{ea}\u{eb}\u{ed}\u{ec}\u{ee}\u{ef}\u{f1}\u{f3}\u{f2}\u{f4}\u{f6}\u{f5}\u{fa}\u{f9}\u{fb}\u{fc}\u{2020}\u{b0}\u{a2}\u{a3}\u{a7}\u{2022}\u{b6}\u{df}\u{ae}\u{a9}\u{2122}\u{b4}\u{a8}\u{2260}\u{102}\u{218}\u{221e}\u{b1}\u{2264}\u{2265}\u{a5}\u{b5}\u{2202}\u{2211}\u{220f}\u{3c0}\u{222b}\u{aa}\u{ba}\u{3a9}\u{103}\u{219}\u{bf}\u{a1}\u{ac}\u{221a}\u{192}\u{2248}\u{2206}\u{ab}\u{bb}\u{2026}\u{a0}\u{c0}\u{c3}\u{d5}\u{152}\u{153}\u{2013}\u{2014}\u{201c}\u{201d}\u{2018}\u{2019}\u{f7}\u{25ca}\u{ff}\u{178}\u{2044}\u{20ac}\u{2039}\u{203a}\u{21a}\u{21b}\u{2021}\u{b7}\u{201a}\u{201e}\u{2030}\u{c2}\u{ca}\u{c1}\u{cb}\u{c8}\u{cd}\u{ce}\u{cf}\u{cc}\u{d3}\u{d4}\u{f8ff}\u{d2}\u{da}\u{db}\u{d9}\u{131}\u{2c6}\u{2dc}\u{af}\u{2d8}\u{2d9}\u{2da}\u{b8}\u{2dd}\u{2db}\u{2c7}"),
];

/// Decodes bytes without loss: as UTF-8 (without a leading byte order mark), else with the best charset.
#[must_use]
pub fn decode(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text),
        Err(e) => e.into_bytes(),
    };
    if let Some(text) = utf16(&bytes) {
        return text;
    }
    let tables = CHARSETS.map(|(_, upper)| upper.chars().collect::<Vec<char>>());
    // 64 kB identify a charset as well as a whole book.
    let sample = &bytes[..bytes.len().min(64 << 10)];
    let mut best = 0;
    let mut best_score = i64::MIN;
    for (index, table) in tables.iter().enumerate() {
        let score = score(sample, table);
        if score > best_score {
            (best, best_score) = (index, score);
        }
    }
    bytes
        .iter()
        .map(|&b| if b < 0x80 { char::from(b) } else { tables[best][usize::from(b) - 0x80] })
        .collect()
}

fn utf16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// Romanian letters between letters raise the score; symbols between letters and control codes lower it.
fn score(bytes: &[u8], table: &[char]) -> i64 {
    let mut score = 0;
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
mod tests {
    use super::*;

    fn encode(text: &str, upper: &str) -> Option<Vec<u8>> {
        let at = |c: char| upper.chars().position(|u| u == c).and_then(|i| u8::try_from(i + 0x80).ok());
        text.chars().map(|c| if c.is_ascii() { u8::try_from(c).ok() } else { at(c) }).collect()
    }

    #[test]
    fn each_charset_is_recognized() {
        let text = "Învăţătorul îşi aminteşte că în tinereţe părinţii săi ţineau mult la ştiinţă şi la artă.";
        for (name, upper) in CHARSETS {
            let text = if encode(text, upper).is_some() {
                text.to_owned()
            } else {
                text.replace('ş', "ș").replace('ţ', "ț").replace('Ş', "Ș")
            };
            let bytes = encode(&text, upper).expect(name);
            // ISO 8859-2 and -16 have these letters at the same bytes; the normalizer makes them equal later.
            let comma = |text: &str| text.replace('ş', "ș").replace('ţ', "ț").replace('Ş', "Ș");
            assert_eq!(comma(&decode(bytes)), comma(&text), "{name}");
        }
    }

    #[test]
    fn utf8_and_utf16_are_taken_as_they_are() {
        assert_eq!(decode("\u{feff}Țară".into()), "Țară");
        let units: Vec<u8> = "\u{feff}Țară".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(units), "Țară");
    }
}

//! The byte alphabet of GPT-2: each byte is one printable character, so that a vocabulary is plain text.
//!
//! Printable Latin-1 bytes are themselves. The other 68 bytes are U+0100 and up, in the order of the bytes (openai/gpt-2,
//! `src/encoder.py`, `bytes_to_unicode`).

/// The character that stands for each byte.
pub(crate) const CHARS: [char; 256] = chars();

const fn stands_for_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

const fn chars() -> [char; 256] {
    let mut chars = ['\0'; 256];
    let mut byte = 0;
    let mut moved = 0;
    while byte < 256 {
        let code = if stands_for_itself(byte as u8) {
            byte as u32
        } else {
            moved += 1;
            255 + moved
        };
        chars[byte] = match char::from_u32(code) {
            Some(c) => c,
            None => unreachable!(),
        };
        byte += 1;
    }
    chars
}

/// The byte of the character `c`, if it is in the alphabet.
pub(crate) fn byte(c: char) -> Option<u8> {
    let code = c as u32;
    match code {
        0..=0xFF => stands_for_itself(code as u8).then_some(code as u8),
        // The moved bytes in order: 0x00-0x20, 0x7F-0xA0, 0xAD.
        0x100..=0x120 => Some((code - 0x100) as u8),
        0x121..=0x142 => Some((code - 0x121 + 0x7F) as u8),
        0x143 => Some(0xAD),
        _ => None,
    }
}

/// `bytes` written in the alphabet.
pub(crate) fn to_text(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| CHARS[usize::from(b)]).collect()
}

/// The bytes of `text`; `None` when a character is not in the alphabet.
pub(crate) fn to_bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabet_is_that_of_the_oracle_and_turns_back() {
        let ours: std::collections::HashSet<char> = CHARS.into_iter().collect();
        let theirs = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
        assert_eq!(ours, theirs.into_iter().collect());
        for b in 0..=255u8 {
            assert_eq!(byte(CHARS[usize::from(b)]), Some(b));
        }
        assert_eq!((byte('\u{144}'), byte(' '), byte('ș')), (None, None, None));
    }
}

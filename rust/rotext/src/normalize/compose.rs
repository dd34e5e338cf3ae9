//! Class 2: decomposed letters are composed (NFC). NFKC is never used: it destroys the evidence of classes 3 and 8
//! (`24ºC` -> `24oC`) and the text (`m²` -> `m2`).

use icu_normalizer::ComposingNormalizer;

use super::edit::Editor;
use super::places::places;
use super::rules::Id;

/// Composes, one cluster of characters at a time.
pub(super) fn compose(editor: &mut Editor) {
    // A character below U+0300 combines with nothing before it. So each begins a cluster that can be normalized alone.
    const FIRST_MARK: char = '\u{300}';
    let text = editor.text();
    let nfc = ComposingNormalizer::new_nfc();
    let bytes = text.as_bytes();
    let mut at = 0;
    // Lead bytes from CC on are U+0300 and above. ı + circumflex begins with C4, and is found by its CC 82. U+2002 to U+203F,
    // the quotation marks and dashes, are composed with nothing.
    let may_be = |a: u8, b: u8, c: u8| (a >= 0xCC) & ((a != 0xE2) | (b != 0x80) | (c < 0x82));
    for mark in places(bytes, may_be) {
        if mark < at {
            continue;
        }
        let end = bytes[mark..]
            .iter()
            .position(|&b| b < 0x80 || (0xC2..0xCC).contains(&b))
            .map_or(bytes.len(), |n| mark + n);
        debug_assert!(text[mark..end].chars().all(|c| c >= FIRST_MARK));
        let start = text[..mark].char_indices().next_back().map_or(mark, |(i, _)| i.max(at));
        let cluster = &text[start..end];
        // The dotless ı of OT1 fonts: NFC has no composed form of it. The font drew an i with a circumflex.
        if let Some(rest) = cluster.strip_prefix("ı\u{302}") {
            editor.replace(start..end, &nfc.normalize(&format!("î{rest}")), Id::Nfc);
        } else if !nfc.is_normalized(cluster) {
            editor.replace(start..end, &nfc.normalize(cluster), Id::Nfc);
        }
        at = end;
    }
}

//! How much of a text is written with Romanian diacritics.

/// A document with fewer letters is too short to be measured.
pub const JUDGED_LETTERS: u64 = 200;
/// A document with a smaller share of diacritics is written without them.
pub const NO_DIACRITICS: f32 = 0.005;
/// A document with a smaller share has lost some diacritics. (The first percentile of good text is 0.03.)
pub const PARTIAL_DIACRITICS: f32 = 0.025;

/// The number of letters, and how many of them are ă â î ș ț (or the cedilla forms, in either case).
///
/// Letters are counted by bytes: ASCII letters, and lead bytes of two-byte letters from À on. For Romanian this is exact,
/// and it costs much less than a nanosecond a byte.
pub(super) fn count(text: &str) -> (u64, u64) {
    let bytes = text.as_bytes();
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2; the function has no other precondition.
        return unsafe { count_avx2(bytes) };
    }
    count_bytes(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn count_avx2(bytes: &[u8]) -> (u64, u64) {
    count_bytes(bytes)
}

#[inline(always)]
fn count_bytes(bytes: &[u8]) -> (u64, u64) {
    // The sums of one block fit into a byte each, so the compiler can count 32 of them at once.
    const BLOCK: usize = 192;
    let (mut letters, mut ours) = (0u64, 0u64);
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + BLOCK + 1) {
        let (mut l, mut o) = (0u8, 0u8);
        for i in 0..BLOCK {
            // Checked sums (`overflow-checks` is on) would not vectorize, and a count of 192 fits into a byte.
            l = l.wrapping_add(u8::from(is_letter(window[i])));
            o = o.wrapping_add(u8::from(is_ours(window[i], window[i + 1])));
        }
        letters += u64::from(l);
        ours += u64::from(o);
        at += BLOCK;
    }
    for i in at..bytes.len() {
        letters += u64::from(is_letter(bytes[i]));
        ours += u64::from(is_ours(bytes[i], bytes.get(i + 1).copied().unwrap_or(0)));
    }
    (letters, ours)
}

#[inline(always)]
fn is_letter(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26) | (byte.wrapping_sub(0xC3) < 0x1D)
}

#[inline(always)]
fn is_ours(a: u8, b: u8) -> bool {
    let latin1 = (a == 0xC3) & ((b == 0x82) | (b == 0xA2) | (b == 0x8E) | (b == 0xAE));
    let breve = (a == 0xC4) & ((b == 0x82) | (b == 0x83));
    let cedilla = (a == 0xC5) & ((b == 0x9E) | (b == 0x9F) | (b == 0xA2) | (b == 0xA3));
    let comma = (a == 0xC8) & (b.wrapping_sub(0x98) < 4);
    latin1 | breve | cedilla | comma
}

/// The share of letters with a Romanian diacritic, 0 to 1; 0 for a text without letters.
///
/// Good Romanian has 0.03 to 0.11; see [`NO_DIACRITICS`] and [`PARTIAL_DIACRITICS`].
pub fn diac_ratio(text: &str) -> f32 {
    let (letters, ours) = count(text);
    if letters == 0 { 0.0 } else { (ours as f64 / letters as f64) as f32 }
}

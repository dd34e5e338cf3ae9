//! MinHash: from the 5-grams of a document's words to one hash for each band.
//!
//! Each of `bands x rows` random functions has a smallest value over all 5-grams. Two sets agree in one of these minima with a
//! probability of their Jaccard similarity J (Broder, "On the resemblance and containment of documents", 1997). A band is `rows`
//! minima. Two bands are equal with the probability J^rows, and at least one of `bands` is equal with 1 - (1 - J^rows)^bands. Only
//! a 64-bit hash of each band is kept, which is 8 bytes; other programs keep all minima.
//!
//! | preset  | bands x rows | J = 0.6 | 0.7 | 0.8 | 0.85 | 0.9 |
//! |---------|--------------|---------|-----|-----|------|-----|
//! | default | 14 x 8       | 0.21    | .57 | .92 | .988 | 1.0 |
//! | strict  | 26 x 11      | 0.09    | .41 | .90 | .990 | 1.0 |
//!
//! The functions are `a h + b` modulo 2^32 with odd `a` (multiply-shift, Dietzfelbinger et al. 1997). They are permutations of the
//! u32, and a vector unit computes 8 or 16 at a time. `h` is a mixed hash already, so the upper bits, which decide a minimum,
//! depend on all bits of `h`.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The words of a shingle. A document with fewer words has no signature, so it can only be an exact duplicate.
const SHINGLE: usize = 5;

/// The number of bands, and of minima in a band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// 14 bands of 8 minima, as in FineWeb and FineWeb-2.
    Default,
    /// 26 bands of 11 minima, as in OLMo 3. It proposes fewer pairs that are not alike.
    Strict,
}

impl Preset {
    /// (bands, minima in each band).
    #[must_use]
    pub fn shape(self) -> (usize, usize) {
        match self {
            Self::Default => (14, 8),
            Self::Strict => (26, 11),
        }
    }

    /// The preset with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Default, Self::Strict].into_iter().find(|preset| preset.name() == name)
    }

    /// The name in options and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Strict => "strict",
        }
    }
}

/// The functions that are computed together: a vector unit has registers for 32 minima and their 64 coefficients.
const GROUP: usize = 32;

/// Computes the band hashes of documents, in O(n) for n words. It holds buffers, so make one for each thread.
///
/// # Examples
///
/// ```
/// use rotext::dedup::{Preset, Signer, Words};
///
/// let (mut words, mut signer, mut bands) = (Words::default(), Signer::new(Preset::Default), Vec::new());
/// words.read("A fost odată ca niciodată un împărat");
/// assert!(signer.sign(&words.folded, &mut bands));
/// assert_eq!(bands.len(), 14);
/// ```
pub struct Signer {
    preset: Preset,
    multipliers: Vec<[u32; GROUP]>,
    addends: Vec<[u32; GROUP]>,
    minima: Vec<[u32; GROUP]>,
    shingles: Vec<u32>,
    kernel: Kernel,
}

type Kernel = unsafe fn(&[u32], &[u32; GROUP], &[u32; GROUP], &mut [u32; GROUP]);

impl Signer {
    /// A signer with the functions of the preset, which are the same in every run.
    #[must_use]
    pub fn new(preset: Preset) -> Self {
        let (bands, rows) = preset.shape();
        let groups = (bands * rows).div_ceil(GROUP);
        let mut state = 0x5EED_0F5A_17B2_0C3Du64;
        // SplitMix64 (Steele et al. 2014).
        let mut random = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z >> 32) as u32
        };
        let mut table = |odd: u32| -> Vec<[u32; GROUP]> {
            (0..groups).map(|_| std::array::from_fn(|_| random() | odd)).collect()
        };
        let (multipliers, addends) = (table(1), table(0));
        let minima = vec![[u32::MAX; GROUP]; groups];
        Self { preset, multipliers, addends, minima, shingles: Vec::new(), kernel: kernel() }
    }

    /// Appends one hash for each band to `out`. Returns false, and appends nothing, for fewer words than a shingle.
    pub fn sign(&mut self, words: &[u32], out: &mut Vec<u64>) -> bool {
        if words.len() < SHINGLE {
            return false;
        }
        self.shingles.clear();
        self.shingles.extend(words.windows(SHINGLE).filter_map(<[u32]>::first_chunk).map(shingle));
        for ((minima, multipliers), addends) in
            self.minima.iter_mut().zip(&self.multipliers).zip(&self.addends)
        {
            *minima = [u32::MAX; GROUP];
            // SAFETY: `kernel` selects a function whose instructions this processor has.
            unsafe { (self.kernel)(&self.shingles, multipliers, addends, minima) };
        }
        let (bands, rows) = self.preset.shape();
        let all = self.minima.as_flattened();
        for (band, minima) in all.chunks_exact(rows).take(bands).enumerate() {
            let mut bytes = [0; 64];
            for (four, minimum) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(minima) {
                *four = minimum.to_le_bytes();
            }
            out.push(xxh3_64_with_seed(&bytes[..4 * rows], band as u64));
        }
        true
    }
}

/// The hash of a shingle, from the hashes of its words in order.
#[inline(always)]
fn shingle(words: &[u32; SHINGLE]) -> u32 {
    const K: [u64; SHINGLE] = [
        0x8EBC_6AF0_9C88_C6E3,
        0x5897_65CD_2E2C_F3B5,
        0x1D8E_4E27_C47D_124F,
        0xEB44_ACCA_B455_D165,
        0xA0B4_28DB_E703_7ED1,
    ];
    let mut sum = 0u64;
    for (word, k) in words.iter().zip(K) {
        sum = sum.wrapping_add(u64::from(*word).wrapping_mul(k));
    }
    ((sum ^ (sum >> 32)).wrapping_mul(0x9FB2_1C65_1E98_DF25) >> 32) as u32
}

/// The loop that the compiler vectorizes: shingles outside, functions inside, minima in registers.
#[inline(always)]
fn smallest(shingles: &[u32], a: &[u32; GROUP], b: &[u32; GROUP], minima: &mut [u32; GROUP]) {
    let mut now = *minima;
    for &shingle in shingles {
        for i in 0..GROUP {
            now[i] = now[i].min(shingle.wrapping_mul(a[i]).wrapping_add(b[i]));
        }
    }
    *minima = now;
}

/// Without special instructions.
///
/// # Safety
/// There is no requirement; the function is unsafe to have the type of the others.
unsafe fn plain(shingles: &[u32], a: &[u32; GROUP], b: &[u32; GROUP], minima: &mut [u32; GROUP]) {
    smallest(shingles, a, b, minima);
}

/// 8 functions with one instruction.
///
/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(shingles: &[u32], a: &[u32; GROUP], b: &[u32; GROUP], minima: &mut [u32; GROUP]) {
    smallest(shingles, a, b, minima);
}

/// 16 functions with one instruction.
///
/// # Safety
/// The processor has AVX-512 F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(shingles: &[u32], a: &[u32; GROUP], b: &[u32; GROUP], minima: &mut [u32; GROUP]) {
    smallest(shingles, a, b, minima);
}

/// The function with the widest vectors of this processor. On other machines than x86-64 the compiler vectorizes the plain one.
fn kernel() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return avx512;
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            return avx2;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: for each function the smallest value over the set of shingles.
    fn naive(signer: &Signer, words: &[u32]) -> Vec<u64> {
        let (bands, rows) = signer.preset.shape();
        let (a, b) = (signer.multipliers.as_flattened(), signer.addends.as_flattened());
        let minimum = |i: usize| {
            let values = words.windows(5).map(|five| {
                let h = shingle(&[five[0], five[1], five[2], five[3], five[4]]);
                (u64::from(h) * u64::from(a[i]) + u64::from(b[i])) % (1 << 32)
            });
            values.min().unwrap_or_default() as u32
        };
        (0..bands)
            .map(|band| {
                let bytes: Vec<u8> =
                    (0..rows).flat_map(|row| minimum(band * rows + row).to_le_bytes()).collect();
                xxh3_64_with_seed(&bytes, band as u64)
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn equal_to_the_definition(words in prop::collection::vec(any::<u32>(), 0..90), strict: bool) {
            let mut signer = Signer::new(if strict { Preset::Strict } else { Preset::Default });
            for kernel in [plain as Kernel, kernel()] {
                signer.kernel = kernel;
                let mut bands = Vec::new();
                prop_assert_eq!(signer.sign(&words, &mut bands), words.len() >= 5);
                let expected = if words.len() < 5 { vec![] } else { naive(&signer, &words) };
                prop_assert_eq!(bands, expected);
            }
        }
    }

    #[test]
    fn bands_agree_as_often_as_the_formula_says() {
        // Two sequences that share a long beginning: shingles share n of them, the union is known.
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let mut signer = Signer::new(Preset::Default);
        let (bands, rows) = Preset::Default.shape();
        let (trials, shared, own) = (400, 400usize, 44usize);
        let mut equal = 0usize;
        for _ in 0..trials {
            let common: Vec<u32> = (0..shared).map(|_| random()).collect();
            let with_own: Vec<Vec<u32>> =
                (0..2).map(|_| common.iter().copied().chain((0..own).map(|_| random())).collect()).collect();
            let (mut a, mut b) = (Vec::new(), Vec::new());
            signer.sign(&with_own[0], &mut a);
            signer.sign(&with_own[1], &mut b);
            equal += a.iter().zip(&b).filter(|(a, b)| a == b).count();
        }
        let j = (shared - 4) as f64 / (shared - 4 + 2 * own) as f64;
        let (expected, n) = (j.powi(rows as i32), (trials * bands) as f64);
        let seen = equal as f64 / n;
        // Bands of one pair are independent given the pair; five standard deviations.
        assert!(
            (seen - expected).abs() < 5.0 * (expected * (1.0 - expected) / n).sqrt(),
            "{seen} {expected}"
        );
    }
}

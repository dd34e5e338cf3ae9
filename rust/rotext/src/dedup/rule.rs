//! Why a document is removed.

use super::passage::PASSAGE;

/// The share of a document's 3-grams that the kept document must have.
///
/// For sets of equal size, a Jaccard similarity of 0.85 is a containment of 0.92 (I >= 0.85 / 1.85 (A + B)). So this threshold
/// loses no pair that the Jaccard threshold finds, and a removed document has at most a tenth of its 3-grams for itself.
pub const CONTAINMENT: f64 = 0.9;

/// The Jaccard similarity of both documents, which is enough alone. It is for pairs whose worse document has more words: its
/// copy has diacritics, and so more bytes. Its containment is lower.
pub const JACCARD: f64 = 0.85;

/// Why a document is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Its key equals the key of the partner.
    Exact,
    /// The partner has nearly all of its 3-grams.
    NearContainment,
    /// It and the partner have nearly the same 3-grams.
    NearJaccard,
    /// It has a run of words of an evaluation text.
    Contaminated,
    /// Most of its words are in long passages of the partner.
    NearPassage,
}

impl Rule {
    /// The name in ledgers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::NearContainment => "near-containment",
            Self::NearJaccard => "near-jaccard",
            Self::Contaminated => "contaminated",
            Self::NearPassage => "near-passage",
        }
    }

    /// The rule with this number, as `rule as u8` gives it.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        let all =
            [Self::Exact, Self::NearContainment, Self::NearJaccard, Self::Contaminated, Self::NearPassage];
        all.get(usize::from(number)).copied()
    }

    /// A document is removed when its value is at least this.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::Exact | Self::Contaminated => 1.0,
            Self::NearContainment => CONTAINMENT,
            Self::NearJaccard => JACCARD,
            Self::NearPassage => PASSAGE,
        }
    }
}

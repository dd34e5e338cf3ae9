//! What the normalizer did to a corpus.

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::diacritics::{self, JUDGED_LETTERS, NO_DIACRITICS, PARTIAL_DIACRITICS};
use super::rules::{COUNT, RULES};

/// Counts over documents. The reports of the parts of a corpus add up to the report of the whole, in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Documents read.
    pub documents: u64,
    /// Documents that changed.
    pub changed_documents: u64,
    /// Bytes of UTF-8 read.
    pub bytes_in: u64,
    /// Bytes of UTF-8 returned.
    pub bytes_out: u64,
    /// Documents (of at least 200 letters) with less than 0.5 % Romanian diacritics among the letters.
    pub no_diacritics: u64,
    /// Documents (of at least 200 letters) with 0.5 to 2.5 % Romanian diacritics among the letters.
    pub partial_diacritics: u64,
    counts: [u64; COUNT],
}

impl Report {
    /// The number of changes of each rule, in the order of [`RULES`], zeros included.
    pub fn rules(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        RULES.iter().zip(self.counts).map(|(rule, count)| (rule.id, count))
    }

    /// The number of changes of the rule `id`; 0 for an unknown rule.
    pub fn count(&self, id: &str) -> u64 {
        self.rules().find(|&(rule, _)| rule == id).map_or(0, |(_, count)| count)
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.documents += other.documents;
        self.changed_documents += other.changed_documents;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.no_diacritics += other.no_diacritics;
        self.partial_diacritics += other.partial_diacritics;
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
    }

    /// The counts as numbers, for a file.
    #[must_use]
    pub fn numbers(&self) -> [u64; NUMBERS] {
        let mut out = [0; NUMBERS];
        out[..6].copy_from_slice(&[
            self.documents,
            self.changed_documents,
            self.bytes_in,
            self.bytes_out,
            self.no_diacritics,
            self.partial_diacritics,
        ]);
        out[6..].copy_from_slice(&self.counts);
        out
    }

    /// The report with these numbers, from [`Report::numbers`].
    #[must_use]
    pub fn from_numbers(numbers: &[u64; NUMBERS]) -> Self {
        let [documents, changed_documents, bytes_in, bytes_out, no_diacritics, partial_diacritics, ..] =
            *numbers;
        let counts = std::array::from_fn(|rule| numbers[6 + rule]);
        Self { documents, changed_documents, bytes_in, bytes_out, no_diacritics, partial_diacritics, counts }
    }

    /// Adds one document.
    pub(super) fn add(&mut self, bytes_in: usize, out: &str, counts: &[u64; COUNT]) {
        self.documents += 1;
        self.bytes_in += bytes_in as u64;
        self.bytes_out += out.len() as u64;
        if counts.iter().any(|&n| n > 0) {
            self.changed_documents += 1;
            for (mine, n) in self.counts.iter_mut().zip(counts) {
                *mine += n;
            }
        }
        let (letters, ours) = diacritics::count(out);
        if letters >= JUDGED_LETTERS {
            let share = (ours as f64 / letters as f64) as f32;
            self.no_diacritics += u64::from(share < NO_DIACRITICS);
            self.partial_diacritics += u64::from((NO_DIACRITICS..PARTIAL_DIACRITICS).contains(&share));
        }
    }
}

/// The number of counts in a report.
pub const NUMBERS: usize = 6 + COUNT;

struct Counts<'a>(&'a Report);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COUNT))?;
        for (id, count) in self.0.rules() {
            map.serialize_entry(id, &count)?;
        }
        map.end()
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Report", 7)?;
        out.serialize_field("documents", &self.documents)?;
        out.serialize_field("changed_documents", &self.changed_documents)?;
        out.serialize_field("bytes_in", &self.bytes_in)?;
        out.serialize_field("bytes_out", &self.bytes_out)?;
        out.serialize_field("no_diacritics", &self.no_diacritics)?;
        out.serialize_field("partial_diacritics", &self.partial_diacritics)?;
        out.serialize_field("rules", &Counts(self))?;
        out.end()
    }
}

//! `rotools inspect FILE...`: what a corpus holds, before anything is made of it.

use serde::Serialize;

use super::feed::{self, Account, Parcel, Removal};
use super::left_out::LeftOut;
use crate::dedup::Seen;
use crate::error::Result;
use crate::progress::Progress;
use crate::reader::{self, Compression, Format, Source};

/// What was found. Nothing is changed: the repairs are those that `normalize` and `pack` would make.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// The files.
    pub sources: Vec<File>,
    /// Records read, repaired in passing, and left out.
    pub read: Account,
    /// Lengths of the documents.
    pub lengths: Option<Lengths>,
    /// The beginning of the first document, as repaired.
    pub first: Option<First>,
}

/// One file.
#[derive(Debug, Clone, Serialize)]
pub struct File {
    /// As the user named it.
    pub name: String,
    /// What it holds.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Bytes on disk.
    pub size: u64,
    /// Names and types of the first record's fields.
    pub fields: Vec<(String, String)>,
}

/// Bytes of UTF-8 of a document: the smallest, the middle, nine in ten below, the largest. The middle ones are
/// right within a part in sixteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// Half are shorter.
    pub median: u64,
    /// Nine in ten are shorter.
    pub p90: u64,
    /// The longest.
    pub max: u64,
}

/// The beginning of a document.
#[derive(Debug, Clone, Serialize)]
pub struct First {
    /// Its id.
    pub id: String,
    /// Its first characters.
    pub text: String,
}

/// Characters of the first document that are shown.
const SHOWN: usize = 300;

/// Reads `sources` once and says what is in them.
///
/// # Errors
/// As [`feed::run`].
pub fn inspect(sources: &[Source], options: &feed::Options, progress: &Progress) -> Result<Overview> {
    progress.begin("inspect", sources.iter().map(|s| s.size).sum());
    let mut histogram = Histogram::default();
    let mut first = None;
    // A stream cannot be looked at twice, so its fields stay unnamed.
    let look = |source: &Source| if source.stream { Ok(Vec::new()) } else { reader::columns(source) };
    let files = sources.iter().map(|source| {
        let (name, fields) = (source.name.clone(), look(source)?);
        Ok(File { name, format: source.format, compression: source.compression, size: source.size, fields })
    });
    let files = files.collect::<Result<Vec<File>>>()?;
    let read = feed::run(
        sources,
        options,
        Removal::Exact(&mut Seen::within(usize::MAX)),
        LeftOut::default(),
        progress,
        || (),
        |(), parcel: Parcel| {
            let lengths: Vec<u64> = parcel.documents.iter().map(|p| p.document.text.len() as u64).collect();
            let first = parcel.documents.into_iter().next().map(|passed| First {
                id: passed.document.id,
                text: passed.document.text.chars().take(SHOWN).collect(),
            });
            Ok((lengths, first))
        },
        |(lengths, begins): (Vec<u64>, Option<First>)| {
            lengths.into_iter().for_each(|length| histogram.add(length));
            first = first.take().or(begins);
            Ok(())
        },
    )?;
    Ok(Overview { sources: files, read, lengths: histogram.lengths(), first })
}

/// Counts by the power of two and its sixteenths: 64 * 16 numbers for any number of documents.
#[derive(Default)]
struct Histogram {
    counts: Vec<u64>,
    total: u64,
    min: u64,
    max: u64,
}

impl Histogram {
    fn add(&mut self, length: u64) {
        let slot = slot(length);
        if self.counts.len() <= slot {
            self.counts.resize(slot + 1, 0);
        }
        self.counts[slot] += 1;
        self.min = if self.total == 0 { length } else { self.min.min(length) };
        self.max = self.max.max(length);
        self.total += 1;
    }

    fn lengths(&self) -> Option<Lengths> {
        let quantile = |share: f64| {
            let mut left = (self.total as f64 * share) as u64;
            for (slot, &count) in self.counts.iter().enumerate() {
                if left < count {
                    return start(slot).clamp(self.min, self.max);
                }
                left -= count;
            }
            self.max
        };
        (self.total > 0).then(|| Lengths {
            min: self.min,
            median: quantile(0.5),
            p90: quantile(0.9),
            max: self.max,
        })
    }
}

fn slot(length: u64) -> usize {
    if length < 16 {
        return length as usize;
    }
    let power = length.ilog2();
    (power as usize - 3) * 16 + ((length >> (power - 4)) & 15) as usize
}

/// The smallest length of a slot.
fn start(slot: usize) -> u64 {
    if slot < 16 { slot as u64 } else { (16 + (slot as u64 & 15)) << (slot / 16 - 1) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_slot_is_exact_to_a_sixteenth(length in 0u64..1 << 40) {
            let begin = start(slot(length));
            proptest::prop_assert!(begin <= length && length - begin <= begin / 16, "{length} {begin}");
        }
    }

    #[test]
    fn quantiles_of_a_known_set() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|length| histogram.add(length));
        let lengths = histogram.lengths().unwrap();
        assert_eq!((lengths.min, lengths.max), (1, 1000));
        assert!((470..=501).contains(&lengths.median) && (850..=901).contains(&lengths.p90), "{lengths:?}");
        assert!(Histogram::default().lengths().is_none());
    }
}

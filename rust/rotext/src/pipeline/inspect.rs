//! `rotools inspect FILE...`: what a corpus holds, before any verb works on it.

use serde::Serialize;

use super::stream::{DocumentStream, DuplicateCheck, Options, ProcessedChunk, StreamReport};
use crate::dedup::Seen;
use crate::error::Result;
use crate::progress::Progress;
use crate::reader::{self, Compression, Format, Source};

/// What a corpus holds. No file is changed: the repairs are those that `normalize` and `pack` would make.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// The files.
    pub sources: Vec<File>,
    /// What was read, what would be repaired, and what would be rejected.
    pub read: StreamReport,
    /// Lengths of the documents.
    pub lengths: Option<Lengths>,
    /// The beginning of the first document, after repair.
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

/// Lengths of documents in bytes of UTF-8. Median and 90th percentile are at most one sixteenth too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: u64,
    /// The median.
    pub median: u64,
    /// The 90th percentile.
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

/// Reads `sources` once and says what they hold.
///
/// # Errors
/// Unreadable sources, or none of a source's first records has the text field.
pub fn inspect(sources: &[Source], options: &Options, progress: &Progress) -> Result<Overview> {
    progress.begin("inspect", sources.iter().map(|s| s.size).sum());
    let mut histogram = Histogram::default();
    let mut first = None;
    // A stream cannot be read twice, so its fields stay unknown.
    let look = |source: &Source| if source.stream { Ok(Vec::new()) } else { reader::columns(source) };
    let files = sources.iter().map(|source| {
        let (name, fields) = (source.name.clone(), look(source)?);
        Ok(File { name, format: source.format, compression: source.compression, size: source.size, fields })
    });
    let files = files.collect::<Result<Vec<File>>>()?;
    let mut seen = Seen::with_limit(usize::MAX);
    let stream = DocumentStream {
        duplicates: DuplicateCheck::Exact(&mut seen),
        ..DocumentStream::new(sources, options, progress)
    };
    let read = stream.run(
        || (),
        |(), chunk: ProcessedChunk| {
            let lengths: Vec<u64> = chunk.documents.iter().map(|d| d.document.text.len() as u64).collect();
            let first = chunk.documents.into_iter().next().map(|kept| First {
                id: kept.document.id,
                text: kept.document.text.chars().take(SHOWN).collect(),
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

/// Counts lengths in slots, sixteen for each power of two: at most 64 * 16 numbers for any number of documents.
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

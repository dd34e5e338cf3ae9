//! Lines that occur in many documents: menus, notices, footers.
//!
//! A line counts once for each document, and only in kept documents. Short lines and lines of dialogue never count: "Da." and
//! "– Nu știu, domnule." occur in many texts because people say them.

use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64;

use super::bits::Bits;
use super::memory::check_tables;
use super::runs::Merge;
use crate::error::Result;

/// Bytes of a record: hash of the line, document.
pub(super) const LINED: usize = 12;

/// The fewest bytes of a line that counts.
const MIN_LINE: usize = 20;

/// The hash of a line without white space at its ends. `None`: the line never counts.
fn hash(line: &str) -> Option<u64> {
    let line = line.trim();
    let dialogue = line.starts_with(['–', '—', '―', '-', '„', '«', '"']);
    (line.len() >= MIN_LINE && !dialogue).then(|| xxh3_64(line.as_bytes()))
}

/// Appends the hashes of the lines of `text`, each once, sorted.
pub fn line_hashes(text: &str, out: &mut Vec<u64>) {
    let start = out.len();
    out.extend(text.lines().filter_map(hash));
    out[start..].sort_unstable();
    let mut kept = start;
    for at in start..out.len() {
        if at == start || out[at] != out[at - 1] {
            out[kept] = out[at];
            kept += 1;
        }
    }
    out.truncate(kept);
}

/// The lines that occur in more documents than allowed.
#[derive(Debug, Default)]
pub struct Repeated {
    /// Their hashes: 8 to 16 bytes a line.
    lines: FxHashSet<u64>,
    /// The number of documents that a line may occur in.
    pub(super) limit: u32,
}

/// The lines that were cut from a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cut {
    /// The number of lines.
    pub lines: u64,
    /// Their bytes, line ends included.
    pub bytes: u64,
}

impl Repeated {
    /// Counts sorted (line, document) records; documents in `removed` do not count.
    pub(super) fn count(mut lined: Merge<LINED>, limit: u32, removed: &Bits, memory: usize) -> Result<Self> {
        let mut repeated = Self { limit, ..Self::default() };
        let (mut now, mut documents) = (0u64, 0u32);
        while let Some(record) = lined.next()? {
            let line = record.first_chunk::<8>().map_or(0, |eight| u64::from_be_bytes(*eight));
            if line != now {
                (now, documents) = (line, 0);
            }
            if !removed.get(u32::from_be_bytes([record[8], record[9], record[10], record[11]])) {
                documents = documents.saturating_add(1);
                if documents == limit.saturating_add(1) {
                    repeated.lines.insert(line);
                    if repeated.lines.len().is_multiple_of(1 << 16) {
                        check_tables(16 * repeated.lines.len() as u64, memory)?;
                    }
                }
            }
        }
        Ok(repeated)
    }

    /// The lines with these hashes.
    pub(super) fn from_hashes(hashes: impl IntoIterator<Item = u64>, limit: u32) -> Self {
        Self { lines: hashes.into_iter().collect(), limit }
    }

    /// The hashes of the lines, sorted.
    pub(super) fn hashes(&self) -> Vec<u64> {
        let mut hashes: Vec<u64> = self.lines.iter().copied().collect();
        hashes.sort_unstable();
        hashes
    }

    /// The number of distinct lines that are cut.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True when no line is cut.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The number of documents that a line may occur in.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The text without repeated lines, if it has any.
    #[must_use]
    pub fn cut(&self, text: &str) -> Option<(String, Cut)> {
        if self.is_empty() {
            return None;
        }
        let mut cut = Cut::default();
        let mut out = String::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let is_repeated = hash(line).is_some_and(|hash| self.lines.contains(&hash));
            if is_repeated {
                if cut.lines == 0 {
                    out.reserve(text.len());
                    out.push_str(&text[..at]);
                }
                cut.lines += 1;
                cut.bytes += line.len() as u64;
            } else if cut.lines > 0 {
                out.push_str(line);
            }
            at += line.len();
        }
        (cut.lines > 0).then(|| {
            out.truncate(out.trim_end().len());
            (out, cut)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::runs::Sorter;
    use super::*;

    #[test]
    fn lines_of_many_documents_are_cut_and_dialogue_is_kept() {
        let notice = "Acest site folosește module cookie pentru analiză.";
        let talk = "– Nu știu, domnule, răspunse el încet.";
        let texts =
            [0, 1, 2, 3].map(|n| format!("Pagina {n} spune ceva anume.\n {notice}\n{talk}\nDa.\n{notice}\n"));
        let folder = tempfile::tempdir().unwrap();
        let count = |limit, removed_documents: u32| {
            let mut sorter = Sorter::<LINED>::new(folder.path(), "lines", 0);
            let mut lines = Vec::new();
            for (n, text) in (0u32..).zip(&texts) {
                lines.clear();
                line_hashes(text, &mut lines);
                assert_eq!(lines.len(), 2);
                for line in &lines {
                    let mut record = [0; LINED];
                    record[..8].copy_from_slice(&line.to_be_bytes());
                    record[8..].copy_from_slice(&n.to_be_bytes());
                    sorter.push(record).unwrap();
                }
            }
            let mut removed = Bits::new(4);
            (0..removed_documents).for_each(|n| removed.set(n));
            Repeated::count(sorter.finish().unwrap(), limit, &removed, 1 << 20).unwrap()
        };
        assert!(count(4, 0).is_empty() && count(3, 1).is_empty());
        let repeated = count(3, 0);
        assert_eq!(repeated.len(), 1);
        let (text, cut) = repeated.cut(&texts[2]).unwrap();
        assert_eq!(text, format!("Pagina 2 spune ceva anume.\n{talk}\nDa."));
        assert_eq!(cut, Cut { lines: 2, bytes: 2 * notice.len() as u64 + 3 });
        assert_eq!(repeated.cut("Un text fără acel rând."), None);
    }
}

//! A ledger in figures: what each rule did, with examples, and the largest groups of duplicates.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use xxhash_rust::xxh3::xxh3_64;

use super::Row;
use super::read::{each_batch, one};
use crate::error::Result;

/// What a ledger holds.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Rows in all.
    pub rows: u64,
    /// The rules that decided something, by stage and name.
    pub rules: Vec<Rule>,
    /// The kept documents that represent the most others.
    pub clusters: Vec<Cluster>,
}

/// What one rule did.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Rule {
    /// Its stage.
    pub stage: String,
    /// Its name.
    pub rule: String,
    /// `drop`, `edit`, `flag` or `keep`.
    pub action: String,
    /// How often.
    pub count: u64,
    /// Some of the values that it measured, evenly from first to last.
    pub values: Vec<f64>,
    /// Some of its rows, selected by the hash of the document: the same for the same ledger, and from all parts of it.
    pub examples: Vec<Row>,
}

/// A kept document and the documents that it represents.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Cluster {
    /// Id of the kept document.
    pub document: String,
    /// The number of documents that it represents.
    pub count: u64,
    /// Some of them.
    pub members: Vec<Row>,
}

/// The most values of a rule.
const VALUES: usize = 4_096;

/// Summarizes a ledger: at most `clusters` clusters, and at most `examples` rows for each rule and cluster. It reads the ledger
/// twice.
///
/// It keeps in memory the values and examples of each rule, and the id and count of each document that represents another.
///
/// # Errors
/// As [`super::find`].
pub fn summary(path: &Path, examples: usize, clusters: usize) -> Result<Summary> {
    let mut rows = 0;
    let mut rules: BTreeMap<(String, String, String), Gathered> = BTreeMap::new();
    let mut stays: HashMap<String, u64> = HashMap::new();
    each_batch(path, |batch| {
        rows += batch.num_rows() as u64;
        let text = |column: usize| batch.column(column).as_string::<i32>();
        let (stages, names, actions, partners) = (text(0), text(5), text(4), text(8));
        let values = batch.column(6).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let key = (stages.value(row).into(), names.value(row).into(), actions.value(row).into());
            let rule = rules.entry(key).or_default();
            rule.add(values.is_valid(row).then(|| values.value(row)));
            rule.examples.offer(batch, row, examples)?;
            if partners.is_valid(row) {
                *stays.entry(partners.value(row).into()).or_default() += 1;
            }
        }
        Ok(())
    })?;
    let rules = rules.into_iter().map(|((stage, rule, action), gathered)| Rule {
        stage,
        rule,
        action,
        count: gathered.count,
        values: gathered.values,
        examples: gathered.examples.rows(),
    });
    let rules = rules.collect();
    let mut largest: Vec<(String, u64)> = stays.into_iter().collect();
    largest.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    largest.truncate(clusters);
    let mut members: HashMap<&str, Drawn> =
        largest.iter().map(|(id, _)| (id.as_str(), Drawn::default())).collect();
    if !members.is_empty() {
        each_batch(path, |batch| {
            let partners = batch.column(8).as_string::<i32>();
            (0..batch.num_rows()).filter(|&row| partners.is_valid(row)).try_for_each(|row| {
                members.get_mut(partners.value(row)).map_or(Ok(()), |drawn| drawn.offer(batch, row, examples))
            })
        })?;
    }
    let clusters = largest.iter().map(|(document, count)| Cluster {
        document: document.clone(),
        count: *count,
        members: members.remove(document.as_str()).map(Drawn::rows).unwrap_or_default(),
    });
    Ok(Summary { rows, rules, clusters: clusters.collect() })
}

#[derive(Default)]
struct Gathered {
    count: u64,
    measured: u64,
    values: Vec<f64>,
    stride: u64,
    examples: Drawn,
}

impl Gathered {
    /// Counts a row. It keeps every `stride`-th value, and removes every second one when they are too many.
    fn add(&mut self, value: Option<f64>) {
        self.count += 1;
        let Some(value) = value else { return };
        self.stride = self.stride.max(1);
        if self.measured.is_multiple_of(self.stride) {
            self.values.push(value);
        }
        self.measured += 1;
        if self.values.len() > VALUES {
            let mut index = 0;
            self.values.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
    }
}

/// The rows with the smallest hashes.
#[derive(Default)]
struct Drawn(BTreeMap<(u64, u64), Row>);

impl Drawn {
    fn offer(&mut self, batch: &RecordBatch, row: usize, most: usize) -> std::result::Result<(), String> {
        let hash = xxh3_64(batch.column(1).as_string::<i32>().value(row).as_bytes());
        let largest = self.0.last_key_value().map(|(key, _)| key.0);
        if self.0.len() < most || largest.is_some_and(|largest| hash < largest) {
            // A document may have several rows of one rule (redactions): each is an example.
            self.0.insert((hash, self.0.len() as u64), one(batch, row)?);
            if self.0.len() > most {
                self.0.pop_last();
            }
        }
        Ok(())
    }

    fn rows(self) -> Vec<Row> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ledger::{Action, Writer};

    #[test]
    fn what_was_written_is_summed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.parquet");
        let mut writer = Writer::create(&path).unwrap();
        let row = |number: u64, rule: &'static str, partner: Option<&str>| Row {
            stage: "dedup".into(),
            document: format!("d{number}"),
            source: "a".into(),
            line: number,
            action: Action::Drop,
            rule: rule.into(),
            value: Some(number as f64),
            threshold: None,
            partner: partner.map(Into::into),
            score: None,
            byte: None,
        };
        for number in 0..20_000 {
            let partner = if number % 4 == 0 { "big" } else { "small" };
            writer.push(row(number, "exact", (number < 1000).then_some(partner))).unwrap();
        }
        writer.push(row(7, "near-jaccard", Some("small"))).unwrap();
        writer.finish().unwrap();
        let found = summary(&path, 3, 1).unwrap();
        assert_eq!(found.rows, 20_001);
        let counts: Vec<_> = found.rules.iter().map(|rule| (rule.rule.as_str(), rule.count)).collect();
        assert_eq!(counts, [("exact", 20_000), ("near-jaccard", 1)]);
        let exact = &found.rules[0];
        assert!(exact.values.len() > VALUES / 2 && exact.values.len() <= VALUES);
        let step = exact.values[1] - exact.values[0];
        assert!(exact.values.windows(2).all(|pair| pair[1] - pair[0] == step), "evenly");
        assert_eq!(exact.examples.len(), 3);
        assert_eq!(found.clusters.len(), 1);
        assert_eq!((found.clusters[0].document.as_str(), found.clusters[0].count), ("small", 751));
        assert!(found.clusters[0].members.iter().all(|row| row.partner.as_deref() == Some("small")));
        assert_eq!(found, summary(&path, 3, 1).unwrap());
    }
}

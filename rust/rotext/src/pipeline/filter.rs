//! `rotools filter`, and how every verb filters: the profile by the kind of the source, then personal data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::feed::{self, Account, LeftOut, Parcel, Removal};
use super::files::{Rejects, beside};
use super::normalize::{Sink, lines};
use crate::dedup::Kind;
use crate::error::{Error, Result};
use crate::filter::{Filter, Kind as Personal, Profile, Scratch, Verdict, redact};
use crate::ledger::{Action, Row, Writer};
use crate::progress::Progress;
use crate::reader::Source;

/// What becomes of a document that is written without diacritics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Diacritics {
    /// It stays, and the ledger says so.
    #[default]
    Flag,
    /// It goes, by the rule `diacritics`.
    Drop,
    /// It stays.
    Keep,
}

/// Below this share of the letters a document is written without diacritics.
const NO_DIACRITICS: f64 = 0.005;

/// How documents are filtered.
#[derive(Debug, Clone, PartialEq)]
pub struct Filtering {
    web: Filter,
    books: Filter,
    /// Replace personal data.
    redact: bool,
    /// Measure only: nothing is dropped or replaced.
    annotate: bool,
    diacritics: Diacritics,
}

/// The document that is judged, for the ledger.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) document: &'a str,
    pub(super) source: &'a str,
    pub(super) line: u64,
}

/// What is to be done with it.
pub(super) struct Judged {
    /// Why it goes, in words.
    pub(super) dropped: Option<String>,
    /// Its text without personal data, if it had some.
    pub(super) redacted: Option<String>,
    /// Everything that was measured, when that was all that was asked.
    pub(super) verdict: Option<Box<Verdict>>,
}

/// What the filter did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Documents dropped, by rule.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Documents written without diacritics, of those that stayed.
    pub no_diacritics: u64,
    /// Personal data replaced, by kind.
    pub redacted: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.no_diacritics += other.no_diacritics;
        for (mine, theirs) in [(&mut self.dropped, &other.dropped), (&mut self.redacted, &other.redacted)] {
            for (name, count) in theirs {
                *mine.entry(name).or_default() += count;
            }
        }
    }
}

impl Filtering {
    /// Both profiles with `thresholds` in place of their own (nothing switches a rule off).
    ///
    /// # Errors
    /// There is no such rule.
    pub fn new(
        thresholds: &[(String, Option<f64>)],
        redact: bool,
        annotate: bool,
        diacritics: Diacritics,
    ) -> Result<Self> {
        let of = |profile| {
            let mut filter = Filter::new(profile);
            if diacritics == Diacritics::Drop {
                filter = filter.with("diacritics", Some(NO_DIACRITICS))?;
            }
            thresholds.iter().try_fold(filter, |filter, (rule, threshold)| filter.with(rule, *threshold))
        };
        Ok(Self { web: of(Profile::Web)?, books: of(Profile::Books)?, redact, annotate, diacritics })
    }

    /// The thresholds that hold for a kind of text.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &Filter {
        match kind {
            Kind::Web => &self.web,
            Kind::Books => &self.books,
        }
    }

    /// The settings as a manifest writes them down.
    #[must_use]
    pub fn describe(&self, kind: Kind) -> serde_json::Value {
        let thresholds: BTreeMap<&str, f64> = self.of(kind).thresholds().collect();
        serde_json::json!({"thresholds": thresholds, "redact": self.redact})
    }

    pub(super) fn judge(
        &self,
        text: &str,
        kind: Kind,
        at: At<'_>,
        scratch: &mut Scratch,
        report: &mut Report,
        rows: &mut Vec<Row>,
    ) -> Judged {
        let verdict = self.of(kind).judge(text, scratch);
        let mut judged = Judged { dropped: None, redacted: None, verdict: None };
        if let Some(drop) = verdict.dropped {
            *report.dropped.entry(drop.rule).or_default() += 1;
            let row = at.row(Action::Drop, drop.rule, drop.value);
            rows.push(Row { threshold: Some(drop.threshold), ..row });
            judged.dropped = (!self.annotate).then(|| format!("{}: {drop}", at.document));
        } else if self.diacritics == Diacritics::Flag
            && let Some(share) = verdict.measures.diacritics.filter(|share| *share < NO_DIACRITICS)
        {
            report.no_diacritics += 1;
            rows.push(Row { threshold: Some(NO_DIACRITICS), ..at.row(Action::Flag, "diacritics", share) });
        }
        if self.annotate {
            judged.verdict = Some(Box::new(verdict));
        } else if self.redact && judged.dropped.is_none() {
            let (text, counts) = redact(text);
            for (kind, count) in Personal::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
                *report.redacted.entry(kind.name()).or_default() += count;
                rows.push(at.row(Action::Edit, kind.name(), count as f64));
            }
            if let std::borrow::Cow::Owned(text) = text {
                judged.redacted = Some(text);
            }
        }
        judged
    }
}

impl At<'_> {
    fn row(self, action: Action, rule: &'static str, value: f64) -> Row {
        Row {
            stage: "filter".into(),
            document: self.document.to_owned(),
            source: self.source.to_owned(),
            line: self.line,
            action,
            rule: rule.into(),
            value: Some(value),
            threshold: None,
            partner: None,
            score: None,
            byte: None,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// What was read, what stayed and what did not.
    pub read: Account,
    /// The file of decisions.
    pub ledger: PathBuf,
}

/// Filters `sources` into `out` (`.jsonl`, also `.zst` or `.gz`), record for record, with `OUT.ledger.parquet` and, when
/// anything was left out, `OUT.rejects.jsonl`. With annotations every record stays and gains the field `filter`.
///
/// # Errors
/// Unreadable sources, a full disk, an ending of `out` that is not known.
pub fn filter(
    sources: &[Source],
    options: &feed::Options,
    out: &Path,
    progress: &Progress,
) -> Result<Outcome> {
    let mut options = feed::Options { keys: false, ..options.clone() };
    options.fields.keep_record = true;
    progress.begin("filter", sources.iter().map(|source| source.size).sum());
    let mut rejects = Rejects::of(out);
    let mut sink = Sink::create(out)?;
    let mut name = out.as_os_str().to_owned();
    name.push(".ledger.parquet");
    let (ledger_path, part) = (PathBuf::from(name), beside(out, "ledger.part"));
    let mut ledger = Writer::create(&part)?;
    let read = feed::run(
        sources,
        &options,
        Removal::Nothing,
        LeftOut { rejects: Some(&mut rejects), ledger: Some(&mut ledger) },
        progress,
        || (),
        |(), parcel: Parcel| Ok(lines(&parcel, &sources[parcel.source])),
        |lines: Vec<u8>| sink.write_all(&lines).map_err(|e| Error::io(out, &e)),
    );
    let finished = read.and_then(|read| ledger.finish().map(|()| read));
    if finished.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    let read = finished?;
    std::fs::rename(&part, &ledger_path).map_err(|e| Error::io(&ledger_path, &e))?;
    rejects.finish()?;
    sink.finish(out)?;
    Ok(Outcome { read, ledger: ledger_path })
}

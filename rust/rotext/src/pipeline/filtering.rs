//! How every verb filters: the profile by the kind of the source, then personal data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::bytes::{Decoder, Encoder};
use crate::dedup::Kind;
use crate::error::Result;
use crate::filter::{
    Boilerplate, Broken, Filter, Kind as Personal, Profile, RULES, Scratch, Side, Verdict, redact,
};
use crate::ledger::{Action, Row};

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
    /// Cut lines of the page out of web text.
    boilerplate: bool,
    /// Measure only: nothing is dropped, cut or replaced.
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

/// One decision of the filter about a document; the ledger's row without the document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Finding {
    pub(super) action: Action,
    pub(super) rule: &'static str,
    pub(super) value: f64,
    pub(super) threshold: Option<f64>,
}

impl Finding {
    /// Writes it down. Names are kept as numbers.
    pub(super) fn encode(&self, out: &mut Encoder) {
        let rule = names().position(|name| name == self.rule).unwrap_or_default() as u32;
        out.short(self.action as u32).short(rule).long(self.value.to_bits());
        out.long(self.threshold.unwrap_or(f64::NAN).to_bits());
    }

    /// Reads what [`Finding::encode`] wrote.
    pub(super) fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let actions = [Action::Drop, Action::Edit, Action::Flag, Action::Keep];
        let action = *actions.get(from.short()? as usize)?;
        let rule = names().nth(from.short()? as usize)?;
        let value = f64::from_bits(from.long()?);
        let threshold = Some(f64::from_bits(from.long()?)).filter(|threshold| !threshold.is_nan());
        Some(Self { action, rule, value, threshold })
    }

    /// Why the document goes, in words.
    pub(super) fn why(&self, document: &str) -> String {
        let side = RULES.iter().find(|rule| rule.id == self.rule).map_or(Side::Above, |rule| rule.side);
        let (rule, value, threshold) = (self.rule, self.value, self.threshold.unwrap_or_default());
        format!("{document}: {}", Broken { rule, value, threshold, side })
    }
}

/// Lines of the page that were cut, in the ledger and in reports.
const BOILERPLATE: &str = "boilerplate-lines";

/// What a thread keeps from one document to the next.
#[derive(Default)]
pub(super) struct Tools {
    scratch: Scratch,
    boilerplate: Boilerplate,
}

/// Everything that a finding may be about.
fn names() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.id).chain(Personal::ALL.into_iter().map(Personal::name)).chain([BOILERPLATE])
}

/// What is to be done with a document.
#[derive(Default)]
pub(super) struct Judged {
    /// It goes.
    pub(super) dropped: bool,
    /// What was decided.
    pub(super) findings: Vec<Finding>,
    /// Its text without lines of the page and personal data, if it had some.
    pub(super) edited: Option<String>,
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
    /// Lines of the page cut out of documents that stayed.
    pub boilerplate_lines: u64,
    /// Personal data replaced, by kind.
    pub redacted: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Adds one decision.
    pub(super) fn add(&mut self, finding: &Finding) {
        match finding.action {
            Action::Drop => *self.dropped.entry(finding.rule).or_default() += 1,
            Action::Edit if finding.rule == BOILERPLATE => self.boilerplate_lines += finding.value as u64,
            Action::Edit => *self.redacted.entry(finding.rule).or_default() += finding.value as u64,
            Action::Flag | Action::Keep => self.no_diacritics += 1,
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.no_diacritics += other.no_diacritics;
        self.boilerplate_lines += other.boilerplate_lines;
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
        boilerplate: bool,
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
        Ok(Self {
            web: of(Profile::Web)?,
            books: of(Profile::Books)?,
            redact,
            boilerplate,
            annotate,
            diacritics,
        })
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
        serde_json::json!({"thresholds": thresholds, "redact": self.redact, "boilerplate": self.cuts(kind)})
    }

    /// Whether it only measures.
    pub(super) fn annotates(&self) -> bool {
        self.annotate
    }

    fn cuts(&self, kind: Kind) -> bool {
        self.boilerplate && kind == Kind::Web && !self.annotate
    }

    /// Decides about a text. Lines of the page are no part of what is judged.
    pub(super) fn judge(&self, text: &str, kind: Kind, tools: &mut Tools) -> Judged {
        let (cut, lines) =
            if self.cuts(kind) { tools.boilerplate.cut(text) } else { (Cow::Borrowed(text), 0) };
        let verdict = self.of(kind).judge(&cut, &mut tools.scratch);
        let mut judged = Judged::default();
        if let Some(Broken { rule, value, threshold, .. }) = verdict.dropped {
            judged.findings.push(Finding { action: Action::Drop, rule, value, threshold: Some(threshold) });
            judged.dropped = !self.annotate;
        } else if self.diacritics == Diacritics::Flag
            && let Some(value) = verdict.measures.diacritics.filter(|share| *share < NO_DIACRITICS)
        {
            let (action, threshold) = (Action::Flag, Some(NO_DIACRITICS));
            judged.findings.push(Finding { action, rule: "diacritics", value, threshold });
        }
        if self.annotate {
            judged.verdict = Some(Box::new(verdict));
        }
        if self.annotate || judged.dropped {
            return judged;
        }
        let mut edits = |rule, count: u64| {
            if count > 0 {
                let (action, value) = (Action::Edit, count as f64);
                judged.findings.push(Finding { action, rule, value, threshold: None });
            }
        };
        edits(BOILERPLATE, lines);
        let mut edited = cut;
        if self.redact {
            let (text, counts) = redact(&edited);
            Personal::ALL.into_iter().zip(counts).for_each(|(kind, count)| edits(kind.name(), count));
            if let Cow::Owned(text) = text {
                edited = Cow::Owned(text);
            }
        }
        if let Cow::Owned(text) = edited {
            judged.edited = Some(text);
        }
        judged
    }

    /// What [`Filtering::judge`] made of a text, by its findings.
    pub(super) fn edit<'a>(text: Cow<'a, str>, findings: &[Finding], tools: &mut Tools) -> Cow<'a, str> {
        let edit = |is: fn(&str) -> bool| {
            findings.iter().any(|finding| finding.action == Action::Edit && is(finding.rule))
        };
        let mut text = text;
        if edit(|rule| rule == BOILERPLATE)
            && let Cow::Owned(cut) = tools.boilerplate.cut(&text).0
        {
            text = Cow::Owned(cut);
        }
        if edit(|rule| rule != BOILERPLATE)
            && let Cow::Owned(redacted) = redact(&text).0
        {
            text = Cow::Owned(redacted);
        }
        text
    }
}

impl At<'_> {
    /// The ledger's row about a decision.
    pub(super) fn row(self, finding: &Finding) -> Row {
        Row {
            stage: "filter".into(),
            document: self.document.to_owned(),
            source: self.source.to_owned(),
            line: self.line,
            action: finding.action,
            rule: finding.rule.into(),
            value: Some(finding.value),
            threshold: finding.threshold,
            partner: None,
            score: None,
            byte: None,
        }
    }
}

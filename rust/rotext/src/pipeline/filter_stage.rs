//! How every verb filters: boilerplate lines, then the profile for the kind of text, then personal data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::document::TextKind;
use crate::error::Result;
use crate::filter::{
    Boilerplate, Broken, Filter, PersonalData, Profile, RULES, Scratch, Side, Verdict, cut_repeats, redact,
};
use crate::ledger::{Action, Row};

/// What to do with a document that is written without diacritics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Diacritics {
    /// Keep it, and add a row to the ledger.
    #[default]
    Flag,
    /// Drop it, by the rule `diacritics`.
    Drop,
    /// Keep it.
    Keep,
}

/// A document with a smaller share of diacritics among its letters is written without them.
const NO_DIACRITICS: f64 = 0.005;

/// How documents are filtered.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterStage {
    web: Filter,
    books: Filter,
    /// Replace personal data.
    redact: bool,
    /// Cut boilerplate lines and second copies of passages out of web text.
    boilerplate: bool,
    /// Measure only: nothing is dropped, cut or replaced.
    annotate: bool,
    diacritics: Diacritics,
}

/// A document as the ledger names it.
#[derive(Clone, Copy)]
pub(super) struct DocumentRef<'a> {
    pub(super) id: &'a str,
    pub(super) source: &'a str,
    pub(super) line: u64,
}

/// One decision of the filter: a row of the ledger without the document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Finding {
    pub(super) action: Action,
    pub(super) rule: &'static str,
    pub(super) value: f64,
    pub(super) threshold: Option<f64>,
}

impl Finding {
    /// Why the document `document` was dropped, in words.
    pub(super) fn explain(&self, document: &str) -> String {
        let side = RULES.iter().find(|rule| rule.id == self.rule).map_or(Side::Above, |rule| rule.side);
        let (rule, value, threshold) = (self.rule, self.value, self.threshold.unwrap_or_default());
        format!("{document}: {}", Broken { rule, value, threshold, side })
    }
}

/// The rule of boilerplate lines that were cut, in the ledger and in reports.
const BOILERPLATE: &str = "boilerplate-lines";
/// The rule of lines of passages that occur earlier in the page.
const REPEATED: &str = "repeated-passages";

/// The buffers that a thread keeps from one document to the next.
#[derive(Default)]
pub(super) struct FilterScratch {
    scratch: Scratch,
    boilerplate: Boilerplate,
}

/// The name of every rule that a finding may have. Journals store their positions.
pub(super) fn rule_names() -> impl Iterator<Item = &'static str> {
    let personal = PersonalData::ALL.into_iter().map(PersonalData::name);
    RULES.iter().map(|rule| rule.id).chain(personal).chain([BOILERPLATE, REPEATED])
}

/// What the filter decided about one document.
#[derive(Default)]
pub(super) struct FilterOutcome {
    /// Drop the document.
    pub(super) dropped: bool,
    /// The decisions.
    pub(super) findings: Vec<Finding>,
    /// The text without boilerplate lines and personal data, if it had some.
    pub(super) edited: Option<String>,
    /// Everything that was measured, when the filter only annotates.
    pub(super) verdict: Option<Box<Verdict>>,
}

/// What the filter did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FilterReport {
    /// Documents dropped, by rule.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Kept documents that are written without diacritics.
    pub no_diacritics: u64,
    /// Boilerplate lines cut out of kept documents.
    pub boilerplate_lines: u64,
    /// Lines of passages that occur earlier in the page, cut out of kept documents.
    pub repeated_lines: u64,
    /// Personal data replaced, by kind.
    pub redacted: BTreeMap<&'static str, u64>,
}

impl FilterReport {
    /// Adds one decision.
    pub(super) fn add(&mut self, finding: &Finding) {
        match finding.action {
            Action::Drop => *self.dropped.entry(finding.rule).or_default() += 1,
            Action::Edit if finding.rule == BOILERPLATE => self.boilerplate_lines += finding.value as u64,
            Action::Edit if finding.rule == REPEATED => self.repeated_lines += finding.value as u64,
            Action::Edit => *self.redacted.entry(finding.rule).or_default() += finding.value as u64,
            Action::Flag | Action::Keep => self.no_diacritics += 1,
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.no_diacritics += other.no_diacritics;
        self.boilerplate_lines += other.boilerplate_lines;
        self.repeated_lines += other.repeated_lines;
        for (mine, theirs) in [(&mut self.dropped, &other.dropped), (&mut self.redacted, &other.redacted)] {
            for (name, count) in theirs {
                *mine.entry(name).or_default() += count;
            }
        }
    }
}

impl FilterStage {
    /// Both profiles, with `thresholds` in place of their own. The threshold `None` switches a rule off.
    ///
    /// # Errors
    /// A rule does not exist.
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

    /// The filter for a kind of text.
    #[must_use]
    pub fn of(&self, kind: TextKind) -> &Filter {
        match kind {
            TextKind::Web => &self.web,
            TextKind::Books => &self.books,
        }
    }

    /// The settings, as a manifest has them.
    #[must_use]
    pub fn describe(&self, kind: TextKind) -> serde_json::Value {
        let thresholds: BTreeMap<&str, f64> = self.of(kind).thresholds().collect();
        serde_json::json!({"thresholds": thresholds, "redact": self.redact, "boilerplate": self.cuts(kind)})
    }

    /// Whether the filter only measures.
    pub(super) fn annotates(&self) -> bool {
        self.annotate
    }

    fn cuts(&self, kind: TextKind) -> bool {
        self.boilerplate && kind == TextKind::Web && !self.annotate
    }

    /// Measures a text, without its boilerplate lines, and decides about it.
    pub(super) fn apply(&self, text: &str, kind: TextKind, scratch: &mut FilterScratch) -> FilterOutcome {
        let (cut, lines) =
            if self.cuts(kind) { scratch.boilerplate.cut(text) } else { (Cow::Borrowed(text), 0) };
        let (cut, repeated) = if self.cuts(kind) { without_repeats(cut) } else { (cut, 0) };
        let verdict = self.of(kind).judge(&cut, &mut scratch.scratch);
        let mut outcome = FilterOutcome::default();
        if let Some(Broken { rule, value, threshold, .. }) = verdict.dropped {
            outcome.findings.push(Finding { action: Action::Drop, rule, value, threshold: Some(threshold) });
            outcome.dropped = !self.annotate;
        } else if self.diacritics == Diacritics::Flag
            && let Some(value) = verdict.measures.diacritics.filter(|share| *share < NO_DIACRITICS)
        {
            let (action, threshold) = (Action::Flag, Some(NO_DIACRITICS));
            outcome.findings.push(Finding { action, rule: "diacritics", value, threshold });
        }
        if self.annotate {
            outcome.verdict = Some(Box::new(verdict));
        }
        if self.annotate || outcome.dropped {
            return outcome;
        }
        let mut edits = |rule, count: u64| {
            if count > 0 {
                let (action, value) = (Action::Edit, count as f64);
                outcome.findings.push(Finding { action, rule, value, threshold: None });
            }
        };
        edits(BOILERPLATE, lines);
        edits(REPEATED, repeated);
        let mut edited = cut;
        if self.redact {
            let (text, counts) = redact(&edited);
            PersonalData::ALL.into_iter().zip(counts).for_each(|(kind, count)| edits(kind.name(), count));
            if let Cow::Owned(text) = text {
                edited = Cow::Owned(text);
            }
        }
        if let Cow::Owned(text) = edited {
            outcome.edited = Some(text);
        }
        outcome
    }

    /// Edits a text again as [`FilterStage::apply`] did, by its findings.
    pub(super) fn edit<'a>(
        text: Cow<'a, str>,
        findings: &[Finding],
        scratch: &mut FilterScratch,
    ) -> Cow<'a, str> {
        let edit = |is: fn(&str) -> bool| {
            findings.iter().any(|finding| finding.action == Action::Edit && is(finding.rule))
        };
        let mut text = text;
        if edit(|rule| rule == BOILERPLATE)
            && let Cow::Owned(cut) = scratch.boilerplate.cut(&text).0
        {
            text = Cow::Owned(cut);
        }
        if edit(|rule| rule == REPEATED) {
            text = without_repeats(text).0;
        }
        if edit(|rule| rule != BOILERPLATE && rule != REPEATED)
            && let Cow::Owned(redacted) = redact(&text).0
        {
            text = Cow::Owned(redacted);
        }
        text
    }
}

fn without_repeats(text: Cow<'_, str>) -> (Cow<'_, str>, u64) {
    let (cut, lines) = match &text {
        Cow::Borrowed(text) => cut_repeats(text),
        Cow::Owned(text) => {
            let (cut, lines) = cut_repeats(text);
            (Cow::Owned(cut.into_owned()), lines)
        }
    };
    if lines > 0 { (cut, lines) } else { (text, 0) }
}

impl DocumentRef<'_> {
    /// The ledger's row of a decision.
    pub(super) fn row(self, finding: &Finding) -> Row {
        Row {
            stage: "filter".into(),
            document: self.id.to_owned(),
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

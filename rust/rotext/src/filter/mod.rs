//! Decides which documents are Romanian prose that is worth training on, by the rules of [`RULES`].
//!
//! ```
//! use rotext::filter::{Filter, Profile, Scratch};
//!
//! let filter = Filter::new(Profile::Web);
//! let verdict = filter.judge("This page is in English, and this corpus is for Romanian text.", &mut Scratch::default());
//! assert_eq!(verdict.dropped.map(|broken| broken.rule), Some("language"));
//! ```
//!
//! A document is measured in one pass, in O(n) for n bytes, then compared with the thresholds. The rules are checked in
//! the order of [`RULES`]; the first rule that a document breaks removes it. The filter reads repaired text: mojibake
//! must not count against a document that can be repaired (FineWeb-2 repairs last).

mod boilerplate;
mod code;
mod endings;
mod function_words;
mod glossary;
mod language;
mod measure;
mod personal;
mod repeats;
mod repetition;
mod rules;
mod token;
mod word_key;
mod word_rows;

pub use boilerplate::Boilerplate;
pub use language::Language;
pub use measure::Measures;
pub use personal::{PersonalData, find as find_personal, redact};
pub use repeats::cut_repeats;
pub use rules::{Profile, RULES, Rule, Side};

use crate::error::{Error, Result};

/// The buffers that a thread keeps from one document to the next.
#[derive(Default)]
pub struct Scratch(measure::Scratch);

/// Compares documents with thresholds. It has no state, so many threads can share one.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The threshold of each rule of [`RULES`]; `None` where the rule is off.
    thresholds: Vec<Option<f64>>,
    repetition: bool,
}

/// The rule that a document breaks.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Broken {
    /// Id of the rule.
    pub rule: &'static str,
    /// The measured value.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
    /// The side of the threshold that breaks the rule.
    pub side: Side,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = if self.side == Side::Below { "<" } else { ">" };
        write!(f, "{} {} {side} {}", self.rule, (self.value * 1e4).round() / 1e4, self.threshold)
    }
}

/// What the filter found in a document.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verdict {
    /// The first rule that the document breaks, if any.
    pub dropped: Option<Broken>,
    /// Everything that was measured.
    pub measures: Measures,
}

impl Filter {
    /// The thresholds of `profile`.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let of = |rule: &Rule| match profile {
            Profile::Web => rule.web,
            Profile::Books => rule.books,
        };
        Self { thresholds: RULES.iter().map(of).collect(), repetition: false }.prepared()
    }

    /// The same filter with another threshold for one rule; `None` switches the rule off.
    ///
    /// # Errors
    /// The rule does not exist.
    pub fn with(mut self, rule: &str, threshold: Option<f64>) -> Result<Self> {
        let Some(index) = RULES.iter().position(|known| known.id == rule) else {
            let known: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
            return Err(Error::usage(format!("there is no filter rule `{rule}`"))
                .hint(format!("the rules are {}", known.join(", "))));
        };
        self.thresholds[index] = threshold;
        Ok(self.prepared())
    }

    fn prepared(mut self) -> Self {
        self.repetition =
            RULES.iter().zip(&self.thresholds).any(|(rule, threshold)| rule.runs && threshold.is_some());
        self
    }

    /// The threshold of each rule that is on, by id.
    pub fn thresholds(&self) -> impl Iterator<Item = (&'static str, f64)> {
        RULES.iter().zip(&self.thresholds).filter_map(|(rule, threshold)| Some((rule.id, (*threshold)?)))
    }

    /// Measures `text` and compares it with the rules.
    pub fn judge(&self, text: &str, scratch: &mut Scratch) -> Verdict {
        let measures = measure::measure(text, self.repetition, &mut scratch.0);
        let broken = |(rule, threshold): (&Rule, &Option<f64>)| {
            let (value, threshold) = ((rule.value)(&measures)?, (*threshold)?);
            let breaks = match rule.side {
                Side::Below => value < threshold,
                Side::Above => value > threshold,
            };
            breaks.then_some(Broken { rule: rule.id, value, threshold, side: rule.side })
        };
        let dropped = RULES.iter().zip(&self.thresholds).find_map(broken);
        Verdict { dropped, measures }
    }
}

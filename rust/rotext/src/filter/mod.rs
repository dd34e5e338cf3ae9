//! Which documents are Romanian prose worth training on, and which are not and why: by the rules of [`RULES`].
//!
//! ```
//! use rotext::filter::{Filter, Profile, Scratch};
//!
//! let filter = Filter::new(Profile::Web);
//! let verdict = filter.judge("This page is in English, and so it has no place in the corpus of ours.", &mut Scratch::default());
//! assert_eq!(verdict.dropped.map(|broken| broken.rule), Some("language"));
//! ```
//!
//! A document is measured in one pass ([`measure`]), then held against the thresholds. Filters see repaired text: mojibake
//! must not count against a document that can be repaired (FineWeb-2 repairs last).

mod boilerplate;
mod function_words;
mod language;
mod measure;
mod personal;
mod repetition;
mod rules;

pub use boilerplate::Boilerplate;
pub use language::Language;
pub use measure::Measures;
pub use personal::{PersonalData, find as find_personal, redact};
pub use rules::{Profile, RULES, Rule, Side};

use crate::error::{Error, Result};

/// Memory that a thread keeps from one document to the next.
#[derive(Default)]
pub struct Scratch(measure::Scratch);

/// Holds documents against thresholds. Free of state: one serves many threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The threshold of each rule of [`RULES`]; nothing where it is off.
    thresholds: Vec<Option<f64>>,
    repetition: bool,
}

/// The rule for which a document goes.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Broken {
    /// Id of the rule.
    pub rule: &'static str,
    /// What was measured.
    pub value: f64,
    /// What was asked for.
    pub threshold: f64,
    /// On which side of it documents go.
    pub side: Side,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = if self.side == Side::Below { "<" } else { ">" };
        write!(f, "{} {} {side} {}", self.rule, (self.value * 1e4).round() / 1e4, self.threshold)
    }
}

/// What was found of a document.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verdict {
    /// The first rule that it breaks, if any.
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

    /// The same with another threshold for one rule; nothing switches the rule off.
    ///
    /// # Errors
    /// There is no such rule.
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

    /// Measures `text` and holds it against the rules.
    pub fn judge(&self, text: &str, scratch: &mut Scratch) -> Verdict {
        let measures = measure::measure(text, self.repetition, &mut scratch.0);
        let broken = |(rule, threshold): (&Rule, &Option<f64>)| {
            let (value, threshold) = ((rule.value)(&measures)?, (*threshold)?);
            let goes = match rule.side {
                Side::Below => value < threshold,
                Side::Above => value > threshold,
            };
            goes.then_some(Broken { rule: rule.id, value, threshold, side: rule.side })
        };
        let dropped = RULES.iter().zip(&self.thresholds).find_map(broken);
        Verdict { dropped, measures }
    }
}

//! `rotools filter` and what it shares with `pack`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::document::TextKind;
use rotext::error::Error;
use rotext::filter::{Filter, Profile, RULES, Scratch, Side};
use rotext::pipeline::filter as core;
use rotext::pipeline::{Diacritics, FilterStage, Shard};

use crate::errors::raise;
use crate::{dedup, files, progress::Progress};

/// How to filter, by the names of the command line.
pub(crate) fn filtering(
    thresholds: &[(String, Option<f64>)],
    redact: bool,
    boilerplate: bool,
    annotate: bool,
    diacritics: &str,
) -> PyResult<FilterStage> {
    let diacritics = match diacritics {
        "flag" => Diacritics::Flag,
        "drop" => Diacritics::Drop,
        "keep" => Diacritics::Keep,
        other => {
            let what = format!("there is no choice {other:?} for text without diacritics");
            return Err(raise(&Error::usage(what).hint("take one of: flag, drop, keep")));
        }
    };
    FilterStage::new(thresholds, redact, boilerplate, annotate, diacritics).map_err(|e| raise(&e))
}

/// Files in, one JSONL file of what is worth training on out; with a shard (number, of) only its journal.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, profile, thresholds, redact, boilerplate, annotate, diacritics, shard, text_field,
                    id_field, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn filter<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    out: PathBuf,
    profile: &str,
    thresholds: Vec<(String, Option<f64>)>,
    redact: bool,
    boilerplate: bool,
    annotate: bool,
    diacritics: &str,
    shard: Option<(u32, u32)>,
    text_field: String,
    id_field: Option<String>,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let mut options = files::feed(text_field, id_field, strict, false, threads);
    options.kind = dedup::kind(profile)?;
    options.filter = Some(filtering(&thresholds, redact, boilerplate, annotate, diacritics)?);
    let sources = files::sources(&inputs)?;
    if let Some((number, of)) = shard {
        let shard = Shard::new(number, of).map_err(|e| raise(&e))?;
        let run = || core::shard(&sources, &options, (&out, shard), &progress.inner);
        return files::python(py, &py.detach(run).map_err(|e| raise(&e))?);
    }
    let run = || core::filter(&sources, &options, &out, &progress.inner);
    let outcome = py.detach(run).map_err(|e| raise(&e))?;
    files::python(py, &outcome)
}

/// The filter of a profile by its name, with `thresholds` in place of its own.
pub(crate) fn profile(name: &str, thresholds: Vec<(String, Option<f64>)>) -> PyResult<Filter> {
    let profile = match dedup::kind(name)? {
        TextKind::Web => Profile::Web,
        TextKind::Books => Profile::Books,
    };
    let change = |filter: Filter, (rule, threshold): (String, Option<f64>)| filter.with(&rule, threshold);
    thresholds.into_iter().try_fold(Filter::new(profile), change).map_err(|e| raise(&e))
}

/// What the filter measures of a text, and the rule that it breaks: `{"dropped": ..., "measures": {...}}`.
#[pyfunction]
#[pyo3(signature = (text, profile = "web", thresholds = Vec::new()))]
pub(crate) fn judge<'py>(
    py: Python<'py>,
    text: &str,
    profile: &str,
    thresholds: Vec<(String, Option<f64>)>,
) -> PyResult<Bound<'py, PyAny>> {
    let filter = self::profile(profile, thresholds)?;
    let verdict = py.detach(|| filter.judge(text, &mut Scratch::default()));
    files::python(py, &verdict)
}

/// The text with personal data replaced, and how many of each kind.
#[pyfunction]
pub(crate) fn redact(py: Python<'_>, text: &str) -> (String, Vec<(&'static str, u64)>) {
    let (text, counts) = py.detach(|| rotext::filter::redact(text));
    let names = rotext::filter::PersonalData::ALL.map(rotext::filter::PersonalData::name);
    (text.into_owned(), names.into_iter().zip(counts).collect())
}

/// A rule: id, title, side, threshold for web, threshold for books.
type Rule = (&'static str, &'static str, &'static str, Option<f64>, Option<f64>);

/// The rules, in the order in which they are asked.
#[pyfunction]
pub(crate) fn filter_rules() -> Vec<Rule> {
    let side = |side| if side == Side::Below { "below" } else { "above" };
    RULES.iter().map(|rule| (rule.id, rule.title, side(rule.side), rule.web, rule.books)).collect()
}

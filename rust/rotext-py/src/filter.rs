//! `rotools filter` and what it shares with `pack`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::document::TextKind;
use rotext::error::Error;
use rotext::filter::{Filter, Profile, RULES, Scratch, Side};
use rotext::pipeline::filter as core;
use rotext::pipeline::{Diacritics, FilterStage, Shard};

use crate::errors::{call, raise};
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
            return Err(raise(&Error::usage(what).hint("use one of: flag, drop, keep")));
        }
    };
    FilterStage::new(thresholds, redact, boilerplate, annotate, diacritics).map_err(|e| raise(&e))
}

/// Filter files into one JSONL file.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
///     profile: `web` or `books`.
///     thresholds: (rule, threshold) in place of the profile's; None switches the rule off.
///     redact: Replace personal data.
///     boilerplate: Cut cookie notices, buttons and links to other articles from web text.
///     annotate: Remove nothing; write the measured values into the field `filter`.
///     diacritics: Text without diacritics: `flag` it in the ledger, `drop` it or `keep` it.
///     shard: (number, of): run only the first pass of this shard.
///     text_field: Field of the text.
///     id_field: Field of the id. None: `id` where there is one, else file:line.
///     strict: Stop at the first record that cannot be used.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     `read` (counts) and `ledger` (path); of a shard `records`, `documents`, `bytes` and `folder`.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, profile = "web", thresholds = Vec::new(), redact = true, boilerplate =
                    true, annotate = false, diacritics = "flag", shard = None, text_field = "text", id_field =
                    None, strict = false, threads = 0, progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn filter<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    out: PathBuf,
    profile: &str,
    thresholds: Vec<(String, Option<f64>)>,
    redact: bool,
    boilerplate: bool,
    annotate: bool,
    diacritics: &str,
    shard: Option<(u32, u32)>,
    text_field: &str,
    id_field: Option<String>,
    strict: bool,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let mut options = files::feed(text_field, id_field, strict, false, threads);
    options.kind = dedup::kind(profile)?;
    options.filter = Some(filtering(&thresholds, redact, boilerplate, annotate, diacritics)?);
    let sources = files::sources(&inputs)?;
    if let Some((number, of)) = shard {
        let shard = Shard::new(number, of).map_err(|e| raise(&e))?;
        let run = || core::shard(&sources, &options, (&out, shard), &progress.inner);
        return files::python(py, &call(py, run)?);
    }
    let run = || core::filter(&sources, &options, &out, &progress.inner);
    let outcome = call(py, run)?;
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

/// Measure a text and find the rule that removes it.
///
/// Args:
///     text: A repaired text.
///     profile: `web` or `books`.
///     thresholds: (rule, threshold) in place of the profile's; None switches the rule off.
///
/// Returns:
///     `dropped` (None, or the rule with value, threshold and side) and `measures`.
///
/// Raises:
///     RotoolsError: There is no such profile or rule.
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

/// Replace personal data in a text.
///
/// Args:
///     text: Any text.
///
/// Returns:
///     The text, and (kind, count) of what was replaced.
#[pyfunction]
pub(crate) fn redact(py: Python<'_>, text: &str) -> (String, Vec<(&'static str, u64)>) {
    let (text, counts) = py.detach(|| rotext::filter::redact(text));
    let names = rotext::filter::PersonalData::ALL.map(rotext::filter::PersonalData::name);
    (text.into_owned(), names.into_iter().zip(counts).collect())
}

/// A rule: id, title, side, threshold for web, threshold for books.
type Rule = (&'static str, &'static str, &'static str, Option<f64>, Option<f64>);

/// List the filter rules in the order in which they are checked.
///
/// Returns:
///     (id, title, side, threshold for web, threshold for books).
#[pyfunction]
pub(crate) fn filter_rules() -> Vec<Rule> {
    let side = |side| if side == Side::Below { "below" } else { "above" };
    RULES.iter().map(|rule| (rule.id, rule.title, side(rule.side), rule.web, rule.books)).collect()
}

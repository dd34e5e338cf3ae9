//! `rotools dedup` and what it shares with `pack`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::dedup::{Grams, Preset};
use rotext::document::TextKind;
use rotext::error::Error;
use rotext::pipeline::{Duplicates, NearOptions, Shard, dedup as core, plan};

use crate::errors::{call, raise};
use crate::{files, progress::Progress};

/// The kind of a source by its name.
pub(crate) fn kind(name: &str) -> PyResult<TextKind> {
    TextKind::from_name(name).ok_or_else(|| {
        raise(&Error::usage(format!("there is no kind of text {name:?}")).hint("use one of: web, books"))
    })
}

/// The preset of near-duplicates by its name.
fn preset(name: &str) -> PyResult<Preset> {
    Preset::from_name(name).ok_or_else(|| {
        let error = Error::usage(format!("there is no preset {name:?}"));
        raise(&error.hint("use one of: default, strict, exact"))
    })
}

/// Options of removal by their names.
pub(crate) fn options(
    preset: &str,
    max_ram: u64,
    accept_loss: bool,
    repeated_lines: Option<u32>,
    decontaminate: &[std::path::PathBuf],
    against: &[std::path::PathBuf],
) -> PyResult<Duplicates> {
    if preset == "exact" {
        if repeated_lines.is_some() || !decontaminate.is_empty() || !against.is_empty() {
            let error = Error::usage(
                "repeated lines, evaluation texts and references need a first pass, and exact makes none",
            );
            return Err(raise(&error.hint("take the preset default or strict")));
        }
        return Ok(Duplicates::Exact { max_ram });
    }
    let preset = self::preset(preset)?;
    let (evaluation, references) = (files::sources(decontaminate)?, files::sources(against)?);
    Ok(Duplicates::Near(NearOptions { preset, max_ram, accept_loss, repeated_lines, evaluation, references }))
}

/// Remove duplicates and near-duplicates from files, into one JSONL file.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
///     profile: What the inputs hold: `web` or `books`.
///     preset: `default`, `strict` or `exact`.
///     max_ram: Memory of the whole run, in bytes.
///     accept_loss: Allow near-duplicates to remove more than half of a source.
///     repeated_lines: Cut lines of web text that occur in more documents than this.
///     decontaminate: Evaluation files; a document that shares 13 words in a row with one is removed.
///     against: Reference files: a document that is a copy of one in them is removed; they are not written.
///     shard: (number, of): run only the first pass of this shard.
///     text_field: Field of the text.
///     id_field: Field of the id. None: `id` where there is one, else file:line.
///     strict: Stop at the first record that cannot be used.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     `read` and `dedup` (counts) and `ledger` (path); of a shard `records`, `documents`, `bytes` and `folder`.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, profile = "web", preset = "default", max_ram = 1073741824, accept_loss =
                    false, repeated_lines = None, decontaminate = Vec::new(), against = Vec::new(),
                    shard = None, text_field = "text", id_field = None, strict = false, threads = 0, progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn dedup<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    out: PathBuf,
    profile: &str,
    preset: &str,
    max_ram: u64,
    accept_loss: bool,
    repeated_lines: Option<u32>,
    decontaminate: Vec<std::path::PathBuf>,
    against: Vec<std::path::PathBuf>,
    shard: Option<(u32, u32)>,
    text_field: &str,
    id_field: Option<String>,
    strict: bool,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let kind = kind(profile)?;
    let options = options(preset, max_ram, accept_loss, repeated_lines, &decontaminate, &against)?;
    let sources = files::sources(&inputs)?;
    let mut stream = files::feed(text_field, id_field, strict, false, threads);
    stream.kind = kind;
    if let Some((number, of)) = shard {
        let shard = Shard::new(number, of).map_err(|e| raise(&e))?;
        let run = || core::shard(&sources, &stream, &options, (&out, shard), &progress.inner);
        return files::python(py, &call(py, run)?);
    }
    let run = || core::dedup(&sources, &stream, &options, &out, &progress.inner);
    let outcome = call(py, run)?;
    files::python(py, &outcome)
}

/// Compare two texts by their word 3-grams.
///
/// Args:
///     first: A text.
///     second: A text.
///
/// Returns:
///     (share of the first text's 3-grams that occur in the second, Jaccard similarity).
#[pyfunction]
pub(crate) fn likeness(py: Python<'_>, first: &str, second: &str) -> (f64, f64) {
    let likeness = py.detach(|| Grams::of_text(first).likeness(&Grams::of_text(second)));
    (likeness.containment, likeness.jaccard)
}

/// Estimate what deduplication takes.
///
/// Args:
///     documents: Number of documents.
///     preset: `default`, `strict` or `exact`.
///     max_ram: Memory limit of the run in bytes.
///     threads: Worker threads. 0: one for each core.
///
/// Returns:
///     `memory`, `memory_needed` and `scratch`, in bytes.
///
/// Raises:
///     RotoolsError: There is no such preset.
#[pyfunction]
#[pyo3(signature = (documents, *, preset, max_ram, threads))]
pub(crate) fn dedup_estimate<'py>(
    py: Python<'py>,
    documents: u64,
    preset: &str,
    max_ram: u64,
    threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let near = match preset {
        "exact" => None,
        _ => Some(self::preset(preset)?),
    };
    files::python(py, &plan::estimate(documents, near, max_ram, files::threads(threads)))
}

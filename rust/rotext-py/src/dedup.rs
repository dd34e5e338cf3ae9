//! `rotools dedup` and what it shares with `pack`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::dedup::{Grams, Preset};
use rotext::document::TextKind;
use rotext::error::Error;
use rotext::pipeline::{Duplicates, NearOptions, Shard, dedup as core, plan};

use crate::errors::raise;
use crate::{files, progress::Progress};

/// The kind of a source by its name.
pub(crate) fn kind(name: &str) -> PyResult<TextKind> {
    TextKind::from_name(name).ok_or_else(|| {
        raise(&Error::usage(format!("there is no kind of text {name:?}")).hint("take one of: web, books"))
    })
}

/// The preset of near-duplicates by its name.
fn preset(name: &str) -> PyResult<Preset> {
    Preset::from_name(name).ok_or_else(|| {
        let error = Error::usage(format!("there is no preset {name:?}"));
        raise(&error.hint("take one of: default, strict, exact"))
    })
}

/// Options of removal by their names.
pub(crate) fn options(
    preset: &str,
    max_ram: u64,
    accept_loss: bool,
    repeated_lines: Option<u32>,
    decontaminate: &[String],
) -> PyResult<Duplicates> {
    if preset == "exact" {
        if repeated_lines.is_some() || !decontaminate.is_empty() {
            let error = Error::usage(
                "repeated lines and evaluation texts are looked for in a first pass, and exact makes none",
            );
            return Err(raise(&error.hint("take the preset default or strict")));
        }
        return Ok(Duplicates::Exact { max_ram });
    }
    let preset = self::preset(preset)?;
    let evaluation = files::sources(decontaminate)?;
    Ok(Duplicates::Near(NearOptions { preset, max_ram, accept_loss, repeated_lines, evaluation }))
}

/// Files in, one JSONL file without duplicates and near-duplicates out; with a shard (number, of) only its journal.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, profile, preset, max_ram, accept_loss, repeated_lines, decontaminate,
                    shard, text_field, id_field, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn dedup<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    out: PathBuf,
    profile: &str,
    preset: &str,
    max_ram: u64,
    accept_loss: bool,
    repeated_lines: Option<u32>,
    decontaminate: Vec<String>,
    shard: Option<(u32, u32)>,
    text_field: String,
    id_field: Option<String>,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let kind = kind(profile)?;
    let options = options(preset, max_ram, accept_loss, repeated_lines, &decontaminate)?;
    let sources = files::sources(&inputs)?;
    let mut stream = files::feed(text_field, id_field, strict, false, threads);
    stream.kind = kind;
    if let Some((number, of)) = shard {
        let shard = Shard::new(number, of).map_err(|e| raise(&e))?;
        let run = || core::shard(&sources, &stream, &options, (&out, shard), &progress.inner);
        return files::python(py, &py.detach(run).map_err(|e| raise(&e))?);
    }
    let run = || core::dedup(&sources, &stream, &options, &out, &progress.inner);
    let outcome = py.detach(run).map_err(|e| raise(&e))?;
    files::python(py, &outcome)
}

/// How alike two texts are: (share of the first one's word 3-grams that stand in the second, Jaccard similarity).
#[pyfunction]
pub(crate) fn likeness(py: Python<'_>, first: &str, second: &str) -> (f64, f64) {
    let likeness = py.detach(|| Grams::of_text(first).likeness(&Grams::of_text(second)));
    (likeness.containment, likeness.jaccard)
}

/// What deduplication is expected to take, in bytes: `memory`, `memory_needed`, `scratch`. 0 threads means all cores.
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

//! `rotools dedup` and what it shares with `pack`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::dedup::{Grams, Kind, Preset};
use rotext::error::Error;
use rotext::pipeline::{Duplicates, Shard, dedup as core, plan};

use crate::errors::raise;
use crate::{files, progress::Progress};

/// The kind of a source by its name.
pub(crate) fn kind(name: &str) -> PyResult<Kind> {
    Kind::from_name(name).ok_or_else(|| {
        raise(&Error::usage(format!("there is no kind of text {name:?}")).hint("take one of: web, books"))
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
    let preset = Preset::from_name(preset).ok_or_else(|| {
        let error = Error::usage(format!("there is no preset {preset:?}"));
        raise(&error.hint("take one of: default, strict, exact"))
    })?;
    let evaluation = files::sources(decontaminate)?;
    Ok(Duplicates::Near(plan::Options { preset, max_ram, accept_loss, repeated_lines, evaluation }))
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
    let feed = files::feed(text_field, id_field, strict, false, threads);
    if let Some((number, of)) = shard {
        let shard = Shard::new(number, of).map_err(|e| raise(&e))?;
        let run = || core::shard(&sources, kind, &feed, &options, (&out, shard), &progress.inner);
        return files::python(py, &py.detach(run).map_err(|e| raise(&e))?);
    }
    let run = || core::dedup(&sources, kind, &feed, &options, &out, &progress.inner);
    let outcome = py.detach(run).map_err(|e| raise(&e))?;
    files::python(py, &outcome)
}

/// How alike two texts are: (share of the first one's word 3-grams that stand in the second, Jaccard similarity).
#[pyfunction]
pub(crate) fn likeness(py: Python<'_>, first: &str, second: &str) -> (f64, f64) {
    let likeness = py.detach(|| Grams::of_text(first).likeness(&Grams::of_text(second)));
    (likeness.containment, likeness.jaccard)
}

//! `rotools pack`, `verify` and the blocks of `inspect`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::pack as core;
use rotext::pipeline::Shard;
use rotext::pipeline::pack::{Options, PhaseInput};

use crate::errors::raise;
use crate::{dedup, files, filter, progress::Progress};

/// Packs phases of (name, inputs, epochs, kind); returns the report. With a shard (number, of) only its journal is made.
#[pyfunction]
#[pyo3(signature = (phases, out, *, tokenizer, vocab_size, valid_share, text_field, id_field, normalize, filter,
                    thresholds, redact, boilerplate, diacritics, dedup, max_ram, accept_loss, repeated_lines,
                    decontaminate, shard, strict, force, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn pack<'py>(
    py: Python<'py>,
    phases: Vec<(String, Vec<String>, u32, String)>,
    out: PathBuf,
    tokenizer: Option<PathBuf>,
    vocab_size: u32,
    valid_share: f64,
    text_field: String,
    id_field: Option<String>,
    normalize: bool,
    filter: bool,
    thresholds: Vec<(String, Option<f64>)>,
    redact: bool,
    boilerplate: bool,
    diacritics: &str,
    dedup: Option<String>,
    max_ram: u64,
    accept_loss: bool,
    repeated_lines: Option<u32>,
    decontaminate: Vec<String>,
    shard: Option<(u32, u32)>,
    strict: bool,
    force: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let phases = phases
        .into_iter()
        .map(|(name, inputs, epochs, kind)| {
            Ok(PhaseInput { name, sources: files::sources(&inputs)?, epochs, kind: dedup::kind(&kind)? })
        })
        .collect::<PyResult<Vec<_>>>()?;
    let mut stream = files::feed(text_field, id_field, strict, normalize, threads);
    if filter {
        stream.filter = Some(filter::filtering(&thresholds, redact, boilerplate, false, diacritics)?);
    }
    let alike =
        |preset: String| dedup::options(&preset, max_ram, accept_loss, repeated_lines, &decontaminate);
    let dedup = dedup.map(alike).transpose()?;
    let options = Options { phases, stream, dedup, tokenizer, vocab_size, valid_share, out, force };
    if let Some((number, of)) = shard {
        let shard = Shard::new(number, of).map_err(|e| raise(&e))?;
        let run = || rotext::pipeline::pack::shard(&options, shard, &progress.inner);
        return files::python(py, &py.detach(run).map_err(|e| raise(&e))?);
    }
    let report = py.detach(|| rotext::pipeline::pack::pack(&options, &progress.inner));
    files::python(py, &report.map_err(|e| raise(&e))?)
}

/// Checks every byte of a pack.
#[pyfunction]
pub(crate) fn verify<'py>(
    py: Python<'py>,
    directory: PathBuf,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let verified = py.detach(|| core::verify(&directory, &progress.inner)).map_err(|e| raise(&e))?;
    files::python(py, &verified)
}

/// The manifest of a pack.
#[pyfunction]
pub(crate) fn manifest<'py>(py: Python<'py>, directory: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let manifest = py.detach(|| core::Manifest::read(&directory)).map_err(|e| raise(&e))?;
    files::python(py, &manifest)
}

/// The text of block `number` of a phase's training or validation stream.
#[pyfunction]
pub(crate) fn block(
    py: Python<'_>,
    directory: PathBuf,
    phase: &str,
    split: &str,
    number: u64,
) -> PyResult<String> {
    let read = || {
        let ids = core::read_block(&directory, phase, split, number)?;
        let tokenizer = rotext::bpe::Tokenizer::from_file(directory.join("tokenizer.json"))?;
        let ids: Vec<u32> = ids.into_iter().map(u32::from).collect();
        Ok(String::from_utf8_lossy(&tokenizer.decode(&ids)).into_owned())
    };
    py.detach(read).map_err(|e| raise(&e))
}

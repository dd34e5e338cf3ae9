//! `rotools inspect`.

use pyo3::prelude::*;

use crate::errors::raise;
use crate::{files, progress::Progress};

/// Reads files once and says what is in them.
#[pyfunction]
#[pyo3(signature = (inputs, *, text_field, id_field, threads, progress))]
pub(crate) fn inspect<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    text_field: String,
    id_field: Option<String>,
    threads: usize,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, id_field, false, true, threads);
    let look = || rotext::pipeline::inspect::inspect(&sources, &options, &progress.inner);
    let overview = py.detach(look).map_err(|e| raise(&e))?;
    files::python(py, &overview)
}

/// Writes the beginning of files to `out` as JSONL, about `size` bytes of text; says what it stands for.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, size, text_field, id_field, progress))]
pub(crate) fn head<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    out: std::path::PathBuf,
    size: u64,
    text_field: String,
    id_field: Option<String>,
    progress: &Progress,
) -> PyResult<Bound<'py, PyAny>> {
    let sources = files::sources(&inputs)?;
    let fields = files::feed(text_field, id_field, false, false, 1).fields;
    let take = || rotext::pipeline::sample::sample(&sources, &fields, size, &out, &progress.inner);
    let head = py.detach(take).map_err(|e| raise(&e))?;
    files::python(py, &head)
}

/// What a tokenizer.json holds: (vocabulary, pattern by its name in llama.cpp, end of text, special tokens).
#[pyfunction]
pub(crate) fn tokenizer_info(
    py: Python<'_>,
    path: std::path::PathBuf,
) -> PyResult<(usize, &'static str, Option<String>, Vec<String>)> {
    let tokenizer = py.detach(|| rotext::bpe::Tokenizer::from_file(path)).map_err(|e| raise(&e))?;
    let name = |id: u32| String::from_utf8_lossy(tokenizer.token(id)).into_owned();
    let specials = (0..tokenizer.vocab_size() as u32).filter(|id| tokenizer.is_special(*id)).map(name);
    Ok((
        tokenizer.vocab_size(),
        tokenizer.pre_tokenizer_name(),
        tokenizer.eos().map(name),
        specials.collect(),
    ))
}

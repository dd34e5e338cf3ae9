//! `rotools tokenizer`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::bpe;

use crate::errors::raise;
use crate::{files, progress::Progress};

/// Trains on files; returns the account and the size of the vocabulary.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, vocab_size, text_field, normalize, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn train<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    out: PathBuf,
    vocab_size: usize,
    text_field: String,
    normalize: bool,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<(Bound<'py, PyAny>, usize)> {
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, None, strict, normalize, false, threads);
    let train = bpe::TrainOptions { vocab_size, ..bpe::TrainOptions::default() };
    let run = || rotext::pipeline::tokenizer::train(&sources, &options, &train, &out, &progress.inner);
    let (tokenizer, account) = py.detach(run).map_err(|e| raise(&e))?;
    Ok((files::python(py, &account)?, tokenizer.vocab_size()))
}

/// Encodes files to little-endian u16; returns the account and the number of tokens.
#[pyfunction]
#[pyo3(signature = (inputs, tokenizer, out, *, text_field, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn encode<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    tokenizer: PathBuf,
    out: PathBuf,
    text_field: String,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<(Bound<'py, PyAny>, u64)> {
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, None, strict, false, false, threads);
    let run = || {
        let tokenizer = bpe::Tokenizer::from_file(&tokenizer)?;
        rotext::pipeline::tokenizer::encode(&sources, &options, &tokenizer, &out, &progress.inner)
    };
    let (account, tokens) = py.detach(run).map_err(|e| raise(&e))?;
    Ok((files::python(py, &account)?, tokens))
}

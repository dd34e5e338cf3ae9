//! `rotools tokenizer`.

use std::path::PathBuf;

use pyo3::prelude::*;
use rotext::bpe;
use rotext::error::Error;

use crate::errors::raise;
use crate::{files, progress::Progress};

/// Trains on files; returns the account and the size of the vocabulary.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, vocab_size, pattern, text_field, normalize, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn train<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    out: PathBuf,
    vocab_size: usize,
    pattern: &str,
    text_field: String,
    normalize: bool,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<(Bound<'py, PyAny>, usize)> {
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, None, strict, normalize, threads);
    let pattern = bpe::Pattern::from_name(pattern).ok_or_else(|| {
        let names = bpe::Pattern::ALL.map(bpe::Pattern::name).join(", ");
        raise(&Error::usage(format!("there is no pattern {pattern:?}")).hint(format!("take one of: {names}")))
    })?;
    let train = bpe::TrainOptions { vocab_size, pattern, ..bpe::TrainOptions::default() };
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
    let options = files::feed(text_field, None, strict, false, threads);
    let run = || {
        let tokenizer = bpe::Tokenizer::from_file(&tokenizer)?;
        rotext::pipeline::tokenizer::encode(&sources, &options, &tokenizer, &out, &progress.inner)
    };
    let (account, tokens) = py.detach(run).map_err(|e| raise(&e))?;
    Ok((files::python(py, &account)?, tokens))
}

/// What tokenizers do to files: a report for each, in order; and the account.
#[pyfunction]
#[pyo3(signature = (inputs, tokenizers, *, text_field, normalize, strict, threads, progress))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn report<'py>(
    py: Python<'py>,
    inputs: Vec<String>,
    tokenizers: Vec<PathBuf>,
    text_field: String,
    normalize: bool,
    strict: bool,
    threads: usize,
    progress: &Progress,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, None, strict, normalize, threads);
    let run = || {
        let tokenizers =
            tokenizers.iter().map(bpe::Tokenizer::from_file).collect::<Result<Vec<_>, Error>>()?;
        rotext::pipeline::tokenizer_report::report(&sources, &options, &tokenizers, &progress.inner)
    };
    let (reports, account) = py.detach(run).map_err(|e| raise(&e))?;
    Ok((files::python(py, &reports)?, files::python(py, &account)?))
}

//! `rotools pack`, `verify` and the blocks of `inspect`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use rotext::error::Error;
use rotext::pack as core;
use rotext::pipeline::pack::{Describe, Options, PhaseInput};
use rotext::pipeline::{Shard, Step};

use crate::errors::{call, raise};
use crate::{dedup, files, filter, progress::Progress};

/// Pack phases into a directory of tokens.
///
/// Args:
///     phases: (name, inputs, epochs, kind) in the order of training.
///     out: The directory to make.
///     tokenizer: A tokenizer.json. None: train one on the corpus.
///     vocab_size: Size of the trained vocabulary.
///     valid_share: Share of the documents that is held out.
///     text_field: Field of the text.
///     id_field: Field of the id. None: `id` where there is one, else file:line.
///     normalize: Repair the text.
///     filter: Filter each phase by its profile.
///     thresholds: (rule, threshold) in place of the profile's; None switches the rule off.
///     redact: Replace personal data.
///     boilerplate: Cut cookie notices, buttons and links to other articles from web text.
///     diacritics: Text without diacritics: `flag` it in the ledger, `drop` it or `keep` it.
///     dedup: `default`, `strict` or `exact`. None: keep duplicates.
///     max_ram: Memory of the whole run, in bytes.
///     accept_loss: Allow near-duplicates to remove more than half of a source.
///     repeated_lines: Cut lines of web text that occur in more documents than this.
///     decontaminate: Evaluation files; a document that shares 13 words in a row with one is removed.
///     shard: (number, of): run only a step of this shard.
///     step: `judge`, `decide`, `count`, `train`, `encode` or `finish`: run only this step. With a shard alone: `judge`.
///     strict: Stop at the first record that cannot be used.
///     force: Replace an existing pack.
///     describe: Called with the folder of the finished pack before it has its name. It may add files.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     The content of report.json; of a shard `records`, `documents`, `bytes`, `read`, `input`, `whole` and `folder`; of another
///     step `read`, `input`, `file` and `report`.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (phases, out, *, tokenizer = None, vocab_size = 40000, valid_share = 0.005, text_field =
                    "text", id_field = None, normalize = true, filter = true, thresholds = Vec::new(), redact
                    = true, boilerplate = true, diacritics = "flag", dedup = Some("default"), max_ram =
                    1073741824, accept_loss = false, repeated_lines = None, decontaminate = Vec::new(), shard
                    = None, step = None, strict = false, force = false, describe = None, threads = 0, progress =
                    None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn pack<'py>(
    py: Python<'py>,
    phases: Vec<(String, Vec<std::path::PathBuf>, u32, String)>,
    out: PathBuf,
    tokenizer: Option<PathBuf>,
    vocab_size: u32,
    valid_share: f64,
    text_field: &str,
    id_field: Option<String>,
    normalize: bool,
    filter: bool,
    thresholds: Vec<(String, Option<f64>)>,
    redact: bool,
    boilerplate: bool,
    diacritics: &str,
    dedup: Option<&str>,
    max_ram: u64,
    accept_loss: bool,
    repeated_lines: Option<u32>,
    decontaminate: Vec<std::path::PathBuf>,
    shard: Option<(u32, u32)>,
    step: Option<&str>,
    strict: bool,
    force: bool,
    describe: Option<Py<PyAny>>,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
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
        |preset: &str| dedup::options(preset, max_ram, accept_loss, repeated_lines, &decontaminate, &[]);
    let dedup = dedup.map(alike).transpose()?;
    let raised = Raised::default();
    let describe = describe.map(|function| raised.describe(function));
    let options = Options { phases, stream, dedup, tokenizer, vocab_size, valid_share, out, force, describe };
    let shard = shard.map(|(number, of)| Shard::new(number, of)).transpose().map_err(|e| raise(&e))?;
    if let Some(name) = step.or(shard.map(|_| Step::Judge.name())) {
        let step = Step::from_name(name).ok_or_else(|| {
            let error = Error::usage(format!("there is no step `{name}`"));
            raise(&error.hint("the steps are judge, decide, count, train, encode and finish"))
        })?;
        let run = || rotext::pipeline::step(&options, step, shard, &progress.inner);
        return files::python(py, &call(py, run).map_err(|error| raised.or(error))?);
    }
    let report = call(py, || rotext::pipeline::pack::pack(&options, &progress.inner));
    files::python(py, &report.map_err(|error| raised.or(error))?)
}

/// What the function of Python that describes a pack raised: the caller gets it as it is.
#[derive(Default)]
struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    fn describe(&self, function: Py<PyAny>) -> Describe {
        let raised = Arc::clone(&self.0);
        Describe::new(move |folder: &Path| {
            Python::attach(|py| match function.call1(py, (folder,)) {
                Ok(_) => Ok(()),
                Err(error) => {
                    let what = Error::data(format!("the pack cannot be described: {error}")).at(folder);
                    if let Ok(mut place) = raised.lock() {
                        *place = Some(error);
                    }
                    Err(what)
                }
            })
        })
    }

    /// The exception of the function if there is one, else `error`.
    fn or(&self, error: PyErr) -> PyErr {
        self.0.lock().ok().and_then(|mut place| place.take()).unwrap_or(error)
    }
}

/// Check every byte of a pack against its manifest.
///
/// Args:
///     directory: The pack.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     `shards`, `tokens`, `documents` and `bytes`.
///
/// Raises:
///     RotoolsError: A file is missing, damaged or not as the manifest says.
#[pyfunction]
#[pyo3(signature = (directory, progress = None))]
pub(crate) fn verify<'py>(
    py: Python<'py>,
    directory: PathBuf,
    progress: Option<&Progress>,
) -> PyResult<Bound<'py, PyAny>> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let verified = call(py, || core::verify(&directory, &progress.inner))?;
    files::python(py, &verified)
}

/// Read the manifest of a pack.
///
/// Args:
///     directory: The pack.
///
/// Returns:
///     The content of manifest.json.
///
/// Raises:
///     RotoolsError: There is no pack, or it has another version.
#[pyfunction]
pub(crate) fn manifest<'py>(py: Python<'py>, directory: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let manifest = call(py, || core::Manifest::read(&directory))?;
    files::python(py, &manifest)
}

/// Decode one block of a pack.
///
/// Args:
///     directory: The pack.
///     phase: Name of the phase.
///     split: `train` or `valid`.
///     number: Number of the block, from 0.
///
/// Returns:
///     The text of its 2,048 tokens and of the last label.
///
/// Raises:
///     RotoolsError: There is no such pack, phase, split or block.
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
        Ok(String::from_utf8_lossy(&tokenizer.decode(&ids)).into_owned())
    };
    call(py, read)
}

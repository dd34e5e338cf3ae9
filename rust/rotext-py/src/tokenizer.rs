//! `rotools tokenizer`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::PyBytes;
use rotext::bpe;
use rotext::error::Error;

use crate::errors::{call, raise};
use crate::{files, progress::Progress};

/// Train a byte-level BPE tokenizer on files.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     out: The tokenizer.json to write.
///     vocab_size: Size of the trained vocabulary.
///     pattern: Pre-tokenizer by its name in llama.cpp: `gpt-2`, `llama-bpe` or `qwen2`.
///     text_field: Field of the text.
///     normalize: Repair the text first.
///     strict: Stop at the first record that cannot be used.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     Counts of what was read, and the size of the vocabulary.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, out, *, vocab_size = 40000, pattern = "llama-bpe", text_field = "text", normalize
                    = true, strict = false, threads = 0, progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn train<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    out: PathBuf,
    vocab_size: usize,
    pattern: &str,
    text_field: &str,
    normalize: bool,
    strict: bool,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<(Bound<'py, PyAny>, usize)> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, None, strict, normalize, threads);
    let pattern = bpe::Pattern::from_name(pattern).ok_or_else(|| {
        let names = bpe::Pattern::ALL.map(bpe::Pattern::name).join(", ");
        raise(&Error::usage(format!("there is no pattern {pattern:?}")).hint(format!("use one of: {names}")))
    })?;
    let train = bpe::TrainOptions { vocab_size, pattern, ..bpe::TrainOptions::default() };
    let run = || rotext::pipeline::tokenizer::train(&sources, &options, &train, &out, &progress.inner);
    let (tokenizer, account) = call(py, run)?;
    Ok((files::python(py, &account)?, tokenizer.vocab_size()))
}

/// Encode files to little-endian u16 ids (u32 for a vocabulary over 65,499).
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     tokenizer: A tokenizer.json.
///     out: The file of ids to write.
///     text_field: Field of the text.
///     strict: Stop at the first record that cannot be used.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     Counts of what was read, and the number of tokens.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, tokenizer, out, *, text_field = "text", strict = false, threads = 0, progress =
                    None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn encode<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    tokenizer: PathBuf,
    out: PathBuf,
    text_field: &str,
    strict: bool,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<(Bound<'py, PyAny>, u64)> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, None, strict, false, threads);
    let run = || {
        let tokenizer = bpe::Tokenizer::from_file(&tokenizer)?;
        rotext::pipeline::tokenizer::encode(&sources, &options, &tokenizer, &out, &progress.inner)
    };
    let (account, tokens) = call(py, run)?;
    Ok((files::python(py, &account)?, tokens))
}

/// Measure what tokenizers do to files.
///
/// Args:
///     inputs: Files, folders or globs; `-` is standard input.
///     tokenizers: The tokenizer.json files.
///     text_field: Field of the text.
///     normalize: Repair the text first.
///     strict: Stop at the first record that cannot be used.
///     threads: Worker threads. 0: one for each core.
///     progress: Counters to watch, and the switch to stop the call.
///
/// Returns:
///     A report for each tokenizer, and counts of what was read.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
#[pyo3(signature = (inputs, tokenizers, *, text_field = "text", normalize = true, strict = false, threads = 0,
                    progress = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn report<'py>(
    py: Python<'py>,
    inputs: Vec<std::path::PathBuf>,
    tokenizers: Vec<PathBuf>,
    text_field: &str,
    normalize: bool,
    strict: bool,
    threads: usize,
    progress: Option<&Progress>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let unwatched = Progress::default();
    let progress = progress.unwrap_or(&unwatched);
    let sources = files::sources(&inputs)?;
    let options = files::feed(text_field, None, strict, normalize, threads);
    let run = || {
        let tokenizers =
            tokenizers.iter().map(bpe::Tokenizer::from_file).collect::<Result<Vec<_>, Error>>()?;
        rotext::pipeline::tokenizer_report::report(&sources, &options, &tokenizers, &progress.inner)
    };
    let (reports, account) = call(py, run)?;
    Ok((files::python(py, &reports)?, files::python(py, &account)?))
}

/// 32-bit ids: a tokenizer that is only read may be larger than a pack allows.
type Encoder = bpe::Encoder<u32, Arc<bpe::Tokenizer>>;

/// Shorter texts are encoded with the interpreter locked: to get the lock back can take as long as another thread may hold
/// it (5 ms, `sys.getswitchinterval`).
const RELEASE_BYTES: usize = 4096;

/// A byte-level BPE tokenizer in memory. It can be used from several threads.
#[pyclass(module = "rotools._rotext", frozen)]
pub(crate) struct Tokenizer {
    core: Arc<bpe::Tokenizer>,
    json: Vec<u8>,
    /// Encoders that have seen words: a cold one is three times slower.
    idle: Mutex<Vec<Encoder>>,
}

impl Tokenizer {
    fn idle(&self) -> MutexGuard<'_, Vec<Encoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Encoder, Error> {
        let warm = self.idle().pop();
        warm.map_or_else(|| Encoder::new(Arc::clone(&self.core)), Ok)
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>, Error> {
        let mut encoder = self.take()?;
        let mut ids = Vec::new();
        encoder.encode(text, &mut ids);
        self.idle().push(encoder);
        Ok(ids)
    }

    /// Encodes the texts that no other thread has taken: each with its number.
    fn share(&self, texts: &[PyBackedStr], next: &AtomicUsize) -> Result<Vec<(usize, Vec<u32>)>, Error> {
        let mut encoder = self.take()?;
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(text) = texts.get(number) else { break };
            let mut ids = Vec::new();
            encoder.encode(text, &mut ids);
            done.push((number, ids));
        }
        self.idle().push(encoder);
        Ok(done)
    }
}

#[pymethods]
impl Tokenizer {
    /// Read a tokenizer from the bytes of a tokenizer.json.
    ///
    /// Args:
    ///     json: Content of the file.
    ///     path: Path of the file, for errors.
    ///
    /// Raises:
    ///     RotoolsError: It is not a byte-level BPE tokenizer with a pattern that rotools knows.
    #[new]
    #[pyo3(signature = (json, path = None))]
    fn new(py: Python<'_>, json: Vec<u8>, path: Option<PathBuf>) -> PyResult<Self> {
        let path = path.unwrap_or_else(|| "tokenizer.json".into());
        let core = call(py, || bpe::Tokenizer::from_json(&json, &path))?;
        Ok(Self { core: Arc::new(core), json, idle: Mutex::default() })
    }

    /// The bytes of the tokenizer.json.
    #[getter]
    fn json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.json)
    }

    /// Number of ids: the largest id and one, special tokens included.
    #[getter]
    fn vocab_size(&self) -> usize {
        self.core.vocab_size()
    }

    /// Pre-tokenizer by its name in llama.cpp.
    #[getter]
    fn pattern(&self) -> &'static str {
        self.core.pre_tokenizer_name()
    }

    /// Id of the token that ends a document; None if there is none.
    #[getter]
    fn eos_id(&self) -> Option<u32> {
        self.core.eos()
    }

    /// (text, id) of the special tokens, in the order of their ids.
    #[getter]
    fn special_tokens(&self) -> Vec<(String, u32)> {
        let name = |id: u32| (String::from_utf8_lossy(self.core.token(id)).into_owned(), id);
        (0..self.core.vocab_size() as u32).filter(|id| self.core.is_special(*id)).map(name).collect()
    }

    /// Find the id of a token.
    ///
    /// Args:
    ///     text: Text of the token.
    ///
    /// Returns:
    ///     The id, or None if there is no such token.
    fn token_id(&self, text: &str) -> Option<u32> {
        self.core.token_id(text)
    }

    /// Find the bytes of a token. They may begin or end inside a character.
    ///
    /// Args:
    ///     id: Id of the token.
    ///
    /// Raises:
    ///     RotoolsError: There is no such id.
    fn token<'py>(&self, py: Python<'py>, id: u32) -> PyResult<Bound<'py, PyBytes>> {
        self.check(id)?;
        Ok(PyBytes::new(py, self.core.token(id)))
    }

    /// Encode one text. The text of a special token is ordinary text.
    ///
    /// Args:
    ///     text: Any text.
    ///
    /// Returns:
    ///     The ids, without `<|endoftext|>`.
    fn encode(&self, py: Python<'_>, text: &str) -> PyResult<Vec<u32>> {
        let ids = if text.len() < RELEASE_BYTES { self.ids(text) } else { py.detach(|| self.ids(text)) };
        ids.map_err(|e| raise(&e))
    }

    /// Encode many texts at once.
    ///
    /// Args:
    ///     texts: Any texts.
    ///     threads: Worker threads. 0: one for each core.
    ///
    /// Returns:
    ///     The ids of each text, as `encode` gives them.
    #[pyo3(signature = (texts, threads = 0))]
    fn encode_batch(
        &self,
        py: Python<'_>,
        texts: Vec<PyBackedStr>,
        threads: usize,
    ) -> PyResult<Vec<Vec<u32>>> {
        let workers = files::threads(threads).min(texts.len());
        let next = AtomicUsize::new(0);
        let work = || self.share(&texts, &next);
        let shares = py.detach(|| {
            std::thread::scope(|scope| {
                let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
                let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                running.into_iter().map(join).collect::<Result<Vec<_>, Error>>()
            })
        });
        let mut ids = vec![Vec::new(); texts.len()];
        for (number, found) in shares.map_err(|e| raise(&e))?.into_iter().flatten() {
            ids[number] = found;
        }
        Ok(ids)
    }

    /// Decode ids to text. Bytes that are not UTF-8 become U+FFFD.
    ///
    /// Args:
    ///     ids: Ids of tokens.
    ///
    /// Raises:
    ///     RotoolsError: There is no such id.
    fn decode(&self, py: Python<'_>, ids: Vec<u32>) -> PyResult<String> {
        if let Some(&largest) = ids.iter().max() {
            self.check(largest)?;
        }
        Ok(py.detach(|| String::from_utf8_lossy(&self.core.decode(&ids)).into_owned()))
    }
}

impl Tokenizer {
    fn check(&self, id: u32) -> PyResult<()> {
        let size = self.core.vocab_size();
        if (id as usize) < size {
            return Ok(());
        }
        let error = Error::usage(format!("the tokenizer has no token {id}: it has {size} tokens"));
        Err(raise(&error.hint("decode with the tokenizer that made the ids")))
    }
}

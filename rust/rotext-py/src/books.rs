//! `rotools books` and `rotools review`.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rotext::books::{Judge, Lexicon};
use rotext::ledger::{Action, Row};
use rotext::pipeline::books;

use crate::errors::{call, raise};
use crate::files;

/// What a reader of books takes for a word: the language of a shelf, and the words that are known of it.
///
/// Args:
///     romanian: Whether the shelf is Romanian. If it is not, letters and their order are judged, and no words.
///     words: Romanian words beside those of the built-in model.
///     english: English words, which technical texts have.
#[pyclass(frozen)]
pub(crate) struct BookJudge(Judge);

/// Romanian and the built-in model, unless the caller says more.
fn chosen(judge: Option<&Bound<'_, BookJudge>>) -> Judge {
    judge.map(|judge| judge.get().0.clone()).unwrap_or_default()
}

#[pymethods]
impl BookJudge {
    #[new]
    #[pyo3(signature = (*, romanian = true, words = Vec::new(), english = Vec::new()))]
    fn new(romanian: bool, words: Vec<String>, english: Vec<String>) -> Self {
        if !romanian {
            return Self(Judge::other());
        }
        let lexicon = (!words.is_empty()).then(|| Arc::new(Lexicon::new(words, english)));
        Self(Judge::romanian(lexicon))
    }
}

/// A PDF that is being read. PDFium is not thread-safe: one book at a time in a process, on the thread that opened it.
#[pyclass(unsendable)]
pub(crate) struct PdfBook(Option<books::PdfBook>);

impl PdfBook {
    fn book(&mut self) -> PyResult<&mut books::PdfBook> {
        self.0.as_mut().ok_or_else(|| PyValueError::new_err("the book is finished"))
    }
}

#[pymethods]
impl PdfBook {
    #[new]
    #[pyo3(signature = (path, library, judge = None))]
    fn open(path: PathBuf, library: PathBuf, judge: Option<&Bound<'_, BookJudge>>) -> PyResult<Self> {
        books::PdfBook::open(&path, &library, chosen(judge))
            .map(|book| Self(Some(book)))
            .map_err(|e| raise(&e))
    }

    /// Number of pages.
    #[getter]
    fn pages(&mut self) -> PyResult<usize> {
        Ok(self.book()?.pages())
    }

    /// Read the next page.
    fn read_next(&mut self) -> PyResult<()> {
        self.book()?.read_next();
        Ok(())
    }

    /// Judge all pages. Returns the numbers, from 0, of the pages that need OCR.
    fn judge(&mut self) -> PyResult<Vec<usize>> {
        Ok(self.book()?.assess())
    }

    /// Return the words of all text layers, usable or not, one page on each line.
    fn text_layer(&mut self) -> PyResult<String> {
        Ok(self.book()?.text_layer())
    }

    /// Choose at most `most` pages on which OCR checks the text layer of a scan. Returns their numbers, from 0.
    fn samples(&mut self, most: usize) -> PyResult<Vec<usize>> {
        Ok(self.book()?.samples(most))
    }

    /// Return the numbers, from 0, of the pages whose text layer OCR has put in doubt.
    fn doubted(&mut self) -> PyResult<Vec<usize>> {
        Ok(self.book()?.doubted())
    }

    /// Draw a page. Returns (columns, rows, one grey byte a dot).
    fn render<'py>(
        &mut self,
        py: Python<'py>,
        page: usize,
        dpi: f32,
    ) -> PyResult<(usize, usize, Bound<'py, PyBytes>)> {
        let picture = self.book()?.render(page, dpi).map_err(|e| raise(&e))?;
        Ok((picture.width, picture.height, PyBytes::new(py, &picture.pixels)))
    }

    /// Take the words that tesseract found on a page, as its TSV.
    fn recognized(&mut self, page: usize, tsv: &str, dpi: f32, height: usize, sample: bool) -> PyResult<()> {
        self.book()?.recognized(page, tsv, dpi, height, sample);
        Ok(())
    }

    /// Put the text together without the pages `dropped`, numbered from 0. The book cannot be used afterwards.
    fn finish<'py>(&mut self, py: Python<'py>, dropped: Vec<usize>) -> PyResult<Bound<'py, PyAny>> {
        self.book()?;
        let text = self.0.take().map(|book| book.finish(&dropped));
        files::python(py, &text)
    }
}

/// Normalize a text and measure it in stretches of about a page.
///
/// Args:
///     text: Any text.
///     judge: Its language. None: Romanian, with the words of the built-in model.
///
/// Returns:
///     The text, and (measures, score, first byte) of each stretch.
#[pyfunction]
#[pyo3(signature = (text, judge = None))]
pub(crate) fn read_text<'py>(
    py: Python<'py>,
    text: &str,
    judge: Option<&Bound<'py, BookJudge>>,
) -> PyResult<(String, Bound<'py, PyAny>)> {
    let judge = chosen(judge);
    let (text, stretches) = py.detach(|| {
        let text = books::normalized(text, &judge);
        let stretches = books::stretches(&text, &judge);
        (text, stretches)
    });
    Ok((text, files::python(py, &stretches)?))
}

/// Find the words of a text that are not known.
///
/// Args:
///     text: Any text.
///     judge: The words that are known. None: those of the built-in model.
///
/// Returns:
///     (first byte, end byte) of each.
#[pyfunction]
#[pyo3(signature = (text, judge = None))]
pub(crate) fn doubtful(
    py: Python<'_>,
    text: &str,
    judge: Option<&Bound<'_, BookJudge>>,
) -> Vec<(usize, usize)> {
    let judge = chosen(judge);
    py.detach(|| books::doubtful(text, &judge))
}

/// A decision: document, source, action, rule, value, threshold, score.
type Decision = (String, String, String, String, Option<f64>, Option<f64>, Option<f64>);

fn row((document, source, action, rule, value, threshold, score): Decision) -> PyResult<Row> {
    let action = match action.as_str() {
        "drop" => Action::Drop,
        "edit" => Action::Edit,
        "flag" => Action::Flag,
        "keep" => Action::Keep,
        other => return Err(PyValueError::new_err(format!("no action {other:?}"))),
    };
    Ok(Row {
        stage: "books".into(),
        document,
        source,
        line: 1,
        action,
        rule: rule.into(),
        value,
        threshold,
        partner: None,
        score,
        byte: None,
    })
}

/// Join the records of books into one file and write the ledger beside it.
///
/// Args:
///     records: Files of one JSON line each, in order.
///     decisions: (document, source, action, rule, value, threshold, score).
///     out: The file to write: .jsonl, .jsonl.zst or .jsonl.gz.
///
/// Returns:
///     Path of the ledger.
///
/// Raises:
///     RotoolsError: The arguments, the input or the system do not allow it.
#[pyfunction]
pub(crate) fn assemble(
    py: Python<'_>,
    records: Vec<PathBuf>,
    decisions: Vec<Decision>,
    out: PathBuf,
) -> PyResult<PathBuf> {
    let rows = decisions.into_iter().map(row).collect::<PyResult<Vec<Row>>>()?;
    call(py, || books::assemble(&records, rows, &out))
}

//! `rotools books` and `rotools review`.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rotext::ledger::{Action, Row};
use rotext::pipeline::books;

use crate::errors::raise;
use crate::files;

/// A PDF while it is read. PDFium is not thread-safe: one at a time in a process, on the thread that made it.
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
    fn open(path: PathBuf, library: PathBuf) -> PyResult<Self> {
        books::PdfBook::open(&path, &library).map(|book| Self(Some(book))).map_err(|e| raise(&e))
    }

    #[getter]
    fn pages(&mut self) -> PyResult<usize> {
        Ok(self.book()?.pages())
    }

    fn read_next(&mut self) -> PyResult<()> {
        self.book()?.read_next();
        Ok(())
    }

    fn judge(&mut self) -> PyResult<Vec<usize>> {
        Ok(self.book()?.assess())
    }

    fn samples(&mut self, most: usize) -> PyResult<Vec<usize>> {
        Ok(self.book()?.samples(most))
    }

    fn doubted(&mut self) -> PyResult<Vec<usize>> {
        Ok(self.book()?.doubted())
    }

    fn render<'py>(
        &mut self,
        py: Python<'py>,
        page: usize,
        dpi: f32,
    ) -> PyResult<(usize, usize, Bound<'py, PyBytes>)> {
        let picture = self.book()?.render(page, dpi).map_err(|e| raise(&e))?;
        Ok((picture.width, picture.height, PyBytes::new(py, &picture.pixels)))
    }

    fn recognized(&mut self, page: usize, tsv: &str, dpi: f32, height: usize, sample: bool) -> PyResult<()> {
        self.book()?.recognized(page, tsv, dpi, height, sample);
        Ok(())
    }

    fn finish<'py>(&mut self, py: Python<'py>, dropped: Vec<usize>) -> PyResult<Bound<'py, PyAny>> {
        self.book()?;
        let text = self.0.take().map(|book| book.finish(&dropped));
        files::python(py, &text)
    }
}

/// The text by the rule book, and its measures by stretches of about a page.
#[pyfunction]
pub(crate) fn read_text<'py>(py: Python<'py>, text: &str) -> PyResult<(String, Bound<'py, PyAny>)> {
    let (text, stretches) = py.detach(|| {
        let text = books::normalized(text);
        let stretches = books::stretches(&text);
        (text, stretches)
    });
    Ok((text, files::python(py, &stretches)?))
}

/// Where `text` has words that the lexicon does not know: first byte and end of each.
#[pyfunction]
pub(crate) fn doubtful(py: Python<'_>, text: &str) -> Vec<(usize, usize)> {
    py.detach(|| books::doubtful(text))
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

/// Puts the records of books, each a file of one JSON line, into `out`, and the decisions into a ledger beside it.
#[pyfunction]
pub(crate) fn assemble(
    py: Python<'_>,
    records: Vec<PathBuf>,
    decisions: Vec<Decision>,
    out: PathBuf,
) -> PyResult<PathBuf> {
    let rows = decisions.into_iter().map(row).collect::<PyResult<Vec<Row>>>()?;
    py.detach(|| books::assemble(&records, rows, &out)).map_err(|e| raise(&e))
}

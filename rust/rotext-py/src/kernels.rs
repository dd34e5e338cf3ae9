//! Steps on Arrow columns, through the Arrow PyCapsule interface of pyarrow, Polars and others.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use arrow_array::{
    Array, ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchReader, StructArray, make_array,
};
use arrow_pyarrow::FromPyArrow;
use arrow_schema::{DataType, Schema};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rotext::arrow_kernels::{Encode, Kernel as Core};
use rotext::dedup::Preset;
use rotext::error::Error;
use rotext::normalize::{Normalizer, Options};

use crate::errors::{call, raise};
use crate::filter;

/// A step with its settings. `array` and `stream` take objects with `__arrow_c_array__` or `__arrow_c_stream__`.
#[pyclass(frozen, module = "rotools._rotext")]
pub(crate) struct Kernel {
    core: Core,
}

fn unread(error: impl std::fmt::Display) -> PyErr {
    raise(
        &Error::data(format!("the Arrow data cannot be read: {error}"))
            .hint("see that its producer is sound"),
    )
}

/// Takes an array or a record batch from its producer, and checks it.
fn read<T: FromPyArrow>(data: &Bound<'_, PyAny>) -> PyResult<T> {
    T::from_pyarrow_bound(data).map_err(|error| unread(error.value(data.py())))
}

#[pymethods]
impl Kernel {
    /// Repair text.
    #[staticmethod]
    fn normalize(protect_turkish: bool) -> Self {
        Self { core: Core::Normalize(Normalizer::new(Options { protect_turkish })) }
    }

    /// Measure text with the filter of a profile.
    #[staticmethod]
    fn score(profile: &str, thresholds: Vec<(String, Option<f64>)>) -> PyResult<Self> {
        Ok(Self { core: Core::Score(filter::profile(profile, thresholds)?) })
    }

    /// Compute the keys and bands of deduplication.
    #[staticmethod]
    fn sign(preset: &str) -> PyResult<Self> {
        let preset = Preset::from_name(preset).ok_or_else(|| {
            raise(&Error::usage(format!("there is no preset {preset:?}")).hint("use one of: default, strict"))
        })?;
        Ok(Self { core: Core::Sign(preset) })
    }

    /// Encode text with a tokenizer.json.
    #[staticmethod]
    fn encode(py: Python<'_>, tokenizer: PathBuf) -> PyResult<Self> {
        let encode = call(py, || Encode::open(&tokenizer))?;
        Ok(Self { core: Core::Encode(encode) })
    }

    /// Name of the column that gets the result in a table. None: the column of the text.
    #[getter]
    fn result(&self) -> Option<&'static str> {
        self.core.result()
    }

    /// Process an array of text or a record batch (a struct array).
    fn array(&self, data: &Bound<'_, PyAny>, column: &str) -> PyResult<ArrowArray> {
        let py = data.py();
        let given = make_array(read(data)?);
        if !matches!(given.data_type(), DataType::Struct(_)) {
            let array = call(py, || self.core.column(&given))?;
            return Ok(ArrowArray { array, schema: None });
        }
        // Read again: only a record batch keeps the metadata of the schema.
        let batch: RecordBatch = read(data)?;
        let batch = call(py, || self.core.batch(&batch, column))?;
        let schema = batch.schema();
        Ok(ArrowArray { array: Arc::new(StructArray::from(batch)), schema: Some(schema) })
    }

    /// Process a stream of record batches to its end.
    fn stream(&self, data: &Bound<'_, PyAny>, column: &str) -> PyResult<ArrowStream> {
        let mut reader: RecordBatchStreamReader = read(data)?;
        let work = || {
            // A stream without batches has a schema, too.
            let empty = self.core.batch(&RecordBatch::new_empty(reader.schema()), column);
            let schema = empty.map_err(|e| raise(&e))?.schema();
            let mut batches = Vec::new();
            for batch in &mut reader {
                let batch = batch.map_err(unread)?;
                batches.push(self.core.batch(&batch, column).map_err(|e| raise(&e))?);
            }
            Ok(ArrowStream { schema, batches })
        };
        data.py().detach(work)
    }
}

/// An array, or a record batch as a struct array, which gives its capsules to a consumer.
#[pyclass(frozen, module = "rotools._rotext")]
pub(crate) struct ArrowArray {
    array: ArrayRef,
    /// The schema of a record batch.
    schema: Option<Arc<Schema>>,
}

#[pymethods]
impl ArrowArray {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = match &self.schema {
            Some(schema) => FFI_ArrowSchema::try_from(schema.as_ref()),
            None => FFI_ArrowSchema::try_from(self.array.data_type()),
        };
        PyCapsule::new_with_value(py, schema.map_err(unread)?, c"arrow_schema")
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        // A producer may give its own type in place of the one that is asked for.
        drop(requested_schema);
        let array = FFI_ArrowArray::new(&self.array.to_data());
        Ok((self.__arrow_c_schema__(py)?, PyCapsule::new_with_value(py, array, c"arrow_array")?))
    }
}

/// Record batches, which give their stream to a consumer.
#[pyclass(frozen, module = "rotools._rotext")]
pub(crate) struct ArrowStream {
    schema: Arc<Schema>,
    batches: Vec<RecordBatch>,
}

#[pymethods]
impl ArrowStream {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        // Batches are pointers to their buffers.
        let batches: Vec<_> = self.batches.iter().cloned().map(Ok).collect();
        let reader = RecordBatchIterator::new(batches, Arc::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }
}

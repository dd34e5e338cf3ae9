//! Cells of Arrow columns as texts and ids.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::source::Source;
use super::{Fields, reject_empty};
use crate::document::{Batch, Document, Reason, Reject};
use crate::error::{Error, Result};

/// A column, and the structs around it: their nulls are nulls of the column.
pub(super) struct Column<'a> {
    around: Vec<&'a dyn Array>,
    cells: &'a dyn Array,
}

impl<'a> Column<'a> {
    /// The column with this name. A name with dots is a field of a struct, unless a column has the whole name.
    pub(super) fn find(batch: &'a RecordBatch, name: &str) -> Option<Self> {
        if let Some(column) = batch.column_by_name(name) {
            return Some(Self { around: Vec::new(), cells: column.as_ref() });
        }
        // The first column may have a dot in its name too.
        for (dot, _) in name.match_indices('.') {
            let Some(column) = batch.column_by_name(&name[..dot]) else { continue };
            let mut found = Self { around: Vec::new(), cells: column.as_ref() };
            if found.enter(&name[dot + 1..]) {
                return Some(found);
            }
        }
        None
    }

    fn enter(&mut self, path: &str) -> bool {
        let (mut path, mut cells) = (path, self.cells);
        loop {
            let Some(fields) = cells.as_struct_opt() else { return false };
            self.around.push(cells);
            if let Some(field) = fields.column_by_name(path) {
                self.cells = field.as_ref();
                return true;
            }
            let Some((first, rest)) = path.split_once('.') else { return false };
            let Some(field) = fields.column_by_name(first) else { return false };
            (cells, path) = (field.as_ref(), rest);
        }
    }

    fn is_null(&self, row: usize) -> bool {
        self.around.iter().any(|array| array.is_null(row)) || self.cells.is_null(row)
    }

    /// Bytes of a cell that holds text; `None` for another type.
    fn bytes(&self, row: usize) -> Option<&'a [u8]> {
        bytes(self.cells, row)
    }

    /// A cell as an id: text, an integer, a float, or bytes in hex.
    fn id(&self, row: usize) -> Option<String> {
        if self.is_null(row) {
            return None;
        }
        if let Some(bytes) = self.bytes(row) {
            return Some(match std::str::from_utf8(bytes) {
                Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
                _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            });
        }
        number(self.cells, row)
    }
}

/// Follows a dictionary to the value of a row.
fn value(array: &dyn Array, row: usize) -> Option<(&dyn Array, usize)> {
    let Some(dictionary) = array.as_any_dictionary_opt() else { return Some((array, row)) };
    let key = number(dictionary.keys(), row)?.parse().ok()?;
    let values = dictionary.values().as_ref();
    (key < values.len() && values.is_valid(key)).then_some((values, key))
}

fn bytes(array: &dyn Array, row: usize) -> Option<&[u8]> {
    let (array, row) = value(array, row)?;
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).as_bytes(),
        DataType::Utf8View => array.as_string_view().value(row).as_bytes(),
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
        _ => return None,
    })
}

fn number(array: &dyn Array, row: usize) -> Option<String> {
    let (array, row) = value(array, row)?;
    Some(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        // As Python writes them: 3.0, 0.5.
        DataType::Float16 => format!("{:?}", f32::from(array.as_primitive::<Float16Type>().value(row))),
        DataType::Float32 => format!("{:?}", array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        _ => return None,
    })
}

/// True for a type of texts.
fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_text(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            true
        }
        _ => false,
    }
}

/// The documents of the rows `rows` of `columns`. `first` rows of the source are before the row 0.
///
/// # Errors
/// A column that the user named does not exist, or the column of the text has no texts.
pub(super) fn documents(
    columns: &RecordBatch,
    rows: std::ops::Range<usize>,
    first: u64,
    source: &Source,
    fields: &Fields,
) -> Result<Batch> {
    let mut batch = Batch::default();
    let id = Column::find(columns, fields.id.as_deref().unwrap_or("id"));
    let Some(text) = Column::find(columns, &fields.text) else {
        let names: Vec<&str> =
            columns.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        return Err(no_column(source, &fields.text, &names, "--text-field"));
    };
    if !is_text(text.cells.data_type()) {
        return Err(Error::data(format!(
            "column `{}` holds {}, not text",
            fields.text,
            text.cells.data_type()
        ))
        .at(&source.path)
        .hint("name the column of the text with --text-field"));
    }
    for row in rows {
        let line = first + row as u64 + 1;
        let id = id.as_ref().and_then(|column| column.id(row)).unwrap_or_else(|| source.generated_id(line));
        let reject = |reason, what| Reject { line, byte: None, reason, what, raw: id.clone().into_bytes() };
        let bytes = if text.is_null(row) { None } else { text.bytes(row) };
        let Some(bytes) = bytes else {
            let what = format!("column `{}` is null", fields.text);
            batch.rejects.push(reject(Reason::WrongType, what));
            continue;
        };
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => batch.rejects.push(reject_empty(line, id.into_bytes())),
            Ok(text) => batch.documents.push(Document {
                id,
                named_by_place: false,
                text: text.to_owned(),
                line,
                record: None,
            }),
            Err(_) => batch.rejects.push(reject(Reason::InvalidUtf8, "invalid UTF-8".into())),
        }
    }
    Ok(batch)
}

/// The error for a column that does not exist.
pub(super) fn no_column(source: &Source, name: &str, names: &[&str], option: &str) -> Error {
    Error::data(format!("no column `{name}`; there are: {}", names.join(", ")))
        .at(&source.path)
        .hint(format!("name the column with {option}"))
}

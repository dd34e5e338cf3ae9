//! Rows of a Parquet file, read by columns: only text and id are read from the disk.
//!
//! The columns are read as bytes, whatever the writer called them (text, dictionary, view). So one string that is not UTF-8
//! costs one record, where the crate would refuse its whole page.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{DataType, Fields as ArrowFields};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{LogicalType, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataBuilder};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use super::cells::{documents, no_column};
use super::columns::Columns;
use super::input::Input;
use super::source::Source;
use super::units::UNIT_BYTES;
use super::{CHUNK_BYTES, Chunk, Fields, Payload};
use crate::error::{Error, Result};

/// The most rows of a chunk, however short they are.
const MAX_ROWS: i64 = 4096;

/// The columns and their types, as the schema names them. Fields of structs have dots in their names.
pub(super) fn columns(source: &Source, input: Input) -> Result<Vec<(String, String)>> {
    let columns = Columns::new(source, input).map_err(|e| Error::io(&source.path, &e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(columns).map_err(|e| damaged(source, &e))?;
    let mut found = Vec::new();
    flatten("", builder.schema().fields(), &mut found);
    Ok(found)
}

/// Columns, with the fields of structs down to the third level.
fn flatten(prefix: &str, fields: &ArrowFields, found: &mut Vec<(String, String)>) {
    for field in fields {
        let name = format!("{prefix}{}", field.name());
        match field.data_type() {
            DataType::Struct(inner) if name.matches('.').count() < 2 => {
                flatten(&format!("{name}."), inner, found);
            }
            kind => found.push((name, kind.to_string().to_lowercase())),
        }
    }
}

/// The rows of the row groups of some units.
pub(super) struct Rows {
    /// The unit that is read.
    reader: Option<ParquetRecordBatchReader>,
    /// Units to come: the row groups of each. A chunk ends with its unit, so that a part sees the same chunks.
    units: std::vec::IntoIter<Vec<usize>>,
    columns: Columns,
    metadata: ArrowReaderMetadata,
    wanted: Vec<usize>,
    batch: usize,
    fields: Fields,
    done: u64,
    rows: u64,
    size: u64,
}

impl Rows {
    /// # Errors
    /// The file is damaged or encrypted, or lacks a column that the user named.
    pub(super) fn open(source: &Source, fields: &Fields, input: Input, units: Range<u64>) -> Result<Self> {
        let columns = Columns::new(source, input).map_err(|e| Error::io(&source.path, &e))?;
        let broken = |e: ParquetError| damaged(source, &e);
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&columns, options.clone()).map_err(broken)?;
        let metadata = Arc::unwrap_or_clone(metadata.metadata().clone());
        let schema = metadata.file_metadata().schema_descr();
        let id = fields.id.clone().unwrap_or_else(|| "id".into());
        let names: Vec<&str> = schema.root_schema().get_fields().iter().map(|field| field.name()).collect();
        let leaves = |name: &str| -> Vec<usize> {
            let exact = names.contains(&name);
            let is = |leaf: usize| {
                let parts = schema.column(leaf).path().parts().to_vec();
                parts[0] == name || (!exact && parts.join(".") == name)
            };
            (0..schema.num_columns()).filter(|leaf| is(*leaf)).collect()
        };
        let (texts, ids) = (leaves(&fields.text), leaves(&id));
        for (found, name, needed, option) in
            [(&texts, &fields.text, true, "--text-field"), (&ids, &id, fields.id.is_some(), "--id-field")]
        {
            if needed && found.is_empty() {
                let mut named = Vec::new();
                flatten("", &ArrowFields::from(arrow_fields(schema)), &mut named);
                let all: Vec<&str> = named.iter().map(|(name, _)| name.as_str()).collect();
                return Err(no_column(source, name, &all, option));
            }
        }
        let rows = metadata.file_metadata().num_rows().unsigned_abs();
        // The rows of a chunk follow from the mean size of a text: a file of whole books must not be read 100 books at a time.
        let groups = metadata.row_groups().iter();
        let parts = groups.flat_map(|group| texts.iter().filter_map(|leaf| group.columns().get(*leaf)));
        let size: i64 = parts.map(|column| column.uncompressed_size()).sum();
        let batch = (rows as i64).saturating_mul(CHUNK_BYTES as i64) / size.max(1);
        let wanted: Vec<usize> = texts.into_iter().chain(ids).collect();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let (mut extents, mut before, mut unit_before) = (Vec::new(), 0, None);
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let start = group.columns().iter().map(|column| column.byte_range().0).min().unwrap_or_default();
            // A file that is compressed as a whole has no units.
            let unit = if source.units() > 1 { start / UNIT_BYTES } else { 0 };
            if unit < units.start {
                before += group.num_rows().unsigned_abs();
            } else if unit < units.end.max(1) {
                if unit_before.replace(unit) != Some(unit) {
                    groups.push(Vec::new());
                }
                if let Some(last) = groups.last_mut() {
                    last.push(number);
                }
                let ranges = wanted.iter().filter_map(|leaf| group.columns().get(*leaf));
                extents.extend(ranges.map(|column| {
                    let (start, length) = column.byte_range();
                    start..start.saturating_add(length)
                }));
            }
        }
        columns.expect(extents);
        let metadata = Arc::new(as_bytes(metadata, &wanted).map_err(broken)?);
        let metadata = ArrowReaderMetadata::try_new(metadata, options).map_err(broken)?;
        let mut found = Self {
            reader: None,
            units: groups.into_iter(),
            columns,
            metadata,
            wanted,
            batch: batch.clamp(1, MAX_ROWS) as usize,
            fields: fields.clone(),
            done: before,
            rows,
            size: source.size,
        };
        found.open_unit(source)?;
        Ok(found)
    }

    /// Opens the next unit; there is none at the end.
    fn open_unit(&mut self, source: &Source) -> Result<()> {
        let Some(groups) = self.units.next() else {
            self.reader = None;
            return Ok(());
        };
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.columns.clone(), self.metadata.clone());
        let mask = ProjectionMask::leaves(builder.parquet_schema(), self.wanted.iter().copied());
        let builder = builder.with_projection(mask).with_batch_size(self.batch).with_row_groups(groups);
        self.reader = Some(builder.build().map_err(|e| damaged(source, &e))?);
        Ok(())
    }

    /// # Errors
    /// A page is damaged; the column of the text has another type.
    pub(super) fn next_chunk(&mut self, source: &Source) -> Result<Option<Chunk>> {
        let batch = loop {
            let Some(reader) = &mut self.reader else { return Ok(None) };
            match reader.next() {
                Some(batch) => break batch,
                None => self.open_unit(source)?,
            }
        };
        let columns = batch.map_err(|e| damaged_at(source, &e.to_string()))?;
        let before = self.done;
        self.done += columns.num_rows() as u64;
        let batch = documents(&columns, 0..columns.num_rows(), before, source, &self.fields)?;
        let position =
            |rows: u64| (u128::from(self.size) * u128::from(rows) / u128::from(self.rows.max(1))) as u64;
        Ok(Some(Chunk {
            bytes: batch.documents.iter().map(|d| d.text.len()).sum(),
            payload: Payload::Batch(batch),
            first_line: before,
            end_line: self.done,
            moved: position(self.done) - position(before),
            first: false,
        }))
    }
}

/// Columns of the schema, for a message.
fn arrow_fields(schema: &SchemaDescriptor) -> Vec<arrow_schema::FieldRef> {
    parquet::arrow::parquet_to_arrow_schema(schema, None)
        .map(|schema| schema.fields().iter().cloned().collect())
        .unwrap_or_default()
}

/// The same metadata, with the wanted texts as bytes: the crate checks the UTF-8 of a whole page, and we that of each text.
fn as_bytes(
    metadata: ParquetMetaData,
    leaves: &[usize],
) -> std::result::Result<ParquetMetaData, ParquetError> {
    let old = metadata.file_metadata();
    let schema = old.schema_descr();
    let paths: Vec<Vec<String>> =
        leaves.iter().map(|leaf| schema.column(*leaf).path().parts().to_vec()).collect();
    let mut root = schema.root_schema_ptr();
    for path in &paths {
        root = bytes_at(&root, path)?;
    }
    let new = FileMetaData::new(
        old.version(),
        old.num_rows(),
        old.created_by().map(str::to_owned),
        None,
        Arc::new(SchemaDescriptor::new(root)),
        None,
    );
    let groups = metadata.row_groups().to_vec();
    Ok(ParquetMetaDataBuilder::new(new).set_row_groups(groups).build())
}

/// The type with the text at `path` as bytes. It goes down one path of the schema, not the whole of it.
fn bytes_at(kind: &TypePtr, path: &[String]) -> std::result::Result<TypePtr, ParquetError> {
    let info = kind.get_basic_info();
    let Some((first, rest)) = path.split_first() else {
        let text = matches!(
            info.logical_type_ref(),
            Some(LogicalType::String | LogicalType::Json | LogicalType::Enum)
        ) || info.logical_type_ref().is_none();
        if kind.is_primitive() && kind.get_physical_type() == Physical::BYTE_ARRAY && text {
            let plain = Type::primitive_type_builder(kind.name(), Physical::BYTE_ARRAY)
                .with_repetition(info.repetition())
                .with_id(info.has_id().then(|| info.id()))
                .build()?;
            return Ok(Arc::new(plain));
        }
        return Ok(Arc::clone(kind));
    };
    if kind.is_primitive() {
        return Ok(Arc::clone(kind));
    }
    let mut fields = kind.get_fields().to_vec();
    if let Some(field) = fields.iter_mut().find(|field| field.name() == first) {
        *field = bytes_at(field, rest)?;
    }
    let mut builder = Type::group_type_builder(kind.name())
        .with_fields(fields)
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_id(info.has_id().then(|| info.id()));
    if info.has_repetition() {
        builder = builder.with_repetition(info.repetition());
    }
    Ok(Arc::new(builder.build()?))
}

fn damaged(source: &Source, e: &ParquetError) -> Error {
    damaged_at(source, &e.to_string())
}

fn damaged_at(source: &Source, why: &str) -> Error {
    let why = why.lines().next().unwrap_or_default();
    let why = why.strip_prefix("Parquet error: ").unwrap_or(why);
    if why.to_lowercase().contains("encrypt") {
        return Error::damaged("the Parquet file is encrypted")
            .at(&source.path)
            .hint("decrypt it first: rotools has no keys");
    }
    Error::damaged(format!("the Parquet file is damaged ({why})"))
        .at(&source.path)
        .hint("download or write the file again")
}

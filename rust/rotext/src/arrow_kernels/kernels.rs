//! The kernels: text columns in, result columns out.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::{
    FixedSizeBinaryBuilder, GenericStringBuilder, ListBuilder, PrimitiveBuilder, StringViewBuilder,
    UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt16Type, UInt32Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, OffsetSizeTrait, RecordBatch, StructArray};
use arrow_schema::{DataType, Field, Schema};

use super::annotation;
use super::errors::from_arrow;
use crate::bpe;
use crate::dedup::{Key, Preset, Signer, Words};
use crate::error::{Error, Result};
use crate::filter::{Filter, Scratch};
use crate::normalize::{Normalizer, Report};

/// A step of the pipeline with its settings. Many threads may share one.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use arrow_array::{ArrayRef, StringArray, cast::AsArray};
/// use rotext::arrow_kernels::Kernel;
/// use rotext::normalize::Normalizer;
///
/// # fn main() -> rotext::error::Result<()> {
/// let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("Ştiinţă"), None]));
/// let repaired = Kernel::Normalize(Normalizer::default()).column(&texts)?;
/// assert_eq!(repaired.as_string::<i32>().value(0), "Știință");
/// # Ok(())
/// # }
/// ```
pub enum Kernel {
    /// Text to repaired text, of the same type. If nothing changes, the result has the same buffers.
    Normalize(Normalizer),
    /// Text to what `rotools filter --annotate` writes into the field `filter`, as a struct.
    Score(Filter),
    /// Text to what deduplication compares, as a struct: the key of equal texts (16 bytes, big-endian) and the band hashes (u64;
    /// none for fewer than five words).
    Sign(Preset),
    /// Text to token ids: a list of u16 (u32 for a vocabulary over 65,499) that ends with `<|endoftext|>`.
    Encode(Encode),
}

impl Kernel {
    /// The name of the result's column in a table. `None`: it replaces the text column.
    #[must_use]
    pub fn result(&self) -> Option<&'static str> {
        match self {
            Self::Normalize(_) => None,
            Self::Score(_) => Some("filter"),
            Self::Sign(_) => Some("signature"),
            Self::Encode(_) => Some("tokens"),
        }
    }

    /// Applies the kernel to a column of text (string, large string, string view).
    ///
    /// # Errors
    /// The column has another type, or bytes that are not UTF-8; the result does not fit into the 32-bit offsets of its type.
    pub fn column(&self, texts: &ArrayRef) -> Result<ArrayRef> {
        let rows = rows(texts)?;
        match self {
            Self::Normalize(normalizer) => normalize(texts, rows, normalizer),
            Self::Score(filter) => {
                let mut scratch = Scratch::default();
                let verdicts: Vec<_> = rows.map(|text| Some(filter.judge(text?, &mut scratch))).collect();
                annotation::struct_of(&verdicts, texts)
            }
            Self::Sign(preset) => sign(texts, rows, *preset),
            Self::Encode(encode) => encode.column(rows),
        }
    }

    /// Applies the kernel to the column `text` of a batch. The other columns keep their buffers.
    ///
    /// # Errors
    /// The column does not exist, or as [`Kernel::column`].
    pub fn batch(&self, batch: &RecordBatch, text: &str) -> Result<RecordBatch> {
        let schema = batch.schema();
        let Some(texts) = batch.column_by_name(text) else {
            let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            return Err(Error::data(format!("there is no column `{text}`, only {}", names.join(", ")))
                .hint("name the column of the text with column=..."));
        };
        let found = self.column(texts)?;
        let name = self.result().unwrap_or(text);
        let field = Arc::new(Field::new(name, found.data_type().clone(), true));
        let (mut fields, mut columns) = (schema.fields().to_vec(), batch.columns().to_vec());
        match schema.index_of(name) {
            Ok(index) => (fields[index], columns[index]) = (field, found),
            Err(_) => {
                fields.push(field);
                columns.push(found);
            }
        }
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        RecordBatch::try_new(Arc::new(schema), columns).map_err(|e| from_arrow(&e))
    }
}

/// The texts of a column of any text type.
fn rows(texts: &ArrayRef) -> Result<Box<dyn Iterator<Item = Option<&str>> + '_>> {
    let rows: Box<dyn Iterator<Item = Option<&str>>> = match texts.data_type() {
        DataType::Utf8 => Box::new(texts.as_string::<i32>().iter()),
        DataType::LargeUtf8 => Box::new(texts.as_string::<i64>().iter()),
        DataType::Utf8View => Box::new(texts.as_string_view().iter()),
        other => {
            return Err(Error::data(format!("the column holds {other}, not text"))
                .hint("cast it to string, or name another with column=..."));
        }
    };
    // The producer of the buffers may not have checked them, and everything that follows relies on valid UTF-8.
    texts.to_data().validate_full().map_err(|e| {
        Error::data(format!("the column is damaged: {e}")).hint("text must be UTF-8, with offsets in order")
    })?;
    Ok(rows)
}

/// The most bytes that `i32` offsets can address.
const OFFSETS_32: usize = i32::MAX as usize;

fn too_long(what: &str) -> Error {
    Error::data(format!("the {what} of one batch take more than 2^31 of its type"))
        .hint("use smaller batches")
}

fn normalize<'a>(
    texts: &ArrayRef,
    rows: impl Iterator<Item = Option<&'a str>>,
    normalizer: &Normalizer,
) -> Result<ArrayRef> {
    let mut report = Report::default();
    let repaired: Vec<Option<Cow<'_, str>>> =
        rows.map(|text| text.map(|text| normalizer.normalize(text, &mut report))).collect();
    if !repaired.iter().flatten().any(|text| matches!(text, Cow::Owned(_))) {
        return Ok(Arc::clone(texts));
    }
    let bytes = repaired.iter().flatten().map(|text| text.len()).sum();
    Ok(match texts.data_type() {
        DataType::Utf8View => {
            let mut out = StringViewBuilder::with_capacity(repaired.len());
            repaired.iter().for_each(|text| out.append_option(text.as_deref()));
            Arc::new(out.finish())
        }
        DataType::LargeUtf8 => strings::<i64>(&repaired, bytes),
        _ if bytes > OFFSETS_32 => {
            return Err(too_long("repaired texts").hint("cast the column to large_string"));
        }
        _ => strings::<i32>(&repaired, bytes),
    })
}

fn strings<O: OffsetSizeTrait>(texts: &[Option<Cow<'_, str>>], bytes: usize) -> ArrayRef {
    let mut out = GenericStringBuilder::<O>::with_capacity(texts.len(), bytes);
    texts.iter().for_each(|text| out.append_option(text.as_deref()));
    Arc::new(out.finish())
}

fn sign<'a>(
    texts: &ArrayRef,
    rows: impl Iterator<Item = Option<&'a str>>,
    preset: Preset,
) -> Result<ArrayRef> {
    let (mut key, mut words, mut signer) = (Key::default(), Words::default(), Signer::new(preset));
    let mut keys = FixedSizeBinaryBuilder::with_capacity(texts.len(), 16);
    let mut bands = ListBuilder::new(UInt64Builder::with_capacity(texts.len() * preset.shape().0));
    let mut one = Vec::new();
    for text in rows {
        one.clear();
        if let Some(text) = text {
            keys.append_value(key.of(text).to_be_bytes()).map_err(|e| from_arrow(&e))?;
            words.read(text);
            signer.sign(&words.folded, &mut one);
        } else {
            keys.append_null();
        }
        bands.values().append_slice(&one);
        bands.append(text.is_some());
    }
    let (keys, bands) = (keys.finish(), bands.finish());
    let fields = vec![
        Field::new("key", keys.data_type().clone(), true),
        Field::new("bands", bands.data_type().clone(), true),
    ];
    let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(bands)];
    let signatures = StructArray::try_new(fields.into(), columns, texts.nulls().cloned());
    Ok(Arc::new(signatures.map_err(|e| from_arrow(&e))?))
}

/// A tokenizer and its idle encoders: the ids have 16 bits, or 32 for a vocabulary over 65,499.
pub struct Encode(Width);

enum Width {
    Narrow(Encoders<UInt16Type>),
    Wide(Encoders<UInt32Type>),
}

impl Encode {
    /// Reads a tokenizer.json.
    ///
    /// # Errors
    /// The file is not a tokenizer, or it has no `<|endoftext|>`.
    pub fn open(path: &Path) -> Result<Self> {
        let tokenizer = Arc::new(bpe::Tokenizer::from_file(path)?);
        let wide = bpe::is_wide(tokenizer.vocab_size());
        let width = if wide {
            Encoders::new(tokenizer).map(Width::Wide)
        } else {
            Encoders::new(tokenizer).map(Width::Narrow)
        };
        width.map(Self).map_err(|e| e.at(path))
    }

    fn column<'a>(&self, rows: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef> {
        match &self.0 {
            Width::Narrow(encoders) => encoders.column(rows),
            Width::Wide(encoders) => encoders.column(rows),
        }
    }
}

type Encoder<T> = bpe::Encoder<<T as ArrowPrimitiveType>::Native, Arc<bpe::Tokenizer>>;

/// Encoders are kept because their caches are warm: a cold one is three times slower, and batches are small.
struct Encoders<T: ArrowPrimitiveType>
where
    T::Native: bpe::Id,
{
    tokenizer: Arc<bpe::Tokenizer>,
    eos: T::Native,
    idle: Mutex<Vec<Encoder<T>>>,
}

impl<T: ArrowPrimitiveType> Encoders<T>
where
    T::Native: bpe::Id,
{
    fn new(tokenizer: Arc<bpe::Tokenizer>) -> Result<Self> {
        let first = Encoder::<T>::new(Arc::clone(&tokenizer))?;
        let eos = tokenizer.eos().ok_or_else(|| {
            Error::data("the tokenizer has no <|endoftext|> token")
                .hint("train one with `rotools tokenizer train`")
        })?;
        Ok(Self { tokenizer, eos: bpe::Id::new(eos), idle: Mutex::new(vec![first]) })
    }

    fn column<'a>(&self, rows: impl Iterator<Item = Option<&'a str>>) -> Result<ArrayRef> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut encoder = taken.map_or_else(|| Encoder::<T>::new(Arc::clone(&self.tokenizer)), Ok)?;
        let mut tokens = ListBuilder::new(PrimitiveBuilder::<T>::new());
        let (mut ids, mut total) = (Vec::new(), 0);
        for text in rows {
            ids.clear();
            if let Some(text) = text {
                encoder.encode(text, &mut ids);
                ids.push(self.eos);
            }
            total += ids.len();
            if total > OFFSETS_32 {
                return Err(too_long("tokens"));
            }
            tokens.values().append_slice(&ids);
            tokens.append(text.is_some());
        }
        idle().push(encoder);
        Ok(Arc::new(tokens.finish()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::filter::Profile;
    use arrow_array::{Int32Array, LargeStringArray, StringArray, StringViewArray};
    use proptest::prelude::*;

    fn columns(texts: &[Option<String>]) -> [ArrayRef; 3] {
        [
            Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>()),
            Arc::new(texts.iter().map(Option::as_deref).collect::<LargeStringArray>()),
            Arc::new(texts.iter().map(Option::as_deref).collect::<StringViewArray>()),
        ]
    }

    proptest! {
        #[test]
        fn every_layout_gives_what_each_text_gives(
            texts in prop::collection::vec(prop::option::of("([aăşţ \u{ad}]|Ã®|unu doi trei patru cinci ){0,12}"), 0..12),
            from in 0usize..4,
        ) {
            let normalizer = Normalizer::new(crate::normalize::Options::default());
            let filter = Filter::new(Profile::Web);
            for column in columns(&texts) {
                // A slice has offsets that do not begin at 0.
                let from = from.min(texts.len());
                let (column, texts) = (column.slice(from, texts.len() - from), &texts[from..]);
                let repaired = Kernel::Normalize(normalizer).column(&column).unwrap();
                prop_assert_eq!(repaired.data_type(), column.data_type());
                let scores = Kernel::Score(filter.clone()).column(&column).unwrap();
                let signatures = Kernel::Sign(Preset::Strict).column(&column).unwrap();
                let repaired: Vec<Option<&str>> = rows(&repaired).unwrap().collect();
                let words = scores.as_struct().column_by_name("measures").unwrap().as_struct();
                let words = words.column_by_name("words").unwrap().as_primitive::<arrow_array::types::UInt64Type>();
                let signatures = signatures.as_struct();
                let keys = signatures.column(0).as_fixed_size_binary();
                let bands = signatures.column(1).as_list::<i32>();
                for (row, text) in texts.iter().enumerate() {
                    prop_assert_eq!(scores.is_null(row), text.is_none());
                    prop_assert_eq!(signatures.is_null(row), text.is_none());
                    let Some(text) = text else {
                        prop_assert_eq!(repaired[row], None);
                        continue;
                    };
                    let one = normalizer.normalize(text, &mut Report::default());
                    prop_assert_eq!(repaired[row], Some(&*one));
                    let verdict = filter.judge(text, &mut Scratch::default());
                    prop_assert_eq!(words.value(row), verdict.measures.words);
                    prop_assert_eq!(keys.value(row), Key::default().of(text).to_be_bytes());
                    let (mut words, mut expected) = (Words::default(), Vec::new());
                    words.read(text);
                    Signer::new(Preset::Strict).sign(&words.folded, &mut expected);
                    let found = bands.value(row);
                    prop_assert_eq!(found.as_primitive::<arrow_array::types::UInt64Type>().values(), &expected[..]);
                }
            }
        }
    }

    #[test]
    fn what_needs_no_repair_is_not_copied() {
        for column in columns(&[Some("în țară".into()), None, Some("și un text care este mai lung".into())])
        {
            let kernel = Kernel::Normalize(Normalizer::new(crate::normalize::Options::default()));
            assert!(kernel.column(&column).unwrap().to_data().ptr_eq(&column.to_data()));
        }
    }

    #[test]
    fn a_result_takes_the_place_of_a_column_of_its_name_or_the_last() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("Ştiinţă"), None]));
        let number: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
        let batch = RecordBatch::try_from_iter([("body", Arc::clone(&text)), ("n", number)]).unwrap();
        let names = |batch: &RecordBatch| -> Vec<String> {
            batch.schema().fields().iter().map(|field| field.name().clone()).collect()
        };
        let normalize = Kernel::Normalize(Normalizer::new(crate::normalize::Options::default()));
        let repaired = normalize.batch(&batch, "body").unwrap();
        assert_eq!(names(&repaired), ["body", "n"]);
        assert_eq!(repaired.column(0).as_string::<i32>().value(0), "Știință");
        let sign = Kernel::Sign(Preset::Default);
        let signed = sign.batch(&batch, "body").unwrap();
        assert_eq!(names(&signed), ["body", "n", "signature"]);
        assert_eq!(sign.batch(&signed, "body").unwrap(), signed);
        let error = sign.batch(&batch, "text").unwrap_err();
        assert!(error.what.contains("no column `text`, only body, n"), "{error}");
        assert!(sign.batch(&batch, "n").unwrap_err().what.contains("Int32, not text"));
    }
}

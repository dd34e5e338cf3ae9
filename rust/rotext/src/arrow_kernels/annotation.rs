//! What the filter measured, as an Arrow struct. It has the fields that `rotools filter --annotate` writes into `filter`:
//! `{dropped: {rule, value, threshold, side}, measures: {words, ...}}`.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float64Array, StringArray, StructArray, UInt64Array};
use arrow_schema::{DataType, Field};

use super::errors::from_arrow;
use crate::error::Result;
use crate::filter::{Broken, Measures, Side, Verdict};

/// One row for each verdict, null where `texts` is null.
///
/// # Errors
/// None is known: all columns have the same length.
pub(super) fn struct_of(verdicts: &[Option<Verdict>], texts: &ArrayRef) -> Result<ArrayRef> {
    let dropped: Vec<Option<&Broken>> = verdicts.iter().map(|v| v.as_ref()?.dropped.as_ref()).collect();
    let number = |of: fn(&Broken) -> f64| -> ArrayRef {
        Arc::new(dropped.iter().map(|broken| broken.map(of)).collect::<Float64Array>())
    };
    let name = |of: fn(&Broken) -> &'static str| -> ArrayRef {
        Arc::new(dropped.iter().map(|broken| broken.map(of)).collect::<StringArray>())
    };
    let rule = name(|broken| broken.rule);
    let dropped = columns(
        vec![
            ("value", number(|broken| broken.value)),
            ("threshold", number(|broken| broken.threshold)),
            ("side", name(|broken| if broken.side == Side::Below { "below" } else { "above" })),
            ("rule", Arc::clone(&rule)),
        ],
        &rule,
    )?;
    columns(vec![("dropped", dropped), ("measures", measures(verdicts, texts)?)], texts)
}

fn measures(verdicts: &[Option<Verdict>], texts: &ArrayRef) -> Result<ArrayRef> {
    let of_each = || verdicts.iter().map(|verdict| verdict.as_ref().map(|verdict| &verdict.measures));
    let count = |of: fn(&Measures) -> u64| -> ArrayRef {
        Arc::new(of_each().map(|m| m.map(of)).collect::<UInt64Array>())
    };
    let some = |of: fn(&Measures) -> Option<f64>| -> ArrayRef {
        Arc::new(of_each().map(|m| m.and_then(of)).collect::<Float64Array>())
    };
    let share = |of: fn(&Measures) -> f64| -> ArrayRef {
        Arc::new(of_each().map(|m| m.map(of)).collect::<Float64Array>())
    };
    let language: StringArray = of_each().map(|m| Some(m?.language?.name())).collect();
    columns(
        vec![
            ("words", count(|m| m.words)),
            ("lines", count(|m| m.lines)),
            ("romanian", some(|m| m.romanian)),
            ("language", Arc::new(language)),
            ("diacritics", some(|m| m.diacritics)),
            ("stop_words", count(|m| m.stop_words)),
            ("word_length", share(|m| m.word_length)),
            ("alpha_words", share(|m| m.alpha_words)),
            ("hashes", share(|m| m.hashes)),
            ("ellipses", share(|m| m.ellipses)),
            ("symbols", share(|m| m.symbols)),
            ("digits", share(|m| m.digits)),
            ("bullet_lines", share(|m| m.bullet_lines)),
            ("ellipsis_lines", share(|m| m.ellipsis_lines)),
            ("closed_lines", share(|m| m.closed_lines)),
            ("lower_lines", share(|m| m.lower_lines)),
            ("lines_per_word", share(|m| m.lines_per_word)),
            ("separators", share(|m| m.separators)),
            ("code", share(|m| m.code)),
            ("duplicate_lines", share(|m| m.duplicate_lines)),
            ("duplicate_line_bytes", share(|m| m.duplicate_line_bytes)),
            ("top_runs", lists(of_each().map(|m| m.map_or([0.0; 3], |m| m.top_runs)))?),
            ("repeated_runs", lists(of_each().map(|m| m.map_or([0.0; 6], |m| m.repeated_runs)))?),
            ("garbled_words", share(|m| m.garbled_words)),
        ],
        texts,
    )
}

/// Lists with the same number of values in every row.
fn lists<const N: usize>(rows: impl Iterator<Item = [f64; N]>) -> Result<ArrayRef> {
    let values = Float64Array::from(rows.flatten().collect::<Vec<f64>>());
    let field = Arc::new(Field::new("item", DataType::Float64, true));
    let lists = FixedSizeListArray::try_new(field, N as i32, Arc::new(values), None);
    Ok(Arc::new(lists.map_err(|e| from_arrow(&e))?))
}

/// A struct of the columns, null where `like` is null.
fn columns(columns: Vec<(&str, ArrayRef)>, like: &ArrayRef) -> Result<ArrayRef> {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns
        .into_iter()
        .map(|(name, column)| (Field::new(name, column.data_type().clone(), true), column))
        .unzip();
    let rows = StructArray::try_new(fields.into(), columns, like.nulls().cloned());
    Ok(Arc::new(rows.map_err(|e| from_arrow(&e))?))
}

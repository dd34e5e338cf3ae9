//! Reads the texts of evaluations, whatever the names of their fields are.

use std::path::Path;

use crate::dedup::{Evaluation, Words};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::reader::{Fields, Format, Reader, Source};

/// Reads every text in `sources`: each string of a JSONL record alone, and all its strings joined (a question and its answer);
/// the text field of a Parquet row; a whole text file.
///
/// # Errors
/// A source cannot be read, or has no text of at least 13 words.
pub(super) fn read(sources: &[Source], fields: &Fields, progress: &Progress) -> Result<Evaluation> {
    let mut evaluation = Evaluation::default();
    let mut words = Words::default();
    for source in sources.iter().filter(|source| source.format != Format::Unread) {
        progress.begin("read evaluation", source.size);
        let mut found = false;
        let mut add = |text: &str| {
            words.read(text);
            found |= evaluation.add(&words.folded);
        };
        match source.format {
            Format::Jsonl => {
                each_line(source, progress, |value| {
                    let mut all = String::new();
                    strings(&value, &mut |text| {
                        add(text);
                        all.push_str(text);
                        all.push(' ');
                    });
                    add(&all);
                })?;
            }
            _ => {
                let mut reader = Reader::open(source, fields)?;
                while let Some(chunk) = reader.next_chunk()? {
                    progress.check()?;
                    progress.advance(chunk.moved);
                    let batch = chunk.parse(source, fields);
                    batch.damage.map_or(Ok(()), Err)?;
                    batch.documents.iter().for_each(|document| add(&document.text));
                }
            }
        }
        if !found {
            return Err(Error::data("the evaluation has no text of at least 13 words")
                .at(&source.path)
                .hint("name the files of the evaluation with --decontaminate: JSONL, Parquet or text"));
        }
    }
    Ok(evaluation)
}

fn each_line(source: &Source, progress: &Progress, mut f: impl FnMut(serde_json::Value)) -> Result<()> {
    // No record has this field, so every record comes back as a reject, with its bytes.
    let fields = Fields { text: "\0".into(), ..Fields::default() };
    let mut reader = Reader::open(source, &fields)?;
    while let Some(chunk) = reader.next_chunk()? {
        progress.check()?;
        progress.advance(chunk.moved);
        let batch = chunk.parse(source, &fields);
        batch.damage.map_or(Ok(()), Err)?;
        for reject in batch.rejects {
            let value = serde_json::from_slice(&reject.raw).map_err(|e| {
                let path: &Path = &source.path;
                Error::data(format!("broken JSON ({e})"))
                    .at_place(reject.place(path))
                    .hint("an evaluation file has one JSON value on each line")
            })?;
            f(value);
        }
    }
    Ok(())
}

/// Calls `f` with every string in `value`, in order.
fn strings(value: &serde_json::Value, f: &mut impl FnMut(&str)) {
    match value {
        serde_json::Value::String(text) => f(text),
        serde_json::Value::Array(items) => items.iter().for_each(|item| strings(item, f)),
        serde_json::Value::Object(fields) => fields.values().for_each(|field| strings(field, f)),
        _ => {}
    }
}

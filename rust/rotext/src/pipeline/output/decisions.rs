//! Why each record was rejected: lines of the rejects file and rows of the ledger.

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;

use crate::dedup::{Cut, Removal, Rule};
use crate::document::Reason;
use crate::document::{Document, Note, Reject};
use crate::error::{Error, Result};
use crate::ledger::{self, Action, Row};
use crate::reader::Source;

/// Where a pass writes rejects and decisions.
#[derive(Default)]
pub(in crate::pipeline) struct DecisionLog<'a> {
    /// Every reject, one JSON object a line.
    pub rejects: Option<&'a mut (dyn Write + Send)>,
    /// Every decision.
    pub ledger: Option<&'a mut ledger::Writer>,
}

impl DecisionLog<'_> {
    /// Writes what a chunk came to: rejects by line, rows by line and stage.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(in crate::pipeline) fn write(
        &mut self,
        rejects: &[Reject],
        mut rows: Vec<Row>,
        source: &Source,
    ) -> Result<()> {
        if let Some(out) = self.rejects.as_mut() {
            let mut lines = rejects.iter();
            lines
                .try_for_each(|reject| write_reject(*out, source, reject))
                .map_err(|e| Error::io(PathBuf::from("rejects.jsonl"), &e))?;
        }
        if let Some(ledger) = self.ledger.as_mut() {
            // A stable sort: the rows of one document stay in the order of the stages.
            rows.sort_by_key(|row| row.line);
            rows.into_iter().try_for_each(|row| ledger.push(row))?;
        }
        Ok(())
    }
}

/// The reject and the row of a document that deduplication or decontamination removed.
pub(in crate::pipeline) fn removed_document(
    document: &Document,
    removal: Removal,
    source: &Source,
) -> (Reject, Row) {
    let Document { id, line, .. } = document;
    let Removal { rule, value, partner } = removal;
    let (jaccard, partner) = partner.unzip();
    let other = partner.as_deref().unwrap_or_default();
    let (reason, what) = match rule {
        Rule::Exact => (Reason::Duplicate, format!("{id} has the same text as {other}")),
        Rule::Contaminated => {
            (Reason::Contaminated, format!("{id} shares {value} runs of 13 words with an evaluation text"))
        }
        _ => (Reason::NearDuplicate, format!("{id} is {:.1} % like {other}", 100.0 * value)),
    };
    let row = Row {
        value: Some(value),
        threshold: Some(rule.threshold()),
        partner,
        score: jaccard,
        ..row("dedup", rule.name(), Action::Drop, id.clone(), *line, source)
    };
    (Reject { line: *line, byte: None, reason, what, raw: Vec::new() }, row)
}

/// The same for a document whose text occurred earlier, at `first`, in a run that keeps keys and no ids.
pub(in crate::pipeline) fn duplicate_of_earlier(
    document: &Document,
    first: String,
    source: &Source,
) -> (Reject, Row) {
    removed_document(document, Removal { rule: Rule::Exact, value: 1.0, partner: Some((1.0, first)) }, source)
}

/// A row without figures.
fn row(
    stage: &'static str,
    rule: impl Into<Cow<'static, str>>,
    action: Action,
    document: String,
    line: u64,
    source: &Source,
) -> Row {
    Row {
        stage: stage.into(),
        document,
        source: source.name.clone(),
        line,
        action,
        rule: rule.into(),
        value: None,
        threshold: None,
        partner: None,
        score: None,
        byte: None,
    }
}

/// The row of a document from which repeated lines were cut.
pub(in crate::pipeline) fn repeated_lines_row(
    document: &Document,
    lines: Cut,
    source: &Source,
    limit: u32,
) -> Row {
    let Document { id, line, .. } = document;
    Row {
        value: Some(lines.lines as f64),
        threshold: Some(limit.into()),
        score: Some(lines.bytes as f64),
        ..row("dedup", "repeated-lines", Action::Edit, id.clone(), *line, source)
    }
}

/// The row of a record that could not become a document. Its place is its only id.
pub(in crate::pipeline) fn unusable_record_row(reject: &Reject, source: &Source) -> Row {
    let document = format!("{}:{}", source.name, reject.line);
    Row {
        byte: reject.byte,
        ..row("read", reject.reason.name(), Action::Drop, document, reject.line, source)
    }
}

/// The row of a document that the reader repaired, or whose charset it guessed.
pub(in crate::pipeline) fn reader_row(note: Note, source: &Source) -> Row {
    Row { value: note.value, ..row("read", note.rule, Action::Edit, note.id, note.line, source) }
}

/// One line of a rejects file: place, reason, and the record as it was read (in hex when it is not UTF-8).
fn write_reject(out: &mut (dyn Write + Send), source: &Source, reject: &Reject) -> std::io::Result<()> {
    let mut line = serde_json::json!({
        "source": source.name, "line": reject.line, "reason": reject.reason.name(), "what": reject.what,
    });
    if let Some(byte) = reject.byte {
        line["byte"] = byte.into();
    }
    match std::str::from_utf8(&reject.raw) {
        Ok("") => {}
        Ok(raw) => line["record"] = raw.into(),
        Err(_) => {
            line["record_hex"] = reject.raw.iter().map(|b| format!("{b:02x}")).collect::<String>().into();
        }
    }
    writeln!(out, "{line}")
}

//! What was left out, and why: lines of the rejects file and rows of the ledger.

use std::io::Write;
use std::path::PathBuf;

use crate::dedup::{Cut, Rule, Verdict};
use crate::document::{Document, Reason, Reject};
use crate::error::{Error, Result};
use crate::ledger::{self, Action, Row};
use crate::reader::Source;

/// Where it is written down what was left out, and why.
#[derive(Default)]
pub(super) struct LeftOut<'a> {
    /// Every record that was left out, one JSON object a line.
    pub rejects: Option<&'a mut (dyn Write + Send)>,
    /// Every decision.
    pub ledger: Option<&'a mut ledger::Writer>,
}

impl LeftOut<'_> {
    /// Writes down what was left out of a chunk: records by line, rows by line and stage.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(super) fn write(&mut self, rejects: &[Reject], mut rows: Vec<Row>, source: &Source) -> Result<()> {
        if let Some(out) = self.rejects.as_mut() {
            let mut lines = rejects.iter();
            lines
                .try_for_each(|reject| write_reject(*out, source, reject))
                .map_err(|e| Error::io(PathBuf::from("rejects.jsonl"), &e))?;
        }
        if let Some(ledger) = self.ledger.as_mut() {
            // Stable: rows of one document stay in the order of the stages.
            rows.sort_by_key(|row| row.line);
            rows.into_iter().try_for_each(|row| ledger.push(row))?;
        }
        Ok(())
    }
}

/// A document that goes for another, or for an evaluation text.
pub(super) fn gone(document: &Document, verdict: Verdict, source: &Source) -> (Reject, Row) {
    let Document { id, line, .. } = document;
    let Verdict { rule, value, partner } = verdict;
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

/// A document whose text stood at `first` already, in a run that keeps no ids.
pub(super) fn same(document: &Document, first: String, source: &Source) -> (Reject, Row) {
    gone(document, Verdict { rule: Rule::Exact, value: 1.0, partner: Some((1.0, first)) }, source)
}

/// A row without figures.
fn row(
    stage: &'static str,
    rule: &'static str,
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

/// The ledger's row about a document that lines were cut from.
pub(super) fn cut(document: &Document, lines: Cut, source: &Source, limit: u32) -> Row {
    let Document { id, line, .. } = document;
    Row {
        value: Some(lines.lines as f64),
        threshold: Some(limit.into()),
        score: Some(lines.bytes as f64),
        ..row("dedup", "repeated-lines", Action::Edit, id.clone(), *line, source)
    }
}

/// The ledger's row about a record that could not become a document: it has no id but its place.
pub(super) fn unread(reject: &Reject, source: &Source) -> Row {
    let document = format!("{}:{}", source.name, reject.line);
    Row {
        byte: reject.byte,
        ..row("read", reject.reason.name(), Action::Drop, document, reject.line, source)
    }
}

/// One line of a rejects file: where, why, and the record as it stood (hex when it is not UTF-8).
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

//! Changes to show to people: each replacement with its rule, its place in the original, and its context.

use serde::Serialize;

use super::Normalizer;
use super::edit::{Edit, Log};
use super::rules::RULES;

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Id of the rule.
    pub rule: &'static str,
    /// The byte in the original text.
    pub start: usize,
    /// The text before the rule.
    pub before: String,
    /// The text after the rule; empty for a deletion.
    pub after: String,
    /// Up to 30 characters before it.
    pub context_before: String,
    /// Up to 30 characters after it.
    pub context_after: String,
}

/// Characters of context on each side.
const CONTEXT: usize = 30;

/// The byte of a stage's input that became byte `at` of its output.
fn origin(edits: &[Edit], at: usize) -> usize {
    match edits.partition_point(|edit| edit.to.start <= at).checked_sub(1) {
        None => at,
        Some(i) if at < edits[i].to.end => edits[i].from.start,
        Some(i) => edits[i].from.end + (at - edits[i].to.end),
    }
}

impl Normalizer {
    /// The first `limit` changes of `text`, in the order of the text. It is slower than [`Normalizer::normalize`], which needs no
    /// places.
    ///
    /// # Examples
    ///
    /// ```
    /// use rotext::normalize::Normalizer;
    ///
    /// let changes = Normalizer::default().diff("Ştiinţă", 10);
    /// assert_eq!((changes[0].rule, &*changes[0].before, &*changes[0].after), ("cedilla", "Ş", "Ș"));
    /// ```
    pub fn diff(&self, text: &str, limit: usize) -> Vec<Change> {
        let mut log = Log::recording();
        let mut earlier: Vec<Vec<Edit>> = Vec::new();
        let mut changes = Vec::new();
        self.run(text, &mut log, |input, log| {
            let edits = log.edits.replace(Vec::new()).unwrap_or_default();
            // Edits are in the order of the text, so no later one can be among the first `limit`.
            for edit in edits.iter().take(limit) {
                let start = earlier.iter().rev().fold(edit.from.start, |at, edits| origin(edits, at));
                changes.push(Change { start, ..shown(input, edit) });
            }
            earlier.push(edits);
        });
        changes.sort_by_key(|change: &Change| change.start);
        changes.truncate(limit);
        changes
    }
}

fn shown(input: &str, edit: &Edit) -> Change {
    let head = &input[..edit.from.start];
    let from = head.char_indices().rev().take(CONTEXT).last().map_or(head.len(), |(i, _)| i);
    Change {
        rule: RULES[edit.rule as usize].id,
        start: edit.from.start,
        before: input[edit.from.clone()].to_owned(),
        after: edit.with.clone(),
        context_before: head[from..].to_owned(),
        context_after: input[edit.from.end..].chars().take(CONTEXT).collect(),
    }
}

//! The ledger: one Parquet file with every decision about a document. It answers why a document was removed.
//!
//! | column | type | what |
//! |---|---|---|
//! | `stage` | text | `read`, `filter`, `dedup`, ... |
//! | `document` | text | the document's id |
//! | `source` | text | its file, as the user named it |
//! | `line` | u64 | its line or row there, from 1 |
//! | `action` | text | `drop`, `edit`, `flag`, `keep` |
//! | `rule` | text | what decided |
//! | `value`, `threshold` | f64 or null | what the rule measured, and its limit |
//! | `partner` | text or null | id of the kept document that represents this one |
//! | `score` | f64 or null | a second measure; for duplicates the Jaccard similarity |
//! | `byte` | u64 or null | place in the text, for edits and flags |
//!
//! The rows are in the order of the input, and those of one document in the order of the stages. The file's metadata have
//! `rotools.ledger.version`. A document without a decision has no row.
//!
//! # Examples
//!
//! ```
//! use rotext::ledger::{Action, Row, Writer, find};
//!
//! # fn main() -> rotext::error::Result<()> {
//! let folder = tempfile::tempdir().expect("a folder for the example");
//! let path = folder.path().join("ledger.parquet");
//! let mut ledger = Writer::create(&path)?;
//! ledger.push(Row {
//!     stage: "filter".into(),
//!     document: "d1".into(),
//!     source: "web.jsonl".into(),
//!     line: 1,
//!     action: Action::Drop,
//!     rule: "words".into(),
//!     value: Some(4.0),
//!     threshold: Some(10.0),
//!     partner: None,
//!     score: None,
//!     byte: None,
//! })?;
//! ledger.finish()?;
//! assert_eq!(find(&path, "d1")?.rows[0].rule, "words");
//! # Ok(())
//! # }
//! ```

mod read;
mod summary;
mod write;

pub use read::{Found, find};
pub use summary::{Cluster, Rule, Summary, summary};
pub use write::Writer;

use std::borrow::Cow;

/// Version of the columns.
pub const VERSION: &str = "1";
/// Its key in the file's metadata.
const KEY: &str = "rotools.ledger.version";

/// What a stage did with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It removed the document.
    Drop,
    /// It removed or changed a part of the document.
    Edit,
    /// It kept the document as it is, and noticed something.
    Flag,
    /// It kept the document although a rule would have dropped it.
    Keep,
}

impl Action {
    /// The name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Edit => "edit",
            Self::Flag => "flag",
            Self::Keep => "keep",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Drop, Self::Edit, Self::Flag, Self::Keep].into_iter().find(|action| action.name() == name)
    }
}

/// One decision about one document.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// The stage that decided.
    pub stage: Cow<'static, str>,
    /// The document's id.
    pub document: String,
    /// The name of its source.
    pub source: String,
    /// Its line or row there.
    pub line: u64,
    /// What the stage did.
    pub action: Action,
    /// The rule that decided.
    pub rule: Cow<'static, str>,
    /// What the rule measured.
    pub value: Option<f64>,
    /// The rule's threshold.
    pub threshold: Option<f64>,
    /// The id of the kept document that represents this one.
    pub partner: Option<String>,
    /// A second measure.
    pub score: Option<f64>,
    /// Place in the text.
    pub byte: Option<u64>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn row() -> impl Strategy<Value = Row> {
        let action = prop::sample::select(vec![Action::Drop, Action::Edit, Action::Flag, Action::Keep]);
        let float = || prop::option::of(-1e9..1e9f64);
        let numbers = (float(), float(), float(), prop::option::of(any::<u64>()));
        ("[a-c]{1,2}", "[ab]{0,2}", any::<u64>(), action, prop::option::of("[a-cș]{1,2}"), numbers).prop_map(
            |(document, source, line, action, partner, (value, threshold, score, byte))| Row {
                stage: "dedup".into(),
                document,
                source,
                line,
                action,
                rule: "exact".into(),
                value,
                threshold,
                partner,
                score,
                byte,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_was_written_is_found(rows in prop::collection::vec(row(), 0..60)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.parquet");
            let mut writer = Writer::create(&path).unwrap();
            rows.iter().for_each(|row| writer.push(row.clone()).unwrap());
            writer.finish().unwrap();
            for id in ["a", "b", "cc", "ș", "no"] {
                let found = find(&path, id).unwrap();
                let mine: Vec<Row> = rows.iter().filter(|row| row.document == id).cloned().collect();
                let others = rows.iter().filter(|row| row.partner.as_deref() == Some(id)).count();
                prop_assert_eq!(found.rows, mine);
                prop_assert_eq!(found.stands_for as usize, others);
            }
        }
    }

    #[test]
    fn a_file_that_is_not_a_ledger_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.parquet");
        Writer::create(&path).unwrap().finish().unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(find(&path, "a").unwrap().rows, []);
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        assert!(find(&path, "a").unwrap_err().to_string().contains("damaged"));
        // The file has the version as plain text.
        let at = whole.windows(KEY.len()).position(|window| window == KEY.as_bytes()).unwrap();
        let version = at + KEY.len() + whole[at + KEY.len()..].iter().position(|byte| *byte == b'1').unwrap();
        let mut newer = whole.clone();
        newer[version] = b'2';
        std::fs::write(&path, &newer).unwrap();
        assert!(find(&path, "a").unwrap_err().to_string().contains("version 2"));
        let mut other = whole.clone();
        other[at] = b'x';
        std::fs::write(&path, &other).unwrap();
        assert!(find(&path, "a").unwrap_err().to_string().contains("not a ledger"));
    }
}

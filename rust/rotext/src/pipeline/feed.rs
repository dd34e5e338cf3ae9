//! From files to clean, distinct documents: the part that every verb shares.
//!
//! read -> parse, normalize, filter, key (parallel) -> deduplicate, account (in order)

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use super::filter::{self, Filtering};
use super::ordered;
use crate::dedup;
use crate::document::{Document, Reason, Reject};
use crate::error::{Error, Result};
use crate::ledger::{self, Action, Row};
use crate::normalize;
use crate::progress::Progress;
use crate::reader::{self, Chunk, Cursor, Fields, Reader, Source};

/// How documents are read and cleaned.
#[derive(Debug, Clone)]
pub struct Options {
    /// Fields of text and id.
    pub fields: Fields,
    /// Stop at the first record that cannot be used.
    pub strict: bool,
    /// Compute the keys of documents; duplicates, splits and the identity of sources need them, else they are 0.
    pub keys: bool,
    /// Repair the text.
    pub normalize: Option<normalize::Options>,
    /// Drop what is not worth training on, and redact personal data.
    pub filter: Option<Filtering>,
    /// What the sources hold: the profile of the filter; lines that a plan found in many documents are cut from web text
    /// only (a refrain or a stage direction is no boilerplate).
    pub kind: dedup::Kind,
    /// Worker threads.
    pub threads: usize,
}

/// A document that passed, and the key of its text.
pub struct Passed {
    /// The document, its text repaired.
    pub document: Document,
    /// Its 128-bit key; 0 when none was asked for.
    pub key: u128,
    /// The text was changed.
    pub changed: bool,
    /// What was cut from it.
    pub cut: dedup::Cut,
    /// What the filter measured, when all that was asked is to say so.
    pub verdict: Option<Box<crate::filter::Verdict>>,
}

/// The documents of one chunk that passed, in order.
pub struct Parcel {
    /// Index of the source.
    pub source: usize,
    /// The documents.
    pub documents: Vec<Passed>,
}

/// What went in and what was left out.
#[derive(Debug, Default, Clone, serde::Serialize)]
pub struct Account {
    /// Records read, good and bad.
    pub records: u64,
    /// Documents that passed.
    pub documents: u64,
    /// UTF-8 bytes of their texts.
    pub bytes: u64,
    /// Records left out, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Repeated lines cut from documents that passed, and their bytes.
    pub cut: dedup::Cut,
    /// What the normalizer did.
    pub normalize: normalize::Report,
    /// What the filter did.
    pub filter: filter::Report,
    /// Passed documents by source: (documents, bytes, chained hash of the keys).
    #[serde(skip)]
    pub sources: Vec<(u64, u64, u64)>,
}

/// How documents are judged against each other.
pub enum Removal<'a, 'b> {
    /// All pass.
    Nothing,
    /// A text equal to an earlier one goes; one key a document in memory.
    Exact(&'a mut dedup::Seen),
    /// An earlier pass over the same documents decided.
    Planned(&'a mut dedup::Judge<'b>),
}

/// Where it is written down what was left out, and why.
#[derive(Default)]
pub struct LeftOut<'a> {
    /// Every record that was left out, one JSON object a line.
    pub rejects: Option<&'a mut (dyn Write + Send)>,
    /// Every decision.
    pub ledger: Option<&'a mut ledger::Writer>,
}

/// Sends every good document of `sources` through `close` (parallel) to `sink` (in order).
///
/// # Errors
/// A source cannot be read, none of its records has the text field, `strict` and a bad record, or an error
/// of `close` or `sink`.
#[allow(clippy::too_many_arguments)]
pub fn run<D: Send, L>(
    sources: &[Source],
    options: &Options,
    mut removal: Removal<'_, '_>,
    mut left_out: LeftOut<'_>,
    progress: &Progress,
    local: impl Fn() -> L + Sync,
    close: impl Fn(&mut L, Parcel) -> Result<D> + Sync,
    sink: impl FnMut(D) -> Result<()> + Send,
) -> Result<Account> {
    let mut account = Account { sources: vec![(0, 0, 0); sources.len()], ..Account::default() };
    let repeated = match &removal {
        Removal::Planned(judge) if options.kind == dedup::Kind::Web => Some(judge.repeated()),
        _ => None,
    };
    let limit = repeated.map_or(0, dedup::Repeated::limit);
    let mut files = sources.iter().enumerate();
    let mut reading: Option<(usize, Reader)> = None;
    ordered::run(
        options.threads,
        progress,
        || {
            loop {
                if let Some((index, reader)) = reading.as_mut()
                    && let Some(chunk) = reader.next_chunk()?
                {
                    return Ok(Some((chunk.bytes, (*index, chunk))));
                }
                let Some((index, source)) = files.next() else { return Ok(None) };
                reading = Some((index, Reader::open(source, &options.fields, Cursor::default())?));
            }
        },
        || (Tools::new(options), local()),
        |(tools, _), (index, chunk)| Ok(open(index, chunk, &sources[index], options, repeated, tools)),
        |opened| gate(opened, sources, options, &mut removal, &mut left_out, &mut account, limit, progress),
        |(_, own), parcel| close(own, parcel),
        sink,
    )?;
    Ok(account)
}

/// What a worker keeps from chunk to chunk.
struct Tools {
    normalizer: Option<normalize::Normalizer>,
    key: dedup::Key,
    scratch: crate::filter::Scratch,
}

impl Tools {
    fn new(options: &Options) -> Self {
        let normalizer = options.normalize.map(normalize::Normalizer::new);
        Self { normalizer, key: dedup::Key::default(), scratch: crate::filter::Scratch::default() }
    }
}

struct Opened {
    parcel: Parcel,
    rejects: Vec<Reject>,
    /// Decisions of the filter.
    rows: Vec<Row>,
    report: normalize::Report,
    filter: filter::Report,
    first: bool,
    moved: u64,
    bytes: u64,
}

fn open(
    index: usize,
    chunk: Chunk,
    source: &Source,
    options: &Options,
    repeated: Option<&dedup::Repeated>,
    tools: &mut Tools,
) -> Opened {
    let (first, moved, bytes) = (chunk.first, chunk.moved, chunk.bytes as u64);
    let batch = chunk.parse(source, &options.fields);
    let mut report = normalize::Report::default();
    let mut filter = filter::Report::default();
    let (mut rejects, mut rows) = (batch.rejects, Vec::new());
    let mut documents = Vec::with_capacity(batch.documents.len());
    for mut document in batch.documents {
        let mut changed = false;
        if let Some(normalizer) = &tools.normalizer {
            if let std::borrow::Cow::Owned(text) = normalizer.normalize(&document.text, &mut report) {
                document.text = text;
                changed = true;
            }
            if document.text.trim().is_empty() {
                let what = "the document has no text once it is normalized".to_owned();
                let raw = document.id.into_bytes();
                rejects.push(Reject { line: document.line, byte: None, reason: Reason::Empty, what, raw });
                continue;
            }
        }
        let mut verdict = None;
        if let Some(filtering) = &options.filter {
            let place = filter::At { document: &document.id, source: &source.name, line: document.line };
            let scratch = &mut tools.scratch;
            let judged =
                filtering.judge(&document.text, options.kind, place, scratch, &mut filter, &mut rows);
            if let Some(what) = judged.dropped {
                let (line, raw) = (document.line, Vec::new());
                rejects.push(Reject { line, byte: None, reason: Reason::Filtered, what, raw });
                continue;
            }
            if let Some(text) = judged.redacted {
                document.text = text;
                changed = true;
            }
            verdict = judged.verdict;
        }
        // Of the text as it was decided about.
        let key = if options.keys { tools.key.of(&document.text) } else { 0 };
        let mut cut = dedup::Cut::default();
        if let Some((text, lines)) = repeated.and_then(|repeated| repeated.cut(&document.text)) {
            (document.text, cut, changed) = (text, lines, true);
        }
        documents.push(Passed { document, key, changed, cut, verdict });
    }
    Opened { parcel: Parcel { source: index, documents }, rejects, rows, report, filter, first, moved, bytes }
}

#[allow(clippy::too_many_arguments)]
fn gate(
    opened: Opened,
    sources: &[Source],
    options: &Options,
    removal: &mut Removal<'_, '_>,
    left_out: &mut LeftOut<'_>,
    account: &mut Account,
    limit: u32,
    progress: &Progress,
) -> Result<Parcel> {
    let Opened { mut parcel, rejects: mut bad, rows: decisions, report, filter, first, moved, bytes } =
        opened;
    let source = &sources[parcel.source];
    account.records += (parcel.documents.len() + bad.len()) as u64;
    account.normalize.merge(&report);
    account.filter.merge(&filter);
    // A first chunk in which not one record has the field is a wrong field name, not bad luck.
    if first
        && parcel.documents.is_empty()
        && let Some(reject) = bad.first().filter(|_| bad.iter().all(|r| r.reason == Reason::MissingField))
    {
        return Err(reader::missing_field_error(source, reject));
    }
    if options.strict
        && let Some(reject) = bad.first()
    {
        return Err(Error::data(reject.what.clone())
            .at_place(reject.place(&source.path))
            .hint("mend the record, or run without --strict to skip and keep it in the rejects"));
    }
    let mut rows: Vec<Row> = if left_out.ledger.is_some() {
        let unread = |reject: &Reject| (reject.reason != Reason::Filtered).then(|| unread(reject, source));
        bad.iter().filter_map(unread).chain(decisions).collect()
    } else {
        Vec::new()
    };
    let mut documents = Vec::with_capacity(parcel.documents.len());
    for passed in parcel.documents {
        match judge(removal, &passed, source)? {
            Some((reject, row)) => {
                bad.push(reject);
                rows.extend(row);
            }
            None => {
                if passed.cut.lines > 0 {
                    account.cut.lines += passed.cut.lines;
                    account.cut.bytes += passed.cut.bytes;
                    rows.push(cut(&passed, source, limit));
                }
                if passed.document.text.trim().is_empty() {
                    let what = format!("{} has nothing but repeated lines", passed.document.id);
                    let (line, raw) = (passed.document.line, Vec::new());
                    bad.push(Reject { line, byte: None, reason: Reason::Empty, what, raw });
                } else {
                    documents.push(passed);
                }
            }
        }
    }
    parcel.documents = documents;
    bad.sort_by_key(|reject| reject.line);
    for reject in &bad {
        *account.rejected.entry(reject.reason.name()).or_default() += 1;
        if let Some(out) = left_out.rejects.as_mut() {
            write_reject(*out, source, reject).map_err(|e| Error::io(PathBuf::from("rejects.jsonl"), &e))?;
        }
    }
    if let Some(ledger) = left_out.ledger.as_mut() {
        // Stable: rows of one document stay in the order of the stages.
        rows.sort_by_key(|row| row.line);
        rows.into_iter().try_for_each(|row| ledger.push(row))?;
    }
    let tally = &mut account.sources[parcel.source];
    for passed in &parcel.documents {
        let size = passed.document.text.len() as u64;
        account.documents += 1;
        account.bytes += size;
        let mut link = [0u8; 24];
        link[..8].copy_from_slice(&tally.2.to_le_bytes());
        link[8..].copy_from_slice(&passed.key.to_le_bytes());
        *tally = (tally.0 + 1, tally.1 + size, xxhash_rust::xxh3::xxh3_64(&link));
    }
    progress.advance(moved);
    progress.add(bytes, parcel.documents.len() as u64);
    Ok(parcel)
}

/// Whether a document goes for another; how to say so.
fn judge(
    removal: &mut Removal<'_, '_>,
    passed: &Passed,
    source: &Source,
) -> Result<Option<(Reject, Option<Row>)>> {
    let Document { id, line, .. } = &passed.document;
    let reject = |reason, what| Reject { line: *line, byte: None, reason, what, raw: Vec::new() };
    Ok(match removal {
        Removal::Nothing => None,
        Removal::Exact(seen) => (!seen.insert(passed.key)).then(|| {
            (reject(Reason::Duplicate, format!("the same text as an earlier document (id {id})")), None)
        }),
        Removal::Planned(judge) => match judge.next()? {
            dedup::Fate::Keep => None,
            dedup::Fate::Drop(None) => Some((reject(Reason::Duplicate, String::new()), None)),
            dedup::Fate::Drop(Some(verdict)) => {
                let dedup::Verdict { rule, value, partner } = verdict;
                let (jaccard, partner) = partner.unzip();
                let other = partner.as_deref().unwrap_or_default();
                let reject = match rule {
                    dedup::Rule::Exact => {
                        reject(Reason::Duplicate, format!("{id} has the same text as {other}"))
                    }
                    dedup::Rule::Contaminated => {
                        let runs = format!("{id} shares {value} runs of 13 words with an evaluation text");
                        reject(Reason::Contaminated, runs)
                    }
                    _ => {
                        let like = format!("{id} is {:.1} % like {other}", 100.0 * value);
                        reject(Reason::NearDuplicate, like)
                    }
                };
                let row = Row {
                    value: Some(value),
                    threshold: Some(rule.threshold()),
                    partner,
                    score: jaccard,
                    ..row("dedup", rule.name(), Action::Drop, id.clone(), *line, source)
                };
                Some((reject, Some(row)))
            }
        },
    })
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
fn cut(passed: &Passed, source: &Source, limit: u32) -> Row {
    let Document { id, line, .. } = &passed.document;
    Row {
        value: Some(passed.cut.lines as f64),
        threshold: Some(limit.into()),
        score: Some(passed.cut.bytes as f64),
        ..row("dedup", "repeated-lines", Action::Edit, id.clone(), *line, source)
    }
}

/// The ledger's row about a record that could not become a document: it has no id but its place.
fn unread(reject: &Reject, source: &Source) -> Row {
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

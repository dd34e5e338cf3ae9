//! From files to clean, distinct documents: the part that every verb shares.
//!
//! read -> parse, normalize, filter, key (parallel) -> deduplicate, account (in order)

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::filtering::{self as filter, Filtering};
use super::frame::{Fate, Frame, Left};
use super::journal::{self, Frames, Recall};
use super::left_out::{LeftOut, cut, gone, same, unread};
use super::ordered;
use crate::dedup;
use crate::document::{Document, Reason, Reject};
use crate::error::{Error, Result};
use crate::ledger::{Action, Row};
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
pub(super) struct Passed {
    /// The document, its text repaired.
    pub document: Document,
    /// Its 128-bit key; 0 when none was asked for.
    pub key: u128,
    /// UTF-8 bytes of its text, also where that was left as it was read.
    pub bytes: u64,
    /// The text was changed.
    pub changed: bool,
    /// What was cut from it.
    pub cut: dedup::Cut,
    /// What the filter measured, when all that was asked is to say so.
    pub verdict: Option<Box<crate::filter::Verdict>>,
}

/// The documents of one chunk that passed, in order.
#[derive(Default)]
pub(super) struct Parcel {
    /// Index of the source.
    pub source: usize,
    /// The documents.
    pub documents: Vec<Passed>,
    /// An earlier run encoded them: their texts may be as they were read.
    pub encoded: bool,
    /// What was found of the chunk, where that is to be written down.
    pub(super) found: Found,
}

/// What a first pass found of a chunk.
#[derive(Default)]
pub(super) enum Found {
    /// Nobody asked.
    #[default]
    Unasked,
    /// All but the signatures.
    New(Box<Frame>),
    /// Everything, by an earlier run; there are no documents then, unless the run asks for those too.
    Known(Box<Frame>, journal::Known),
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

impl Account {
    /// Counts a document that passed.
    fn add(&mut self, source: usize, key: u128, bytes: u64) {
        self.documents += 1;
        self.bytes += bytes;
        let tally = &mut self.sources[source];
        let mut link = [0u8; 24];
        link[..8].copy_from_slice(&tally.2.to_le_bytes());
        link[8..].copy_from_slice(&key.to_le_bytes());
        *tally = (tally.0 + 1, tally.1 + bytes, xxhash_rust::xxh3::xxh3_64(&link));
    }
}

/// How documents are judged against each other.
pub(super) enum Removal<'a, 'b> {
    /// All pass.
    Nothing,
    /// A text equal to an earlier one goes; a key a document in memory.
    Exact(&'a mut dedup::Seen),
    /// All pass, and what is found of each chunk goes with it; chunks of which an earlier run knows it are not judged again.
    Recorded(&'a mut Recall),
    /// The same, and the documents of chunks that an earlier run knows pass as it decided.
    Resumed(&'a mut Recall),
    /// A first pass over the same documents found and decided.
    Planned(&'a mut Decided<'b>),
}

/// What a first pass found and decided, for a later one.
pub(super) struct Decided<'b> {
    pub(super) judge: dedup::Judge<'b>,
    pub(super) frames: Frames,
    /// Chunks to come that an earlier run encoded, so that nobody needs their texts.
    pub(super) encoded: u64,
}

impl Decided<'_> {
    /// To be called at the end of a pass.
    ///
    /// # Errors
    /// There was more in the first pass.
    pub(super) fn finish(mut self) -> Result<()> {
        self.judge.finish()?;
        if self.frames.next()?.is_some() { Err(Error::changed()) } else { Ok(()) }
    }
}

/// Sends every good document of `sources` through `close` (parallel) to `sink` (in order).
///
/// # Errors
/// A source cannot be read, none of its records has the text field, `strict` and a bad record, or an error
/// of `close` or `sink`.
#[allow(clippy::too_many_arguments)]
pub(super) fn run<D: Send, L>(
    sources: &[Source],
    options: &Options,
    removal: Removal<'_, '_>,
    mut left_out: LeftOut<'_>,
    progress: &Progress,
    local: impl Fn() -> L + Sync,
    close: impl Fn(&mut L, Parcel) -> Result<D> + Sync,
    sink: impl FnMut(D) -> Result<()> + Send,
) -> Result<Account> {
    let mut account = Account { sources: vec![(0, 0, 0); sources.len()], ..Account::default() };
    let (mut past, mut removal) = match removal {
        Removal::Nothing => (Past::Nothing, Judging::Nothing),
        Removal::Exact(seen) => (Past::Nothing, Judging::Exact(seen)),
        Removal::Recorded(recall) => (Past::Recall(recall), Judging::Nothing),
        Removal::Resumed(recall) => (Past::Replay(recall), Judging::Nothing),
        Removal::Planned(decided) => {
            let Decided { judge, frames, encoded } = decided;
            (Past::Frames(frames, encoded), Judging::Planned(judge))
        }
    };
    let (mut repeated, mut removed) = (None, None);
    if let Judging::Planned(judge) = &removal {
        repeated = (options.kind == dedup::Kind::Web).then(|| judge.repeated());
        removed = Some(judge.removed());
    }
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
                    if !past.takes() {
                        progress.check()?;
                        progress.advance(chunk.moved);
                        continue;
                    }
                    let memory = past.of(*index, &chunk)?;
                    return Ok(Some((chunk.bytes, (*index, chunk, memory))));
                }
                let Some((index, source)) = files.next() else { return Ok(None) };
                reading = Some((index, Reader::open(source, &options.fields, Cursor::default())?));
            }
        },
        || (Tools::new(options), local()),
        |(tools, _), (index, chunk, memory)| {
            let open = Open { index, source: &sources[index], options, repeated, removed, tools };
            match memory {
                Memory::Nothing => Ok(open.judge(chunk, None)),
                Memory::New(hash) => Ok(open.judge(chunk, Some(hash))),
                Memory::Known(frame, known) => Ok(open.skip(&chunk, frame, known)),
                Memory::Passed(frame, known) => {
                    let mut opened = open.apply(chunk, &frame, None, false)?;
                    opened.parcel.found = Found::Known(frame, known);
                    Ok(opened)
                }
                Memory::Decided(frame, first, encoded) => open.apply(chunk, &frame, Some(first), encoded),
            }
        },
        |opened| gate(opened, sources, options, &mut removal, &mut left_out, &mut account, limit, progress),
        |(_, own), parcel| close(own, parcel),
        sink,
    )?;
    Ok(account)
}

/// What is known of chunks before they are looked at.
enum Past<'a> {
    Nothing,
    Recall(&'a mut Recall),
    Replay(&'a mut Recall),
    Frames(&'a mut Frames, &'a mut u64),
}

/// The same of one chunk.
enum Memory {
    Nothing,
    /// To be found, for a chunk of this hash.
    New(u64),
    /// Found by an earlier run.
    Known(Box<Frame>, journal::Known),
    /// The same, and its documents are asked for.
    Passed(Box<Frame>, journal::Known),
    /// Found by the first pass; the number of the first document that stays; whether an earlier run encoded it.
    Decided(Box<Frame>, u32, bool),
}

impl Past<'_> {
    /// Whether the next chunk is to be looked at.
    fn takes(&mut self) -> bool {
        match self {
            Past::Recall(recall) | Past::Replay(recall) => recall.takes(),
            Past::Nothing | Past::Frames(..) => true,
        }
    }

    fn of(&mut self, source: usize, chunk: &Chunk) -> Result<Memory> {
        Ok(match self {
            Past::Nothing => Memory::Nothing,
            Past::Recall(recall) => match recall.next(source, chunk.hash()) {
                Some((frame, known)) => Memory::Known(Box::new(frame), known),
                None => Memory::New(chunk.hash()),
            },
            Past::Replay(recall) => match recall.next(source, chunk.hash()) {
                Some((frame, known)) => Memory::Passed(Box::new(frame), known),
                None => Memory::New(chunk.hash()),
            },
            Past::Frames(frames, encoded) => {
                let (frame, _, first) = frames.next()?.ok_or_else(Error::changed)?;
                if frame.hash != chunk.hash() {
                    return Err(Error::changed());
                }
                let known = **encoded > 0;
                **encoded = encoded.saturating_sub(1);
                Memory::Decided(Box::new(frame), first, known)
            }
        })
    }
}

/// Who goes for whom.
enum Judging<'a, 'b> {
    Nothing,
    Exact(&'a mut dedup::Seen),
    Planned(&'a mut dedup::Judge<'b>),
}

/// What a worker keeps from chunk to chunk.
struct Tools {
    normalizer: Option<normalize::Normalizer>,
    key: dedup::Key,
    filter: filter::Tools,
}

impl Tools {
    fn new(options: &Options) -> Self {
        let normalizer = options.normalize.map(normalize::Normalizer::new);
        Self { normalizer, key: dedup::Key::default(), filter: filter::Tools::default() }
    }
}

#[derive(Default)]
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

impl Opened {
    fn new(index: usize, chunk: &Chunk) -> Self {
        let parcel = Parcel { source: index, ..Parcel::default() };
        Self { parcel, first: chunk.first, moved: chunk.moved, bytes: chunk.bytes as u64, ..Self::default() }
    }

    /// Notes what the filter decided about a document.
    fn note(&mut self, document: &Document, source: &Source, findings: &[filter::Finding]) {
        let at = filter::At { document: &document.id, source: &source.name, line: document.line };
        for finding in findings {
            self.filter.add(finding);
            self.rows.push(at.row(finding));
        }
    }

    /// A document that normalization left nothing of.
    fn empty(&mut self, document: Document) {
        let what = "the document has no text once it is repaired".to_owned();
        let raw = document.id.into_bytes();
        self.rejects.push(Reject { line: document.line, byte: None, reason: Reason::Empty, what, raw });
    }

    /// A document that the filter dropped.
    fn filtered(&mut self, document: &Document, findings: &[filter::Finding]) {
        let dropped = findings.iter().find(|finding| finding.action == Action::Drop);
        let what = dropped.map(|finding| finding.why(&document.id)).unwrap_or_default();
        let (line, raw) = (document.line, Vec::new());
        self.rejects.push(Reject { line, byte: None, reason: Reason::Filtered, what, raw });
    }
}

/// A worker with a chunk before it.
struct Open<'a> {
    index: usize,
    source: &'a Source,
    options: &'a Options,
    repeated: Option<&'a dedup::Repeated>,
    removed: Option<dedup::Removed<'a>>,
    tools: &'a mut Tools,
}

impl Open<'_> {
    /// Normalizes, filters, keys; writes down what it finds for a chunk of that hash.
    fn judge(self, chunk: Chunk, record: Option<u64>) -> Opened {
        let mut opened = Opened::new(self.index, &chunk);
        let batch = chunk.parse(self.source, &self.options.fields);
        let mut fates = Vec::new();
        let records = (batch.documents.len() + batch.rejects.len()) as u64;
        opened.rejects = batch.rejects;
        opened.parcel.documents.reserve(batch.documents.len());
        for mut document in batch.documents {
            let mut changed = false;
            if let Some(normalizer) = &self.tools.normalizer {
                if let Cow::Owned(text) = normalizer.normalize(&document.text, &mut opened.report) {
                    document.text = text;
                    changed = true;
                }
                if document.text.trim().is_empty() {
                    opened.empty(document);
                    fates.push(Fate { left: Left::Empty, findings: Vec::new() });
                    continue;
                }
            }
            let mut verdict = None;
            let mut findings = Vec::new();
            if let Some(filtering) = &self.options.filter {
                let judged = filtering.judge(&document.text, self.options.kind, &mut self.tools.filter);
                findings = judged.findings;
                opened.note(&document, self.source, &findings);
                if judged.dropped {
                    opened.filtered(&document, &findings);
                    fates.push(Fate { left: Left::Filtered, findings });
                    continue;
                }
                if let Some(text) = judged.edited {
                    document.text = text;
                    changed = true;
                }
                verdict = judged.verdict;
                // Nothing but lines of the page, and no rule against few words.
                if document.text.trim().is_empty() {
                    opened.empty(document);
                    fates.push(Fate { left: Left::Empty, findings });
                    continue;
                }
            }
            // Of the text as it was decided about.
            let key = if self.options.keys { self.tools.key.of(&document.text) } else { 0 };
            opened.parcel.documents.push(Passed {
                bytes: document.text.len() as u64,
                document,
                key,
                changed,
                cut: dedup::Cut::default(),
                verdict,
            });
            fates.push(Fate { left: Left::Nowhere, findings });
        }
        if let Some(hash) = record {
            let normalize = opened.report.clone();
            let frame = Frame { hash, records, normalize, fates, ..Frame::default() };
            opened.parcel.found = Found::New(Box::new(frame));
        }
        opened
    }

    /// Nothing is to be done: an earlier run did.
    fn skip(self, chunk: &Chunk, frame: Box<Frame>, known: journal::Known) -> Opened {
        let mut opened = Opened::new(self.index, chunk);
        opened.report = frame.normalize.clone();
        opened.parcel.found = Found::Known(frame, known);
        opened
    }

    /// Does what an earlier pass found: measures nothing, and repairs only what stays. With the number of its first
    /// document, what that pass decided among documents too. Of what is `encoded` nobody needs the text, unless lines are cut.
    fn apply(self, chunk: Chunk, frame: &Frame, first: Option<u32>, encoded: bool) -> Result<Opened> {
        let mut opened = Opened::new(self.index, &chunk);
        opened.parcel.encoded = encoded;
        let as_read = encoded && self.repeated.is_none();
        let batch = chunk.parse(self.source, &self.options.fields);
        if batch.documents.len() != frame.fates.len() {
            return Err(Error::changed());
        }
        opened.rejects = batch.rejects;
        opened.report = frame.normalize.clone();
        let mut signed = (first.unwrap_or_default()..).zip(&frame.documents);
        for (mut document, Fate { left, findings }) in batch.documents.into_iter().zip(&frame.fates) {
            opened.note(&document, self.source, findings);
            match left {
                Left::Empty => opened.empty(document),
                Left::Filtered => opened.filtered(&document, findings),
                Left::Nowhere => {
                    let (mut changed, mut cut) = (false, dedup::Cut::default());
                    let (mut key, mut goes, mut bytes) = (0, false, 0);
                    if first.is_some() {
                        let (number, signed) = signed.next().ok_or_else(Error::changed)?;
                        (key, bytes) = (signed.key, signed.bytes);
                        goes = self.removed.is_some_and(|removed| removed.contains(number));
                    }
                    if !goes && !as_read {
                        if let Some(normalizer) = &self.tools.normalizer
                            && let Cow::Owned(text) =
                                normalizer.normalize(&document.text, &mut normalize::Report::default())
                        {
                            (document.text, changed) = (text, true);
                        }
                        let text = Cow::Borrowed(document.text.as_str());
                        if let Cow::Owned(text) = Filtering::edit(text, findings, &mut self.tools.filter) {
                            (document.text, changed) = (text, true);
                        }
                        if let Some((text, lines)) =
                            self.repeated.and_then(|repeated| repeated.cut(&document.text))
                        {
                            (document.text, cut, changed) = (text, lines, true);
                        }
                    }
                    if !as_read {
                        bytes = document.text.len() as u64;
                    }
                    opened.parcel.documents.push(Passed {
                        document,
                        key,
                        bytes,
                        changed,
                        cut,
                        verdict: None,
                    });
                }
            }
        }
        Ok(opened)
    }
}

#[allow(clippy::too_many_arguments)]
fn gate(
    opened: Opened,
    sources: &[Source],
    options: &Options,
    removal: &mut Judging<'_, '_>,
    left_out: &mut LeftOut<'_>,
    account: &mut Account,
    limit: u32,
    progress: &Progress,
) -> Result<Parcel> {
    let Opened { mut parcel, rejects: mut bad, rows: decisions, report, filter, first, moved, bytes } =
        opened;
    let source = &sources[parcel.source];
    account.records += match &parcel.found {
        Found::Known(frame, _) => frame.records,
        _ => (parcel.documents.len() + bad.len()) as u64,
    };
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
                    rows.push(cut(&passed.document, passed.cut, source, limit));
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
    }
    left_out.write(&bad, rows, source)?;
    let before = account.documents;
    // Of a known chunk either the signed documents are there or those that pass.
    if let Found::Known(frame, _) = &parcel.found {
        frame.documents.iter().for_each(|signed| account.add(parcel.source, signed.key, signed.bytes));
    }
    for passed in &parcel.documents {
        account.add(parcel.source, passed.key, passed.bytes);
    }
    progress.advance(moved);
    progress.add(bytes, account.documents - before);
    Ok(parcel)
}

/// Whether a document goes for another; how to say so.
fn judge(
    removal: &mut Judging<'_, '_>,
    passed: &Passed,
    source: &Source,
) -> Result<Option<(Reject, Option<Row>)>> {
    let line = &passed.document.line;
    let reject = |reason, what| Reject { line: *line, byte: None, reason, what, raw: Vec::new() };
    Ok(match removal {
        Judging::Nothing => None,
        Judging::Exact(seen) => seen.insert(passed.key, &source.name, *line)?.map(|first| {
            let (reject, row) = same(&passed.document, first, source);
            (reject, Some(row))
        }),
        Judging::Planned(judge) => match judge.next()? {
            dedup::Fate::Keep => None,
            dedup::Fate::Drop(None) => Some((reject(Reason::Duplicate, String::new()), None)),
            dedup::Fate::Drop(Some(verdict)) => {
                let (reject, row) = gone(&passed.document, verdict, source);
                Some((reject, Some(row)))
            }
        },
    })
}

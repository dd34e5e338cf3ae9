//! What each fuzz target does with its bytes. `rust/rotext/tests/replay.rs` runs every file of `tests/golden/fuzz/<target>/`
//! through the same function on stable Rust, so that no fixed crash returns.
#![allow(dead_code, clippy::unwrap_used)] // each target uses one function, and a failed unwrap is a finding

use std::path::Path;

use rotext::bpe::{self, Counts, Encoder, Pattern, Tokenizer, TrainOptions, WordCounter};
use rotext::dedup::{Merge, Run};
use rotext::ledger;
use rotext::normalize::{self, Normalizer, Report};
use rotext::pack;
use rotext::progress::Progress;
use rotext::reader::{Compression, Cut, Fields, Format, Reader, Source, Volume};

/// Any bytes in any format give documents, rejects or an error, never a panic, and documents are in the order of their lines.
pub(crate) fn reader(data: &[u8]) {
    let Some((&choice, content)) = data.split_first() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let source = Source {
        path: file.path().to_owned(),
        name: "fuzz".into(),
        format: [Format::Jsonl, Format::Text, Format::Parquet, Format::Csv, Format::Arrow, Format::Warc]
            [usize::from(choice & 7).min(5)],
        compression: Compression::None,
        size: content.len() as u64,
        stream: false,
        member: None,
        note: "",
        remote: None,
        cut: Cut::Whole,
        volume: Volume::default(),
    };
    let fields = Fields { keep_record: choice & 16 != 0, ..Fields::default() };
    let Ok(mut reader) = Reader::open(&source, &fields) else { return };
    let mut line = 0;
    while let Ok(Some(chunk)) = reader.next_chunk() {
        for document in chunk.parse(&source, &fields).documents {
            assert!(document.line >= line && !document.text.trim().is_empty());
            line = document.line;
            if let Some(record) = document.record {
                // A writer may replace the text at this place of the record.
                let literal = &record.raw[record.text];
                assert!(literal.starts_with('"') && literal.ends_with('"'));
            }
        }
    }
}

/// Any text normalizes to a fixed point, and the diff has every counted change.
pub(crate) fn normalize(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let normalizer = Normalizer::new(normalize::Options::default());
    let mut report = Report::default();
    let once = normalizer.normalize(&text, &mut report);
    let mut again = Report::default();
    assert_eq!(normalizer.normalize(&once, &mut again), once);
    assert_eq!(again.rules().map(|(_, count)| count).sum::<u64>(), 0);
    let changes = normalizer.diff(&text, usize::MAX);
    assert_eq!(changes.len() as u64, report.rules().map(|(_, count)| count).sum::<u64>());
    assert!(changes.iter().all(|change| text.is_char_boundary(change.start)));
    if changes.is_empty() {
        assert_eq!(once, text);
    }
}

/// A manifest is read or refused. A manifest that is read does not make `verify` panic.
pub(crate) fn manifest(data: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("manifest.json"), data).unwrap();
    // Empty files. The kept inputs have the hash of an empty tokenizer, so that they reach the checks after it.
    std::fs::write(directory.path().join("tokenizer.json"), b"").unwrap();
    std::fs::write(directory.path().join("train-web-00000.bin"), b"").unwrap();
    if pack::Manifest::read(directory.path()).is_ok() {
        let _ = pack::verify(directory.path(), &Progress::default());
        let _ = pack::read_block(Path::new(directory.path()), "web", "train", 0);
    }
}

/// Any bytes are a run with as many records as its header says, or they are refused.
pub(crate) fn sorted_run(data: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data).unwrap();
    let open = || std::fs::File::open(file.path()).unwrap();
    let Ok(run) = Run::<12>::open(open(), file.path()) else { return };
    let expected = run.records();
    let Ok(mut merge) = Merge::new(vec![run], Vec::new()) else { return };
    let mut records = 0;
    loop {
        match merge.next() {
            Ok(Some(_)) => records += 1,
            Ok(None) => break,
            Err(_) => return,
        }
    }
    assert_eq!(records, expected);
}

/// Any bytes are a ledger or are refused, never a panic.
pub(crate) fn ledger(data: &[u8]) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data).unwrap();
    if let Ok(found) = ledger::find(file.path(), "d1") {
        assert!(found.examples.len() as u64 <= found.stands_for);
    }
}

/// A tokenizer that is trained on any text encodes it without loss, with the same ids in both widths, and again after it was
/// written and read.
pub(crate) fn bpe_encode(data: &[u8]) {
    let Some((&choice, content)) = data.split_first() else { return };
    let pattern = Pattern::ALL[usize::from(choice) % Pattern::ALL.len()];
    let text = String::from_utf8_lossy(content);
    assert_eq!(bpe::words(pattern, &text).collect::<String>(), text);

    let mut counter = WordCounter::new(pattern);
    counter.add(&text);
    let mut counts = Counts::new(usize::MAX, std::env::temp_dir());
    counts.absorb(&mut counter).unwrap();
    let vocab_size = 257 + usize::from(choice / 4) * 4;
    let options = TrainOptions { vocab_size, pattern, ..TrainOptions::default() };
    let tokenizer = bpe::train(counts, &options, &Progress::default()).unwrap();
    let reread = Tokenizer::from_json(tokenizer.to_json().as_bytes(), Path::new("fuzz")).unwrap();
    same_text(&tokenizer, &text);
    same_text(&reread, &text);
}

/// Any bytes are a tokenizer or an error. A tokenizer encodes text without loss, and its file reads back to the same file.
pub(crate) fn tokenizer_json(data: &[u8]) {
    let Ok(tokenizer) = Tokenizer::from_json(data, Path::new("fuzz")) else { return };
    same_text(
        &tokenizer,
        "Într-o zi s-a dus: 12.345 de «ouă», țăranule!\r\n\t\0👩‍👩‍👧 <|endoftext|> aaaaaaaaaaaaaaaaaaaaaaa",
    );
    let json = tokenizer.to_json();
    let reread = Tokenizer::from_json(json.as_bytes(), Path::new("fuzz")).unwrap();
    assert_eq!(reread.to_json(), json);
}

fn same_text(tokenizer: &Tokenizer, text: &str) {
    let mut ids = Vec::new();
    Encoder::<u32, _>::new(tokenizer).unwrap().encode(text, &mut ids);
    assert_eq!(tokenizer.decode(&ids), text.as_bytes());
    assert!(ids.iter().all(|&id| !tokenizer.is_special(id)), "text made a special token");
    if let Ok(mut encoder) = Encoder::<u16, _>::new(tokenizer) {
        let mut short = Vec::new();
        encoder.encode(text, &mut short);
        assert!(short.iter().map(|&id| u32::from(id)).eq(ids));
    }
}

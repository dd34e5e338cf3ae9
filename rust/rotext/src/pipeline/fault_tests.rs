//! A panic over one document costs that document alone, whatever the step.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::pack::{Options, PhaseInput, pack};
use super::{Diacritics, Duplicates, FilterStage, NearOptions, StreamOptions, normalize, tokenizer};
use crate::bpe;
use crate::dedup::Preset;
use crate::document::TextKind;
use crate::filter::RULES;
use crate::progress::Progress;
use crate::reader::{Source, expand};

const STAGES: [&str; 6] = ["parse", "normalize", "filter", "key", "sign", "encode"];

/// Documents of made-up words, no two alike.
fn document(number: usize) -> String {
    let syllables = ["ma", "re", "ți", "lu", "no", "șa", "pe", "di", "co", "râ", "fu", "ne", "bă", "so"];
    let mut state = number as u64 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        syllables[(state >> 33) as usize % syllables.len()]
    };
    (0..120).map(|_| [next(), next(), next()].concat()).collect::<Vec<_>>().join(" ")
}

fn write(path: &Path, documents: &[String]) -> Vec<Source> {
    let lines = documents.iter().map(|text| serde_json::json!({"text": text}).to_string() + "\n");
    std::fs::write(path, lines.collect::<String>()).unwrap();
    expand(&[path]).unwrap()
}

/// Forty documents, and after every tenth one that panics in `stage`.
fn corpus(stage: &str) -> (Vec<String>, Vec<String>) {
    let good: Vec<String> = (0..40).map(document).collect();
    let mut bad = Vec::new();
    for (number, text) in good.iter().enumerate() {
        bad.push(text.clone());
        if number % 10 == 9 {
            bad.push(format!("{} rotext-panic-in-{stage}", document(100 + number)));
        }
    }
    (good, bad)
}

fn tokens(out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = out.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "bin")).collect();
    files.sort();
    files.iter().map(|path| (path.file_name().unwrap().into(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn pack_rejects_the_document_and_keeps_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let progress = Progress::default();
    let near = NearOptions {
        preset: Preset::Default,
        max_ram: 1 << 30,
        accept_loss: false,
        repeated_lines: Some(20),
        evaluation: Vec::new(),
        references: Vec::new(),
    };
    // Made-up words are not Romanian.
    let off: Vec<_> = RULES.iter().map(|rule| (rule.id.to_owned(), None)).collect();
    let filter = FilterStage::new(&off, true, true, false, Diacritics::Flag).unwrap();
    let model = folder.path().join("tokenizer.json");
    let sources = write(&folder.path().join("model.jsonl"), &corpus("").0);
    let train = bpe::TrainOptions { vocab_size: 400, ..bpe::TrainOptions::default() };
    tokenizer::train(&sources, &StreamOptions::default(), &train, &model, &progress).unwrap();
    let run = |name: &str, documents: &[String], dedup: Option<Duplicates>, threads: usize| {
        let sources = write(&folder.path().join("web.jsonl"), documents);
        let options = Options {
            phases: vec![PhaseInput { name: "web".into(), sources, epochs: 1, kind: TextKind::Web }],
            stream: StreamOptions { filter: Some(filter.clone()), threads, ..StreamOptions::default() },
            dedup,
            tokenizer: Some(model.clone()),
            vocab_size: 400,
            valid_share: 0.0,
            out: folder.path().join(name),
            force: true,
            describe: None,
        };
        let report = pack(&options, &progress).unwrap();
        (report["phases"][0]["read"].clone(), tokens(&options.out))
    };
    for dedup in [None, Some(Duplicates::Exact { max_ram: 1 << 30 }), Some(Duplicates::Near(near))] {
        for stage in STAGES.iter().chain(&["replay"]) {
            let passes = matches!(dedup, Some(Duplicates::Near(_)));
            if !passes && matches!(*stage, "sign" | "replay") {
                continue;
            }
            let (good, bad) = corpus(stage);
            let (whole, expected) = run("good", &good, dedup.clone(), 1);
            for threads in [1, 3] {
                let (read, found) = run("bad", &bad, dedup.clone(), threads);
                let name = format!("{stage} {dedup:?} {read}");
                assert_eq!(read["rejected"]["internal-error"], 4, "{name}");
                assert_eq!(read["records"], 44, "{name}");
                assert_eq!(read["documents"], whole["documents"], "{name}");
                assert_eq!(read["bytes"], whole["bytes"], "{name}");
                assert!(found == expected, "{name}");
            }
        }
    }
}

#[test]
fn the_reject_has_place_message_and_record() {
    let folder = tempfile::tempdir().unwrap();
    for stage in ["parse", "normalize"] {
        let sources = write(&folder.path().join("web.jsonl"), &corpus(stage).1);
        let out = folder.path().join("out.jsonl");
        let read =
            normalize::normalize(&sources, &StreamOptions::default(), &out, &Progress::default()).unwrap();
        assert_eq!((read.records, read.documents), (44, 40));
        let rejects = std::fs::read_to_string(folder.path().join("out.jsonl.rejects.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> =
            rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines.iter().map(|line| line["line"].as_u64().unwrap()).collect::<Vec<_>>(),
            [11, 22, 33, 44]
        );
        for line in lines {
            let what = line["what"].as_str().unwrap();
            assert!(what.starts_with("internal error: the text asks for a panic in "), "{what}");
            assert!(what.contains("src/fault.rs:"), "{what}");
            assert!(line["record"].as_str().unwrap().contains("rotext-panic-in-"), "{line}");
        }
    }
}

#[test]
fn encoding_and_counting_words_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (folder.path().join("tokenizer.json"), folder.path().join("tokens.bin"));
    let (options, progress) = (StreamOptions::default(), Progress::default());
    let train = bpe::TrainOptions { vocab_size: 400, ..bpe::TrainOptions::default() };
    let mut both = Vec::new();
    for documents in [corpus("count").0, corpus("count").1] {
        let sources = write(&folder.path().join("web.jsonl"), &documents);
        let (_, read) = tokenizer::train(&sources, &options, &train, &model, &progress).unwrap();
        assert_eq!(read.documents, 40);
        both.push(std::fs::read(&model).unwrap());
    }
    assert_eq!(both[0], both[1]);
    let tokenizer = bpe::Tokenizer::from_file(&model).unwrap();
    let mut both = Vec::new();
    for documents in [corpus("encode").0, corpus("encode").1] {
        let sources = write(&folder.path().join("web.jsonl"), &documents);
        let (read, count) = tokenizer::encode(&sources, &options, &tokenizer, &out, &progress).unwrap();
        let bytes = std::fs::read(&out).unwrap();
        assert_eq!((read.documents, count * 2), (40, bytes.len() as u64));
        both.push(bytes);
    }
    assert_eq!(both[0], both[1]);
}

//! All stages, from a JSONL file to a pack directory, with all threads of the machine. The bytes are those of the texts.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rotext::dedup::Preset;
use rotext::document::TextKind;
use rotext::pipeline::pack::{Options, PhaseInput, pack};
use rotext::pipeline::{Diacritics, Duplicates, FilterStage, NearOptions, StreamOptions, tokenizer};
use rotext::progress::Progress;
use rotext::reader::{Fields, expand};
use rotext::{bpe, normalize};

fn all_stages(c: &mut Criterion) {
    let documents = benches::documents();
    let bytes = documents.iter().map(String::len).sum::<usize>() as u64;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.jsonl");
    std::fs::write(&path, benches::jsonl(&documents)).unwrap();
    let sources = expand(&[path.to_string_lossy().into_owned()]).unwrap();
    let stream = StreamOptions {
        fields: Fields::default(),
        strict: false,
        filter: Some(FilterStage::new(&[], true, true, false, Diacritics::Flag).unwrap()),
        kind: TextKind::Web,
        keys: true,
        normalize: Some(normalize::Options::default()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    let tokenizer_path = folder.path().join("tokenizer.json");
    let train = bpe::TrainOptions { vocab_size: 40_000, ..bpe::TrainOptions::default() };
    tokenizer::train(&sources, &stream, &train, &tokenizer_path, &Progress::default()).unwrap();

    let mut group = c.benchmark_group("pack");
    group.throughput(Throughput::Bytes(bytes)).sample_size(10);
    for (name, tokenizer) in
        [("with a tokenizer", Some(tokenizer_path.clone())), ("training 40k first", None)]
    {
        let options = Options {
            phases: vec![PhaseInput {
                name: "web".into(),
                sources: sources.clone(),
                epochs: 1,
                kind: TextKind::Web,
            }],
            stream: stream.clone(),
            dedup: Some(Duplicates::Near(NearOptions {
                preset: Preset::Default,
                max_ram: 1 << 30,
                accept_loss: true,
                repeated_lines: None,
                evaluation: Vec::new(),
                references: Vec::new(),
            })),
            tokenizer,
            vocab_size: 40_000,
            valid_share: 0.005,
            out: folder.path().join("pack"),
            force: true,
            describe: None,
        };
        group.bench_function(name, |b| b.iter(|| pack(&options, &Progress::default()).unwrap()));
    }
}

criterion_group!(benches, all_stages);
criterion_main!(benches);

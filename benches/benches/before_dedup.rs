//! The default pipeline before deduplication, on one thread: read and parse JSONL, normalize, filter, redact, key and sign. The
//! bytes are those of the JSONL.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rotext::dedup::{Key, Preset, Signer, Words};
use rotext::filter::{Boilerplate, Filter, Profile, Scratch, redact};
use rotext::normalize::{self, Normalizer};
use rotext::reader::{Fields, Reader, expand};

fn before_dedup(c: &mut Criterion) {
    let jsonl = benches::jsonl(&benches::documents());
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    std::fs::write(file.path(), &jsonl).unwrap();
    let source = expand(&[file.path().to_string_lossy().into_owned()]).unwrap().remove(0);
    let fields = Fields::default();
    let mut group = c.benchmark_group("before dedup");
    group.throughput(Throughput::Bytes(jsonl.len() as u64)).sample_size(10);
    group.bench_function("normalize, filter, sign", |b| {
        let (normalizer, filter) =
            (Normalizer::new(normalize::Options::default()), Filter::new(Profile::Web));
        let (mut scratch, mut boilerplate) = (Scratch::default(), Boilerplate::default());
        let (mut key, mut words, mut signer) =
            (Key::default(), Words::default(), Signer::new(Preset::Default));
        let (mut report, mut bands) = (normalize::Report::default(), Vec::new());
        b.iter(|| {
            bands.clear();
            let mut reader = Reader::open(&source, &fields).unwrap();
            while let Some(chunk) = reader.next_chunk().unwrap() {
                for document in chunk.parse(&source, &fields).documents {
                    let text = normalizer.normalize(&document.text, &mut report);
                    let (text, _) = boilerplate.cut(&text);
                    if filter.judge(&text, &mut scratch).dropped.is_some() {
                        continue;
                    }
                    let (text, _) = redact(&text);
                    black_box(key.of(&text));
                    words.read(&text);
                    signer.sign(&words.folded, &mut bands);
                }
            }
            bands.len()
        });
    });
}

criterion_group!(benches, before_dedup);
criterion_main!(benches);

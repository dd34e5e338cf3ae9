//! Keys, words, signatures and verification of documents on one thread, and the table of keys.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rotext::dedup::{Grams, Key, Preset, Seen, Signer, Words};

fn dedup(c: &mut Criterion) {
    let documents = benches::documents();
    let bytes = documents.iter().map(String::len).sum::<usize>() as u64;
    let mut group = c.benchmark_group("dedup");
    group.throughput(Throughput::Bytes(bytes)).sample_size(20);
    group.bench_function("key", |b| {
        let mut key = Key::default();
        b.iter(|| documents.iter().fold(0, |all, text| all ^ key.of(text)));
    });
    group.bench_function("words", |b| {
        let mut words = Words::default();
        b.iter(|| {
            documents.iter().fold(0, |all, text| {
                words.read(text);
                all + words.exact.len()
            })
        });
    });
    for preset in [Preset::Default, Preset::Strict] {
        group.bench_function(format!("words and signature, {}", preset.name()), |b| {
            let (mut words, mut signer, mut bands) = (Words::default(), Signer::new(preset), Vec::new());
            b.iter(|| {
                bands.clear();
                for text in &documents {
                    words.read(text);
                    signer.sign(&words.folded, &mut bands);
                }
                bands.len()
            });
        });
    }
    group.bench_function("verify", |b| {
        // Each document and its neighbour: make two sets and compare them.
        b.iter(|| {
            documents
                .windows(2)
                .map(|two| Grams::of_text(&two[0]).likeness(&Grams::of_text(&two[1])).jaccard)
                .sum::<f64>()
        });
    });
    let mut key = Key::default();
    // A million keys, which are spread evenly.
    let keys: Vec<u128> = (0..1_000_000u32).map(|n| key.of(&n.to_string())).collect();
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.bench_function("seen", |b| {
        b.iter_batched(
            || Seen::with_limit(usize::MAX),
            |mut seen| keys.iter().filter(|key| seen.insert(**key, "web", 1).unwrap().is_none()).count(),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, dedup);
criterion_main!(benches);

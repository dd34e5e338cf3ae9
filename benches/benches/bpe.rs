//! Byte-level BPE on one thread: cut words, count them, train, encode. The bytes are those of the text.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rotext::bpe::{self, Counts, Encoder, Pattern, TrainOptions, WordCounter};
use rotext::progress::Progress;

fn count(documents: &[String], pattern: Pattern) -> Counts {
    let mut counter = WordCounter::new(pattern);
    documents.iter().for_each(|text| counter.add(text));
    let mut counts = Counts::new(usize::MAX, std::env::temp_dir());
    counts.absorb(&mut counter).unwrap();
    counts
}

fn bpe(c: &mut Criterion) {
    let documents = benches::documents();
    let bytes = documents.iter().map(String::len).sum::<usize>() as u64;
    let mut group = c.benchmark_group("bpe");
    group.throughput(Throughput::Bytes(bytes)).sample_size(20);
    for pattern in Pattern::ALL {
        group.bench_function(format!("words, {}", pattern.name()), |b| {
            b.iter(|| documents.iter().map(|text| bpe::words(pattern, text).count()).sum::<usize>());
        });
    }
    let options = TrainOptions::default();
    group.bench_function("count", |b| b.iter(|| count(&documents, options.pattern)));

    let tokenizer = bpe::train(count(&documents, options.pattern), &options, &Progress::default()).unwrap();
    let encode = |encoder: &mut Encoder<u16, &bpe::Tokenizer>| {
        let mut ids = Vec::with_capacity(1 << 20);
        let mut tokens = 0;
        for text in &documents {
            ids.clear();
            encoder.encode(text, &mut ids);
            tokens += ids.len();
        }
        tokens
    };
    group.bench_function("encode, cold", |b| b.iter(|| encode(&mut Encoder::new(&tokenizer).unwrap())));
    group.bench_function("encode, warm", |b| {
        let mut encoder = Encoder::new(&tokenizer).unwrap();
        encode(&mut encoder);
        b.iter(|| encode(&mut encoder));
    });
    group.sample_size(10).bench_function("train 40k from counts", |b| {
        b.iter_batched(
            || count(&documents, options.pattern),
            |counts| bpe::train(counts, &options, &Progress::default()).unwrap(),
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, bpe);
criterion_main!(benches);

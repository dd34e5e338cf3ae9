//! Filtering documents and redacting personal data on one thread.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rotext::filter::{Filter, Profile, Scratch, redact};

fn filter(c: &mut Criterion) {
    let documents = benches::documents();
    let bytes = documents.iter().map(String::len).sum::<usize>() as u64;
    let mut group = c.benchmark_group("filter");
    group.throughput(Throughput::Bytes(bytes)).sample_size(20);
    for (name, profile) in [("web", Profile::Web), ("books", Profile::Books)] {
        let filter = Filter::new(profile);
        let mut scratch = Scratch::default();
        group.bench_function(name, |b| {
            b.iter(|| {
                documents.iter().filter(|text| filter.judge(text, &mut scratch).dropped.is_none()).count()
            });
        });
    }
    group.bench_function("redact", |b| {
        b.iter(|| documents.iter().for_each(|text| drop(black_box(redact(text)))));
    });
}

criterion_group!(benches, filter);
criterion_main!(benches);

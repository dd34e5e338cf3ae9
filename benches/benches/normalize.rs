//! The normalizer on one thread: text without defects, raw text, and text with many defects of one kind.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rotext::normalize::{Normalizer, Options, Report};

fn normalize(c: &mut Criterion) {
    let normalizer = Normalizer::new(Options::default());
    let clean = |text: &String| normalizer.normalize(text, &mut Report::default()).into_owned();
    let mixed = benches::documents();
    let good: Vec<String> = mixed.iter().map(clean).collect();
    let cedillas = good.iter().map(|text| text.replace('ș', "ş").replace('ț', "ţ")).collect();
    let decomposed = good.iter().map(|text| text.replace('ă', "a\u{306}")).collect();
    let no_break = good.iter().map(|text| text.replace(" de ", "\u{A0}de ")).collect();

    let mut group = c.benchmark_group("normalize");
    let texts: [(&str, Vec<String>); 5] = [
        ("clean", good),
        ("as it comes", mixed),
        ("cedillas", cedillas),
        ("decomposed", decomposed),
        ("no-break spaces", no_break),
    ];
    for (name, texts) in texts {
        let bytes: usize = texts.iter().map(String::len).sum();
        group.throughput(Throughput::Bytes(bytes as u64)).sample_size(20);
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut report = Report::default();
                for text in &texts {
                    black_box(normalizer.normalize(text, &mut report));
                }
                report
            });
        });
    }
}

criterion_group!(benches, normalize);
criterion_main!(benches);

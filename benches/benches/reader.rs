//! From bytes on disk to documents: one thread, no normalization. The bytes are those of the JSONL.
#![allow(missing_docs, clippy::unwrap_used)]

use std::io::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rotext::reader::{Fields, Reader, expand};

fn reader(c: &mut Criterion) {
    let jsonl = benches::jsonl(&benches::documents());
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("text.jsonl");
    std::fs::write(&plain, &jsonl).unwrap();
    let zst = folder.path().join("text.jsonl.zst");
    std::fs::write(&zst, zstd::encode_all(&jsonl[..], 3).unwrap()).unwrap();
    let gz = folder.path().join("text.jsonl.gz");
    let mut out =
        flate2::write::GzEncoder::new(std::fs::File::create(&gz).unwrap(), flate2::Compression::new(6));
    out.write_all(&jsonl).unwrap();
    out.finish().unwrap();

    let mut group = c.benchmark_group("reader");
    group.throughput(Throughput::Bytes(jsonl.len() as u64)).sample_size(20);
    for (name, path) in [("jsonl", plain), ("jsonl.gz", gz), ("jsonl.zst", zst)] {
        let sources = expand(&[path.to_string_lossy().into_owned()]).unwrap();
        let fields = Fields::default();
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut reader = Reader::open(&sources[0], &fields).unwrap();
                let mut documents = 0;
                while let Some(chunk) = reader.next_chunk().unwrap() {
                    documents += chunk.parse(&sources[0], &fields).documents.len();
                }
                documents
            });
        });
    }
}

criterion_group!(benches, reader);
criterion_main!(benches);

//! Every kept input of the fuzz targets, through the body of its target.

#[path = "../../../fuzz/bodies.rs"]
mod bodies;

fn replay(target: &str, body: fn(&[u8])) {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fuzz").join(target);
    let files: Vec<_> =
        std::fs::read_dir(&folder).map(|entries| entries.flatten().collect()).unwrap_or_default();
    assert!(!files.is_empty(), "no inputs in {}", folder.display());
    for file in files {
        println!("{}", file.path().display());
        body(&std::fs::read(file.path()).unwrap_or_default());
    }
}

#[test]
fn reader() {
    replay("reader", bodies::reader);
}

#[test]
fn normalize() {
    replay("normalize", bodies::normalize);
}

#[test]
fn manifest() {
    replay("manifest", bodies::manifest);
}

#[test]
fn bpe_encode() {
    replay("bpe_encode", bodies::bpe_encode);
}

#[test]
fn tokenizer_json() {
    replay("tokenizer_json", bodies::tokenizer_json);
}

#[test]
fn sorted_run() {
    replay("sorted_run", bodies::sorted_run);
}

#[test]
fn ledger() {
    replay("ledger", bodies::ledger);
}

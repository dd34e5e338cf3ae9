//! Makes `src/romanian.bin` from clean Romanian text whose license allows it.
//!
//! ```sh
//! cargo run --release -p rotext --example romanian -- rust/rotext/src/romanian.bin novels.jsonl.zst acts.jsonl.zst
//! ```
//!
//! The file in the repository has counts of the public-domain novels of ELTeC-rom, and of Romanian statutes and building norms.
//! Novels whose number is divisible by four are not in it: they are text for tests.

use std::path::PathBuf;

use rotext::error::{Error, Result};
use rotext::normalize::{Normalizer, Report};
use rotext::reader::{Fields, Reader, expand};
use rotext::romanian::Trainer;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(out) = arguments.next().map(PathBuf::from) else {
        return Err(Error::usage("say the file to write and the corpora to count"));
    };
    let fields = Fields::default();
    let normalizer = Normalizer::default();
    let mut trainer = Trainer::default();
    for source in expand(&arguments.collect::<Vec<_>>())? {
        let mut reader = Reader::open(&source, &fields)?;
        while let Some(chunk) = reader.next_chunk()? {
            for document in chunk.parse(&source, &fields).documents {
                trainer.add(&normalizer.normalize(&document.text, &mut Report::default()));
            }
        }
    }
    std::fs::write(&out, trainer.finish()).map_err(|e| Error::io(&out, &e))
}

//! Samples of what each rule changes in a corpus, with context, to find false repairs.
//!
//! ```text
//! cargo run --release --example normalize_changes -- web.jsonl 20 [rule ...]
//! ```
//!
//! Prints, for each rule, its count and up to that many changes, spread evenly over the corpus (one in
//! `count / N`, so runs can be compared).

use std::collections::BTreeMap;

use rotext::normalize::{Change, Normalizer, Options, RULES};
use rotext::reader::{Fields, Reader, expand};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(samples)) = (arguments.next(), arguments.next()) else {
        return Err("usage: normalize_changes FILE N [rule ...]".into());
    };
    let samples: usize = samples.parse()?;
    let rules: Vec<String> = arguments.collect();
    let normalizer = Normalizer::new(Options::default());
    let mut found: BTreeMap<&str, Vec<(String, Change)>> = BTreeMap::new();
    let fields = Fields::default();
    for source in expand(&[input])? {
        let mut reader = Reader::open(&source, &fields)?;
        while let Some(chunk) = reader.next_chunk()? {
            for document in chunk.parse(&source, &fields).documents {
                for change in normalizer.diff(&document.text, usize::MAX) {
                    if rules.is_empty() || rules.iter().any(|rule| rule == change.rule) {
                        found.entry(change.rule).or_default().push((document.id.clone(), change));
                    }
                }
            }
        }
    }
    for rule in RULES {
        let Some(changes) = found.get(rule.id) else { continue };
        println!("## {}: {}", rule.id, changes.len());
        let step = changes.len().div_ceil(samples.max(1)).max(1);
        for (id, change) in changes.iter().step_by(step) {
            let Change { before, after, context_before, context_after, .. } = change;
            println!("{id}:{}: {context_before:?} [{before:?} -> {after:?}] {context_after:?}", change.start);
        }
    }
    Ok(())
}

//! Writes `src/bpe/classes_table.rs`: `cargo run -p rotext --example unicode_classes > rust/rotext/src/bpe/classes_table.rs`.
//!
//! The classes come from the oracle itself (the regex engine of `tokenizers`), so the table agrees with it. Run this again when the
//! oracle moves to another Unicode version; the test in `classes.rs` notices that.

use std::collections::HashMap;

use tokenizers::utils::SysRegex;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut class = vec![0u8; 0x11_0000];
    for (value, regex) in [(1, r"\p{L}"), (2, r"\p{N}"), (3, r"\s")] {
        let regex = SysRegex::new(regex)?;
        for c in '\0'..=char::MAX {
            if regex.find_iter(c.encode_utf8(&mut [0; 4])).next().is_some() {
                class[c as usize] = value;
            }
        }
    }
    // 256 code points to a block of eight words, two bits a code point; equal blocks are stored once.
    let mut numbers = HashMap::new();
    let mut blocks: Vec<Vec<u64>> = Vec::new();
    let mut index = Vec::new();
    for block in class.chunks(256) {
        let words: Vec<u64> = block
            .chunks(32)
            .map(|half| half.iter().rev().fold(0, |word, &class| word << 2 | u64::from(class)))
            .collect();
        index.push(*numbers.entry(words.clone()).or_insert_with(|| {
            blocks.push(words);
            blocks.len() - 1
        }));
    }
    let last = index[0x10FF];
    index.truncate(index.iter().rposition(|&block| block != last).map_or(0, |at| at + 1));
    assert!(blocks[last].iter().all(|&word| word == 0), "code points above the index are of no class");

    println!(
        "//! Letters, numbers and white space of Unicode 16.0. Written by `examples/unicode_classes.rs`."
    );
    println!("\n/// Block of each run of 256 code points; those above are of no class.");
    println!("#[rustfmt::skip]\npub(super) static INDEX: [u8; {}] = [", index.len());
    for row in index.chunks(24) {
        println!("    {},", row.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    }
    println!("];\n\n/// Two bits a code point: 0 other, 1 letter, 2 number, 3 white space.");
    println!("#[rustfmt::skip]\npub(super) static BLOCKS: [[u64; 8]; {}] = [", blocks.len());
    for words in &blocks {
        println!("    [{}],", words.iter().map(|word| format!("{word:#x}")).collect::<Vec<_>>().join(","));
    }
    println!("];");
    Ok(())
}

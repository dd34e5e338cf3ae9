//! Text for the benchmarks: the file `$ROTOOLS_BENCH_TEXT`, or generated text that looks Romanian.
//!
//! Published figures come from real text (the file). With the generated text, `cargo bench` runs anywhere.

use std::fmt::Write;

/// About how many bytes of text a benchmark uses.
pub const BYTES: usize = 8 << 20;

/// About [`BYTES`] of documents: from the file at `$ROTOOLS_BENCH_TEXT` (paragraphs of plain text, or JSONL with the field `text`),
/// else generated.
///
/// # Panics
/// The file cannot be read.
#[must_use]
pub fn documents() -> Vec<String> {
    match std::env::var_os("ROTOOLS_BENCH_TEXT") {
        Some(path) => read(path.as_ref()),
        None => generated(),
    }
}

/// The documents as JSONL.
#[must_use]
pub fn jsonl(documents: &[String]) -> Vec<u8> {
    let lines = documents.iter().enumerate();
    lines
        .flat_map(|(n, text)| format!("{}\n", serde_json::json!({"id": n, "text": text})).into_bytes())
        .collect()
}

#[allow(clippy::expect_used)]
fn read(path: &std::path::Path) -> Vec<String> {
    let content = std::fs::read_to_string(path).expect("ROTOOLS_BENCH_TEXT names a readable UTF-8 file");
    let record = |line: &str| -> Option<String> {
        Some(serde_json::from_str::<serde_json::Value>(line).ok()?["text"].as_str()?.to_owned())
    };
    let texts: Vec<String> = if content.starts_with('{') {
        content.lines().filter_map(record).collect()
    } else {
        content.split("\n\n").map(str::to_owned).collect()
    };
    let mut left = BYTES;
    let enough = |text: &String| {
        let more = left > 0;
        left = left.saturating_sub(text.len());
        more
    };
    texts.into_iter().take_while(enough).collect()
}

/// Documents of words made of syllables, with frequencies by Zipf's law, in sentences and paragraphs.
fn generated() -> Vec<String> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let onsets =
        ["", "b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "ș", "t", "ț", "v", "pr", "st", "tr"];
    let nuclei = ["a", "ă", "â", "e", "i", "î", "o", "u", "ea", "ia", "oa", "ie"];
    let codas = ["", "", "", "n", "r", "l", "t", "s", "m"];
    let words: Vec<String> = (0..60_000)
        .map(|rank: u64| {
            let syllables = 1 + random.below(2) + u64::from(rank > 100) + u64::from(rank > 5000);
            (0..syllables)
                .map(|_| [random.of(&onsets), random.of(&nuclei), random.of(&codas)].concat())
                .collect()
        })
        .collect();
    let (mut documents, mut size) = (Vec::new(), 0);
    while size < BYTES {
        let mut text = String::new();
        for _ in 0..random.below(60) + 3 {
            for place in 0..random.below(18) + 4 {
                // n^u, with u uniform between 0 and 1, gives rank r a share of about 1 / (r ln n).
                let rank = ((words.len() as f64).powf(random.unit()) as usize).min(words.len()) - 1;
                let space = if place == 0 { "" } else { " " };
                let _ = write!(text, "{space}{}", words[rank]);
            }
            text.push_str(random.of(&[". ", ". ", ", ", "! ", "? ", ".\n", " – ", " (1989) "]));
        }
        size += text.len();
        documents.push(text);
    }
    documents
}

/// xorshift64*: the same text on every machine, without a dependency.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

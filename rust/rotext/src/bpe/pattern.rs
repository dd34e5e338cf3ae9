//! The pre-tokenizer patterns, which cut a text into words. BPE merges inside a word only.
//!
//! All patterns here have a name in llama.cpp: a model with another pattern could not be exported to GGUF without a patch of
//! llama.cpp. The names are those of `tokenizer.ggml.pre`
//! (llama.cpp, `src/llama-vocab.cpp`); the expressions are those of the published `tokenizer.json` files.

use serde::Serialize;

/// A pre-tokenizer pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pattern {
    /// GPT-2: a word includes the space before it; digits in one run; English contractions, in lower case only.
    Gpt2,
    /// Llama 3 (the `cl100k` expression): a word includes one sign before it, so `s-a` is `s` `-a`; digits in groups of three;
    /// contractions in either case. The default; the log has the reason (2026-11-24).
    Llama3,
    /// Qwen 2: as Llama 3, with digits one by one.
    Qwen2,
}

/// The expression of Llama 3 and cl100k.
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
/// The expression of Qwen 2.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
/// The expression of GPT-2. `ByteLevel` with `use_regex` has the same.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

impl Pattern {
    /// Every pattern, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Gpt2, Self::Llama3, Self::Qwen2];

    /// Its name in llama.cpp: the value of `tokenizer.ggml.pre` in a GGUF file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt-2",
            Self::Llama3 => "llama-bpe",
            Self::Qwen2 => "qwen2",
        }
    }

    /// The pattern with this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pattern| pattern.name() == name)
    }

    /// The regular expression, as `tokenizer.json` has it.
    #[must_use]
    pub fn regex(self) -> &'static str {
        match self {
            Self::Gpt2 => GPT2,
            Self::Llama3 => LLAMA3,
            Self::Qwen2 => QWEN2,
        }
    }

    /// The pattern with exactly this expression, if there is one.
    #[must_use]
    pub fn from_regex(regex: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pattern| pattern.regex() == regex)
    }
}

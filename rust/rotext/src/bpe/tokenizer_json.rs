//! `tokenizer.json`, the format of Hugging Face `tokenizers`. It reads byte-level BPE and refuses everything else, naming
//! the part that is not supported. It writes what `tokenizers`, `transformers` and llama.cpp load.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

use super::byte_level;
use super::pattern::Pattern;
use super::tokenizer::{AddedToken, Tokenizer};
use crate::error::{Error, Place, Result};

/// Everything except the two large tables, which are skipped here and read once the rest is accepted.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    truncation: Value,
    #[serde(default)]
    padding: Value,
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    model: ModelHead,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    special: bool,
}

#[derive(Deserialize)]
struct ModelHead {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    byte_fallback: Option<bool>,
    #[serde(default)]
    ignore_merges: Option<bool>,
}

#[derive(Deserialize)]
struct Body {
    model: Tables,
}

#[derive(Deserialize)]
struct Tables {
    vocab: HashMap<String, u32>,
    merges: Rules,
}

/// Pairs since tokenizers 0.20, `"left right"` before.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rules {
    Pairs(Vec<(String, String)>),
    Lines(Vec<String>),
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json`; `path` is for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::error::ErrorKind::Data) when it is not JSON, not byte-level BPE, or has an unsupported
    /// part that would change the ids; the message names the part.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self> {
        read(json, path).map_err(|error| if error.place.is_none() { error.at(path) } else { error })
    }
}

fn read(json: &[u8], path: &Path) -> Result<Tokenizer> {
    let head: Head = parse(json, path)?;
    let pattern = accept(&head)?;
    let Body { model } = parse(json, path)?;

    let missing = |token: &str| {
        Error::data(format!("the merge rules use {token:?}, which is not in the vocabulary"))
            .hint("the file is damaged: download or train it again")
    };
    let pairs: Vec<(&str, &str)> = match &model.merges {
        Rules::Pairs(pairs) => pairs.iter().map(|(left, right)| (left.as_str(), right.as_str())).collect(),
        Rules::Lines(lines) => lines
            .iter()
            .filter(|line| !line.starts_with("#version"))
            .map(|line| {
                line.split_once(' ')
                    .filter(|(_, right)| !right.contains(' '))
                    .ok_or_else(|| Error::data(format!("merge rule {line:?} is not two tokens and a space")))
            })
            .collect::<Result<_>>()?,
    };
    let mut merged = String::new();
    let rules = pairs
        .into_iter()
        .map(|(left, right)| {
            merged.clear();
            merged.push_str(left);
            merged.push_str(right);
            let id = |token: &str| model.vocab.get(token).copied().ok_or_else(|| missing(token));
            Ok((id(left)?, id(right)?, id(&merged)?))
        })
        .collect::<Result<Vec<_>>>()?;

    let added = added_tokens(head.added_tokens, &model.vocab)?;
    let specials: HashSet<u32> = added.iter().filter(|t| t.special).map(|t| t.id).collect();
    if let Some((_, _, id)) = rules.iter().find(|(_, _, merged)| specials.contains(merged)) {
        return Err(Error::data(format!(
            "the merge rules make token {id}, a special one, out of ordinary text"
        ))
        .hint("a document could end itself with it: train a tokenizer with rotools tokenizer train"));
    }
    let limit = 2 * (model.vocab.len() + added.len()) as u64 + (1 << 20);
    let mut ids = model.vocab.values().chain(added.iter().map(|token| &token.id));
    if let Some(id) = ids.find(|&&id| u64::from(id) > limit) {
        return Err(Error::data(format!("token id {id} is far beyond the size of the vocabulary")));
    }
    let vocab = model.vocab.into_iter().filter(|(_, id)| !specials.contains(id)).map(|(token, id)| {
        match byte_level::to_bytes(&token) {
            Some(bytes) => (id, bytes, true),
            // A token outside the alphabet never occurs in text; it decodes to its own characters.
            None => (id, token.into_bytes(), false),
        }
    });
    Tokenizer::new(pattern, vocab, rules, added, head.model.ignore_merges.unwrap_or(false))
}

/// The added tokens, if they have the ids that `tokenizers` would give them, and no other token has these ids.
///
/// `tokenizers` ignores the ids of the file: a token of the vocabulary keeps its id, and another token gets the next id
/// after the vocabulary and the added tokens before it. A file that says otherwise would give other ids here than there,
/// and two tokens with one id could not be distinguished.
fn added_tokens(tokens: Vec<Added>, vocab: &HashMap<String, u32>) -> Result<Vec<AddedToken>> {
    let damaged = |what: String| Error::data(what).hint("the file is damaged: download or train it again");
    let mut owners: HashMap<u32, String> = HashMap::with_capacity(vocab.len());
    if let Some(id) = vocab.get("") {
        return Err(Error::data(format!(
            "the tokenizer has an empty token, which is not supported (token {id})"
        ))
        .hint("remove it from the file, or take another tokenizer"));
    }
    for (token, &id) in vocab {
        if let Some(other) = owners.insert(id, token.clone()) {
            let (first, second) = if *token < other { (token, &other) } else { (&other, token) };
            return Err(damaged(format!("{first:?} and {second:?} have the same id, {id}")));
        }
    }
    let size = vocab.len() as u32;
    let mut added: Vec<AddedToken> = Vec::with_capacity(tokens.len());
    let mut next = size;
    for Added { id, content, special, .. } in tokens {
        let known = vocab.get(&content).copied();
        let known = known.or_else(|| added.iter().find(|t| t.content == content).map(|t| t.id));
        let theirs = known.unwrap_or(next);
        if id != theirs {
            return Err(damaged(format!(
                "added token {content:?} has id {id} in the file, but `tokenizers` reads it as {theirs}"
            )));
        }
        if let Some(other) = owners.insert(id, content.clone()).filter(|other| *other != content) {
            return Err(damaged(format!("{other:?} and {content:?} have the same id, {id}")));
        }
        next = next.max(id.saturating_add(1));
        added.push(AddedToken { id, special, in_vocab: vocab.contains_key(&content), content });
    }
    Ok(added)
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8], path: &Path) -> Result<T> {
    serde_json::from_slice(json).map_err(|e| {
        // The library's message ends with the place, which our message has in its own form.
        let what = e.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        let place = Place {
            path: path.to_owned(),
            line: Some(e.line() as u64),
            byte: Some(e.column().saturating_sub(1) as u64),
        };
        Error::data(format!("no byte-level BPE tokenizer.json: {what}")).at_place(place).hint(
            "name a tokenizer.json of GPT-2, Llama 3 or Qwen 2 kind, or train one: rotools tokenizer train",
        )
    })
}

/// The pattern, if every part that affects the ids is supported.
fn accept(head: &Head) -> Result<Pattern> {
    let refuse = |what: String| {
        Error::data(format!("{what}, which is not supported"))
            .hint("use a byte-level BPE tokenizer of GPT-2, Llama 3 or Qwen 2 kind, or train one: rotools tokenizer train")
    };
    let model = &head.model;
    match model.kind.as_deref() {
        None | Some("BPE") => {}
        Some(kind) => return Err(refuse(format!("the model is {kind}, not BPE"))),
    }
    if !head.normalizer.is_null() {
        return Err(refuse(format!("the tokenizer has a normalizer ({})", kind(&head.normalizer))));
    }
    if !head.truncation.is_null() {
        return Err(refuse("the tokenizer truncates its output (`truncation`)".to_owned()));
    }
    if !head.padding.is_null() {
        return Err(refuse("the tokenizer pads its output (`padding`)".to_owned()));
    }
    if model.dropout.is_some_and(|p| p != 0.0) {
        return Err(refuse("the model drops merges at random (`dropout`)".to_owned()));
    }
    if model.byte_fallback == Some(true) {
        return Err(refuse("the model falls back to <0x..> tokens (`byte_fallback`)".to_owned()));
    }
    for (name, value) in [
        ("continuing_subword_prefix", &model.continuing_subword_prefix),
        ("end_of_word_suffix", &model.end_of_word_suffix),
    ] {
        if value.as_ref().is_some_and(|text| !text.is_empty()) {
            return Err(refuse(format!("the model marks parts of words (`{name}`)")));
        }
    }
    let odd = |t: &&Added| !t.special && (t.single_word || t.lstrip || t.rstrip || t.content.is_empty());
    if let Some(token) = head.added_tokens.iter().find(odd) {
        return Err(refuse(format!("added token {:?} strips spaces or asks for word bounds", token.content)));
    }
    pattern(&head.pre_tokenizer).ok_or_else(|| {
        refuse(match head.pre_tokenizer.is_null() {
            true => "the tokenizer has no pre-tokenizer".to_owned(),
            false => format!(
                "the pre-tokenizer is another than those of GPT-2, Llama 3 and Qwen 2 ({})",
                kind(&head.pre_tokenizer)
            ),
        })
    })
}

/// The type of a part, for messages; for a sequence also the types in it.
fn kind(part: &Value) -> String {
    let own = part["type"].as_str().unwrap_or("of unknown type").to_owned();
    match part["pretokenizers"].as_array().or(part["normalizers"].as_array()) {
        Some(parts) => format!("{own} of {}", parts.iter().map(kind).collect::<Vec<_>>().join(", ")),
        None => own,
    }
}

/// `ByteLevel` alone is GPT-2; with a `Split` before it, the pattern is that of the split.
fn pattern(part: &Value) -> Option<Pattern> {
    let byte_level = |part: &Value, use_regex: bool| {
        part["type"] == "ByteLevel"
            && part["add_prefix_space"] == false
            && part["use_regex"].as_bool().unwrap_or(true) == use_regex
    };
    if byte_level(part, true) {
        return Some(Pattern::Gpt2);
    }
    match part["pretokenizers"].as_array().map(Vec::as_slice) {
        Some([only]) if part["type"] == "Sequence" => pattern(only),
        Some([split, bytes]) if part["type"] == "Sequence" && byte_level(bytes, false) => {
            // The patterns match every character, so keeping and removing matches gives the same words.
            let isolated = split["behavior"] == "Isolated" && split["invert"] != true;
            let inverted = split["behavior"] == "Removed" && split["invert"] == true;
            (split["type"] == "Split" && (isolated || inverted))
                .then(|| split["pattern"]["Regex"].as_str().and_then(Pattern::from_regex))
                .flatten()
        }
        _ => None,
    }
}

#[derive(Serialize)]
struct File<'a> {
    version: &'static str,
    truncation: (),
    padding: (),
    added_tokens: Vec<AddedOut<'a>>,
    normalizer: (),
    pre_tokenizer: Value,
    post_processor: Value,
    decoder: Value,
    model: ModelOut<'a>,
}

#[derive(Serialize)]
struct AddedOut<'a> {
    id: u32,
    content: &'a str,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
    special: bool,
}

#[derive(Serialize)]
struct ModelOut<'a> {
    r#type: &'static str,
    dropout: (),
    unk_token: (),
    continuing_subword_prefix: (),
    end_of_word_suffix: (),
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    #[serde(serialize_with = "as_map")]
    vocab: Vec<(String, u32)>,
    merges: Vec<(&'a str, &'a str)>,
}

/// Pairs as a map that keeps their order.
fn as_map<S: Serializer>(pairs: &[(String, u32)], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (token, id) in pairs {
        map.serialize_entry(token, id)?;
    }
    map.end()
}

impl Tokenizer {
    /// The `tokenizer.json` as text. The same tokenizer gives the same bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let outside: HashSet<u32> = self.added.iter().filter(|t| !t.in_vocab).map(|t| t.id).collect();
        let vocab: Vec<(String, u32)> = (0..self.vocab_size() as u32)
            .filter(|id| !outside.contains(id))
            .filter(|&id| !self.token(id).is_empty())
            .map(|id| match self.added.iter().find(|token| token.id == id) {
                Some(token) => (token.content.clone(), id),
                None if self.token_of(self.token(id)) == Some(id) => {
                    (byte_level::to_text(self.token(id)), id)
                }
                // A token outside the alphabet is written as it is.
                None => (String::from_utf8_lossy(self.token(id)).into_owned(), id),
            })
            .collect();
        let texts: HashMap<u32, &str> = vocab.iter().map(|(text, id)| (*id, text.as_str())).collect();
        let byte_level = |trim_offsets: bool, use_regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": trim_offsets, "use_regex": use_regex});
        let file = File {
            version: "1.0",
            truncation: (),
            padding: (),
            added_tokens: self
                .added
                .iter()
                .map(|token| AddedOut {
                    id: token.id,
                    content: &token.content,
                    single_word: false,
                    lstrip: false,
                    rstrip: false,
                    normalized: false,
                    special: token.special,
                })
                .collect(),
            normalizer: (),
            pre_tokenizer: match self.pattern {
                Pattern::Gpt2 => byte_level(true, true),
                Pattern::Llama3 | Pattern::Qwen2 => json!({"type": "Sequence", "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": self.pattern.regex()}, "behavior": "Isolated", "invert": false},
                    byte_level(true, false),
                ]}),
            },
            post_processor: byte_level(false, true),
            decoder: byte_level(true, true),
            model: ModelOut {
                r#type: "BPE",
                dropout: (),
                unk_token: (),
                continuing_subword_prefix: (),
                end_of_word_suffix: (),
                fuse_unk: false,
                byte_fallback: false,
                ignore_merges: self.ignore_merges,
                merges: self.rules.iter().map(|(left, right, _)| (texts[left], texts[right])).collect(),
                vocab: vocab.clone(),
            },
        };
        let mut json = serde_json::to_string_pretty(&file).expect("strings and numbers always serialize");
        json.push('\n');
        json
    }
}

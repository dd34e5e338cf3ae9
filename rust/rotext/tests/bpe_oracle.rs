//! BPE against its oracle, Hugging Face `tokenizers`: the same merges, the same ids.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rotext::bpe::{Counts, Encoder, Pattern, Tokenizer, TrainOptions, WordCounter, train};
use rotext::progress::Progress;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer as Oracle};

fn pre_tokenizer(pattern: Pattern) -> PreTokenizerWrapper {
    match pattern {
        Pattern::Gpt2 => ByteLevel::new(false, true, true).into(),
        _ => {
            let regex = SplitPattern::Regex(pattern.regex().to_owned());
            let split = Split::new(regex, SplitDelimiterBehavior::Isolated, false).unwrap();
            Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]).into()
        }
    }
}

fn oracle(texts: &[String], options: &TrainOptions) -> Oracle {
    let mut oracle = Oracle::new(BPE::default());
    oracle.with_pre_tokenizer(Some(pre_tokenizer(options.pattern)));
    oracle.with_decoder(Some(ByteLevel::default()));
    let specials = options.special_tokens.iter().map(|text| AddedToken::from(text.clone(), true)).collect();
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(options.vocab_size)
        .min_frequency(options.min_frequency)
        .special_tokens(specials)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    oracle.train(&mut trainer, texts.iter().map(String::as_str)).unwrap();
    oracle.set_encode_special_tokens(true);
    oracle
}

/// Trains with `threads` counters that are emptied often, and a sum that spills beyond `cap` bytes.
fn ours(texts: &[String], options: &TrainOptions, threads: usize, cap: usize) -> Tokenizer {
    let folder = tempfile::tempdir().unwrap();
    let mut counts = Counts::new(cap, folder.path());
    let mut counters: Vec<WordCounter> = (0..threads).map(|_| WordCounter::new(options.pattern)).collect();
    for (i, text) in texts.iter().enumerate() {
        counters[i % threads].add(text);
        if i % 7 == 6 {
            counts.absorb(&mut counters[i % threads]).unwrap();
        }
    }
    for counter in counters.iter_mut().rev() {
        counts.absorb(counter).unwrap();
    }
    assert!(cap > 0 || counts.runs() > 0);
    train(counts, options, &Progress::default()).unwrap()
}

fn assert_same_training(texts: &[String], options: &TrainOptions) -> (Tokenizer, Oracle) {
    let oracle = oracle(texts, options);
    let expected: serde_json::Value = serde_json::from_str(&oracle.to_string(false).unwrap()).unwrap();
    let tokenizer = ours(texts, options, 1, usize::MAX);
    let json = tokenizer.to_json();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["model"]["merges"], expected["model"]["merges"], "{options:?}");
    assert_eq!(value["model"]["vocab"], expected["model"]["vocab"], "{options:?}");
    assert_eq!(json, ours(texts, options, 3, 0).to_json(), "spills and threads changed the result");
    let reread = Tokenizer::from_json(json.as_bytes(), Path::new("t.json")).unwrap();
    assert_eq!(reread.to_json(), json);
    (tokenizer, oracle)
}

fn ids(encoder: &RefCell<Encoder<u32, &Tokenizer>>, text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    encoder.borrow_mut().encode(text, &mut ids);
    ids
}

fn expected_ids(oracle: &Oracle, text: &str) -> Vec<u32> {
    oracle.encode(text, false).unwrap().get_ids().to_vec()
}

/// A seeded generator (splitmix64), so that failures are reproducible.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ x >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Romanian-like text: words from stems and endings, with clitics, numbers and signs.
fn romanian(seed: u64, words: usize) -> Vec<String> {
    let stems =
        ["cas", "frumoas", "înțeleg", "șt", "merg", "ță", "pădur", "copi", "întâlni", "fa", "c", "om", "vâ"];
    let endings =
        ["ă", "e", "ul", "ului", "ea", "uri", "ește", "ind", "ător", "ătoare", "i", "iile", "", "ţie"];
    let joins =
        [" ", " ", " ", " ", ", ", ". ", "-", " – ", "\n", "’", "  ", "! ", " 12", " 1989 ", " „", "” "];
    let mut random = Random(seed);
    (0..words / 50)
        .map(|_| {
            (0..50)
                .map(|_| {
                    let (stem, ending) =
                        (stems[random.below(stems.len())], endings[random.below(endings.len())]);
                    [stem, ending, joins[random.below(joins.len())]].concat()
                })
                .collect()
        })
        .collect()
}

/// Few letters: equal counts, equal strings by different rules, overlapping pairs.
fn ties(seed: u64, words: usize) -> Vec<String> {
    let mut random = Random(seed);
    let letters = 1 + random.below(3);
    (0..words / 10)
        .map(|_| {
            (0..10)
                .map(|_| {
                    let len = 1 + random.below(12);
                    let word: String =
                        (0..len).map(|_| char::from(b'a' + random.below(letters) as u8)).collect();
                    word + " "
                })
                .collect()
        })
        .collect()
}

#[test]
fn training_is_that_of_the_oracle() {
    for pattern in Pattern::ALL {
        for (seed, vocab_size, min_frequency) in
            [(1, 300, 0), (2, 700, 0), (3, 2000, 2), (4, 100_000, 5), (5, 257, 0)]
        {
            let options = TrainOptions { vocab_size, min_frequency, pattern, ..TrainOptions::default() };
            let (tokenizer, _) = assert_same_training(&romanian(seed, 3000), &options);
            assert!(tokenizer.vocab_size() <= vocab_size);
        }
    }
}

#[test]
fn ties_are_broken_as_the_oracle_breaks_them() {
    for seed in 0..150 {
        let vocab_size = [270, 300, 400, 100_000][seed as usize % 4];
        let special_tokens =
            ["<|endoftext|>", "<|pad|>"][..1 + seed as usize % 2].iter().map(|&t| t.into()).collect();
        let options = TrainOptions { vocab_size, special_tokens, ..TrainOptions::default() };
        assert_same_training(&ties(seed, 30 + 20 * seed as usize), &options);
    }
}

#[test]
fn nothing_to_train_on_gives_the_bytes() {
    let (tokenizer, _) = assert_same_training(&[String::new(), "a".into()], &TrainOptions::default());
    assert_eq!(tokenizer.vocab_size(), 257);
    assert_eq!(tokenizer.eos(), Some(0));
}

/// llama.cpp takes a word that is a token as that token, whatever the rules say, for every tokenizer with the
/// pattern `llama-bpe`. For a trained one this changes nothing: each token, as a word, merges into itself.
#[test]
fn every_trained_token_merges_into_itself() {
    let mut checked = 0;
    for (texts, vocab_size) in
        [(romanian(11, 20_000), 3000), (ties(3, 4000), 100_000), (ties(7, 900), 2000), (ties(8, 900), 2000)]
    {
        let options = TrainOptions { vocab_size, ..TrainOptions::default() };
        let tokenizer = ours(&texts, &options, 1, usize::MAX);
        let mut encoder = Encoder::<u32, _>::new(&tokenizer).unwrap();
        for id in 1..tokenizer.vocab_size() as u32 {
            let Ok(text) = std::str::from_utf8(tokenizer.token(id)) else { continue };
            if rotext::bpe::words(options.pattern, text).count() == 1 {
                let mut ids = Vec::new();
                encoder.encode(text, &mut ids);
                assert_eq!(ids, [id], "{text:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 1000, "{checked}");
}

/// Strings in which the rules of patterns and merges interact.
fn mixed() -> impl Strategy<Value = String> {
    let pieces = vec![
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "\u{a0}",
        "'",
        "'s",
        "'LL",
        "’",
        "-",
        ".",
        "…",
        "ă",
        "Ș",
        "ț",
        "×",
        "1",
        "23",
        "½",
        "ﬁ",
        "\u{301}",
        "🙂",
        "👩‍👩‍👧",
        "漢",
        "ж",
        "\0",
        "casa",
        "frumoasă",
        "înțelegător",
        "<|endoftext|>",
        "aaaaaaaaaaaaaaaaaaaaaaa",
    ];
    let piece = prop_oneof![
        4 => prop::sample::select(pieces).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "\\PC{0,9}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

#[test]
fn encoding_is_that_of_the_oracle() {
    for pattern in Pattern::ALL {
        let options = TrainOptions { vocab_size: 1000, pattern, ..TrainOptions::default() };
        let (tokenizer, oracle) = assert_same_training(&romanian(7, 5000), &options);
        let encoder = RefCell::new(Encoder::<u32, _>::new(&tokenizer).unwrap());
        let narrow = RefCell::new(Encoder::<u16, _>::new(&tokenizer).unwrap());
        let config = Config { cases: 700, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&mixed(), |text| {
                let ours = ids(&encoder, &text);
                prop_assert_eq!(&ours, &expected_ids(&oracle, &text));
                prop_assert_eq!(tokenizer.decode(&ours), text.as_bytes());
                let mut short = Vec::new();
                narrow.borrow_mut().encode(&text, &mut short);
                prop_assert!(short.iter().map(|&id| u32::from(id)).eq(ours));
                Ok(())
            })
            .unwrap();
        let every: String = ('\0'..=char::MAX).collect();
        assert_eq!(ids(&encoder, &every), expected_ids(&oracle, &every));
        // A megabyte without a space: one repeated sign, one repeated word, all different.
        let mut random = Random(1);
        let letters: Vec<char> = "aăâbcdefghiîlmnoprsștțuvz".chars().collect();
        let different = (0..900_000).map(|_| letters[random.below(letters.len())]).collect();
        for long in ["─".repeat(350_000), "țară".repeat(175_000), different] {
            assert_eq!(ids(&encoder, &long), expected_ids(&oracle, &long));
            assert_eq!(tokenizer.decode(&ids(&encoder, &long)), long.as_bytes());
        }
    }
}

/// Our file with parts changed, read by both.
fn both(json: &serde_json::Value) -> (Tokenizer, Oracle) {
    let json = json.to_string();
    let mut oracle: Oracle = json.parse().unwrap();
    oracle.set_encode_special_tokens(true);
    (Tokenizer::from_json(json.as_bytes(), Path::new("t.json")).unwrap(), oracle)
}

fn assert_same_encoding(json: &serde_json::Value, strategy: impl Strategy<Value = String>) {
    let (tokenizer, oracle) = both(json);
    let encoder = RefCell::new(Encoder::<u32, _>::new(&tokenizer).unwrap());
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&strategy, |text| {
            prop_assert_eq!(ids(&encoder, &text), expected_ids(&oracle, &text), "{:?}", text);
            Ok(())
        })
        .unwrap();
}

#[test]
fn other_tokenizer_files_encode_as_in_the_oracle() {
    let options = TrainOptions { vocab_size: 800, ..TrainOptions::default() };
    let base: serde_json::Value =
        serde_json::from_str(&ours(&romanian(9, 4000), &options, 1, usize::MAX).to_json()).unwrap();

    // Llama 3: a word that is a token is that token, even where no rule leads to it.
    let mut llama = base.clone();
    llama["model"]["ignore_merges"] = true.into();
    let last = llama["model"]["merges"].as_array().unwrap().len() / 2;
    llama["model"]["merges"].as_array_mut().unwrap().truncate(last);
    assert_same_encoding(&llama, mixed());

    // Before tokenizers 0.20: rules as lines, no model type, cl100k written as an inverted split.
    let mut legacy = base.clone();
    let lines = base["model"]["merges"].as_array().unwrap().iter();
    let lines: Vec<String> =
        lines.map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect();
    legacy["model"]["merges"] = lines.into();
    legacy["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed".into();
    legacy["pre_tokenizer"]["pretokenizers"][0]["invert"] = true.into();
    assert_same_encoding(&legacy, mixed());

    // Qwen: added tokens that are not special; one is the beginning of another.
    let mut qwen = base.clone();
    for (id, content, special) in
        [(800, "<tool>", false), (801, "<tool><more", false), (802, "<secret>", true)]
    {
        qwen["added_tokens"].as_array_mut().unwrap().push(serde_json::json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special,
        }));
    }
    let pieces =
        prop::sample::select(vec!["<tool>", "<tool", "<more", ">", "<secret>", " casa", "a", "\n", "<"]);
    assert_same_encoding(&qwen, prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()));

    // A vocabulary with holes and a rule given twice.
    let mut holes = base;
    let again = holes["model"]["merges"][3].clone();
    holes["model"]["merges"].as_array_mut().unwrap().push(again);
    for id in holes["model"]["vocab"].as_object_mut().unwrap().values_mut() {
        *id = (id.as_u64().unwrap() * 2 + 5).into();
    }
    holes["added_tokens"] = serde_json::json!([]);
    assert_same_encoding(&holes, mixed());
}

#[test]
fn foreign_files_are_refused_by_name() {
    let options = TrainOptions { vocab_size: 300, ..TrainOptions::default() };
    let base: serde_json::Value =
        serde_json::from_str(&ours(&romanian(1, 1000), &options, 1, usize::MAX).to_json()).unwrap();
    type Change = fn(&mut serde_json::Value);
    let changes: [(Change, &str); 15] = [
        (
            |t| t["model"] = serde_json::json!({"type": "Unigram", "vocab": [["a", 0.0]]}),
            "the model is Unigram",
        ),
        (|t| t["model"]["type"] = "WordPiece".into(), "the model is WordPiece"),
        (|t| t["normalizer"] = serde_json::json!({"type": "NFC"}), "normalizer (NFC)"),
        (
            |t| t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+".into(),
            "Sequence of Split, ByteLevel",
        ),
        (|t| t["pre_tokenizer"] = serde_json::Value::Null, "no pre-tokenizer"),
        (|t| t["model"]["dropout"] = 0.1.into(), "dropout"),
        (|t| t["model"]["byte_fallback"] = true.into(), "byte_fallback"),
        (|t| t["model"]["end_of_word_suffix"] = "</w>".into(), "end_of_word_suffix"),
        (|t| t["model"]["merges"][0] = serde_json::json!(["Ġ", "nowhere"]), "not in the vocabulary"),
        (|t| drop(t["model"]["vocab"].as_object_mut().unwrap().remove("Ā")), "byte 0x00"),
        (|t| t["model"]["vocab"]["Ā"] = 4_000_000_000u32.into(), "far beyond"),
        (
            |t| {
                let id = t["model"]["vocab"]["ul"].clone();
                t["added_tokens"]
                    .as_array_mut()
                    .unwrap()
                    .push(serde_json::json!({"id": id, "content": "ul", "special": true}));
            },
            "out of ordinary text",
        ),
        (|t| t["model"]["vocab"]["zz"] = 7.into(), "have the same id, 7"),
        (|t| t["added_tokens"][0]["id"] = 5.into(), "but `tokenizers` reads it as 0"),
        (
            |t| {
                t["added_tokens"][0]["content"] = "<new>".into();
                t["added_tokens"][0]["id"] = 5.into();
            },
            "but `tokenizers` reads it as 300",
        ),
    ];
    for (change, words) in changes {
        let mut json = base.clone();
        change(&mut json);
        let error =
            Tokenizer::from_json(json.to_string().as_bytes(), Path::new("x/tokenizer.json")).unwrap_err();
        assert!(error.to_string().contains(words), "{error} does not say {words}");
        assert!(error.to_string().starts_with("x/tokenizer.json"), "{error}");
    }
    for junk in ["", "[]", "{\"model\": 1}", "\u{feff}{}", "{\"model\": {\"type\": \"BPE\"}"] {
        assert!(Tokenizer::from_json(junk.as_bytes(), Path::new("t")).is_err());
    }
}

#[test]
fn a_vocabulary_too_large_for_u16_is_refused() {
    let options = TrainOptions { vocab_size: 300, ..TrainOptions::default() };
    let tokenizer = ours(&romanian(1, 1000), &options, 1, usize::MAX);
    let mut json: serde_json::Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
    for (id, fits) in [(65_498, true), (65_499, false)] {
        json["model"]["vocab"]["zzzz"] = id.into();
        let tokenizer = Tokenizer::from_json(json.to_string().as_bytes(), Path::new("t")).unwrap();
        assert_eq!(Encoder::<u16, _>::new(&tokenizer).is_ok(), fits);
        assert!(Encoder::<u32, _>::new(&tokenizer).is_ok());
    }
}

#[test]
fn a_special_token_that_text_could_spell_is_refused() {
    let options = TrainOptions { special_tokens: vec!["pad".into()], ..TrainOptions::default() };
    let error = train(Counts::new(1 << 20, "."), &options, &Progress::default()).unwrap_err();
    assert!(error.to_string().contains("\"pad\" could be read"), "{error}");
}

//! Near-duplicate removal against its definition: all pairs, sets of strings, no files of bands, an order that depends on texts
//! alone.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use rotext::dedup::{
    CONTAINMENT, Decision, Deduplicator, Entry, Grams, Hashes, JACCARD, Key, Options, Preset, Removals,
    Signer, SourceInfo, Words, worth,
};
use rotext::document::TextKind;
use rotext::progress::Progress;

#[derive(Debug, Clone)]
struct Doc {
    id: String,
    text: String,
    books: bool,
    held_out: bool,
}

fn options(folder: &std::path::Path, memory: usize) -> Options {
    Options {
        preset: Preset::Default,
        memory,
        folder: folder.to_owned(),
        words: None,
        accept_loss: true,
        repeated_lines: None,
        threads: 3,
    }
}

fn sources() -> Vec<SourceInfo> {
    [("web", TextKind::Web), ("books", TextKind::Books)]
        .map(|(name, kind)| SourceInfo { name: name.into(), phase: name.into(), kind, reference: false })
        .into()
}

fn plan(docs: &[Doc], options: Options) -> rotext::error::Result<Removals> {
    let (mut key, mut words, mut signer) = (Key::default(), Words::default(), Signer::new(options.preset));
    let mut planner = Deduplicator::new(options, sources())?;
    let mut held_out = HashSet::new();
    for doc in docs {
        words.read(&doc.text);
        let mut bands = Vec::new();
        signer.sign(&words.folded, &mut bands);
        let key = key.of(&doc.text);
        if doc.held_out {
            held_out.insert(key);
        }
        planner.push(Entry {
            key,
            text: xxhash_rust::xxh3::xxh3_64(doc.text.as_bytes()),
            worth: worth(&doc.text),
            id: &doc.id,
            source: u32::from(doc.books),
            words: Hashes::New(&words.exact),
            bands: &bands,
            lines: &[],
            contaminated: 0,
        })?;
    }
    planner.finish(|key, _| held_out.contains(&key), &Progress::default())
}

/// The removed documents, each with the document that was kept for it.
fn removed(docs: &[Doc], options: Options) -> BTreeMap<String, String> {
    let mut plan = plan(docs, options).unwrap();
    let mut judge = plan.reader_with_reasons().unwrap();
    let mut removed = BTreeMap::new();
    for doc in docs {
        if let Decision::Drop(Some(verdict)) = judge.next().unwrap() {
            removed.insert(doc.id.clone(), verdict.partner.unwrap().1);
        }
    }
    judge.finish().unwrap();
    removed
}

/// Word 3-grams as strings. The texts here are small letters and digits, separated by spaces.
fn grams(text: &str) -> BTreeSet<Vec<&str>> {
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(words.len().clamp(1, 3)).map(<[&str]>::to_vec).collect()
}

fn alike(a: &str, b: &str) -> bool {
    let (a, b) = (grams(a), grams(b));
    let shared = a.intersection(&b).count() as f64;
    shared / a.len() as f64 >= CONTAINMENT || shared / a.union(&b).count() as f64 >= JACCARD
}

fn bands(text: &str) -> Vec<u64> {
    let (mut words, mut signer, mut out) = (Words::default(), Signer::new(Preset::Default), Vec::new());
    words.read(text);
    signer.sign(&words.folded, &mut out);
    out
}

/// The definition: from the best to the worst document, each compared with all kept ones.
fn naive(docs: &[Doc]) -> BTreeSet<String> {
    let mut key = Key::default();
    let held: HashSet<u128> = docs.iter().filter(|d| d.held_out).map(|d| key.of(&d.text)).collect();
    let mut ranked: Vec<(u8, std::cmp::Reverse<u64>, u128, &Doc)> = docs
        .iter()
        .map(|doc| {
            let k = key.of(&doc.text);
            let class = match (doc.books, held.contains(&k)) {
                (true, true) => 0,
                (true, false) => 1,
                (false, true) => 2,
                (false, false) => 3,
            };
            (class, std::cmp::Reverse(worth(&doc.text)), k, doc)
        })
        .collect();
    ranked.sort_by_key(|r| (r.0, r.1, r.2, r.3.id.len(), r.3.id.clone()));
    let (mut kept, mut gone): (Vec<&Doc>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    for (_, _, k, doc) in ranked {
        let mine = bands(&doc.text);
        let goes = kept.iter().any(|other| {
            let theirs = bands(&other.text);
            let proposed = mine.iter().any(|band| theirs.contains(band));
            key.of(&other.text) == k || (proposed && alike(&doc.text, &other.text))
        });
        if goes {
            gone.insert(doc.id.clone());
        } else {
            kept.push(doc);
        }
    }
    gone
}

/// Families of texts: a base and copies with some words changed, removed or added.
fn corpus() -> impl Strategy<Value = Vec<Doc>> {
    let base = prop::collection::vec("[a-f]{1,2}", 1..60);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, "[a-z0-9]{1,3}"), 0..6);
    let copies = prop::collection::vec((edits, any::<bool>(), prop::bool::weighted(0.1)), 1..6);
    prop::collection::vec((base, copies), 1..7).prop_map(|families| {
        let mut docs = Vec::new();
        for (base, copies) in families {
            for (edits, books, held_out) in copies {
                let mut words = base.clone();
                for (at, what, word) in edits {
                    let at = at.index(words.len());
                    match what {
                        0 => words[at] = word,
                        1 => words.insert(at, word),
                        2 if words.len() > 1 => drop(words.remove(at)),
                        _ => words.push(word),
                    }
                }
                docs.push(Doc { id: format!("d{}", docs.len()), text: words.join(" "), books, held_out });
            }
        }
        docs
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn equal_to_all_pairs_and_blind_to_the_order(docs in corpus(), turn in any::<prop::sample::Index>()) {
        let folder = tempfile::tempdir().unwrap();
        let gone = removed(&docs, options(folder.path(), 1 << 22));
        prop_assert_eq!(&gone.keys().cloned().collect::<BTreeSet<_>>(), &naive(&docs));
        let by_id = |id: &str| docs.iter().find(|doc| doc.id == id).unwrap();
        let mut key = Key::default();
        for (id, partner) in &gone {
            let (doc, other) = (by_id(id), by_id(partner));
            prop_assert!(!gone.contains_key(partner), "removed for one that goes itself");
            prop_assert!(alike(&doc.text, &other.text) || key.of(&doc.text) == key.of(&other.text));
            prop_assert!(other.books || !doc.books, "web removed a book");
        }
        // No training text is like a kept held-out text, if a band proposes the pair.
        let held: HashSet<u128> = docs.iter().filter(|d| d.held_out).map(|d| key.of(&d.text)).collect();
        let mut is_held = |doc: &&Doc| held.contains(&key.of(&doc.text));
        let (out, train): (Vec<&Doc>, Vec<&Doc>) =
            docs.iter().filter(|doc| !gone.contains_key(&doc.id)).partition(&mut is_held);
        for (out, train) in out.iter().flat_map(|out| train.iter().map(move |train| (out, train))) {
            let proposed = bands(&out.text).iter().any(|band| bands(&train.text).contains(band));
            prop_assert!(!(proposed && !train.books && alike(&train.text, &out.text)));
        }
        let mut turned = docs.clone();
        turned.rotate_left(turn.index(docs.len()));
        turned.reverse();
        // With hardly any memory, so that runs are written and merged.
        prop_assert_eq!(removed(&turned, options(folder.path(), 1 << 14)), gone);
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "scratch files were left");
    }
}

/// Evenly spread numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

const LETTERS: [(char, &str); 5] = [('ă', "a"), ('â', "a"), ('î', "i"), ('ș', "s"), ('ț', "t")];

fn word(random: &mut Random) -> String {
    let syllables = ["mă", "ra", "ți", "lo", "șe", "nu", "pă", "în", "ce", "bân", "tre", "du", "gi", "va"];
    (0..2 + random.below(2)).map(|_| syllables[random.below(syllables.len())]).collect()
}

/// Jaccard similarity of word 5-grams.
fn jaccard(a: &[String], b: &[String]) -> f64 {
    let set = |words: &[String]| words.windows(5).map(<[String]>::to_vec).collect::<HashSet<_>>();
    let (a, b) = (set(a), set(b));
    a.intersection(&b).count() as f64 / a.union(&b).count() as f64
}

#[test]
fn nearly_all_planted_copies_are_found_and_nothing_else() {
    let mut random = Random(3);
    let (mut docs, mut planted) = (Vec::new(), Vec::new());
    for number in 0..1500 {
        let base: Vec<String> = (0..120 + random.below(400)).map(|_| word(&mut random)).collect();
        let mut copy = base.clone();
        // Edits of runs of words (a new beginning, a cut end), as copies on the web have them, and of single words.
        let share = 1 + random.below(20);
        if random.below(3) == 0 {
            for _ in 0..copy.len() * share / 400 {
                let at = random.below(copy.len());
                copy[at] = word(&mut random);
            }
        } else {
            let run = base.len() * share / 100;
            let at = random.below(base.len() - run);
            let new: Vec<String> = (0..random.below(run + 1)).map(|_| word(&mut random)).collect();
            copy.splice(at..at + run, new);
        }
        let mut text = copy.join(" ");
        if number % 2 == 0 {
            for (letter, plain) in LETTERS {
                text = text.replace(letter, plain);
            }
        }
        planted.push(jaccard(&base, &copy));
        docs.push(Doc { id: format!("a{number}"), text: base.join(" "), books: false, held_out: false });
        docs.push(Doc { id: format!("b{number}"), text, books: false, held_out: false });
    }
    let folder = tempfile::tempdir().unwrap();
    let gone = removed(&docs, options(folder.path(), 1 << 24));
    let (mut wanted, mut found) = (0, 0);
    for (number, similarity) in planted.iter().enumerate() {
        let pair = (format!("a{number}"), format!("b{number}"));
        let hit = gone.get(&pair.0) == Some(&pair.1) || gone.get(&pair.1) == Some(&pair.0);
        wanted += usize::from(*similarity >= 0.85);
        found += usize::from(*similarity >= 0.85 && hit);
        assert!(*similarity > 0.6 || !hit, "{pair:?} are not alike: {similarity}");
    }
    assert!(wanted > 500 && found as f64 >= 0.99 * wanted as f64, "{found} of {wanted}");
    for (a, b) in &gone {
        assert_eq!(a[1..], b[1..], "two texts that have nothing to do with each other");
    }
}

#[test]
fn a_source_that_would_lose_most_of_itself_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(5);
    let frame: Vec<String> = (0..300).map(|_| word(&mut random)).collect();
    let docs: Vec<Doc> = (0..120)
        .map(|n| Doc {
            id: format!("p{n}"),
            text: format!("{} {n}", frame.join(" ")),
            books: false,
            held_out: false,
        })
        .collect();
    let careful = Options { accept_loss: false, ..options(folder.path(), 1 << 22) };
    let error = plan(&docs, careful).err().unwrap();
    assert!(error.what.contains("99 % of web: 119 of 120") && error.what.contains("like p"), "{error}");
    assert!(error.hint.unwrap().contains("--accept-loss"));
    assert_eq!(removed(&docs, options(folder.path(), 1 << 22)).len(), 119);
}

#[test]
fn grams_of_texts_are_those_of_words() {
    assert_eq!(Grams::of_text("Ana are mere").likeness(&Grams::of_text("ANA, are: mere!")).jaccard, 1.0);
}

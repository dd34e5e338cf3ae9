//! Properties of every text, of good Romanian, and of good Romanian that was broken in a known way.

use std::borrow::Cow;

use proptest::prelude::*;
use rotext::normalize::{Change, Normalizer, Options, Report};

fn run(text: &str) -> (String, Report) {
    let mut report = Report::default();
    let out = Normalizer::new(Options::default()).normalize(text, &mut report).into_owned();
    (out, report)
}

fn total(report: &Report) -> u64 {
    report.rules().map(|(_, n)| n).sum()
}

/// Pieces of every defect, and of text that looks like a defect, to join in any order.
const HOSTILE: &[&str] = &[
    "a",
    "t",
    "s",
    "I",
    "Ia",
    "1",
    "1-a",
    " ",
    "  ",
    "\n",
    "-",
    "- ",
    "-\n",
    "\t",
    "|",
    "ș",
    "ț",
    "ă",
    "â",
    "î",
    "Ă",
    "Â",
    "Î",
    "ş",
    "ţ",
    "Ş",
    "Ţ",
    "ğ",
    "ı",
    "ü",
    "º",
    "ª",
    "þ",
    "Þ",
    "ã",
    "Ã",
    "õ",
    "¥",
    "µ",
    "¸",
    "˘",
    "ˆ",
    "ˇ",
    "Ń",
    "ł",
    "Ġ",
    "È",
    "™",
    "Ä",
    "ƒ",
    "Å",
    "Ÿ",
    "â€",
    "ž",
    "œ",
    "Ãƒ",
    "Â",
    "Ĺ",
    "Č",
    "Ž",
    "\u{80}",
    "\u{83}",
    "\u{85}",
    "\u{99}",
    "\u{9D}",
    "\u{9F}",
    "\u{A0}",
    "\u{AD}",
    "\u{300}",
    "\u{302}",
    "\u{306}",
    "\u{326}",
    "\u{327}",
    "\u{334}",
    "&",
    "amp;",
    "&amp;",
    "&icirc;",
    "#537;",
    "&#",
    ";",
    "&shy;",
    "&nbsp;",
    "ǎ",
    "ǎo",
    "а",
    "е",
    "о",
    "щ",
    "α",
    "′",
    "\u{200B}",
    "\u{200D}",
    "\u{200E}",
    "\u{202F}",
    "\u{2010}",
    "\u{2028}",
    "\u{FEFF}",
    "\u{FFFD}",
    "\u{F0B7}",
    "ﬁ",
    "ﬂ",
    "æ",
    "ø",
    "\0",
    "\r",
    "\r\n",
    "\u{37E}",
    "👨",
    "❤",
    "한",
    "ه",
    "și ",
    "că ",
    "într",
    "pen",
    "tru",
    "de ",
    "nu ",
    "este ",
    "—",
    "„",
    "”",
    ".",
    "(",
    "ĭ",
    "ŭ",
    "é",
    "ñ",
    "C",
    "ŸŸ",
    "ðŸ˜€",
    "¬",
    "\u{FFFE}",
    "\u{2}",
    "s,i",
    "t,",
    "mult,imi ",
    "<b>",
    "</b>",
    "<br>",
    "<p>",
    "[b]",
    "[/b]",
    "\\u0103",
    "𝐎",
    "𝐚",
    ",,",
    "''",
    "\"",
    ".A",
    ".Nu ",
    "ieri",
    "─",
    "────",
    "┌",
    "│",
    "________",
    "========",
    "_a",
    "–",
    "Ɵ",
    "ā",
    "ȋ",
    "Д",
    "Г®",
    "И™",
    "膬",
    "卯",
    "√¢",
    "∫",
    "г",
    "İ",
    "\u{F061}",
    "\u{F6C2}",
    "¼a",
    " - ",
    " -",
];

fn hostile() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(HOSTILE), 0..60).prop_map(|pieces| pieces.concat())
}

/// Good words, with those that look most like defects.
const WORDS: &[&str] = &[
    "și",
    "în",
    "că",
    "să",
    "pentru",
    "este",
    "care",
    "țară",
    "știință",
    "învățător",
    "pădure",
    "mâine",
    "fără",
    "câmpie",
    "oraș",
    "soluții",
    "mulțime",
    "funcția",
    "condiții",
    "creșterea",
    "însă",
    "așa",
    "ținut",
    "Știința",
    "Țara",
    "Încă",
    "Ștefan",
    "Ăștia",
    "București",
    "Târgoviște",
    "împărăția",
    "sfârșit",
    "gălbui",
    "țânțari",
    "s-a",
    "într-o",
    "l-au",
    "dintr-un",
    "ce-i",
    "cartea",
    "omul",
    "apa",
    "vara",
    "1989",
    "12,5",
    "a",
    "o",
    "la",
];

/// Sentences of [`WORDS`]; long enough for a document to vote.
fn good() -> impl Strategy<Value = String> {
    let sentence = prop::collection::vec(prop::sample::select(WORDS), 8..30)
        .prop_map(|words| format!("{} și știința, că funcția este așa.", words.join(" ")));
    prop::collection::vec(sentence, 1..4).prop_map(|sentences| sentences.join("\n"))
}

/// Every character of `text` through `break_`.
fn broken(text: &str, break_: impl Fn(char) -> Option<&'static str>) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match break_(c) {
            Some(defect) => out.push_str(defect),
            None => out.push(c),
        }
    }
    out
}

/// UTF-8 shown in a page whose upper half is `upper` (from byte 0x80 on).
fn shown(text: &str, upper: &[char]) -> String {
    let show = |byte: u8| if byte < 0x80 { char::from(byte) } else { upper[usize::from(byte - 0x80)] };
    text.bytes().map(show).collect()
}

/// Latin-1 with its controls.
fn latin1() -> Vec<char> {
    (0x80..=0xFFu8).map(char::from).collect()
}

/// cp1252, from the tables of the standard: 0x80 to 0x9F, undefined bytes as controls.
fn cp1252() -> Vec<char> {
    let mut page = latin1();
    let upper = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8D}Ž\u{8F}\u{90}‘’“”•–—˜™š›œ\u{9D}žŸ";
    page.splice(..32, upper.chars());
    page
}

/// The cedilla forms, which older texts had inside all other defects.
fn cedillas(c: char) -> Option<&'static str> {
    Some(match c {
        'ș' => "ş",
        'ț' => "ţ",
        'Ș' => "Ş",
        'Ț' => "Ţ",
        _ => return None,
    })
}

fn decomposed(c: char) -> Option<&'static str> {
    Some(match c {
        'ș' => "s\u{326}",
        'ț' => "t\u{327}",
        'Ș' => "S\u{327}",
        'Ț' => "T\u{326}",
        'ă' => "a\u{306}",
        'Ă' => "A\u{306}",
        'â' => "a\u{302}",
        'î' => "ı\u{302}",
        'Î' => "I\u{302}",
        _ => return None,
    })
}

fn entities(c: char) -> Option<&'static str> {
    Some(match c {
        'ș' => "&#537;",
        'ț' => "&tcedil;",
        'Ș' => "&Scedil;",
        'Ț' => "&#x21A;",
        'ă' => "&abreve;",
        'Ă' => "&#258;",
        'â' => "&acirc;",
        'î' => "&amp;icirc;",
        'Î' => "&Icirc;",
        _ => return None,
    })
}

fn latin2(c: char) -> Option<&'static str> {
    Some(match c {
        'ș' => "º",
        'ț' => "þ",
        'Ș' => "ª",
        'Ț' => "Þ",
        'ă' => "ã",
        'Ă' => "Ã",
        _ => return None,
    })
}

fn ot1(c: char) -> Option<&'static str> {
    Some(match c {
        'ș' => "¸s",
        'ț' => "t¸",
        'Ș' => "¸S",
        'Ț' => "T¸",
        'ă' => "˘a",
        'Ă' => "˘A",
        'â' => "ˆa",
        'î' => "ˆı",
        'Î' => "ˆI",
        _ => return None,
    })
}

fn carons(c: char) -> Option<&'static str> {
    Some(match c {
        'ă' => "ǎ",
        'Ă' => "Ǎ",
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twice_is_once(text in hostile()) {
        let (once, _) = run(&text);
        let (twice, report) = run(&once);
        prop_assert_eq!(&twice, &once);
        prop_assert_eq!(total(&report), 0);
    }

    #[test]
    fn twice_is_once_for_any_text(text in any::<String>()) {
        let (once, _) = run(&text);
        prop_assert_eq!(run(&once).0, once);
    }

    #[test]
    fn nothing_counted_means_nothing_copied(text in hostile()) {
        let mut report = Report::default();
        let borrowed = matches!(
            Normalizer::new(Options::default()).normalize(&text, &mut report),
            Cow::Borrowed(same) if std::ptr::eq(same, text.as_str())
        );
        prop_assert_eq!(borrowed, total(&report) == 0);
        prop_assert_eq!(report.changed_documents, u64::from(!borrowed));
    }

    #[test]
    fn good_romanian_is_borrowed(text in good()) {
        let mut report = Report::default();
        let out = Normalizer::new(Options::default()).normalize(&text, &mut report);
        prop_assert!(matches!(out, Cow::Borrowed(_)), "{:?}", report);
    }

    #[test]
    fn the_diff_shows_each_counted_change_in_its_place(text in hostile()) {
        let (out, report) = run(&text);
        let changes = Normalizer::new(Options::default()).diff(&text, usize::MAX);
        prop_assert_eq!(changes.len() as u64, total(&report));
        for (id, count) in report.rules() {
            prop_assert_eq!(changes.iter().filter(|change| change.rule == id).count() as u64, count);
        }
        for change in &changes {
            prop_assert!(text.is_char_boundary(change.start), "{change:?}");
            prop_assert_ne!(&change.before, &change.after);
        }
        prop_assert!(changes.is_sorted_by_key(|change| change.start));
        // If no change saw the result of another, applying them gives the output.
        if let Some(applied) = apply(&text, &changes) {
            prop_assert_eq!(applied, out);
        }
    }

    #[test]
    fn the_diff_can_be_cut_short(text in hostile(), limit in 0usize..5) {
        let normalizer = Normalizer::new(Options::default());
        let all = normalizer.diff(&text, usize::MAX);
        let some = normalizer.diff(&text, limit);
        prop_assert_eq!(some.len(), all.len().min(limit));
        for (a, b) in some.iter().zip(&all) {
            prop_assert_eq!(a.start, b.start);
        }
    }

    #[test]
    fn a_broken_paragraph_is_repaired_beside_a_good_one(text in good(), other in good()) {
        let page = format!("{text}\n\n{}\n\n{text}", shown(&other, &cp1252()));
        prop_assert_eq!(run(&page).0, format!("{text}\n\n{other}\n\n{text}"));
    }

    #[test]
    fn reports_of_parts_add_up(texts in prop::collection::vec(hostile(), 0..4)) {
        let (mut whole, mut sum) = (Report::default(), Report::default());
        for text in &texts {
            Normalizer::new(Options::default()).normalize(text, &mut whole);
            sum.merge(&run(text).1);
        }
        prop_assert_eq!(whole, sum);
    }

    #[test]
    fn known_damage_is_undone(text in good()) {
        let once = shown(&text, &cp1252());
        let damaged = [
            ("UTF-8 as cp1252", once.clone()),
            ("twice", shown(&once, &cp1252())),
            ("three times", shown(&shown(&once, &cp1252()), &latin1())),
            ("UTF-8 as Latin-1", shown(&text, &latin1())),
            ("cedillas as cp1252", shown(&broken(&text, cedillas), &cp1252())),
            ("cedillas", broken(&text, cedillas)),
            ("decomposed", broken(&text, decomposed)),
            ("entities", broken(&text, entities)),
            ("ISO 8859-2 as Latin-1", broken(&text, latin2)),
            ("OT1 accents", broken(&text, ot1)),
            ("carons", broken(&text, carons)),
            ("soft hyphens", text.replace("ți", "ț\u{AD}i").replace("ști", "ș\u{AD}\nti")),
            ("hard hyphens", text.replace('-', "\u{2011}")),
            ("zero-width", text.replace("și", "\u{200B}și").replace("că", "\u{FEFF}că")),
            ("no-break spaces", text.replace(' ', "\u{A0}")),
            ("ends of lines", text.replace('\n', "\r\n")),
        ];
        for (name, damaged) in damaged {
            prop_assert_eq!(run(&damaged).0, text.clone(), "{}: {}", name, damaged);
        }
    }
}

/// The text after the changes; `None` if one of them saw the result of another.
fn apply(text: &str, changes: &[Change]) -> Option<String> {
    let (mut out, mut done) = (String::new(), 0);
    for change in changes {
        let end = change.start + change.before.len();
        if change.start < done || text.get(change.start..end) != Some(change.before.as_str()) {
            return None;
        }
        out.push_str(&text[done..change.start]);
        out.push_str(&change.after);
        done = end;
    }
    out.push_str(&text[done..]);
    Some(out)
}

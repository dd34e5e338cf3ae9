//! Repair and normalization of Romanian text, by the rule book `docs/reference/normalization-rules.md`.
//!
//! ```
//! use rotext::normalize::{Normalizer, Options, Report};
//!
//! let normalizer = Normalizer::new(Options::default());
//! let mut report = Report::default();
//! assert_eq!(normalizer.normalize("Ştiinţă", &mut report), "Știință");
//! assert_eq!(report.count("cedilla"), 2);
//! ```
//!
//! One scan of the bytes (`scan.rs`) says which stages may find something. A text that needs none is returned as it is,
//! borrowed. The other stages run in a fixed order: later rules read what earlier ones wrote (entities contain cedillas,
//! NFC makes them), and some rules destroy the evidence of others (NFC joins what OT1 fonts split). Then the scan runs
//! again, until nothing changes. So normalizing a text twice gives the same as normalizing it once. The cost is O(n) for
//! n bytes in each round, and real text needs two rounds.

mod accents;
mod accents_after;
mod cedilla;
mod char_set;
mod charset;
mod charset_tables;
mod clitics;
mod code_pages;
mod comma_letters;
mod compose;
mod diacritics;
mod diff;
mod double_encoding;
mod edit;
mod entities;
mod entity_names;
mod escapes;
mod evidence;
mod fonts;
mod glued;
mod hyphen_marks;
mod hyphens;
mod invisible;
mod latin2;
mod legacy;
mod lexicon;
mod line_ends;
mod look_alike;
mod lost_bytes;
mod markup;
mod ocr;
mod places;
mod prime;
mod private_use;
mod quotes;
mod report;
mod rules;
mod rulings;
mod scan;
mod spaces;
mod styled;
mod substitutes;
mod words;

use std::borrow::Cow;

pub use diacritics::{JUDGED_LETTERS, NO_DIACRITICS, PARTIAL_DIACRITICS, diac_ratio};
pub use diff::Change;
pub(crate) use hyphens::HOSTS;
pub use report::{NUMBERS, Report};
pub use rules::{RULES, Rule};

use edit::{Editor, Log};
use scan::Signs;

/// What the user may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Keep ş in Turkish words (`Beşiktaş`, `Şükrü`). On by default.
    pub protect_turkish: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { protect_turkish: true }
    }
}

/// Normalizes documents. It is cheap to make and has no state, so many threads can share one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Normalizer {
    options: Options,
}

/// The stages that changed a text, in order, by their numbers. They depend on the version of the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps(Box<[u8]>);

impl Steps {
    /// Whether no stage changed the text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers of the stages, for a file.
    #[must_use]
    pub fn numbers(&self) -> &[u8] {
        &self.0
    }

    /// Reads what [`Steps::numbers`] gave. `None`: there is no such stage.
    #[must_use]
    pub fn from_numbers(numbers: &[u8]) -> Option<Self> {
        numbers.iter().all(|&number| usize::from(number) < STAGES.len()).then(|| Self(numbers.into()))
    }
}

/// A stage: the signs that it needs, and its function.
type Stage = (Signs, fn(&mut Editor, &Options));

/// The order of the rule book.
const STAGES: &[Stage] = &[
    (Signs::CHARSET, |editor, _| charset::undo(editor)),
    (Signs::DOUBLE, |editor, _| lost_bytes::repair(editor)),
    (Signs::DOUBLE, |editor, _| double_encoding::repair(editor)),
    (Signs::ENTITY, |editor, _| entities::decode(editor)),
    (Signs::MARKUP, |editor, _| markup::remove(editor)),
    (Signs::ESCAPE, |editor, _| escapes::decode(editor)),
    (Signs::LATIN2, |editor, _| latin2::repair(editor)),
    (Signs::ACCENT, |editor, _| accents::repair(editor)),
    (Signs::COMMA, |editor, _| comma_letters::repair(editor)),
    (Signs::FONT, |editor, _| fonts::repair(editor)),
    (Signs::STYLED, |editor, _| styled::repair(editor)),
    (Signs::COMPOSE, |editor, _| compose::compose(editor)),
    (Signs::CEDILLA, cedilla::repair),
    (Signs::LOOK_ALIKE, |editor, _| look_alike::repair(editor)),
    (Signs::INVISIBLE, |editor, _| invisible::clean(editor)),
    (Signs::HARD_HYPHEN, |editor, _| hyphens::soften(editor)),
    (Signs::RULING, |editor, _| rulings::repair(editor)),
    (Signs::SPACES, |editor, _| spaces::fold(editor)),
    (Signs::QUOTE, |editor, _| quotes::repair(editor)),
    (Signs::GLUED, |editor, _| glued::part(editor)),
    (Signs::DASH, |editor, _| clitics::dashes(editor)),
    (Signs::UNDERSCORE, |editor, _| clitics::underscores(editor)),
    (Signs::HYPHEN, |editor, _| hyphens::join(editor)),
    (Signs::OCR, |editor, _| ocr::repair(editor)),
];

/// The most rounds. A text that still changes then is returned as it is. Each round undoes one layer of damage. Real text
/// needs two rounds (the second finds nothing); text that was broken three times needs four.
const ROUNDS: usize = 16;

impl Normalizer {
    /// A normalizer with these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// Repairs `text`, and adds what it did to `report`. The result is borrowed when nothing changes.
    pub fn normalize<'a>(&self, text: &'a str, report: &mut Report) -> Cow<'a, str> {
        let mut log = Log::counting();
        let out = self.run(text, &mut log, |_, _| ());
        report.add(text.len(), &out, &log.counts);
        out
    }

    /// As [`Normalizer::normalize`]; also returns what [`Normalizer::repeat`] needs to do the same again.
    pub fn repair<'a>(&self, text: &'a str, report: &mut Report) -> (Cow<'a, str>, Steps) {
        let mut log = Log::counting();
        let out = self.run(text, &mut log, |_, _| ());
        report.add(text.len(), &out, &log.counts);
        (out, Steps(log.stages.into()))
    }

    /// Repairs `text` again by the steps that [`Normalizer::repair`] returned for it: nothing is scanned, and stages that found nothing
    /// do not run. Of another text, or with other options, the result is of no use.
    ///
    /// # Examples
    ///
    /// ```
    /// use rotext::normalize::{Normalizer, Report};
    ///
    /// let (normalizer, text) = (Normalizer::default(), "Ştiinţă &amp; artă");
    /// let (repaired, steps) = normalizer.repair(text, &mut Report::default());
    /// assert_eq!(normalizer.repeat(text, &steps), repaired);
    /// ```
    pub fn repeat<'a>(&self, text: &'a str, steps: &Steps) -> Cow<'a, str> {
        let mut log = Log::counting();
        let mut current = Cow::Borrowed(text);
        for (_, stage) in steps.0.iter().filter_map(|&step| STAGES.get(usize::from(step))) {
            let mut editor = Editor::new(&current, &mut log);
            stage(&mut editor, &self.options);
            if let Some(next) = editor.finish() {
                current = Cow::Owned(next);
            }
        }
        current
    }

    /// Runs the stages. `watch` gets the text before each stage that changed something.
    fn run<'a>(&self, text: &'a str, log: &mut Log, mut watch: impl FnMut(&str, &mut Log)) -> Cow<'a, str> {
        let mut current = Cow::Borrowed(text);
        // How often the text has changed, and the version in which each stage found nothing: a stage that would read the
        // same text again is not run again.
        let mut version = 1;
        let mut nothing = [0; STAGES.len()];
        let mut signs = Signs::of(&current);
        for _ in 0..ROUNDS {
            let before_round = version;
            for ((number, &(needed, stage)), nothing) in (0..).zip(STAGES).zip(&mut nothing) {
                while signs.meets(needed) && *nothing != version {
                    let mut editor = Editor::new(&current, log);
                    stage(&mut editor, &self.options);
                    let Some(next) = editor.finish() else {
                        *nothing = version;
                        break;
                    };
                    let before = current.len();
                    watch(&current, log);
                    current = Cow::Owned(next);
                    log.stages.push(number);
                    version += 1;
                    signs = Signs::of(&current);
                    // A text that was encoded three times is decoded layer by layer. Between the layers it looks like
                    // other defects (`Ã¢` has an ã), so no other stage may see it. A layer shrinks the text; a layer
                    // that hardly does waits for the next round, so that all layers together cost O(n).
                    let layered = matches!(needed, Signs::CHARSET | Signs::DOUBLE);
                    if !layered || current.len() > before - before / 64 {
                        break;
                    }
                }
            }
            if version == before_round {
                break;
            }
        }
        current
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bytes that the stages of a text read, for each byte of the text.
    fn work(text: &str) -> usize {
        let mut read = 0;
        let mut log = Log::counting();
        Normalizer::default().run(text, &mut log, |input, _| read += input.len());
        read / text.len()
    }

    proptest! {
        #[test]
        fn a_repair_is_repeated_by_its_steps(
            pieces in prop::collection::vec("[a-zăș ]{1,6}|ş|ţ|&amp;|&lt;b>|Ã®|ÅŸ|Ã\u{83}Â®|- |-\n|  |\u{ad}|,,|<br>|====|\\\\u0103|º|þ", 0..30)
        ) {
            let (normalizer, text) = (Normalizer::default(), pieces.concat());
            let (repaired, steps) = normalizer.repair(&text, &mut Report::default());
            prop_assert_eq!(&repaired, &normalizer.normalize(&text, &mut Report::default()));
            prop_assert_eq!(steps.is_empty(), matches!(repaired, Cow::Borrowed(_)));
            let read = Steps::from_numbers(steps.numbers());
            prop_assert_eq!(read.map(|steps| normalizer.repeat(&text, &steps)), Some(repaired));
        }
    }

    #[test]
    fn nested_mojibake_costs_the_same_for_each_byte() {
        for piece in ["Ã\u{83}Â\u{83}", "Ã\u{83}Â\u{82}", "ÃÂ", "Ã\u{83}", "Ã\u{83}Ă\u{83}a ", "Гѓ Г‚", "├─ "]
        {
            let (short, long) = (work(&piece.repeat(50)), work(&piece.repeat(5_000)));
            assert!(long <= short + 2 && long < 40, "{piece:?}: {short}, {long}");
        }
    }
}

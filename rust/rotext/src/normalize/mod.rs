//! Repair and normalization of Romanian text, by the rule book `docs/normalization.md`.
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
//! One scan of the bytes ([`scan`]) says which rules could have anything to do; a text that needs none is
//! given back as it came. The others run in a fixed order, because later rules read what earlier ones wrote
//! (entities hold cedillas, NFC makes them) and some destroy the evidence of others (NFC joins what OT1
//! parted). Then the scan looks again, until nothing changes: so normalizing twice is normalizing once.

mod accents;
mod cedilla;
mod code_pages;
mod compose;
mod diacritics;
mod diff;
mod double_encoding;
mod edit;
mod entities;
mod entity_names;
mod fonts;
mod hyphens;
mod invisible;
mod latin2;
mod look_alike;
mod ocr;
mod report;
mod rules;
mod scan;
mod spaces;
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

/// Normalizes documents. Cheap to make, and free of state: one can serve many threads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Normalizer {
    options: Options,
}

/// A stage: the signs that call for it, and what it does.
type Stage = (Signs, fn(&mut Editor, &Options));

/// The order of the rule book.
const STAGES: &[Stage] = &[
    (Signs::DOUBLE, |editor, _| double_encoding::repair(editor)),
    (Signs::ENTITY, |editor, _| entities::decode(editor)),
    (Signs::LATIN2, |editor, _| latin2::repair(editor)),
    (Signs::ACCENT, |editor, _| accents::repair(editor)),
    (Signs::FONT, |editor, _| fonts::repair(editor)),
    (Signs::COMPOSE, |editor, _| compose::compose(editor)),
    (Signs::CEDILLA, cedilla::repair),
    (Signs::LOOK_ALIKE, |editor, _| look_alike::repair(editor)),
    (Signs::INVISIBLE, |editor, _| invisible::clean(editor)),
    (Signs::HARD_HYPHEN, |editor, _| hyphens::soften(editor)),
    (Signs::SPACES, |editor, _| spaces::fold(editor)),
    (Signs::HYPHEN, |editor, _| hyphens::join(editor)),
    (Signs::OCR, |editor, _| ocr::repair(editor)),
];

/// Rounds after which a text that still changes is given back as it is. Each round undoes one layer of damage;
/// real text needs two (the second finds nothing), text broken three times over needs four.
const ROUNDS: usize = 16;

impl Normalizer {
    /// A normalizer with these options.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// The repaired text, and what was done added to `report`. Borrowed when nothing had to change.
    pub fn normalize<'a>(&self, text: &'a str, report: &mut Report) -> Cow<'a, str> {
        let mut log = Log::counting();
        let out = self.run(text, &mut log, |_, _| ());
        report.add(text.len(), &out, &log.counts);
        out
    }

    /// Runs the stages; `watch` is shown the text before each stage that changed something.
    fn run<'a>(&self, text: &'a str, log: &mut Log, mut watch: impl FnMut(&str, &mut Log)) -> Cow<'a, str> {
        let mut current = Cow::Borrowed(text);
        for _ in 0..ROUNDS {
            let mut signs = Signs::of(&current);
            let mut changed = false;
            for &(needed, stage) in STAGES {
                while signs.meets(needed) {
                    let mut editor = Editor::new(&current, log);
                    stage(&mut editor, &self.options);
                    let Some(next) = editor.finish() else { break };
                    watch(&current, log);
                    current = Cow::Owned(next);
                    changed = true;
                    signs = Signs::of(&current);
                    // What was encoded three times over comes out layer by layer; between the layers it
                    // looks like other defects (`Ã¢` holds an ã), so no other stage may see it.
                    if needed != Signs::DOUBLE {
                        break;
                    }
                }
            }
            if !changed {
                break;
            }
        }
        current
    }
}

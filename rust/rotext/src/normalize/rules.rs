//! The rules by name. Every change has the id of its rule.

/// One rule of the rule book (`docs/reference/normalization-rules.md` has a section and test rows for each).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The name that reports, diffs and the rule book use.
    pub id: &'static str,
    /// The class of the defect in the rule book.
    pub class: &'static str,
    /// What the rule does, in a few words.
    pub title: &'static str,
}

macro_rules! rules {
    ($($name:ident, $id:literal, $class:literal, $title:literal;)*) => {
        /// Index of a rule in [`RULES`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Id { $($name),* }

        /// All rules, in the order in which they run. Reports list counts in this order.
        pub const RULES: &[Rule] = &[$(Rule { id: $id, class: $class, title: $title }),*];
    };
}

rules! {
    DoubleEncoding, "double-encoding", "4", "UTF-8 read with a single-byte charset or GBK";
    CodePage, "code-page", "3f", "cp1250 bytes read as cp1251, KOI8, MacRoman or a page of DOS";
    Entity, "entity", "5", "HTML entities left in the text";
    Markup, "markup", "5b", "leftovers of HTML tags and bulletin board codes";
    Escape, "escape", "5c", "letters as \\u escapes";
    Latin2, "latin2-as-latin1", "3", "ISO 8859-2 bytes shown as Latin-1";
    TildeA, "tilde-a", "3b", "a single ã left over in good Romanian";
    SpacingAccent, "spacing-accent", "8", "LaTeX OT1 accents that stand beside their letter";
    CommaLetter, "comma-letter", "8c", "ș and ț set as a letter and a comma";
    FontLetter, "font-letter", "9", "letters remapped by a font, by vote of the document";
    Styled, "styled-letter", "26", "words in the styled letters of mathematics";
    Nfc, "nfc", "2", "decomposed letters";
    Cedilla, "cedilla", "1", "cedilla for comma below, İ in capitals";
    LookAlike, "look-alike", "10", "foreign letters that look like the right one";
    Prime, "prime", "23", "prime used as an apostrophe";
    Ligature, "ligature", "7", "Latin ligatures";
    SoftHyphen, "soft-hyphen", "6", "soft hyphens and other marks of a possible break";
    ZeroWidth, "zero-width", "20", "zero-width characters, byte order marks, direction marks";
    Control, "control", "20", "control characters";
    PrivateUse, "private-use", "20", "private-use characters of symbol fonts";
    HardHyphen, "hard-hyphen", "17", "U+2010 and U+2011 for the hyphen";
    Nbsp, "nbsp", "19", "no-break spaces";
    Spaces, "spaces", "19", "doubled spaces inside a line of prose";
    Ruling, "ruling", "25", "rows of ruling signs, and frames";
    CommaQuote, "comma-quote", "21", "quotations between two commas and two apostrophes";
    GluedSentence, "glued-sentence", "24", "no space between two sentences";
    SplitClitic, "split-clitic", "18", "a clitic whose hyphen has a space or is another sign";
    LineEndHyphen, "line-end-hyphen", "16", "a word or a clitic group broken at the end of a line";
    Ocr, "ocr", "14", "capital I or digit 1 read for the letter l";
}

/// The number of rules.
pub(super) const COUNT: usize = RULES.len();

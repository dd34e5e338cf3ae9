//! Class 19: a no-break space becomes a space, and two or more spaces inside a line of prose become one.
//!
//! This is for prose only. Indentation, columns, tables and code keep every space; there a no-break space becomes one
//! space, so that columns stay aligned.

use memchr::{memchr, memchr2, memmem, memrchr};

use super::edit::Editor;
use super::rules::Id;
use super::words::function_words;

/// A longer line is not a row of a table, so columns are not searched in it.
const ROW: usize = 2000;

fn is_nbsp(c: char) -> bool {
    matches!(c, '\u{A0}' | '\u{202F}' | '\u{2007}')
}

fn is_space(c: char) -> bool {
    c == ' ' || is_nbsp(c)
}

/// Folds the spaces of the text line by line. Lines that have nothing to fold are skipped.
pub(super) fn fold(editor: &mut Editor) {
    let text = editor.text();
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut hits = Hits::of(bytes);
    while let Some(hit) = hits.after(at) {
        let start = memrchr(b'\n', &bytes[at..hit]).map_or(line_start(bytes, at), |i| at + i + 1);
        let end = memchr(b'\n', &bytes[hit..]).map_or(bytes.len(), |i| hit + i);
        fold_line(editor, start, end);
        at = end;
    }
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    memrchr(b'\n', &bytes[..at]).map_or(0, |i| i + 1)
}

/// The places of no-break spaces and of pairs of spaces, in order. Each needle is searched at memory speed; a loop over
/// the bytes would stop at every space.
struct Hits<'t> {
    bytes: &'t [u8],
    /// The next place of each needle; `None` if there is no more.
    next: [Option<usize>; NEEDLES.len()],
}

const NEEDLES: [&[u8]; 4] = [b"  ", "\u{A0}".as_bytes(), "\u{202F}".as_bytes(), "\u{2007}".as_bytes()];

impl<'t> Hits<'t> {
    fn of(bytes: &'t [u8]) -> Self {
        Self { bytes, next: NEEDLES.map(|needle| memmem::find(bytes, needle)) }
    }

    /// The first place at or after `at`.
    fn after(&mut self, at: usize) -> Option<usize> {
        for (next, needle) in self.next.iter_mut().zip(NEEDLES) {
            if next.is_some_and(|place| place < at) {
                *next = memmem::find(&self.bytes[at..], needle).map(|n| at + n);
            }
        }
        self.next.iter().flatten().min().copied()
    }
}

/// A run of spaces inside a line.
struct Run {
    start: usize,
    end: usize,
    /// The number of characters in the run.
    width: usize,
    /// The run has a no-break space.
    hard: bool,
}

/// The runs of `line` that are wider than one space or have a no-break space.
fn runs(text: &str, start: usize, end: usize) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    for (i, c) in text[start..end].char_indices().filter(|&(_, c)| is_space(c)) {
        let (from, to) = (start + i, start + i + c.len_utf8());
        match found.last_mut() {
            Some(run) if run.end == from => {
                run.end = to;
                run.width += 1;
                run.hard |= is_nbsp(c);
            }
            _ => found.push(Run { start: from, end: to, width: 1, hard: is_nbsp(c) }),
        }
    }
    found.retain(|run| run.width > 1 || run.hard);
    found
}

fn fold_line(editor: &mut Editor, start: usize, end: usize) {
    let text = editor.text();
    let runs = runs(text, start, end);
    let prose = !columns(text, start, end, &runs);
    // Spaces are folded in Romanian sentences only: in shell commands, listings and configuration files they have a
    // meaning.
    let sentence = prose && runs.iter().any(|run| !run.hard) && is_sentence(&text[start..end]);
    for run in runs {
        let indents = run.start == start;
        let wide = run.width > 1;
        if prose && wide && !indents && (run.hard || sentence && between_words(text, &run)) {
            editor.replace(run.start..run.end, " ", if run.hard { Id::Nbsp } else { Id::Spaces });
        } else if run.hard {
            editor.replace(run.start..run.end, &" ".repeat(run.width), Id::Nbsp);
        }
    }
}

/// Whether the line is Romanian: it has a Romanian letter or two function words.
fn is_sentence(line: &str) -> bool {
    let ours = ['ă', 'â', 'î', 'ș', 'ț', 'Ă', 'Â', 'Î', 'Ș', 'Ț'];
    line.contains(ours) || function_words(line, 2) == 2
}

/// Whether the run of spaces separates words, and not numbers, signs or a margin. Four spaces are layout.
fn between_words(text: &str, run: &Run) -> bool {
    let left = text[..run.start].chars().next_back().unwrap_or('\n');
    let right = text[run.end..].chars().next().unwrap_or('\n');
    let opens = right.is_alphanumeric() || "„“\"'(«—–".contains(right);
    let closes = left.is_alphanumeric() || ".,;:!?)”»\"'…%’]".contains(left);
    run.width < 4 && opens && closes && !(left.is_numeric() && right.is_numeric())
}

/// Whether the line is a row of a table, a listing, or code.
fn columns(text: &str, start: usize, end: usize, runs: &[Run]) -> bool {
    let line = &text[start..end];
    let bytes = line.as_bytes();
    if memchr2(b'|', b'\t', bytes).is_some() || line.starts_with("    ") {
        return true;
    }
    // Options of a manual page (`-a  all`), and the output of `ls -l`.
    let option = matches!(bytes.trim_ascii_start(), [b'-', b, ..] if *b == b'-' || b.is_ascii_alphanumeric());
    // Frames, and gaps that are too wide for prose.
    let frame = line.contains(['│', '─', '┃', '║', '═']);
    let gap = runs.iter().any(|run| run.width >= 4 && !run.hard && run.start > start);
    option || frame || gap || aligned(text, start, end, runs)
}

/// Whether a word after a run of spaces begins in the same column as a word in the line above or below.
fn aligned(text: &str, start: usize, end: usize, runs: &[Run]) -> bool {
    let is_gap = |run: &&Run| run.width > 1 && !run.hard;
    if end - start > ROW || !runs.iter().any(|run| is_gap(&run)) {
        return false;
    }
    let columns = |start: usize, runs: &[Run]| -> Vec<usize> {
        let mut last = (start, 0);
        runs.iter()
            .filter(is_gap)
            .filter(|run| run.start > start)
            .map(|run| {
                last = (run.end, last.1 + text[last.0..run.end].chars().count());
                last.1
            })
            .collect()
    };
    let mine = columns(start, runs);
    let bytes = text.as_bytes();
    let shares = |from: usize, to: usize| {
        to - from <= ROW && columns(from, &self::runs(text, from, to)).iter().any(|c| mine.contains(c))
    };
    let above = start > 0 && shares(line_start(bytes, start - 1), start - 1);
    let below = end < text.len() && {
        let from = end + 1;
        shares(from, memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |i| from + i))
    };
    above || below
}

//! From lines to paragraphs. The same rules cover dialogue and verse.
//!
//! A line begins a paragraph if it is indented, if the space above it is wider than usual, if its size differs, or if its
//! first word would have fit on the line before: inside a paragraph no line ends early, and in verse every line does.

use super::hyphens::{self, Counts};
use super::lines::Line;
use super::notes::{Note, point};
use crate::romanian::Model;

/// The text of a page, without furniture and notes.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaf {
    /// Number of the page, from 0.
    pub page: usize,
    /// Lines in reading order.
    pub lines: Vec<Line>,
    /// Its footnotes.
    pub notes: Vec<Note>,
}

/// The mark of the start of a page. It comes right after a space, so that it splits no word.
pub const PAGE: char = '\u{C}';

/// The margins of a run of lines, and the distance between its baselines.
#[derive(Debug, Clone, Copy)]
struct Frame {
    left: f32,
    right: f32,
    leading: f32,
    /// The right margin of a quotation that is indented on both sides.
    quoted: bool,
}

/// Writes paragraphs, one on each line, with [`PAGE`] where pages begin.
#[must_use]
pub(super) fn write(leaves: &[Leaf], counts: &Counts, model: Option<&Model>) -> String {
    let mut writer =
        Writer { text: String::new(), counts, model, notes: Vec::new(), seen: Vec::new(), begun: false };
    let mut frames: [Option<Frame>; 2] = [None, None];
    let mut before: Option<(Line, Frame)> = None;
    for leaf in leaves {
        writer.turn(leaf);
        let mut start = 0;
        while start < leaf.lines.len() {
            let block = leaf.lines[start].block;
            let end = start + leaf.lines[start..].iter().take_while(|line| line.block == block).count();
            let lines = &leaf.lines[start..end];
            let side = leaf.page % 2;
            let whole = end - start == leaf.lines.len();
            let mut frame = frame(lines);
            if whole {
                // A short or ragged page has the margins of the other pages on its side.
                if let Some(known) =
                    frames[side].filter(|known| (known.left - frame.left).abs() < 3.0 * lines[0].em)
                {
                    frame.left = if lines.len() < 6 { known.left.min(frame.left) } else { frame.left };
                    // Most lines of a justified page end at its own margin, whatever a wide table on another page did.
                    let full = lines.iter().filter(|line| (line.x1 - frame.right).abs() < 2.0).count();
                    if lines.len() < 6 || 2 * full < lines.len() {
                        frame.right = known.right.max(frame.right);
                    }
                }
                if lines.len() >= 6 {
                    frames[side] = Some(frame);
                }
            }
            let rights = rights(lines, frame);
            let mut first_of_paragraph = false;
            for (at, line) in lines.iter().enumerate() {
                let same_block = at > 0;
                let frame = Frame { right: rights[at], quoted: rights[at] < frame.right, ..frame };
                let (new, blank) = match &before {
                    None => (true, false),
                    Some((before, theirs)) => {
                        begins(before, *theirs, line, frame, same_block, first_of_paragraph)
                    }
                };
                writer.line(line, &leaf.notes, new, blank);
                first_of_paragraph = new;
                before = Some((line.clone(), frame));
            }
            start = end;
        }
    }
    writer.close();
    writer.flush_notes(true);
    writer.text
}

fn frame(lines: &[Line]) -> Frame {
    let enough = |support: usize| support >= 2.max(lines.len() / 12);
    let near = |value: f32, end: fn(&Line) -> f32| {
        lines.iter().filter(|line| (end(line) - value).abs() < 2.0).count()
    };
    let mut lefts: Vec<f32> = lines.iter().map(|line| line.x0).collect();
    let mut rights: Vec<f32> = lines.iter().map(|line| line.x1).collect();
    lefts.sort_by(f32::total_cmp);
    rights.sort_by(|a, b| b.total_cmp(a));
    let left = lefts.iter().copied().find(|x| enough(near(*x, |line| line.x0))).unwrap_or(lefts[0]);
    let right = rights.iter().copied().find(|x| enough(near(*x, |line| line.x1))).unwrap_or(rights[0]);
    // Ragged lines end anywhere, so the margin is where two of them nearly reach.
    let reach = |x: f32| rights.iter().filter(|end| **end > x - 0.08 * (x - left) && **end <= x).count() >= 2;
    let ragged = rights.iter().copied().find(|x| reach(*x)).unwrap_or(rights[0]);
    let right = if right < ragged - 0.1 * (ragged - left) { ragged } else { right };
    // Where most lines end is the margin, though two lines may stick out.
    let middle = rights[rights.len() / 2];
    let justified = lines.len() >= 6 && 5 * near(middle, |line| line.x1) > 3 * lines.len();
    let right = if justified { middle } else { right };
    let mut steps: Vec<f32> =
        lines.windows(2).map(|pair| pair[0].y - pair[1].y).filter(|step| *step > 1.0).collect();
    steps.sort_by(f32::total_cmp);
    // The lowest eighth: on a page of short paragraphs most gaps are wide.
    let leading = steps.get(steps.len() / 8).copied().unwrap_or(1.2 * lines[0].em);
    Frame { left, right, leading, quoted: false }
}

/// Where each line could end: at the right margin, or at the margin of a quotation that is indented on both sides.
///
/// Most lines of a quotation reach its margin. Verse is indented too, but its lines end anywhere.
fn rights(lines: &[Line], frame: Frame) -> Vec<f32> {
    let mut rights = vec![frame.right; lines.len()];
    let mut start = 0;
    while start < lines.len() {
        let (x0, em) = (lines[start].x0, lines[start].em);
        let end = start + lines[start..].iter().take_while(|line| (line.x0 - x0).abs() < 0.3 * em).count();
        let run = &lines[start..end];
        let right = run.iter().map(|line| line.x1).fold(f32::NEG_INFINITY, f32::max);
        let full = run.iter().filter(|line| line.x1 > right - 0.7 * em).count();
        if run.len() >= 3 && 2 * full > run.len() && x0 > frame.left + em && right < frame.right - em {
            rights[start..end].fill(right);
        }
        start = end;
    }
    rights
}

/// Whether a line is a row of a table or of contents: its gaps are wider than any word space, even in a stretched line.
fn tabular(line: &Line) -> bool {
    line.words.windows(2).any(|pair| pair[1].x0 - pair[0].x1 > 2.5 * line.em)
}

/// Whether `line` begins a paragraph, and whether an empty line is before it.
fn begins(
    before: &Line,
    theirs: Frame,
    line: &Line,
    frame: Frame,
    same_block: bool,
    after_first: bool,
) -> (bool, bool) {
    let em = line.em.max(before.em);
    let first = line.words.first().map_or("", |word| word.text.as_str());
    // A word that lost its first letter (`’nșiră`) begins in lower case too.
    let lower = first.trim_start_matches(['’', '\'']).chars().next().is_some_and(char::is_lowercase);
    let broken = before.words.last().is_some_and(|word| ends_in_hyphen(&word.text));
    if broken && lower {
        return (false, false);
    }
    // Lines of a title have more distance than those of the text.
    let leading = if line.em > 1.1 * frame.leading { 1.2 * line.em } else { frame.leading.max(1.0) };
    let gap = if same_block { (before.y - line.y) / leading } else { 1.0 };
    let blank = gap > 1.8;
    if (line.em - before.em).abs() > 0.12 * em {
        return (true, blank);
    }
    if goes_on(before, theirs, line, frame, same_block) && gap < 1.3 {
        return (false, false);
    }
    if gap > 1.3 && !(lower && gap < 1.8) {
        return (true, blank);
    }
    if tabular(before) || tabular(line) {
        return (true, blank);
    }
    let (indent, their_indent) = (line.x0 - frame.left, before.x0 - theirs.left);
    let (slack, their_slack) = (frame.right - line.x1, theirs.right - before.x1);
    let centred =
        |indent: f32, slack: f32| indent > 2.0 * em && slack > 2.0 * em && (indent - slack).abs() < 1.5 * em;
    if theirs.quoted != frame.quoted && !lower {
        return (true, blank);
    }
    let aligned = indent > em && (indent - their_indent).abs() < 0.3 * em;
    if !aligned && (centred(indent, slack) || centred(their_indent, their_slack)) {
        return (!lower || indent > 0.6 * em && !centred(indent, slack), blank);
    }
    // The first word, with the words that are glued to it.
    let mut end = line.words.first().map_or(line.x0, |word| word.x1);
    for word in line.words.iter().skip(1).take_while(|word| word.glued) {
        end = end.max(word.x1);
    }
    let room = their_slack > (end - line.x0) + 0.7 * em;
    if indent > 0.5 * em && !lower {
        // A quotation is indented as a whole: its second line begins like its first line, which was full.
        let same = (indent - their_indent).abs() < 0.3 * em;
        return (!same || room || (after_first || sentence_ends(before)) && !frame.quoted, blank);
    }
    let early = room && (!lower || their_slack > 0.3 * (theirs.right - theirs.left));
    (early, blank)
}

/// Whether a line that begins with a capital continues the sentence before it: that line is full and has no closing sign.
/// At the top of a page, an indent may be the margin of that page.
fn goes_on(before: &Line, theirs: Frame, line: &Line, frame: Frame, same_block: bool) -> bool {
    let em = line.em.max(before.em);
    let full = theirs.right - before.x1 < 0.7 * em;
    let open = before.words.iter().rfind(|word| !word.raised).and_then(|word| word.text.chars().next_back());
    let open = open.is_some_and(|c| c.is_alphabetic() || c == ',');
    let indent = line.x0 - frame.left;
    let letter =
        line.words.first().and_then(|word| word.text.chars().next()).is_some_and(char::is_alphabetic);
    let inside = before.x0 - theirs.left < 2.5 * em && indent < if same_block { 0.5 * em } else { 2.5 * em };
    full && open && letter && inside && !tabular(before) && !tabular(line)
}

fn sentence_ends(line: &Line) -> bool {
    let last = line.words.iter().rfind(|word| !word.raised).and_then(|word| word.text.chars().next_back());
    last.is_some_and(|c| matches!(c, '.' | '!' | '?' | '…' | ':' | '”' | '»' | '"' | ';' | ']'))
}

fn ends_in_hyphen(word: &str) -> bool {
    let mut back = word.chars().rev();
    matches!(back.next(), Some('-' | '‐' | '‑' | '\u{AD}' | '¬'))
        && back.next().is_some_and(char::is_alphanumeric)
}

struct Writer<'a> {
    text: String,
    counts: &'a Counts,
    model: Option<&'a Model>,
    /// Notes that are not written yet: page, mark, text.
    notes: Vec<(usize, String, String)>,
    /// Marks that refer to a note, since the last paragraph ended.
    seen: Vec<String>,
    /// A page mark waits for the next word.
    begun: bool,
}

impl Writer<'_> {
    fn turn(&mut self, leaf: &Leaf) {
        self.begun = true;
        for note in &leaf.notes {
            let mut text = String::new();
            for line in &note.lines {
                append(&mut text, &line.text(), self.counts, self.model, &mut false);
            }
            self.notes.push((leaf.page, note.mark.clone(), text));
        }
    }

    fn line(&mut self, line: &Line, notes: &[Note], new: bool, blank: bool) {
        let mut line = line.clone();
        if new {
            self.close();
            if blank && !self.text.is_empty() {
                self.text.push('\n');
            }
        }
        self.seen.extend(point(&mut line, notes));
        append(&mut self.text, &line.text(), self.counts, self.model, &mut self.begun);
    }

    /// Ends the paragraph. The notes that it refers to follow.
    fn close(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.flush_notes(false);
    }

    fn flush_notes(&mut self, all: bool) {
        // Notes that no mark refers to wait until the next page's paragraphs begin.
        let last = self.notes.last().map_or(0, |(page, ..)| *page);
        let seen = std::mem::take(&mut self.seen);
        let mut kept = Vec::new();
        for (page, mark, text) in std::mem::take(&mut self.notes) {
            if all || page < last || seen.contains(&mark) {
                self.text.push_str(&format!("[{mark}] {text}\n"));
            } else {
                kept.push((page, mark, text));
            }
        }
        self.notes = kept;
    }
}

/// Appends a line to `text`, and joins a word that the line end broke. A page mark goes before the first whole word.
fn append(text: &mut String, line: &str, counts: &Counts, model: Option<&Model>, page: &mut bool) {
    let fresh = text.is_empty() || text.ends_with('\n');
    let mut line = line;
    if !fresh {
        let last = text.rsplit([' ', '\n', PAGE]).next().unwrap_or("");
        if ends_in_hyphen(last) && line.chars().next().is_some_and(char::is_alphanumeric) {
            let hyphen = text.pop().unwrap_or('-');
            let left: String = text
                .rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '‐' | '‑')))
                .next()
                .unwrap_or("")
                .to_owned();
            let right: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
            if hyphen != '\u{AD}' && hyphens::belongs(&left, &right, counts, model) {
                text.push('-');
            }
            // The rest of the word is before the mark of the page.
            let end = line.find(' ').unwrap_or(line.len());
            text.push_str(&line[..end]);
            line = line[end..].trim_start();
            if line.is_empty() {
                return;
            }
        }
        text.push(' ');
    }
    if std::mem::take(page) {
        text.push(PAGE);
    }
    text.push_str(line);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::words::Word;
    use super::*;
    use crate::romanian::model;

    /// Lines with five points for each character: (text, left end).
    fn leaf(page: usize, lines: &[(&str, f32)]) -> Leaf {
        let line = |(at, &(text, x0)): (usize, &(&str, f32))| {
            let y = 700.0 - 12.0 * at as f32;
            let mut x = x0;
            let words: Vec<Word> = text
                .split(' ')
                .map(|part| {
                    let width = 5.0 * part.chars().count() as f32;
                    let word = Word {
                        text: part.to_owned(),
                        x0: x,
                        x1: x + width,
                        y,
                        em: 10.0,
                        font: 0,
                        glued: false,
                        raised: false,
                    };
                    x += width + 5.0;
                    word
                })
                .collect();
            let x1 = x - 5.0;
            Line { words, x0, x1, y, em: 10.0, block: 0 }
        };
        Leaf { page, lines: lines.iter().enumerate().map(line).collect(), notes: Vec::new() }
    }

    fn text(leaves: &[Leaf]) -> String {
        write(leaves, &Counts::default(), Some(model()))
    }

    #[test]
    fn prose_dialogue_and_words_across_pages() {
        let first = leaf(
            0,
            &[
                ("Omul mergea încet pe drumul cel lung și se", 15.0),
                ("uita la câmpurile care se întindeau până de-", 0.0),
                ("parte, spre munții albaștri ai copilăriei lui.", 0.0),
                ("— Bună ziua, zise bătrânul care-l aștepta aici.", 15.0),
                ("— Bună, răspunse.", 15.0),
                ("Se așezară apoi amândoi pe banca de lemn și prin-", 15.0),
            ],
        );
        let second =
            leaf(1, &[("seră a vorbi despre vremurile bune de altădată,", 0.0), ("când erau tineri.", 0.0)]);
        assert_eq!(
            text(&[first, second]),
            "\u{C}Omul mergea încet pe drumul cel lung și se uita la câmpurile care se întindeau până departe, spre \
             munții albaștri ai copilăriei lui.\n— Bună ziua, zise bătrânul care-l aștepta aici.\n— Bună, răspunse.\n\
             Se așezară apoi amândoi pe banca de lemn și prinseră \u{C}a vorbi despre vremurile bune de altădată, \
             când erau tineri.\n"
        );
    }

    #[test]
    fn verse_stays_in_lines() {
        let page = leaf(
            0,
            &[
                ("Omul mergea încet pe drumul cel lung și se uita", 0.0),
                ("la câmpurile care se întindeau până departe, spre", 0.0),
                ("munți.", 0.0),
                ("A fost odată ca-n povești,", 0.0),
                ("A fost ca niciodată,", 0.0),
                ("Din rude mari împărătești,", 0.0),
                ("O prea frumoasă fată.", 0.0),
            ],
        );
        assert_eq!(text(&[page]).lines().count(), 5);
    }

    #[test]
    fn a_quotation_is_a_paragraph_and_rows_of_contents_are_lines() {
        let mut page = leaf(
            0,
            &[
                ("Omul mergea încet pe drumul cel lung și se uita mereu", 0.0),
                ("la câmpurile care se întindeau până departe. Și zise:", 0.0),
                ("Cine a făcut lumea pe la noi a făcut", 30.0),
                ("O de piatră și de apă, și a pus întru", 30.0),
                ("ea oameni care umblă cu ochii la cer.", 30.0),
                ("Apoi tăcu.", 0.0),
                ("1 Plecarea 12", 0.0),
                ("2 Întoarcerea 34", 0.0),
            ],
        );
        for line in &mut page.lines[6..] {
            let last = line.words.last_mut().unwrap();
            (last.x0, last.x1, line.x1) = (250.0, 260.0, 260.0);
        }
        let text = text(&[page]);
        let found: Vec<&str> = text.lines().collect();
        assert_eq!(found.len(), 5, "{found:#?}");
        assert!(found[1].ends_with("la cer.") && found[3] == "1 Plecarea 12", "{found:#?}");
    }

    #[test]
    fn notes_follow_the_paragraph_that_points_to_them() {
        let mut page = leaf(
            0,
            &[("Un cuvânt1 rar și greu de înțeles pentru oameni", 0.0), ("de azi.", 0.0), ("Altul.", 15.0)],
        );
        let word = &mut page.lines[0].words[1];
        word.text = "cuvânt".into();
        let raised = Word { text: "1".into(), raised: true, glued: true, ..word.clone() };
        page.lines[0].words.insert(2, raised);
        page.notes.push(Note { mark: "1".into(), lines: leaf(0, &[("Explicația lui.", 0.0)]).lines });
        assert_eq!(
            text(&[page]),
            "\u{C}Un cuvânt[1] rar și greu de înțeles pentru oameni de azi.\n[1] Explicația lui.\nAltul.\n"
        );
    }
}

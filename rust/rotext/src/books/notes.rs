//! Footnotes: small lines at the foot of a page that begin with a mark, and the marks in the text that refer to them.

use super::lines::Line;

/// A footnote.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    /// Its mark: a number or asterisks.
    pub mark: String,
    /// Its lines, the mark taken off.
    pub lines: Vec<Line>,
}

/// Lines smaller than this share of the book's size belong to notes.
const SMALL: f32 = 0.93;

/// The mark at the start of a line, and the number of its words.
fn mark(line: &Line) -> Option<String> {
    let first = line.words.first()?;
    let text = first.text.trim_end_matches([')', '.']);
    let number = !text.is_empty() && text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit());
    let stars = !text.is_empty() && text.len() <= 9 && text.chars().all(|c| matches!(c, '*' | '†' | '‡'));
    // `1 Notă`, `1) Notă`, a raised `1`; but not `12 ianuarie` in a small line, so the mark must be small or in brackets.
    let marked = first.raised
        || first.em < 0.9 * line.em
        || first.text != text
        || stars
        || number && line.words.len() > 1;
    ((number || stars) && marked).then(|| text.to_owned())
}

/// Removes the notes from the foot of each column. `body` is the size of the book's text. `open` is the last note of the
/// page before, if it may continue here: small lines at the foot without a mark are then its rest.
pub(super) fn split(lines: Vec<Line>, body: f32, mut open: Option<&mut Note>) -> (Vec<Line>, Vec<Note>) {
    let mut text: Vec<Line> = Vec::with_capacity(lines.len());
    let mut notes: Vec<Note> = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        let end = start + lines[start..].iter().take_while(|line| line.block == lines[start].block).count();
        let column = &lines[start..end];
        let small = column.iter().rev().take_while(|line| line.em < SMALL * body).count();
        let foot = &column[column.len() - small..];
        // Text that is small from the first line on is a caption, a table, or a whole page in small print.
        let begins = foot.iter().position(|line| mark(line).is_some()).filter(|_| small < column.len());
        let mut cut = begins.map_or(column.len(), |at| column.len() - small + at);
        let rest = column.len() - small;
        // Only if it is set off from the text: a table may be there too.
        let apart = rest > 0 && rest < cut && column[rest - 1].y - column[rest].y > 1.3 * column[rest].em;
        if let Some(note) = open.take_if(|note| apart && unfinished(note)) {
            note.lines.extend_from_slice(&column[rest..cut]);
            text.extend_from_slice(&column[..rest]);
            cut = cut.max(rest);
        } else {
            text.extend_from_slice(&column[..cut]);
        }
        for line in &column[cut..] {
            let mut line = line.clone();
            match (mark(&line), notes.last_mut()) {
                (Some(mark), _) => {
                    let first = line.words.remove(0);
                    line.x0 = line.words.first().map_or(first.x1, |word| word.x0);
                    if let Some(word) = line.words.first_mut() {
                        word.glued = false;
                    }
                    notes.push(Note { mark, lines: vec![line] });
                }
                (None, Some(note)) => note.lines.push(line),
                (None, None) => text.push(line),
            }
        }
        start = end;
    }
    (text, notes)
}

/// Whether its last line ends inside a sentence.
fn unfinished(note: &Note) -> bool {
    let last =
        note.lines.last().and_then(|line| line.words.last()).and_then(|word| word.text.chars().next_back());
    !last.is_some_and(|c| matches!(c, '.' | '!' | '?' | '…' | '”' | '»' | ')' | ']'))
}

/// Writes the marks that refer to `notes` as `[1]`, so that they are distinct from the letters before them. Returns the
/// marks that were found, in order.
pub(super) fn point(line: &mut Line, notes: &[Note]) -> Vec<String> {
    let mut found = Vec::new();
    for word in line.words.iter_mut().filter(|word| word.raised || word.text.ends_with('*')) {
        let stem = word.text.trim_end_matches('*').len();
        let at = if word.raised { 0 } else { stem };
        let mark = word.text[at..].trim_matches([')', '(']);
        if notes.iter().any(|note| note.mark == mark) {
            found.push(mark.to_owned());
            word.text = format!("{}[{mark}]", &word.text[..at]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::words::Word;
    use super::*;

    fn line(text: &str, em: f32) -> Line {
        let word = |part: &str| Word {
            text: part.to_owned(),
            x0: 0.0,
            x1: 1.0,
            y: 0.0,
            em,
            font: 0,
            glued: false,
            raised: false,
        };
        Line { words: text.split(' ').map(word).collect(), x0: 0.0, x1: 1.0, y: 0.0, em, block: 0 }
    }

    #[test]
    fn notes_leave_the_text() {
        let lines = vec![
            line("un cuvânt rar", 10.0),
            line("și altul", 10.0),
            line("1 Notă despre", 8.0),
            line("primul.", 8.0),
            line("2 A doua.", 8.0),
        ];
        let (text, notes) = split(lines, 10.0, None);
        assert_eq!(text.len(), 2);
        let said: Vec<String> = notes
            .iter()
            .map(|n| format!("{}:{}", n.mark, n.lines.iter().map(Line::text).collect::<Vec<_>>().join(" ")))
            .collect();
        assert_eq!(said, ["1:Notă despre primul.", "2:A doua."]);
    }

    #[test]
    fn small_print_is_no_note() {
        let lines = vec![line("Figura arată", 8.0), line("1 2 3", 8.0)];
        assert_eq!(split(lines, 10.0, None).1, []);
        let lines = vec![line("Text mare", 10.0), line("mic fără semn", 8.0)];
        assert_eq!(split(lines, 10.0, None).0.len(), 2);
    }

    #[test]
    fn a_note_goes_on_at_the_foot_of_the_next_page() {
        let mut note = Note { mark: "1".into(), lines: vec![line("Notă despre", 8.0)] };
        let mut lines = vec![line("text", 10.0), line("primul.", 8.0), line("2 A doua.", 8.0)];
        for (at, y) in [100.0, 80.0, 70.0].into_iter().enumerate() {
            lines[at].y = y;
        }
        let (text, notes) = split(lines.clone(), 10.0, Some(&mut note));
        assert_eq!((text.len(), notes.len(), note.lines.len()), (1, 1, 2));
        // The note has ended; small text after it is something else.
        let (text, _) = split(lines, 10.0, Some(&mut note));
        assert_eq!((text.len(), note.lines.len()), (2, 2));
    }

    #[test]
    fn marks_point_to_their_notes() {
        let notes = [Note { mark: "1".into(), lines: Vec::new() }];
        let mut body = line("cuvânt 1", 10.0);
        (body.words[1].raised, body.words[1].glued) = (true, true);
        assert_eq!(point(&mut body, &notes), ["1"]);
        assert_eq!(body.text(), "cuvânt[1]");
    }
}

//! Large initials: the first letter of a chapter, two or three lines high, is moved back to its word.
//!
//! An initial is on the baseline of its last line, so by baselines alone it would begin that line: `ar el tace` and,
//! below, `D mișcări`. Here it moves up to the line that it begins.

use super::lines::main_size;
use super::words::Word;

/// An initial is larger than this multiple of the size of the page's text.
const LARGE: f32 = 1.7;

/// Moves the initials of a page to the lines that they begin.
pub(super) fn join(words: &mut [Word]) {
    if !words.iter().any(is_initial) {
        return;
    }
    let body = main_size(words);
    for at in (0..words.len()).filter(|at| is_initial(&words[*at])).collect::<Vec<_>>() {
        let initial = words[at].clone();
        if initial.em < LARGE * body {
            continue;
        }
        // The line that it begins: the highest text on its right that is no higher than the letter, and the first word of
        // that line.
        let beside = |word: &Word| {
            let (gap, rise) = (word.x0 - initial.x1, word.y - initial.y);
            word.em < 1.2 * body
                && (-0.3 * body..2.0 * body).contains(&gap)
                && (0.4 * body..0.9 * initial.em).contains(&rise)
        };
        let higher = |a: &usize, b: &usize| {
            words[*a].y.total_cmp(&words[*b].y).then(words[*b].x0.total_cmp(&words[*a].x0))
        };
        let Some(first) = (0..words.len()).filter(|other| beside(&words[*other])).max_by(higher) else {
            continue;
        };
        let next = &mut words[first];
        // `A fost` has a space after its initial, `Dar` has none; no consonant is a word.
        let near = next.x0 - initial.x1 < 0.5 * body || !initial.text.ends_with(['A', 'E', 'I', 'O']);
        // The rest of the word is in small letters, or the first words are in capitals.
        let mut letters = next.text.chars().filter(|c| c.is_alphabetic());
        let rest = next.text.chars().next().is_some_and(char::is_lowercase)
            || next.text.chars().count() > 1 && letters.all(char::is_uppercase);
        next.glued = rest && near;
        let (y, em) = (next.y, next.em);
        (words[at].y, words[at].em) = (y, em);
    }
}

/// A capital, alone or after an opening quotation mark.
fn is_initial(word: &Word) -> bool {
    let mut letters = word.text.trim_start_matches(['„', '«', '”', '"']).chars();
    letters.next().is_some_and(char::is_uppercase) && letters.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;

    fn word(text: &str, x0: f32, y: f32, em: f32) -> Word {
        let x1 = x0 + 0.5 * em * text.chars().count() as f32;
        Word { text: text.to_owned(), x0, x1, y, em, font: 0, glued: false, raised: false }
    }

    fn read(mut words: Vec<Word>) -> Vec<String> {
        join(&mut words);
        lines(words).iter().map(super::super::lines::Line::text).collect()
    }

    #[test]
    fn an_initial_goes_back_to_its_word() {
        let page = |initial: &str, second: f32| {
            vec![
                word(initial, 0.0, 88.0, 28.0),
                word("ar", second, 100.0, 10.0),
                word("ceilalți", 40.0, 100.0, 10.0),
                word("mișcări", 17.0, 88.0, 10.0),
                word("departe", 0.0, 76.0, 10.0),
            ]
        };
        assert_eq!(read(page("D", 22.0)), ["Dar ceilalți", "mișcări", "departe"]);
        assert_eq!(read(page("A", 22.0)), ["A ar ceilalți", "mișcări", "departe"]);
    }

    #[test]
    fn a_letter_in_a_title_stays() {
        let page = vec![
            word("I", 0.0, 130.0, 20.0),
            word("Omul", 0.0, 100.0, 10.0),
            word("mergea", 30.0, 100.0, 10.0),
        ];
        assert_eq!(read(page), ["I", "Omul mergea"]);
    }
}

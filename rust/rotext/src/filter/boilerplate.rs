//! Boilerplate lines: notices about cookies, buttons to share, links to other articles.
//!
//! A line is boilerplate if the whole of it is a phrase of the list, or begins like a link of the list, or (notices) is
//! short and has the words of a notice. The lists have what Romanian sites write. The comparison ignores case, diacritics
//! and punctuation. Text about cookies is kept (manual pages have much of it): a notice speaks in the voice of its site
//! ("folosim", "acest site", "acceptați").

use std::borrow::Cow;

use memchr::memmem::Finder;

/// The longest notice, in bytes. Paragraphs are longer.
const NOTICE: usize = 400;
/// The longest button or link.
const BUTTON: usize = 160;

/// Lines that have one of these phrases and nothing else.
const BUTTONS: &[&str] = &[
    "accept cookie urile",
    "accept toate cookie urile",
    "accepta cookie urile",
    "accepta toate",
    "accepta toate cookie urile",
    "adauga comentariu",
    "adauga un comentariu",
    "afla mai mult",
    "afla mai multe",
    "articole similare",
    "articolul anterior",
    "articolul precedent",
    "articolul urmator",
    "citeste articolul complet",
    "citeste intregul articol",
    "citeste mai departe",
    "citeste mai mult",
    "citeste mai multe",
    "citeste tot articolul",
    "copiaza link",
    "copiaza linkul",
    "distribuie",
    "distribuie acest articol",
    "distribuie articolul",
    "imprima",
    "inapoi la inceputul paginii",
    "inapoi sus",
    "inchide meniul",
    "lasa un comentariu",
    "lasa un raspuns",
    "mergi la continut",
    "mergi la continutul principal",
    "niciun comentariu",
    "sari la continut",
    "sari la continutul principal",
    "te ar putea interesa si",
    "ti ar putea placea si",
    "trimite pe e mail",
    "trimite pe email",
    "trimite pe whatsapp",
    "trimite prin e mail",
    "trimite prin email",
    "trimite unui prieten",
    "vezi mai mult",
    "vezi mai multe",
    "vezi toate articolele",
    "vezi toate comentariile",
];

/// Lines that begin with one of these phrases and are no longer than a link.
const LINKS: &[&str] = &[
    "aboneaza te la newsletter",
    "aboneaza te la canalul nostru",
    "aboneaza te pe youtube",
    "citeste pe aceeasi tema",
    "distribuie pe ",
    "partajeaza pe ",
    "urmareste ne pe ",
    "urmariti ne pe ",
    "urmareste pagina noastra",
    "urmareste stirile ",
];

/// The same, followed by a sign: "Citește și: ..." is a link, "Citește și tu" is not.
const SIGNED_LINKS: &[&str] = &["citeste si", "cititi si", "vezi si", "pe aceeasi tema"];
/// The sign is within this many bytes of the start.
const SIGN: usize = 24;

/// Short lines that have all the words of one entry.
const NOTICES: &[&[&str]] = &[
    &["toate drepturile rezervate"],
    &["toate drepturile sunt rezervate"],
    &["cookie", "acceptati"],
    &["cookie", "acceptand"],
    &["cookie", "folosim"],
    &["cookie", "utilizam"],
    &["cookie", "acest site"],
    &["cookie", "acest website"],
    &["cookie", "site ul nostru"],
    &["cookie", "sunteti de acord"],
    &["cookie", "esti de acord"],
    &["cookie", "sunt de acord"],
    &["cookie", "consimtamant"],
    &["politica de cookie"],
    &["politica cookie"],
    &["politica de utilizare a cookie"],
    &["preferinte cookie"],
    &["setari cookie"],
];

/// Cuts boilerplate lines out of texts; make one for each thread.
pub struct Boilerplate {
    notices: [Finder<'static>; 4],
    /// The first three letters of the phrases that begin with three, as bits by [`beginning`].
    beginnings: Box<[u64]>,
    folded: String,
}

impl Default for Boilerplate {
    fn default() -> Self {
        let notices = ["ookie", "OOKIE", "ezervate", "EZERVATE"].map(Finder::new);
        let mut beginnings = vec![0; 1 << 9];
        for letters in phrases().filter_map(beginning) {
            beginnings[letters >> 6] |= 1 << (letters & 63);
        }
        Self { notices, beginnings: beginnings.into(), folded: String::new() }
    }
}

/// The phrases that a line may begin with.
fn phrases() -> impl Iterator<Item = &'static str> {
    BUTTONS.iter().chain(LINKS).chain(SIGNED_LINKS).copied()
}

/// A number for the first three letters of a line, five bits for each, if they are ASCII.
fn beginning(line: &str) -> Option<usize> {
    let letters =
        line.as_bytes().first_chunk::<3>().filter(|letters| letters.iter().all(u8::is_ascii_alphabetic))?;
    Some(letters.iter().fold(0, |number, letter| number << 5 | usize::from(letter & 31)))
}

impl Boilerplate {
    /// The text without boilerplate lines, and the number of lines that were cut.
    pub fn cut<'a>(&mut self, text: &'a str) -> (Cow<'a, str>, u64) {
        // Few texts have notices, and searching for their words in every line of a novel would cost as much as the
        // filter.
        let notices = self.notices.iter().any(|finder| finder.find(text.as_bytes()).is_some());
        let (mut out, mut lines, mut at) = (String::new(), 0, 0);
        for line in text.split_inclusive('\n') {
            if self.is_boilerplate(line, notices) {
                if lines == 0 {
                    out.reserve(text.len());
                    out.push_str(&text[..at]);
                }
                lines += 1;
            } else if lines > 0 {
                out.push_str(line);
            }
            at += line.len();
        }
        if lines == 0 {
            return (Cow::Borrowed(text), 0);
        }
        out.truncate(out.trim_end().len());
        (Cow::Owned(out), lines)
    }

    fn is_boilerplate(&mut self, line: &str, notices: bool) -> bool {
        let line = line.trim();
        if line.len() > if notices { NOTICE } else { BUTTON } || line.len() < 7 {
            return false;
        }
        // The first letters separate nearly every line of prose from the lists.
        let listed = line.len() <= BUTTON && self.begins_like_one(line);
        if !listed && !notices {
            return false;
        }
        if !listed {
            fold(line, usize::MAX, &mut self.folded);
        }
        let folded = self.folded.as_str();
        let button = listed && BUTTONS.binary_search(&folded).is_ok();
        let link = listed && LINKS.iter().any(|link| folded.starts_with(link));
        let link = link || listed && SIGNED_LINKS.iter().any(|link| begins_signed(line, folded, link));
        button
            || link
            || notices && NOTICES.iter().any(|words| words.iter().all(|word| folded.contains(word)))
    }

    /// Folds the line into `folded`, if its first three letters begin a phrase of the lists.
    fn begins_like_one(&mut self, line: &str) -> bool {
        if let Some(letters) = beginning(line) {
            if self.beginnings[letters >> 6] >> (letters & 63) & 1 == 0 {
                return false;
            }
        } else {
            fold(line, 3, &mut self.folded);
            let begin = self.folded.as_str();
            if !phrases().any(|phrase| phrase.starts_with(begin)) {
                return false;
            }
        }
        fold(line, usize::MAX, &mut self.folded);
        true
    }
}

/// Whether the line is `phrase` and then a colon or a bar, whatever follows.
fn begins_signed(line: &str, folded: &str, phrase: &str) -> bool {
    let Some(sign) = line.bytes().take(SIGN).position(|byte| matches!(byte, b':' | b'|')) else {
        return folded == phrase;
    };
    let mut before = String::new();
    fold(&line[..sign], usize::MAX, &mut before);
    before == phrase && folded.starts_with(phrase)
}

/// The first `most` letters and digits of `line`, in lower case without diacritics; everything between them is one space.
fn fold(line: &str, most: usize, out: &mut String) {
    out.clear();
    let mut space = false;
    let mut letters = 0;
    for c in line.chars() {
        let plain = match c {
            'ă' | 'Ă' | 'â' | 'Â' => 'a',
            'î' | 'Î' => 'i',
            'ș' | 'Ș' | 'ş' | 'Ş' => 's',
            'ț' | 'Ț' | 'ţ' | 'Ţ' => 't',
            c => c.to_ascii_lowercase(),
        };
        if !plain.is_alphanumeric() {
            space = !out.is_empty();
            continue;
        }
        if letters == most {
            return;
        }
        if space {
            out.push(' ');
            space = false;
        }
        out.push(plain);
        letters += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_folded() {
        assert!(BUTTONS.is_sorted());
        let mut folded = String::new();
        for phrase in BUTTONS.iter().chain(LINKS).chain(SIGNED_LINKS).chain(NOTICES.iter().copied().flatten())
        {
            fold(phrase, usize::MAX, &mut folded);
            assert_eq!(folded, phrase.trim_end(), "{phrase}");
        }
    }

    #[test]
    fn lines_of_the_page_go_and_prose_stays() {
        let mut boilerplate = Boilerplate::default();
        for line in [
            "Citește și: Ce spune ministrul despre buget",
            "CITEŞTE ŞI | Cum va fi vremea",
            "Distribuie pe Facebook",
            "» Distribuie",
            "Citește mai mult...",
            "© 2024 Ziarul. Toate drepturile rezervate.",
            "Acest site folosește cookie-uri. Continuarea navigării înseamnă că le acceptați.",
            "Politica de cookies",
            "Lasă un răspuns",
            "Te-ar putea interesa și:",
            "Urmărește-ne pe Google News",
        ] {
            let text = format!("Începutul.\n{line}\nSfârșitul.\n");
            let (cut, lines) = boilerplate.cut(&text);
            assert_eq!((&*cut, lines), ("Începutul.\nSfârșitul.", 1), "{line}");
        }
        for line in [
            "Citește și tu ce a scris.",
            "Distribuie roadele pământului celor săraci.",
            "Vezi și tu cum trece vremea.",
            "Articolul 5",
            "acceptă toate cookie-urile fără a solicita confirmare dacă gestionarea este activă",
            "specifică un fișier care va fi utilizat pentru stocarea cookie-urilor.",
            "Un cookie este un fișier mic pe care un server îl trimite navigatorului.",
            "– Ai citit mai mult decât mine, zise el.",
            "Și-a rezervat toate drepturile asupra moșiei.",
        ] {
            assert_eq!(boilerplate.cut(line), (Cow::Borrowed(line), 0), "{line}");
        }
    }
}

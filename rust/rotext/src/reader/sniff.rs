//! What a file holds, by its first plain bytes and then by its name.

use super::source::Format;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sniffed {
    /// A format that is read.
    Format(Format),
    /// A zip archive: each file in it is a source.
    Zip,
    /// A format that is not read, and the next step.
    Foreign(Foreign),
    /// Nothing certain.
    Unknown,
}

/// A format that is not read: what it is, and the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
}

const BOOKS: &str = "use `rotools books` for books, or convert it to text and name the .txt file";
const ARCHIVE: &str = "unpack it first, and name the folder";

/// Signatures of formats that are not read. Sources: the formats' own definitions.
const FOREIGN: [(&[u8], Foreign); 13] = [
    (b"%PDF", Foreign { what: "the file is a PDF, not text", hint: BOOKS }),
    (b"{\\rtf", Foreign { what: "the file is RTF, not text", hint: BOOKS }),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Foreign { what: "the file is an old Word, Excel or other Office file", hint: BOOKS },
    ),
    (b"AT&TFORM", Foreign { what: "the file is DjVu, not text", hint: BOOKS }),
    (
        b"PARE",
        Foreign { what: "the Parquet file is encrypted", hint: "decrypt it first: rotools has no keys" },
    ),
    (
        b"version https://git-lfs",
        Foreign {
            what: "the file is a Git LFS pointer, not the data",
            hint: "fetch the data with `git lfs pull`",
        },
    ),
    (b"7z\xbc\xaf\x27\x1c", Foreign { what: "the file is a 7z archive", hint: ARCHIVE }),
    (b"Rar!\x1a\x07", Foreign { what: "the file is a RAR archive", hint: ARCHIVE }),
    (
        b"SQLite format 3\0",
        Foreign { what: "the file is an SQLite database", hint: "export its texts as JSONL" },
    ),
    (b"Obj\x01", Foreign { what: "the file is Avro", hint: "convert it to Parquet or JSONL" }),
    (b"ORC", Foreign { what: "the file is ORC", hint: "convert it to Parquet or JSONL" }),
    (b"\x89PNG", Foreign { what: "the file is a picture, not text", hint: BOOKS }),
    (b"\xff\xd8\xff", Foreign { what: "the file is a picture, not text", hint: BOOKS }),
];

/// The next step for a format that is not read.
pub(super) fn hint(what: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(_, foreign)| foreign.what == what).map(|(_, foreign)| foreign.hint)
}

/// What a file of the format `named` holds, by the first plain bytes. `None` is a name that says nothing.
pub(super) fn sniff(head: &[u8], named: Option<Format>) -> Sniffed {
    if head.starts_with(b"PAR1") {
        return Sniffed::Format(Format::Parquet);
    }
    // The stream format of Arrow begins with a mark and the length of its schema.
    if head.starts_with(b"ARROW1") || (head.starts_with(&[0xff; 4]) && head.get(6..8) == Some(&[0, 0])) {
        return Sniffed::Format(Format::Arrow);
    }
    if head.starts_with(b"WARC/1.") || head.starts_with(b"WARC/0.") {
        return Sniffed::Format(Format::Warc);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Sniffed::Zip;
    }
    if head.get(257..262) == Some(b"ustar") {
        return Sniffed::Foreign(Foreign { what: "the file is a tar archive", hint: ARCHIVE });
    }
    let known = |(magic, foreign): &(&[u8], Foreign)| head.starts_with(magic).then_some(*foreign);
    // A text may begin with these three letters.
    let certain =
        FOREIGN.iter().filter(|(magic, _)| *magic != b"ORC" || head.get(3).is_some_and(|b| *b < 0x20));
    if let Some(foreign) = certain.filter_map(known).next() {
        return Sniffed::Foreign(foreign);
    }
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match named {
        Some(format) if format != Format::Text && is_page(start) => Sniffed::Foreign(Foreign {
            what: "the file is an HTML or XML page, not what its name says",
            hint: "a failed download leaves such a page: fetch the file again",
        }),
        Some(Format::Jsonl) if is_tokenizer(start) => Sniffed::Foreign(Foreign {
            what: "the file is a tokenizer, not documents",
            hint: "name the files of the corpus",
        }),
        Some(Format::Text | Format::Csv) if is_binary(head) => Sniffed::Foreign(Foreign {
            what: "the file is binary data, not text",
            hint: "name text files, or `rotools books` for books",
        }),
        Some(format) => Sniffed::Format(format),
        None if start.starts_with(b"{") => Sniffed::Format(Format::Jsonl),
        None => Sniffed::Unknown,
    }
}

/// A page: no JSON value begins with this sign.
fn is_page(start: &[u8]) -> bool {
    start.starts_with(b"<")
        && start.get(1).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'!' | b'?'))
}

/// The first keys of a `tokenizer.json`, in the order in which the library writes them.
fn is_tokenizer(start: &[u8]) -> bool {
    let mut keys = start.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
    b"{\"version\":\"1.0\",\"truncation\":".iter().all(|byte| keys.next() == Some(*byte))
}

/// Many control codes. UTF-16 and UTF-32, which have zeros beside each letter of ASCII, are text.
fn is_binary(head: &[u8]) -> bool {
    let utf32 = head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]);
    if utf32 || super::charset::utf16_order(head).is_some() {
        return false;
    }
    let control = |byte: &&u8| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1a | 0x1b);
    head.contains(&0) && head.iter().filter(control).count() * 20 > head.len()
}

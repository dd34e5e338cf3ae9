//! A scan of one JSON value without recursion: it checks the grammar at any depth, and finds what can be repaired.
//!
//! sonic-rs is faster, but it calls itself for each level, and refuses what Python writes: `NaN`, and halves of a pair of
//! `\u` escapes. A line comes here only when it has many brackets, or when sonic-rs does not accept it.

use std::ops::Range;

/// What was found in a value.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The byte after the value.
    pub(super) end: usize,
    /// Key and value of each field, with quotes, if the value is an object.
    pub(super) fields: Vec<(Range<usize>, Range<usize>)>,
    /// `NaN`, `Infinity` and `-Infinity`.
    pub(super) not_numbers: Vec<Range<usize>>,
    /// The backslashes of escapes of half a surrogate pair.
    pub(super) lone_surrogates: Vec<usize>,
}

/// Scans the value at the start of `text`. `Err` is the byte that no JSON has there.
pub(super) fn scan(text: &str) -> Result<Scan, usize> {
    let mut scanner =
        Scanner { bytes: text.as_bytes(), at: 0, open: Levels::default(), found: Scan::default() };
    scanner.run()?;
    scanner.found.end = scanner.at;
    Ok(scanner.found)
}

/// `line` as strict JSON: a number that is none becomes `null`, half a surrogate pair becomes U+FFFD.
pub(super) fn repaired(line: &str, scan: &Scan) -> String {
    let mut out = String::with_capacity(line.len());
    let mut from = 0;
    let mut halves = scan.lone_surrogates.iter().copied().peekable();
    let ends = scan.not_numbers.iter().cloned().chain(std::iter::once(line.len()..line.len()));
    for number in ends {
        while let Some(at) = halves.next_if(|at| *at < number.start) {
            out.push_str(&line[from..at]);
            out.push_str("\\ufffd");
            from = at + 6;
        }
        out.push_str(&line[from..number.start]);
        if !number.is_empty() {
            out.push_str("null");
        }
        from = number.end;
    }
    out
}

/// A stack of one bit for each level: true is an object. 256 MiB of brackets take 32 MiB.
#[derive(Default)]
struct Levels {
    bits: Vec<u64>,
    depth: usize,
}

impl Levels {
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
    }

    fn in_object(&self) -> bool {
        let top = self.depth - 1;
        self.bits[top / 64] >> (top % 64) & 1 == 1
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Levels,
    found: Scan,
}

impl Scanner<'_> {
    fn run(&mut self) -> Result<(), usize> {
        let mut key = 0..0;
        let mut start = 0;
        loop {
            // A value begins here.
            self.skip_space();
            if self.open.depth == 1 {
                start = self.at;
            }
            match self.bytes.get(self.at).copied() {
                Some(open @ (b'{' | b'[')) => {
                    let object = open == b'{';
                    self.at += 1;
                    self.open.push(object);
                    self.skip_space();
                    if self.bytes.get(self.at) != Some(if object { &b'}' } else { &b']' }) {
                        if object {
                            self.key(&mut key)?;
                        }
                        continue;
                    }
                    self.at += 1;
                    self.open.depth -= 1;
                }
                Some(b'"') => self.string()?,
                Some(_) => self.scalar()?,
                None => return Err(self.at),
            }
            // A value ends here, and perhaps the values around it.
            loop {
                if self.open.depth == 0 {
                    return Ok(());
                }
                let object = self.open.in_object();
                if self.open.depth == 1 && object {
                    self.found.fields.push((key.clone(), start..self.at));
                }
                self.skip_space();
                match self.bytes.get(self.at) {
                    Some(b',') => {
                        self.at += 1;
                        if object {
                            self.skip_space();
                            self.key(&mut key)?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(self.at),
                }
                self.at += 1;
                self.open.depth -= 1;
            }
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A key and its colon.
    fn key(&mut self, key: &mut Range<usize>) -> Result<(), usize> {
        let start = self.at;
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.at);
        }
        self.string()?;
        if self.open.depth == 1 {
            *key = start..self.at;
        }
        self.skip_space();
        if self.bytes.get(self.at) != Some(&b':') {
            return Err(self.at);
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), usize> {
        self.at += 1;
        loop {
            let rest = &self.bytes[self.at..];
            let length = memchr::memchr2(b'"', b'\\', rest).ok_or(self.bytes.len())?;
            if let Some(control) = rest[..length].iter().position(|byte| *byte < 0x20) {
                return Err(self.at + control);
            }
            self.at += length + 1;
            if rest[length] == b'"' {
                return Ok(());
            }
            let backslash = self.at - 1;
            match self.bytes.get(self.at) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                Some(b'u') => {
                    let unit = self.unit(backslash)?;
                    self.at += 5;
                    match unit {
                        0xd800..=0xdbff => {
                            let low = self.bytes[self.at..].starts_with(b"\\u").then(|| self.unit(self.at));
                            match low {
                                Some(Ok(0xdc00..=0xdfff)) => self.at += 6,
                                _ => self.found.lone_surrogates.push(backslash),
                            }
                        }
                        0xdc00..=0xdfff => self.found.lone_surrogates.push(backslash),
                        _ => {}
                    }
                }
                _ => return Err(backslash),
            }
        }
    }

    /// The four digits of the `\u` escape at `backslash`.
    fn unit(&self, backslash: usize) -> Result<u32, usize> {
        let digits = self.bytes.get(backslash + 2..backslash + 6).ok_or(backslash)?;
        digits
            .iter()
            .try_fold(0, |unit, byte| Some(unit * 16 + char::from(*byte).to_digit(16)?))
            .ok_or(backslash)
    }

    /// A number, `true`, `false`, `null`, or what Python writes for a number that is none.
    fn scalar(&mut self) -> Result<(), usize> {
        let rest = &self.bytes[self.at..];
        let word = |word: &&str| rest.starts_with(word.as_bytes());
        if let Some(word) = ["true", "false", "null"].iter().find(|w| word(w)) {
            self.at += word.len();
            return Ok(());
        }
        if let Some(word) = ["NaN", "Infinity", "-Infinity"].iter().find(|w| word(w)) {
            self.found.not_numbers.push(self.at..self.at + word.len());
            self.at += word.len();
            return Ok(());
        }
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut length = usize::from(rest[0] == b'-');
        let whole = digits(length);
        if whole == 0 || (whole > 1 && rest[length] == b'0') {
            return Err(self.at + length);
        }
        length += whole;
        if rest.get(length) == Some(&b'.') {
            let fraction = digits(length + 1);
            if fraction == 0 {
                return Err(self.at + length + 1);
            }
            length += 1 + fraction;
        }
        if let Some(b'e' | b'E') = rest.get(length) {
            length += 1 + usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
            let power = digits(length);
            if power == 0 {
                return Err(self.at + length);
            }
            length += power;
        }
        self.at += length;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests {
    use super::*;

    #[test]
    fn fields_have_their_places() {
        let text = r#" { "a" : [1, {"b": "}"}] , "text":"x\"y" } rest"#;
        let found = scan(text).unwrap();
        let fields: Vec<_> = found.fields.iter().map(|(k, v)| (&text[k.clone()], &text[v.clone()])).collect();
        assert_eq!(fields, [("\"a\"", "[1, {\"b\": \"}\"}]"), ("\"text\"", r#""x\"y""#)]);
        assert_eq!(&text[found.end..], " rest");
        assert!(scan("{}").unwrap().fields.is_empty() && scan("[]").unwrap().fields.is_empty());
    }

    #[test]
    fn depth_is_no_limit() {
        let deep = 3_000_000;
        let text = format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
        assert_eq!(scan(&text).unwrap().end, text.len());
        assert_eq!(scan(&text[..text.len() - 1]).unwrap_err(), text.len() - 1);
        let objects = format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep));
        assert!(scan(&objects).is_ok() && scan(&format!("{objects}]")).unwrap().end == objects.len());
    }

    #[test]
    fn repairs_make_strict_json() {
        let text = r#"{"a":NaN,"b":[-Infinity,"\ud83d\ude00 \ud83d x \uDE00"],"c":Infinity}"#;
        let found = scan(text).unwrap();
        assert_eq!((found.not_numbers.len(), found.lone_surrogates.len()), (3, 2));
        let strict = repaired(text, &found);
        assert_eq!(strict, r#"{"a":null,"b":[null,"\ud83d\ude00 \ufffd x \ufffd"],"c":null}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&strict).is_ok());
    }

    proptest::proptest! {
        /// The scan accepts what serde accepts, and nothing else but what it repairs.
        #[test]
        fn the_grammar_is_that_of_serde(text in r#"[\[\]{}:,"0-9.eE+\-a\\nu tfNI]{0,24}"#) {
            let whole = scan(&text).is_ok_and(|found| text[found.end..].trim().is_empty());
            let strict = match scan(&text) {
                Ok(found) => repaired(&text, &found),
                Err(_) => text.clone(),
            };
            // A number beyond f64 is JSON, but serde has no place for it.
            let known = serde_json::from_str::<serde_json::Value>(&strict);
            let range = known.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
            proptest::prop_assert!(range || whole == known.is_ok(), "{text:?} {known:?}");
        }
    }
}

//! The tables of `docs/reference/normalization-rules.md` are the tests. `tests/rotools/test_normalize.py` reads the same rows.

use std::collections::BTreeMap;

use rotext::normalize::{Normalizer, Options, RULES, Report};

/// One row of a table, unescaped.
#[derive(Debug)]
struct Row {
    line: usize,
    /// The rule of the section; empty in sections that are about no rule.
    rule: String,
    before: String,
    /// `None`: a trap, the text must be kept.
    after: Option<String>,
}

/// Reads the tables whose head is `before | after` or `kept | why`.
fn rows(book: &str) -> Vec<Row> {
    let (mut rule, mut trap, mut table) = (String::new(), false, false);
    let mut rows = Vec::new();
    for (line, text) in book.lines().enumerate().map(|(i, text)| (i + 1, text.trim())) {
        if text.starts_with('#') {
            rule = text.strip_prefix("### `").map_or("", |name| name.trim_end_matches('`')).to_owned();
        }
        match text {
            "| before | after |" => (table, trap) = (true, false),
            "| kept | why |" => (table, trap) = (true, true),
            _ if !text.starts_with('|') => table = false,
            _ if !table || text.starts_with("|---") => {}
            _ => {
                let codes = codes(text);
                assert!(codes.len() == 2 - usize::from(trap), "line {line}: a row of wrong form: {text}");
                let mut codes = codes.into_iter();
                let before = codes.next().unwrap_or_default();
                rows.push(Row { line, rule: rule.clone(), before, after: codes.next() });
            }
        }
    }
    rows
}

/// The code spans of a row, unescaped.
fn codes(row: &str) -> Vec<String> {
    row.split('`').skip(1).step_by(2).map(unescape).collect()
}

fn unescape(code: &str) -> String {
    let mut out = String::new();
    let mut rest = code;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (c, len) = match rest.as_bytes().first() {
            Some(b'n') => ('\n', 1),
            Some(b't') => ('\t', 1),
            Some(b'|') => ('|', 1),
            Some(b'\\') => ('\\', 1),
            Some(b'u') => {
                let end = rest.find('}').expect("\\u{ without }");
                let code = u32::from_str_radix(&rest[2..end], 16).expect("a hexadecimal number");
                (char::from_u32(code).expect("a character"), end + 1)
            }
            other => panic!("unknown escape {other:?} in {code}"),
        };
        out.push(c);
        rest = &rest[len..];
    }
    out.push_str(rest);
    out
}

fn book() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/normalization-rules.md");
    rows(&std::fs::read_to_string(path).expect(path))
}

fn counted(report: &Report) -> Vec<&'static str> {
    report.rules().filter(|&(_, n)| n > 0).map(|(id, _)| id).collect()
}

#[test]
fn every_row_holds() {
    let normalizer = Normalizer::new(Options::default());
    let mut wrong = Vec::new();
    for row in book() {
        let mut report = Report::default();
        let out = normalizer.normalize(&row.before, &mut report).into_owned();
        let wanted = row.after.as_ref().unwrap_or(&row.before);
        let rules = counted(&report);
        if out != *wanted {
            wrong.push(format!(
                "line {}: {:?}\n  gives {out:?}\n  wants {wanted:?} {rules:?}",
                row.line, row.before
            ));
        } else if row.after.is_some() && !rules.contains(&row.rule.as_str()) {
            wrong.push(format!("line {}: {:?} counts {rules:?}, not {}", row.line, row.before, row.rule));
        } else if row.after.is_none() && !rules.is_empty() {
            wrong.push(format!("line {}: {:?} is kept but counts {rules:?}", row.line, row.before));
        }
        let again = normalizer.normalize(&out, &mut Report::default());
        if again != out {
            wrong.push(format!("line {}: {out:?} changes again into {again:?}", row.line));
        }
    }
    assert!(wrong.is_empty(), "{} rows fail\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_has_rows() {
    let mut found: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for row in book() {
        let (repairs, traps) = found.entry(row.rule).or_default();
        *if row.after.is_some() { repairs } else { traps } += 1;
    }
    for rule in RULES {
        let (repairs, traps) = found.remove(rule.id).unwrap_or_default();
        assert!(repairs >= 2 && traps >= 1, "{}: {repairs} repairs and {traps} traps", rule.id);
    }
    found.remove("");
    assert!(found.is_empty(), "sections of unknown rules: {:?}", found.keys());
}

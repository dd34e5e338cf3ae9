//! What a URL names.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// The kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    S3,
    Gs,
    Az,
    Web,
    Hub,
}

const SCHEMES: [(&str, Scheme); 9] = [
    ("s3://", Scheme::S3),
    ("s3a://", Scheme::S3),
    ("gs://", Scheme::Gs),
    ("gcs://", Scheme::Gs),
    ("az://", Scheme::Az),
    ("abfs://", Scheme::Az),
    ("http://", Scheme::Web),
    ("https://", Scheme::Web),
    ("hf://", Scheme::Hub),
];

/// The scheme of a URL, and what follows it.
pub(super) fn scheme(text: &str) -> Option<(Scheme, &str)> {
    SCHEMES.iter().find_map(|(prefix, scheme)| Some((*scheme, text.strip_prefix(prefix)?)))
}

/// True for a URL that is read over a network.
pub(in crate::reader) fn is_url(text: &str) -> bool {
    scheme(text).is_some()
}

/// The path of a `file://` URL. `None`: the text is no such URL.
///
/// # Errors
/// The URL names another machine.
pub(in crate::reader) fn local_path(text: &str) -> Option<Result<PathBuf>> {
    text.starts_with("file://").then(|| {
        let path = reqwest::Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
        let hint = "write file:///path, with three slashes, or the path alone";
        path.ok_or_else(|| Error::usage("the URL names no file of this machine").at(text).hint(hint))
    })
}

/// A bucket (or container) and a key in it.
pub(super) fn bucket_and_key(rest: &str) -> (&str, &str) {
    rest.split_once('/').unwrap_or((rest, ""))
}

/// The signs of a pattern.
pub(super) fn is_pattern(key: &str) -> bool {
    key.contains(['*', '?', '['])
}

/// The folder of a pattern that has no sign in its name: every match is below it.
pub(super) fn fixed_folder(pattern: &str) -> &str {
    let sign = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    pattern[..sign].rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_divided() {
        assert_eq!(scheme("s3://b/a/k.jsonl"), Some((Scheme::S3, "b/a/k.jsonl")));
        assert_eq!(bucket_and_key("b/a/k.jsonl"), ("b", "a/k.jsonl"));
        assert_eq!(bucket_and_key("b"), ("b", ""));
        assert_eq!((fixed_folder("a/b-*/c.zst"), fixed_folder("*.zst"), fixed_folder("a/b")), ("a", "", "a"));
        assert!(!is_url("a:/b") && !is_url("/s3://b"));
        assert_eq!(local_path("file:///a%20b/c").unwrap().unwrap(), PathBuf::from("/a b/c"));
        assert!(local_path("file://host/c").unwrap().is_err() && local_path("/file").is_none());
    }
}

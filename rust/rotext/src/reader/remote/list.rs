//! From a URL to objects: one, those below a prefix, or those that a pattern matches; sorted by key.

use std::future::Future;
use std::time::Duration;

use futures_util::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use reqwest::Url;

use super::address::{Scheme, bucket_and_key, fixed_folder, is_pattern, scheme};
use super::buckets::{self, Bucket, InBucket};
use super::failure::Failure;
use super::hub::Dataset;
use super::object::{Place, Remote};
use super::waiting::wait;
use super::web::Page;
use crate::error::{Error, Result};

/// What a URL names.
pub(in crate::reader) enum Listed {
    /// One object.
    One(Remote),
    /// A folder or pattern, with all objects that are not hidden.
    Many(Vec<Remote>),
}

/// Tries of a listing.
const TRIES: u32 = 4;

/// Looks a URL up.
///
/// # Errors
/// There is no such object; the server refuses or cannot be reached; the pattern is wrong.
pub(in crate::reader) fn list(url: &str) -> Result<Listed> {
    let Some((kind, rest)) = scheme(url) else {
        return Err(Error::usage("the scheme is not known").at(url));
    };
    wait(async {
        let found = match kind {
            Scheme::Web => again(|| web(url)).await,
            Scheme::Hub => again(|| hub(rest)).await,
            _ => again(|| bucket(kind, url, rest)).await,
        };
        found.map_err(|failure| failure.error.at(shown(url)))
    })
}

/// Tries a request again as long as that may help.
async fn again<T, F>(request: impl Fn() -> F) -> std::result::Result<T, Failure>
where
    F: Future<Output = std::result::Result<T, Failure>>,
{
    let mut pause = Duration::from_millis(200);
    for _ in 1..TRIES {
        match request().await {
            Err(failure) if failure.transient => tokio::time::sleep(pause).await,
            done => return done,
        }
        pause *= 2;
    }
    request().await
}

/// A URL in the form that may be printed and stored: without user and password, and without the query of an address, whose
/// signature is as good as a password. (In the key of a bucket `?` is a sign of a pattern.)
fn shown(url: &str) -> String {
    let web = matches!(scheme(url), Some((Scheme::Web, _)));
    let url = if web { url.split_once(['?', '#']).map_or(url, |(before, _)| before) } else { url };
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

async fn web(address: &str) -> std::result::Result<Listed, Failure> {
    let bad = |_| Failure::lasting(Error::usage("the address is not valid").hint("check it"));
    let page = Page { url: Url::parse(address).map_err(bad)?, token: None };
    let (size, version) = page.probe().await?;
    Ok(Listed::One(Remote::new(shown(address), Place::Page(page), size, version)?))
}

async fn hub(rest: &str) -> std::result::Result<Listed, Failure> {
    let (dataset, path) = Dataset::open(rest).await?;
    let shown = dataset.shown(rest);
    let made = |path: &str, size| -> std::result::Result<Remote, Failure> {
        let place = Place::Page(dataset.page(path)?);
        // The commit is the version.
        Remote::new(format!("{shown}/{path}"), place, size, super::object::Version(None))
    };
    let path = path.trim_end_matches('/');
    let folder =
        if is_pattern(path) { fixed_folder(path) } else { path.rsplit_once('/').map_or("", |(f, _)| f) };
    let mut files = match dataset.files(folder).await {
        Ok(files) => files,
        Err(failure) => return Err(failure),
    };
    files.sort_by(|one, other| one.path.cmp(&other.path));
    if let Some(file) = files.iter().find(|file| file.path == path) {
        return Ok(Listed::One(made(&file.path, file.size)?));
    }
    let wanted = chosen(path)?;
    let files = files.iter().filter(|file| wanted(&file.path));
    many(files.map(|file| made(&file.path, file.size)).collect::<std::result::Result<_, _>>()?, path)
}

async fn bucket(kind: Scheme, url: &str, rest: &str) -> std::result::Result<Listed, Failure> {
    let (name, key) = bucket_and_key(rest);
    if name.is_empty() {
        return Err(Failure::lasting(
            Error::usage("the URL has no bucket").hint("write it as in s3://BUCKET/KEY"),
        ));
    }
    if name.contains(['@', ':']) {
        let error =
            Error::usage("credentials do not belong into a URL: it is written into packs and messages");
        return Err(Failure::lasting(error.hint("set them in the environment (docs/how-to/read-files.md)")));
    }
    let bucket = buckets::open(kind, name)?;
    let Bucket { store, hint } = &bucket;
    let fail = |e: object_store::Error| Failure::of_bucket(&e, hint);
    let base = &url[..url.len() - key.len()];
    let base = base.strip_suffix('/').unwrap_or(base);
    let made = |found: object_store::ObjectMeta| {
        let shown = format!("{base}/{}", found.location);
        let version = buckets::version(&found);
        let place = Place::Bucket(InBucket { bucket: bucket.clone(), key: found.location });
        Remote::new(shown, place, found.size, version)
    };
    let invalid = |e: object_store::path::Error| fail(e.into());
    if !key.is_empty() && !key.ends_with('/') && !is_pattern(key) {
        match store.head(&Key::parse(key).map_err(invalid)?).await {
            Ok(found) => return Ok(Listed::One(made(found)?)),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    let path = key.trim_end_matches('/');
    let folder = if is_pattern(path) { fixed_folder(path) } else { path };
    let prefix = (!folder.is_empty()).then(|| Key::parse(folder)).transpose().map_err(invalid)?;
    let mut found: Vec<_> = store.list(prefix.as_ref()).try_collect().await.map_err(fail)?;
    found.sort_by(|one, other| one.location.cmp(&other.location));
    let wanted = chosen(path)?;
    let objects = found.into_iter().filter(|object| wanted(object.location.as_ref()));
    many(objects.map(made).collect::<std::result::Result<_, _>>()?, path)
}

/// Which keys a folder or pattern means. Hidden ones (`.git/`) are not read, as in a folder of a disk.
fn chosen(path: &str) -> std::result::Result<impl Fn(&str) -> bool + use<>, Failure> {
    let bad = |e: glob::PatternError| Failure::lasting(Error::usage(format!("invalid pattern: {e}")));
    let pattern = is_pattern(path).then(|| Pattern::new(path)).transpose().map_err(bad)?;
    let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    Ok(move |key: &str| match &pattern {
        Some(pattern) => pattern.matches_with(key, options),
        None => {
            key.strip_prefix(&folder).is_some_and(|below| !below.split('/').any(|part| part.starts_with('.')))
        }
    })
}

fn many(found: Vec<Remote>, path: &str) -> std::result::Result<Listed, Failure> {
    if found.is_empty() {
        let (what, hint) = if is_pattern(path) {
            ("no object matches", "check the pattern")
        } else {
            ("the server has no such object or folder", "check bucket and key")
        };
        return Err(Failure::lasting(Error::network(what).hint(hint)));
    }
    Ok(Listed::Many(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_pattern_choose_keys() {
        let is = |path: &str, key: &str| chosen(path).is_ok_and(|wanted| wanted(key));
        assert!(
            is("a", "a/b/c.jsonl") && is("", "x.jsonl") && !is("a", "ab/c.jsonl") && !is("a", "a/.git/c")
        );
        assert!(is("a/*.jsonl", "a/b.jsonl") && !is("a/*.jsonl", "a/b/c.jsonl"));
        assert!(is("a/**/*.jsonl", "a/b/c.jsonl"));
        assert_eq!(shown("https://user:secret@h/k@2?sig=1"), "https://h/k@2");
        assert_eq!(shown("HTTP://h/k?sig=1"), "HTTP://h/k");
        assert_eq!(shown("s3://key:secret@b/x*.jsonl"), "s3://b/x*.jsonl");
    }
}

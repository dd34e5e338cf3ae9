//! Files of a data set of the Hugging Face hub, at one commit.
//!
//! `hf://datasets/OWNER/NAME@REVISION/path`, as the library `huggingface_hub` writes it. The revision is resolved to a commit
//! first, so a push between two passes changes nothing. `HF_ENDPOINT` names another hub, and `HF_TOKEN` opens private data.
//! Source: <https://huggingface.co/docs/hub/api>, <https://huggingface.co/docs/huggingface_hub/guides/hf_file_system>.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, LINK};

use super::failure::{Failure, innermost};
use super::web::{Page, client};
use crate::error::Error;

const ENDPOINT: &str = "https://huggingface.co";
const HINT: &str = "check owner, name and revision; set HF_TOKEN for data that is private or gated";
const FORM: &str = "write hf://datasets/OWNER/NAME/path or hf://datasets/OWNER/NAME@REVISION/path";

/// A data set at one commit.
pub(super) struct Dataset {
    endpoint: String,
    name: String,
    commit: String,
    token: Option<String>,
}

/// A file of a data set.
#[derive(serde::Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "type")]
    kind: String,
    /// The path in the data set.
    pub(super) path: String,
    #[serde(default)]
    pub(super) size: u64,
}

/// The parts of `datasets/OWNER/NAME@REVISION/path`: name, revision and path.
fn parts(rest: &str) -> Option<(String, String, String)> {
    let mut parts = rest.strip_prefix("datasets/")?.splitn(3, '/');
    let (owner, name) = (parts.next()?, parts.next()?);
    let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
    if owner.is_empty() || name.is_empty() || revision.is_empty() {
        return None;
    }
    // A revision with a slash is written with its escape.
    let revision = revision.replace("%2F", "/").replace("%2f", "/");
    Some((format!("{owner}/{name}"), revision, parts.next().unwrap_or_default().to_owned()))
}

impl Dataset {
    /// Finds the commit of the revision. Returns the data set and the path in it.
    pub(super) async fn open(rest: &str) -> Result<(Self, String), Failure> {
        let form = || Failure::lasting(Error::usage("the URL names no data set of the hub").hint(FORM));
        let (name, revision, path) = parts(rest).ok_or_else(form)?;
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let endpoint = set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let mut found = Self { endpoint, name, commit: String::new(), token: set("HF_TOKEN") };
        #[derive(serde::Deserialize)]
        struct Info {
            sha: String,
        }
        let revision = revision.replace('/', "%2F");
        let url = found.url(&format!("/api/datasets/{}/revision/{revision}", found.name))?;
        let (info, _): (Info, _) = found.ask(url).await?;
        found.commit = info.sha;
        Ok((found, path))
    }

    /// The files below `folder`, page by page.
    pub(super) async fn files(&self, folder: &str) -> Result<Vec<Entry>, Failure> {
        let folder = folder.trim_matches('/');
        let tree = format!("/api/datasets/{}/tree/{}/{folder}", self.name, self.commit);
        let mut next = Some(self.url(&format!("{}?recursive=true", tree.trim_end_matches('/')))?);
        let mut all = Vec::new();
        while let Some(url) = next {
            let (page, link): (Vec<Entry>, _) = self.ask(url).await?;
            all.extend(page.into_iter().filter(|entry| entry.kind == "file"));
            next = link.map(|link| self.url(&link)).transpose()?;
        }
        Ok(all)
    }

    /// Where the bytes of a file are.
    pub(super) fn page(&self, path: &str) -> Result<Page, Failure> {
        let mut url = self.url(&format!("/datasets/{}/resolve/{}", self.name, self.commit))?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path.split('/'));
        }
        Ok(Page { url, token: self.token.clone() })
    }

    /// The start of the URLs of its files.
    pub(super) fn shown(&self, rest: &str) -> String {
        let name = rest.strip_prefix("datasets/").unwrap_or(rest);
        let end = name.match_indices('/').nth(1).map_or(name.len(), |(at, _)| at);
        format!("hf://datasets/{}", &name[..end])
    }

    /// An address of the hub. A link to another host is refused: the token is sent along.
    fn url(&self, path: &str) -> Result<Url, Failure> {
        let bad = || Failure::lasting(Error::usage("HF_ENDPOINT is not the address of a hub").hint(ENDPOINT));
        let hub = Url::parse(&self.endpoint).map_err(|_| bad())?;
        let text = if path.contains("://") { path.to_owned() } else { format!("{}{path}", self.endpoint) };
        let url = Url::parse(&text).map_err(|_| bad())?;
        if url.origin() == hub.origin() { Ok(url) } else { Err(bad()) }
    }

    /// The answer in JSON, and the address of its next page.
    async fn ask<T: serde::de::DeserializeOwned>(&self, url: Url) -> Result<(T, Option<String>), Failure> {
        let mut request = client().get(url);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = request.send().await.map_err(|e| Failure::transient(&innermost(&e)))?;
        match answer.status().as_u16() {
            200 => {}
            // The hub says this of private data too.
            401 | 404 => {
                let what = "the hub has no such data set, revision or folder, or the token may not read it";
                return Err(Failure::lasting(Error::network(what).hint(HINT)));
            }
            status => return Err(Failure::of_status(status, HINT)),
        }
        let next = answer.headers().get(LINK).and_then(|value| next_page(value.to_str().ok()?));
        let body = answer.bytes().await.map_err(|e| Failure::transient(&innermost(&e)))?;
        let odd =
            |_| Failure::lasting(Error::network("the hub's answer is not what its API describes").hint(HINT));
        Ok((serde_json::from_slice(&body).map_err(odd)?, next))
    }
}

/// The address in `<...>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    Some(next.trim().strip_prefix('<')?.split_once('>')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_parts_of_an_address() {
        let of = |text| parts(text).unwrap();
        let made = |name: &str, revision: &str, path: &str| (name.into(), revision.into(), path.into());
        assert_eq!(of("datasets/o/n/a/b.parquet"), made("o/n", "main", "a/b.parquet"));
        assert_eq!(of("datasets/o/n@v2"), made("o/n", "v2", ""));
        assert_eq!(of("datasets/o/n@refs%2Fconvert/x"), made("o/n", "refs/convert", "x"));
        assert_eq!((parts("models/o/n"), parts("datasets/o")), (None, None));
        let link = "<http://h/next?cursor=1>; rel=\"next\", <http://h>; rel=\"first\"";
        assert_eq!(next_page(link).unwrap(), "http://h/next?cursor=1");
    }
}

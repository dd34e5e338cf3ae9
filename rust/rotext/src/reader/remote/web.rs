//! A part of a file of a web server.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, Url};

use super::failure::{Failure, innermost};
use super::object::Version;
use crate::error::Error;

/// A file of a web server.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) url: Url,
    /// Sent to this host alone; a redirect to another host does not get it.
    pub(super) token: Option<String>,
}

const HINT: &str = "check the address; a private file needs a signed address, or HF_TOKEN for hf://";

/// One client for all, so that connections are used again.
pub(super) fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let builder = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30))
            .user_agent(concat!("rotools/", env!("CARGO_PKG_VERSION")));
        builder.build().unwrap_or_default()
    })
}

impl Page {
    /// Sends a request for bytes, and returns the answer if it is a good one.
    async fn ask(&self, range: &Range<u64>) -> Result<Response, Failure> {
        let last = range.end.saturating_sub(1);
        let mut request =
            client().get(self.url.clone()).header(RANGE, format!("bytes={}-{last}", range.start));
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = request.send().await.map_err(|e| Failure::transient(&innermost(&e)))?;
        match answer.status().as_u16() {
            200 | 206 | 416 => Ok(answer),
            status => Err(Failure::of_status(status, HINT)),
        }
    }

    /// The size and version, by a request for the first byte: a signed address allows no other kind of request.
    pub(super) async fn probe(&self) -> Result<(u64, Version), Failure> {
        let answer = self.ask(&(0..1)).await?;
        let version = version(answer.headers());
        match (answer.status().as_u16(), total(answer.headers())) {
            (206 | 416, Some(size)) => Ok((size, version)),
            (200, _) if answer.content_length().is_some_and(|size| size <= 1) => {
                Ok((answer.content_length().unwrap_or_default(), version))
            }
            _ => Err(no_parts()),
        }
    }

    /// The bytes in `range`, and the size and version of the file that they are of.
    pub(super) async fn fetch(&self, range: Range<u64>) -> Result<(Bytes, u64, Version), Failure> {
        let answer = self.ask(&range).await?;
        let version = version(answer.headers());
        let size = match answer.status().as_u16() {
            // A server may answer a request for everything with everything.
            200 if range.start == 0 && answer.content_length() == Some(range.end) => range.end,
            206 => total(answer.headers()).ok_or_else(no_parts)?,
            // The file is shorter than it was.
            416 => return Err(Failure::changed()),
            _ => return Err(no_parts()),
        };
        let bytes = answer.bytes().await.map_err(|e| Failure::transient(&innermost(&e)))?;
        Ok((bytes, size, version))
    }
}

fn no_parts() -> Failure {
    let error = Error::network("the server does not send parts of a file");
    Failure::lasting(error.hint("download the file first, and name the copy"))
}

/// The size of the whole file: `bytes 0-9/100`.
fn total(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.rsplit_once('/')?.1.parse().ok()
}

fn version(headers: &HeaderMap) -> Version {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Version(text(ETAG).or_else(|| text(LAST_MODIFIED)))
}

//! A part of a file of a web server.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED, RANGE};
use reqwest::{Client, Response, Url};

use super::failure::{Failure, innermost};
use super::object::Version;
use super::waiting::PerProcess;
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
pub(super) fn client() -> Client {
    static CLIENT: PerProcess<Client> = PerProcess::new();
    CLIENT.get(|| {
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
            206 if is_range(answer.headers(), &range) => total(answer.headers()).ok_or_else(no_parts)?,
            206 => return Err(Failure::transient("the server sent another part of the file")),
            // The file is shorter than it was.
            416 => return Err(Failure::changed()),
            _ => return Err(no_parts()),
        };
        let bytes = body(answer, range.end - range.start).await?;
        Ok((bytes, size, version))
    }
}

/// The body of an answer, of at most `most` bytes: a server may send more than it was asked for.
pub(super) async fn body(mut answer: Response, most: u64) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(part) = answer.chunk().await.map_err(|e| Failure::transient(&innermost(&e)))? {
        if (bytes.len() + part.len()) as u64 > most {
            let error = Error::network("the server sends more than it was asked for");
            return Err(Failure::lasting(error.hint("download the file first, and name the copy")));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes.freeze())
}

/// Whether an answer is the part that was asked for: `bytes 0-9/100`. A cache may send another one.
fn is_range(headers: &HeaderMap, range: &Range<u64>) -> bool {
    let sent = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()?.strip_prefix("bytes "));
    let part = sent.and_then(|sent| sent.split_once('/')?.0.split_once('-'));
    let number = |text: &str| text.trim().parse::<u64>().ok();
    part.is_some_and(|(first, last)| {
        // The file may end before the range does.
        number(first) == Some(range.start) && number(last).is_some_and(|last| last < range.end)
    })
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

//! One object of a known size and version.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::buckets::InBucket;
use super::failure::Failure;
use super::waiting::wait;
use super::web::Page;
use crate::error::{Error, Result};

/// Tries of one request. With the waits between them this is about six seconds, and the clients of buckets try again themselves.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The version of an object: its entity tag, or its time. `None`: the server has neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version(pub(super) Option<String>);

impl Version {
    /// False when both are known and differ.
    fn agrees(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

/// Where an object is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Bucket(InBucket),
    Page(Page),
}

/// One object, and what it was when it was listed.
#[derive(Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    name: String,
    place: Place,
    size: u64,
    version: Version,
    /// The first failure. Parsers of formats wrap an error of a read, or take it for damage; the reader looks here.
    failure: Mutex<Option<Error>>,
}

impl Remote {
    pub(super) fn new(name: String, place: Place, size: u64, version: Version) -> Self {
        Self(Arc::new(Inner { name, place, size, version, failure: Mutex::new(None) }))
    }

    /// Bytes of the object.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The URL, without a signature.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The first failure, once.
    pub(in crate::reader) fn take_failure(&self) -> Option<Error> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Notes a failure, and returns it in the form that a reader passes on.
    pub(super) fn fail(&self, error: Error) -> std::io::Error {
        let shown = std::io::Error::other(error.what.clone());
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        shown
    }

    /// The bytes in `range`; waits for them.
    ///
    /// # Errors
    /// As [`Remote::fetch`].
    pub(in crate::reader) fn bytes(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        wait(self.clone().fetch(range)).map_err(|error| self.fail(error))
    }

    /// The bytes in `range`, which is inside the object.
    ///
    /// # Errors
    /// The object changed since it was listed; the server refuses; the connection is cut again and again.
    pub(super) async fn fetch(self, range: Range<u64>) -> Result<Bytes> {
        let mut pause = FIRST_WAIT;
        for left in (0..TRIES).rev() {
            let failure = match self.try_once(range.clone()).await {
                Ok(bytes) => return Ok(bytes),
                Err(failure) => failure,
            };
            if !failure.transient || left == 0 {
                return Err(failure.error.at(&self.0.name));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(Failure::transient("no answer").error.at(&self.0.name))
    }

    async fn try_once(&self, range: Range<u64>) -> std::result::Result<Bytes, Failure> {
        let (bytes, size, version) = match &self.0.place {
            Place::Bucket(object) => object.fetch(range.clone()).await?,
            Place::Page(page) => page.fetch(range.clone()).await?,
        };
        if size != self.0.size || !version.agrees(&self.0.version) {
            return Err(Failure::changed());
        }
        if bytes.len() as u64 != range.end - range.start {
            return Err(Failure::transient("the connection was cut"));
        }
        Ok(bytes)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({} {} {:?})", self.0.name, self.0.size, self.0.version.0)
    }
}

impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name && self.0.size == other.0.size && self.0.version == other.0.version
    }
}

impl Eq for Remote {}

//! An object as a stream that is read ahead, so that the time of a request is not waited for.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::object::Remote;
use super::waiting::{start, wait};
use crate::error::{Error, Result};
use crate::reader::input::Volume;

/// The first requests are small: many readers look at the first bytes only.
const FIRST_BYTES: u64 = 64 << 10;
/// Later ones: large enough that their number does not matter, small enough that one is tried again cheaply.
const LARGE_BYTES: u64 = 4 << 20;
/// Requests that wait for their turn; with 4 MiB each they hide 100 ms at 160 MB/s.
const AHEAD: usize = 4;

/// The bytes of an object, in order or at any place.
pub(in crate::reader) struct Object {
    remote: Remote,
    volume: Volume,
    /// What was fetched and not read yet, from `at` on.
    block: Bytes,
    at: u64,
    /// Requests for what follows, and where the next one begins.
    ahead: VecDeque<JoinHandle<Result<Bytes>>>,
    next: u64,
    /// Bytes of the next request.
    step: u64,
    /// Nothing behind this place is read ahead.
    until: u64,
    /// Bytes of the next request behind it.
    behind: u64,
}

impl Object {
    /// Reads `remote`. Nothing is fetched yet.
    pub(in crate::reader) fn new(remote: Remote, volume: Volume) -> Self {
        let (block, ahead, until) = (Bytes::new(), VecDeque::new(), remote.size());
        Self { remote, volume, block, at: 0, ahead, next: 0, step: FIRST_BYTES, until, behind: FIRST_BYTES }
    }

    /// Says that little behind `end` will be read.
    pub(in crate::reader) fn expect_end(&mut self, end: u64) {
        self.until = end.min(self.remote.size());
    }

    /// Starts the next request.
    fn request(&mut self) -> Result<()> {
        let (step, end, most) = if self.next < self.until {
            (&mut self.step, self.until, LARGE_BYTES)
        } else {
            (&mut self.behind, self.remote.size(), LARGE_BYTES / 4)
        };
        let range = self.next..(self.next + *step).min(end);
        *step = (*step * 4).min(most);
        self.next = range.end;
        self.volume.add(range.end - range.start);
        self.ahead.push_back(start(self.remote.clone().fetch(range))?);
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        // A stream whose first bytes were wanted is probably read on.
        let goes_on = self.at > 0 && self.step > FIRST_BYTES;
        if self.ahead.is_empty() {
            self.request()?;
        }
        while goes_on && self.ahead.len() < AHEAD && self.next < self.until {
            self.request()?;
        }
        if let Some(request) = self.ahead.pop_front() {
            let lost = |_| Error::network("a request was given up").at(self.remote.name());
            self.block = wait(async { request.await.map_err(lost)? })?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.ahead.drain(..).for_each(|request| request.abort());
        self.block = Bytes::new();
    }
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at >= self.remote.size() || buffer.is_empty() {
            return Ok(0);
        }
        if self.block.is_empty() {
            self.fill().map_err(|error| self.remote.fail(error))?;
        }
        let read = buffer.len().min(self.block.len());
        buffer[..read].copy_from_slice(&self.block.split_to(read));
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Object {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.remote.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let place = place.ok_or(std::io::ErrorKind::InvalidInput)?;
        if place != self.at {
            self.forget();
            (self.at, self.next, self.step) = (place, place, FIRST_BYTES);
        }
        Ok(place)
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.forget();
    }
}

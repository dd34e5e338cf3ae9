//! Parallel work whose results leave in the order of the input.
//!
//! ```text
//! source -> open (parallel) -> gate (serial, in order) -> close (parallel) -> sink (serial, in order)
//! ```
//! The gate compares a document with those before it (deduplication). The sink writes. No worker waits for a turn: a worker
//! that finishes a step takes the next step that is ready, in the order sink, gate, close, open. So the result does not depend
//! on the number of threads, and the bytes in flight bound the memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::arenas;
use crate::error::{Error, Result};
use crate::fault::guard;
use crate::progress::Progress;
use crate::reader::CHUNK_BYTES;

/// The most chunks in flight, so that the default of `--max-ram` is enough for any number of cores.
const MAX_CHUNKS: usize = 58;

/// The most input bytes in flight between the source and the sink: one chunk for each worker, half as many that wait for the
/// gate and the sink, and six for the source. More would cost memory and gain nothing: texts of a few words take twelve times
/// their input here. A single chunk that is larger passes alone.
pub(in crate::pipeline) fn read_ahead(threads: usize) -> usize {
    CHUNK_BYTES * (6 + threads + threads / 2).min(MAX_CHUNKS)
}

struct State<A, B, C, D> {
    input: VecDeque<(u64, usize, A)>,
    opened: BTreeMap<u64, (usize, B)>,
    gated: VecDeque<(u64, usize, C)>,
    closed: BTreeMap<u64, (usize, D)>,
    at_gate: u64,
    at_sink: u64,
    gate_busy: bool,
    sink_busy: bool,
    in_flight: usize,
    read: u64,
    ended: bool,
    error: Option<Error>,
}

/// The threads that do the work, and the counters that can stop them.
pub(in crate::pipeline) struct Workers<'a> {
    pub(in crate::pipeline) threads: usize,
    pub(in crate::pipeline) progress: &'a Progress,
}

impl Workers<'_> {
    /// Runs the five steps over everything that `source` gives. `local` makes what one thread owns.
    ///
    /// # Errors
    /// The first error of any step, or [`Error::cancelled`].
    pub(in crate::pipeline) fn run<A: Send, B: Send, C: Send, D: Send, L>(
        &self,
        mut source: impl FnMut() -> Result<Option<(usize, A)>> + Send,
        local: impl Fn() -> L + Sync,
        open: impl Fn(&mut L, A) -> Result<B> + Sync,
        gate: impl FnMut(B) -> Result<C> + Send,
        close: impl Fn(&mut L, C) -> Result<D> + Sync,
        sink: impl FnMut(D) -> Result<()> + Send,
    ) -> Result<()> {
        let Self { threads, progress } = *self;
        let state = Mutex::new(State {
            input: VecDeque::new(),
            opened: BTreeMap::new(),
            gated: VecDeque::new(),
            closed: BTreeMap::new(),
            at_gate: 0,
            at_sink: 0,
            gate_busy: false,
            sink_busy: false,
            in_flight: 0,
            read: 0,
            ended: false,
            error: None,
        });
        let changed = Condvar::new();
        let most = read_ahead(threads);
        let gate = Mutex::new(gate);
        let sink = Mutex::new(sink);
        let wait = |guard| changed.wait(guard).unwrap_or_else(PoisonError::into_inner);

        // A panic that no document is the cause of must stop the other threads, which would otherwise wait forever.
        let stop = |panic: String| {
            lock(&state).error.get_or_insert(Error::internal(&panic));
            changed.notify_all();
        };
        let work = || {
            let mut own = local();
            let mut now = lock(&state);
            loop {
                if now.error.is_some() || (now.ended && now.in_flight == 0) {
                    changed.notify_all();
                    return;
                }
                if let Err(e) = progress.check() {
                    now.error = Some(e);
                    continue;
                }
                let (at_sink, at_gate) = (now.at_sink, now.at_gate);
                let outcome: Result<()>;
                if !now.sink_busy && now.closed.contains_key(&at_sink) {
                    let Some((bytes, done)) = now.closed.remove(&at_sink) else { continue };
                    now.sink_busy = true;
                    drop(now);
                    outcome = (lock(&sink))(done);
                    now = lock(&state);
                    now.sink_busy = false;
                    now.at_sink += 1;
                    now.in_flight -= bytes.max(1);
                } else if !now.gate_busy && now.opened.contains_key(&at_gate) {
                    let Some((bytes, opened)) = now.opened.remove(&at_gate) else { continue };
                    now.gate_busy = true;
                    drop(now);
                    let passed = (lock(&gate))(opened);
                    now = lock(&state);
                    now.gate_busy = false;
                    now.at_gate += 1;
                    outcome = passed.map(|passed| now.gated.push_back((at_gate, bytes, passed)));
                } else if let Some((number, bytes, gated)) = now.gated.pop_front() {
                    drop(now);
                    let closed = close(&mut own, gated);
                    now = lock(&state);
                    outcome = closed.map(|closed| drop(now.closed.insert(number, (bytes, closed))));
                } else if let Some((number, bytes, input)) = now.input.pop_front() {
                    drop(now);
                    let opened = open(&mut own, input);
                    now = lock(&state);
                    outcome = opened.map(|opened| drop(now.opened.insert(number, (bytes, opened))));
                } else {
                    now = wait(now);
                    continue;
                }
                if let Err(e) = outcome {
                    now.error.get_or_insert(e);
                }
                changed.notify_all();
            }
        };

        arenas::share(threads);
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| guard(work).unwrap_or_else(stop));
            }
            loop {
                let next = guard(&mut source).unwrap_or_else(|panic| Err(Error::internal(&panic)));
                let mut now = lock(&state);
                match next {
                    Ok(Some((bytes, input))) => {
                        while now.error.is_none() && now.in_flight > 0 && now.in_flight + bytes.max(1) > most
                        {
                            now = wait(now);
                        }
                        if now.error.is_some() {
                            break;
                        }
                        let number = now.read;
                        now.read += 1;
                        now.in_flight += bytes.max(1);
                        now.input.push_back((number, bytes, input));
                    }
                    Ok(None) => {
                        now.ended = true;
                        break;
                    }
                    Err(e) => {
                        now.error.get_or_insert(e);
                        break;
                    }
                }
                changed.notify_all();
            }
            changed.notify_all();
        });
        match lock(&state).error.take() {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn order(threads: usize, n: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut gated, mut sunk) = (Vec::new(), Vec::new());
        let mut next = 0;
        let workers = Workers { threads, progress: &Progress::default() };
        workers
            .run(
                || {
                    next += 1;
                    Ok((next <= n).then_some((1 << 20, next)))
                },
                || (),
                |(), x| {
                    std::thread::sleep(std::time::Duration::from_micros(x * 7919 % 300));
                    Ok(x)
                },
                |x| {
                    gated.push(x);
                    Ok(x)
                },
                |(), x| {
                    std::thread::sleep(std::time::Duration::from_micros(x * 104_729 % 300));
                    Ok(x)
                },
                |x| {
                    sunk.push(x);
                    Ok(())
                },
            )
            .unwrap();
        (gated, sunk)
    }

    #[test]
    fn gate_and_sink_see_the_order_of_the_input() {
        let all: Vec<u64> = (1..=500).collect();
        for threads in [1, 2, 7] {
            assert_eq!(order(threads, 500), (all.clone(), all.clone()));
        }
        assert_eq!(order(3, 0), (vec![], vec![]));
    }

    #[test]
    fn the_first_error_stops_the_run() {
        let workers = Workers { threads: 2, progress: &Progress::default() };
        let result = workers.run(
            || Ok(Some((1, 1))),
            || (),
            |(), x| Ok(x),
            Ok,
            |(), _| Err::<(), _>(Error::data("broken")),
            |()| Ok(()),
        );
        assert_eq!(result.unwrap_err().what, "broken");
    }

    #[test]
    fn a_panic_in_any_step_is_an_error_with_its_message() {
        for step in 0..5 {
            let check = |at| assert!(at != step, "step {at}");
            let workers = Workers { threads: 3, progress: &Progress::default() };
            let result = workers.run(
                || {
                    check(0);
                    Ok(Some((1, 7)))
                },
                || (),
                |(), x| {
                    check(1);
                    Ok(x)
                },
                |x| {
                    check(2);
                    Ok(x)
                },
                |(), x| {
                    check(3);
                    Ok(x)
                },
                |_| {
                    check(4);
                    Err(Error::data("the sink was reached"))
                },
            );
            let error = result.unwrap_err();
            assert!(error.what.starts_with(&format!("internal error: step {step} (")), "{error}");
            assert!(error.hint.is_some());
        }
    }
}

//! A panic over one document, turned into a sentence: a document must never end a run.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::path::Path;
use std::sync::Once;

thread_local! {
    /// How many guards this thread is inside of.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// What the last panic inside a guard said.
    static MESSAGE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Runs `work`. A panic becomes its message and the place in the code, and is not printed.
///
/// State that `work` changes may be half changed after a panic: the caller makes it new, or throws it away.
pub(crate) fn guard<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    // The place of a panic is known to the hook alone. Panics outside of a guard keep the hook that was there.
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 { before(info) } else { MESSAGE.set(Some(describe(info))) }
        }));
    });
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|_| MESSAGE.take().unwrap_or_else(|| "a panic without a message".to_owned()))
}

/// The message of a panic and its place. The place has no folder of the machine that compiled the program.
fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("a panic without a message");
    let Some(location) = info.location() else { return message.to_owned() };
    let parts: Vec<_> = Path::new(location.file()).iter().collect();
    let last: Vec<_> =
        parts[parts.len().saturating_sub(4)..].iter().map(|part| part.to_string_lossy()).collect();
    format!("{message} ({}:{})", last.join("/"), location.line())
}

/// Panics in debug builds when a text asks for it, so that tests see what a panic in `stage` does. A release has no such text.
#[inline]
pub(crate) fn trip(stage: &str, text: &str) {
    if cfg!(debug_assertions) {
        assert!(!text.contains(&format!("rotext-panic-in-{stage}")), "the text asks for a panic in {stage}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_panic_becomes_a_sentence_with_its_place() {
        let what = guard(|| guard(|| trip("key", "rotext-panic-in-key")).unwrap_err()).unwrap();
        assert!(
            what.starts_with("the text asks for a panic in key (") && what.contains("src/fault.rs:"),
            "{what}"
        );
        assert_eq!(guard(|| 7), Ok(7));
    }
}

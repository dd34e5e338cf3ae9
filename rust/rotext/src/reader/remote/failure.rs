//! What went wrong, as one sentence, and whether it is worth another try.

use std::error::Error as Cause;

use crate::error::Error;

/// A failed request.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// The next try may succeed: a cut connection, a busy server.
    pub(super) transient: bool,
}

impl Failure {
    pub(super) fn lasting(error: Error) -> Self {
        Self { error, transient: false }
    }

    pub(super) fn transient(why: &str) -> Self {
        let error = Error::network(format!("the server cannot be read ({why})"))
            .hint("check the network and the endpoint, then run the same command again: it continues");
        Self { error, transient: true }
    }

    pub(super) fn missing() -> Self {
        Self::lasting(Error::network("the server has no such object").hint("check bucket and key"))
    }

    pub(super) fn denied(why: &str, hint: &str) -> Self {
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        Self::lasting(Error::network(format!("the server refuses access{why}")).hint(hint))
    }

    pub(super) fn changed() -> Self {
        let error = Error::data("the object changed while it was read");
        Self::lasting(error.hint("run the same command again when no other program writes to it"))
    }

    /// The failure of a web server's answer.
    pub(super) fn of_status(status: u16, hint: &str) -> Self {
        match status {
            404 | 410 => Self::missing(),
            401 | 403 => Self::denied(&format!("status {status}"), hint),
            412 => Self::changed(),
            408 | 429 | 500.. => Self::transient(&format!("status {status}")),
            _ => Self::lasting(Error::network(format!("the server answers with status {status}")).hint(hint)),
        }
    }

    /// The failure of a client of a bucket. `hint` says where credentials come from.
    pub(super) fn of_bucket(error: &object_store::Error, hint: &str) -> Self {
        use object_store::Error as E;
        let all = chain(error);
        // The codes are S3's. Some of them come with status 400.
        for (code, why) in [
            ("ExpiredToken", "the credentials are expired"),
            ("TokenRefreshRequired", "the credentials are expired"),
            ("InvalidAccessKeyId", "the server does not know this access key"),
            ("SignatureDoesNotMatch", "the secret key is wrong"),
            ("RequestTimeTooSkewed", "the clock of this machine is wrong"),
            ("NoSuchBucket", ""),
        ] {
            if all.contains(code) {
                return if why.is_empty() { Self::missing() } else { Self::denied(why, hint) };
            }
        }
        // Without credentials the clients ask the metadata service of a cloud's machine.
        if all.contains("169.254.169.254") || all.contains("metadata.google") {
            return Self::denied("there are no credentials", hint);
        }
        // The answer to a listing is not sorted into kinds by the client.
        if all.contains("403 Forbidden") || all.contains("401 Unauthorized") {
            return Self::denied("", hint);
        }
        match error {
            E::NotFound { .. } => Self::missing(),
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Self::denied("", hint),
            E::Precondition { .. } => Self::changed(),
            E::InvalidPath { .. } => {
                Self::lasting(Error::usage("the key is not valid").hint("check bucket and key"))
            }
            _ => Self::transient(&innermost(error)),
        }
    }
}

/// All messages of an error, for a look at the codes in them. Never printed: they may hold a signed URL.
fn chain(error: &dyn Cause) -> String {
    let mut all = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        all.push(' ');
        all.push_str(&cause.to_string());
        next = cause.source();
    }
    all
}

/// The innermost message in a form that can be printed: short, and without a URL, which may be signed.
pub(super) fn innermost(error: &(dyn Cause + 'static)) -> String {
    let mut last: &dyn Cause = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    let message = last.to_string();
    let words = message.lines().next().unwrap_or_default().split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.contains("://")).collect();
    words.join(" ").chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(message: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: message.to_owned().into() }
    }

    #[test]
    fn a_code_of_s3_becomes_a_sentence() {
        let found = Failure::of_bucket(&s3("400: <Code>ExpiredToken</Code>"), "set it");
        assert_eq!(found.error.what, "the server refuses access (the credentials are expired)");
        assert!(!found.transient);
        let found = Failure::of_bucket(&s3("status code: 403 Forbidden: <Code>AccessDenied</Code>"), "");
        assert_eq!(found.error.what, "the server refuses access");
        let found = Failure::of_bucket(&s3("reset by https://host/key?X-Amz-Signature=abc\n<xml>"), "");
        assert_eq!(found.error.what, "the server cannot be read (reset by)");
        assert!(found.transient);
    }
}

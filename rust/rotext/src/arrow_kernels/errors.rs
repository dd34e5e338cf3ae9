//! Errors of Arrow as errors of this crate.

use arrow_schema::ArrowError;

use crate::error::Error;

/// An error that Arrow reports about arrays that this module made.
pub(super) fn from_arrow(error: &ArrowError) -> Error {
    Error::data(error.to_string()).hint("this is a bug: please report it with the type of the column")
}

//! Inputs that are not on a disk: objects of a bucket, files of a web server, files of the Hugging Face hub.
//!
//! ```text
//! address.rs  s3://bucket/key, gs://, az://, https://, hf://datasets/OWNER/NAME@REV/path: what a URL names
//! buckets.rs  the clients of buckets; credentials come from the environment alone
//! web.rs      a part of a file of a web server
//! hub.rs      the files of a data set of the hub, at one commit
//! list.rs     objects below a prefix, or that a pattern matches
//! object.rs   one object of a known size and version; parts of it, tried again when the connection is cut
//! ahead.rs    an object as a stream that is read ahead
//! failure.rs  what went wrong, as one sentence
//! waiting.rs  the threads that wait for the network
//! ```
//!
//! An object keeps the version (the entity tag) that it had when it was listed. Each answer is compared with it, so a pass
//! never reads half of one version and half of another.

mod address;
mod ahead;
mod buckets;
mod failure;
mod hub;
mod list;
mod object;
mod waiting;
mod web;

pub(super) use address::{is_url, local_path};
pub(super) use ahead::Object;
pub(super) use list::{Listed, list};
pub use object::Remote;

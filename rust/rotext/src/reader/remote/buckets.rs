//! The clients of buckets. Endpoint and credentials come from the environment alone, and are never printed.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as Key;
use object_store::{ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, RetryConfig};

use super::address::Scheme;
use super::failure::Failure;
use super::object::Version;
use super::waiting::PerProcess;

/// An object of a bucket.
#[derive(Clone)]
pub(super) struct InBucket {
    pub(super) bucket: Bucket,
    pub(super) key: Key,
}

impl fmt::Debug for InBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)
    }
}

/// A bucket, and where its credentials come from.
#[derive(Clone)]
pub(super) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) hint: &'static str,
}

const S3_HINT: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL where \
                       they are needed), or AWS_SKIP_SIGNATURE=true for a public bucket";
const GS_HINT: &str = "set GOOGLE_APPLICATION_CREDENTIALS to the path of a key file";
const AZ_HINT: &str = "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY";

/// The client of a bucket. There is one for each bucket, so that connections and tokens are used again.
pub(super) fn open(scheme: Scheme, bucket: &str) -> Result<Bucket, Failure> {
    type Open = HashMap<(Scheme, String), Bucket>;
    static OPEN: PerProcess<Arc<Mutex<Open>>> = PerProcess::new();
    let open = OPEN.get(Arc::default);
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = open.get(&(scheme, bucket.to_owned())) {
        return Ok(found.clone());
    }
    let made = connect(scheme, bucket)?;
    open.insert((scheme, bucket.to_owned()), made.clone());
    Ok(made)
}

fn connect(scheme: Scheme, bucket: &str) -> Result<Bucket, Failure> {
    // The reader tries again too, and longer. These are for the requests of tokens and listings.
    let retry =
        RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(20), ..RetryConfig::default() };
    let client = ClientOptions::new().with_connect_timeout(Duration::from_secs(10));
    let of = |hint| move |e: object_store::Error| Failure::of_bucket(&e, hint);
    let (store, hint): (Arc<dyn ObjectStore>, _) = match scheme {
        Scheme::S3 => {
            let mut builder = AmazonS3Builder::from_env()
                .with_client_options(client.with_allow_http(is_plain(&[
                    "AWS_ENDPOINT_URL",
                    "AWS_ENDPOINT",
                    "AWS_ENDPOINT_URL_S3",
                ])))
                .with_retry(retry)
                .with_bucket_name(bucket);
            // The name that the tools of Amazon read first.
            if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL_S3") {
                builder = builder.with_endpoint(endpoint);
            }
            (Arc::new(builder.build().map_err(of(S3_HINT))?), S3_HINT)
        }
        Scheme::Gs => {
            let builder = GoogleCloudStorageBuilder::from_env()
                .with_client_options(client)
                .with_retry(retry)
                .with_bucket_name(bucket);
            (Arc::new(builder.build().map_err(of(GS_HINT))?), GS_HINT)
        }
        _ => {
            let builder = MicrosoftAzureBuilder::from_env()
                .with_client_options(
                    client.with_allow_http(is_plain(&["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"])),
                )
                .with_retry(retry)
                .with_container_name(bucket);
            (Arc::new(builder.build().map_err(of(AZ_HINT))?), AZ_HINT)
        }
    };
    Ok(Bucket { store, hint })
}

/// The user named an endpoint without TLS.
fn is_plain(variables: &[&str]) -> bool {
    variables.iter().any(|name| std::env::var(name).is_ok_and(|endpoint| endpoint.starts_with("http://")))
}

/// The version that the server gives an object.
pub(super) fn version(found: &ObjectMeta) -> Version {
    // A list has the time in milliseconds, an answer in seconds. A list of Azure has tags without quotation marks.
    let tag = found.e_tag.as_deref().map(|tag| tag.trim_start_matches("W/").trim_matches('"').to_owned());
    Version(Some(tag.unwrap_or_else(|| found.last_modified.timestamp().to_string())))
}

impl InBucket {
    /// The bytes in `range`, and the size and version of the object that they are of.
    pub(super) async fn fetch(&self, range: Range<u64>) -> Result<(Bytes, u64, Version), Failure> {
        let fail = |e: object_store::Error| Failure::of_bucket(&e, self.bucket.hint);
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.bucket.store.get_opts(&self.key, options).await;
        let found = match found {
            Ok(found) => found,
            // The range is outside an object that became shorter.
            Err(error) if error.to_string().contains("416 Range Not Satisfiable") => {
                return Err(Failure::changed());
            }
            Err(error) => return Err(fail(error)),
        };
        let (size, version) = (found.meta.size, version(&found.meta));
        let bytes = found.bytes().await.map_err(fail)?;
        Ok((bytes, size, version))
    }
}

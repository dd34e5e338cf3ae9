//! Part I of N of a first pass, for the array jobs of a cluster.

use std::path::{Path, PathBuf};

use super::super::output::with_suffix;
use super::super::stream::SourcePart;
use super::journal::Journal;
use crate::error::{Error, Result};
use crate::reader::{self, Source};

/// The most shards: a number that a cluster has no use for is a mistake, and each shard is a folder.
const MOST_SHARDS: u32 = 65_536;

/// One shard of a first pass: it reads the units of part `rest` of `of`, and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    rest: u32,
    of: u32,
}

impl Shard {
    /// Shard `number` of `of`, counted from 1.
    ///
    /// # Errors
    /// `number` is 0 or greater than `of`, or `of` is greater than 65,536.
    pub fn new(number: u32, of: u32) -> Result<Self> {
        if of > MOST_SHARDS {
            return Err(Error::usage(format!("{of} shards are too many: at most {MOST_SHARDS} are allowed"))
                .hint("a few shards for each machine are enough"));
        }
        if (1..=of).contains(&number) {
            return Ok(Self { rest: number - 1, of });
        }
        Err(Error::usage(format!("there is no shard {number} of {of}")).hint("shards are 1/N to N/N"))
    }

    /// Checks that every shard can read the sources.
    ///
    /// # Errors
    /// A source is a stream, which can be read only once.
    pub(in crate::pipeline) fn check_sources<'a>(
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Result<()> {
        if let Some(stream) = sources.into_iter().find(|source| source.stream) {
            let what = format!("{} is a stream, which has no shards", stream.name);
            return Err(Error::usage(what).hint("write it to a file that every shard can read"));
        }
        Ok(())
    }

    /// The part of each source that the shard reads.
    pub(in crate::pipeline) fn part<'a>(
        self,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Vec<SourcePart> {
        let units = reader::parts(sources, self.rest, self.of);
        units.into_iter().map(|units| SourcePart { units, lines_before: 0 }).collect()
    }

    /// Its number, counted from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.rest + 1
    }

    /// How many shards there are.
    #[must_use]
    pub fn of(self) -> u32 {
        self.of
    }

    /// As a user writes it: `2/8`.
    pub(in crate::pipeline) fn written(self) -> String {
        format!("{}/{}", self.rest + 1, self.of)
    }

    /// The name of its folder: `2-of-8` is the second.
    pub(in crate::pipeline) fn name(self) -> String {
        format!("{}-of-{}", self.rest + 1, self.of)
    }

    /// Its work folder in the folder of all shards.
    pub(in crate::pipeline) fn folder(self, shards: &Path) -> PathBuf {
        shards.join(self.name())
    }

    /// The shard whose folder has this name.
    pub(in crate::pipeline) fn from_name(name: &str) -> Option<Self> {
        let (number, of) = name.split_once("-of-")?;
        Self::new(number.parse().ok()?, of.parse().ok()?).ok()
    }
}

/// The folder of the shards of the run that writes `out`.
pub(in crate::pipeline) fn shards_folder(out: &Path) -> PathBuf {
    // Without the slash that a user may type at the end: the folder is beside the output, not in it.
    with_suffix(&out.components().collect::<PathBuf>(), ".shards")
}

/// Removes what the shards of the run that writes `out` left. The output is whole, so what cannot be removed is no failure of it.
///
/// `key`: that of the run. Shards that were made with other inputs or options stay, and with them the files of the later steps. Only
/// names that a run gives are removed: a folder with something else in it stays, with that.
pub(in crate::pipeline) fn remove_shards(out: &Path, key: Option<u64>) {
    let folder = shards_folder(out);
    let of_shard = |name: &str| Shard::from_name(name).is_some();
    let of_other = |name: &str| {
        of_shard(name) && Journal::key_in(&folder.join(name)).is_some_and(|found| key != Some(found))
    };
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let stays = entries.into_iter().any(|entry| entry.file_name().to_str().is_some_and(of_other));
    if stays {
        return remove_entries(&folder, |name| of_shard(name) && !of_other(name));
    }
    for step in ["count", "encode"] {
        remove_entries(&folder.join(step), of_shard);
    }
    remove_entries(&folder, |name| {
        let name = name.strip_suffix(".partial.lock").unwrap_or(name);
        of_shard(name) || ["decisions", "scratch"].contains(&name) || name.starts_with("tokenizer-")
    });
}

/// Removes the entries of a folder whose names are `ours` or hidden (locks, unfinished files), and the folder if it is empty then.
fn remove_entries(folder: &Path, ours: impl Fn(&str) -> bool) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| ours(name) || name.starts_with('.')) {
            let path = entry.path();
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
    }
    let _ = std::fs::remove_dir(folder);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests {
    use super::*;

    #[test]
    fn what_a_run_did_not_write_stays_beside_its_shards() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("pack");
        let shards = shards_folder(&out);
        let write = |name: &str| {
            let path = shards.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        };
        let own = [
            "1-of-2/journal/frames",
            "count/2-of-2",
            "encode/.1-of-2.part",
            "decisions",
            "scratch/names-1.scratch",
            "scratch.partial.lock",
            "tokenizer-1f",
        ];
        own.iter().copied().for_each(write);
        remove_shards(&out, None);
        assert!(!shards.exists());
        own.iter().copied().chain(["thesis/chapter", "encode/notes"]).for_each(write);
        remove_shards(&out, None);
        assert!(shards.join("thesis/chapter").exists() && shards.join("encode/notes").exists());
        assert!(own.iter().all(|name| !shards.join(name).exists()));
    }

    #[test]
    fn shards_of_another_run_stay() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("pack");
        let shards = shards_folder(&out);
        let journal = |name: &str, run: &str| {
            std::fs::create_dir_all(shards.join(name)).unwrap();
            Journal::open(&shards.join(name), run).unwrap().key()
        };
        let (key, _) = (journal("1-of-2", "a"), journal("2-of-2", "b"));
        std::fs::write(shards.join("decisions"), "x").unwrap();
        remove_shards(&out, Some(key));
        assert!(!shards.join("1-of-2").exists());
        assert!(shards.join("2-of-2").exists() && shards.join("decisions").exists());

        // A run that finds only shards of another run says so.
        let work = tempfile::tempdir().unwrap();
        let own = Journal::open(work.path(), "a").unwrap();
        assert!(own.reader(Some(&shards)).is_err_and(|error| error.what.contains("other inputs or options")));
        journal("1-of-2", "a");
        assert!(own.reader(Some(&shards)).is_ok());
    }

    #[test]
    fn the_folder_of_the_shards_is_beside_the_output() {
        for (out, folder) in
            [("z", "z.shards"), ("z/", "z.shards"), ("a/./z//", "a/z.shards"), ("/z/", "/z.shards")]
        {
            assert_eq!(shards_folder(Path::new(out)), Path::new(folder));
        }
    }

    #[test]
    fn the_number_of_shards_has_a_limit() {
        assert!(Shard::new(1, MOST_SHARDS).is_ok());
        assert!(Shard::new(1, MOST_SHARDS + 1).is_err_and(|error| error.what.contains("65536")));
    }
}

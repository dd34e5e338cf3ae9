//! The work folder of a run, which one run at a time may use.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::atomic::{hidden_sibling, lock};
use super::parent;
use crate::error::{Error, Result};

const BUSY: &str = "another run is writing to this directory";

/// The lock file of a work folder, beside it.
pub(in crate::pipeline) fn lock_path(workdir: &Path) -> PathBuf {
    workdir.with_extension("partial.lock")
}

/// Makes and locks a work folder. It removes what an earlier run left in it, except `keep`.
///
/// # Errors
/// Another run holds the lock, or the folder cannot be written to.
pub(in crate::pipeline) fn lock_workdir(workdir: &Path, keep: &str) -> Result<File> {
    let parent = parent(workdir);
    std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, &e))?;
    let path = lock_path(workdir);
    let file = File::create(&path).map_err(|e| Error::io(&path, &e))?;
    let locked = lock(&file, workdir, BUSY).and_then(|()| {
        let made = if workdir.exists() { clear(workdir, keep) } else { std::fs::create_dir(workdir) };
        made.map_err(|e| Error::io(workdir, &e))
    });
    match locked {
        Ok(()) => Ok(file),
        Err(error) => {
            // The lock file of another run stays. Ours would be litter.
            if error.what != BUSY {
                let _ = std::fs::remove_file(&path);
            }
            Err(error)
        }
    }
}

/// Removes everything in `directory` but `keep`.
fn clear(directory: &Path, keep: &str) -> std::io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        if entry.file_name() == keep {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder and everything in it, if it exists.
///
/// # Errors
/// Something in it cannot be removed.
pub(in crate::pipeline) fn remove_folder(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(directory, &e)),
        _ => Ok(()),
    }
}

/// Removes a work folder and its lock. After a failure `keep` stays for the next run, if it has at least `keep_bytes`.
pub(in crate::pipeline) fn release_workdir(workdir: &Path, keep: &str, keep_bytes: u64, failed: bool) {
    let size = |path: PathBuf| -> u64 {
        let entries = path.read_dir().into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
    };
    // An error here is ignored: the next run removes what is left, and the user must see the error of this run.
    let _ = if failed && size(workdir.join(keep)) >= keep_bytes {
        clear(workdir, keep)
    } else {
        std::fs::remove_dir_all(workdir)
    };
    let _ = std::fs::remove_file(lock_path(workdir));
}

/// Gives the finished folder `from` the name `to`. An older folder there is removed only after the new one has its name.
///
/// On Linux the two names are exchanged in one step. Elsewhere, or where the file system cannot exchange, the old folder is first
/// renamed to `.NAME.old`; it gets its name back if the second rename fails. A kill between the two renames leaves both folders
/// whole.
///
/// # Errors
/// A rename fails; then both folders keep their names.
pub(in crate::pipeline) fn replace_folder(from: &Path, to: &Path) -> Result<()> {
    let io = |e: std::io::Error| Error::io(to, &e);
    if !to.exists() {
        std::fs::rename(from, to).map_err(io)?;
    } else if exchange(from, to) {
        sync(to);
        // The new folder has its name: what remains of the old one is no failure. The next run removes it.
        let _ = remove_folder(from);
    } else {
        let old = hidden_sibling(to, "old");
        remove_folder(&old)?;
        std::fs::rename(to, &old).map_err(io)?;
        if let Err(e) = std::fs::rename(from, to) {
            let _ = std::fs::rename(&old, to);
            return Err(io(e));
        }
        sync(to);
        let _ = remove_folder(&old);
    }
    sync(to);
    Ok(())
}

/// Whether the two folders exchanged their names.
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Path, _: &Path) -> bool {
    false
}

/// Syncs the folder that holds `path`, so that its new name survives a crash of the system.
fn sync(path: &Path) {
    if let Ok(directory) = File::open(parent(path)) {
        let _ = directory.sync_all();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may panic
mod tests {
    use super::*;

    fn folder(path: &Path, content: &str) {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("file"), content).unwrap();
    }

    #[test]
    fn the_new_folder_replaces_the_old_one() {
        let space = tempfile::tempdir().unwrap();
        let (from, to) = (space.path().join("new"), space.path().join("out"));
        for content in ["first", "second"] {
            folder(&from, content);
            replace_folder(&from, &to).unwrap();
            assert_eq!(std::fs::read_to_string(to.join("file")).unwrap(), content);
            let names: Vec<_> = space.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(names, ["out"]);
        }
    }

    #[test]
    fn a_failed_rename_leaves_the_old_folder() {
        let space = tempfile::tempdir().unwrap();
        let to = space.path().join("out");
        folder(&to, "old");
        assert!(replace_folder(&space.path().join("missing"), &to).is_err());
        assert_eq!(std::fs::read_to_string(to.join("file")).unwrap(), "old");
    }
}

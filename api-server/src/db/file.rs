//! The file of a SQLite database: who may read it, and that one server has it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For the owner only: a folder's and a file's mode.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The bits of a file's mode that let others than its owner read it.
const READABLE_BY_OTHERS: u32 = 0o044;
/// How long a server waits for one that is just ending.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The file and what is next to it: SQLite's log and its index.
fn parts(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| side_file(path, suffix))
}

fn side_file(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes the file and its folder where they are not there, for their owner only. SQLite gives the files next to it the
/// same mode.
///
/// # Errors
/// A sentence for the operator.
pub fn make(path: &Path) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(|error| format!("cannot create the folder of the database: {error}"))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(format!("cannot create the database {}: {error}", path.display())),
    }
}

/// Refuses a database that others than its owner may read.
///
/// # Errors
/// A sentence for the operator.
pub fn check_private(path: &Path) -> Result<(), String> {
    parts(path).iter().try_for_each(|part| check_owner_only(part, "personal data"))
}

/// Refuses a file that others than its owner may read. One that is not there is no fault.
///
/// # Errors
/// A sentence for the operator, which says what the file holds.
pub fn check_owner_only(path: &Path, holds: &str) -> Result<(), String> {
    let Ok(metadata) = path.metadata() else { return Ok(()) };
    let mode = metadata.mode() & 0o777;
    if mode & READABLE_BY_OTHERS == 0 {
        return Ok(());
    }
    Err(format!(
        "others may read {} (mode {mode:04o}), and it holds {holds}: chmod 600 it, or set database_readable_by_others",
        path.display()
    ))
}

/// Held while a server runs on a file. It goes with the process, however that ends.
pub struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock of a database's file. It is a file of its own: closing the database's file would drop SQLite's
    /// locks of this process.
    ///
    /// # Errors
    /// A sentence for the operator, when another server has it.
    pub async fn take(path: &Path) -> Result<Self, String> {
        // Two names of one file are one database.
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = side_file(&real, "-lock");
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(&name);
        let file = opened.map_err(|error| format!("cannot open {}: {error}", name.display()))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(ServerLock { _file: file }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(format!("another server runs on {}: a SQLite file has one", path.display()));
                }
                Err(TryLockError::Error(error)) => return Err(format!("cannot lock {}: {error}", name.display())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_database_is_its_owners_only_and_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/ward.db");
        make(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        check_private(&path).unwrap();
        for (part, open) in [(path.clone(), 0o640), (side_file(&path, "-wal"), 0o604)] {
            std::fs::write(&part, "").unwrap();
            std::fs::set_permissions(&part, Permissions::from_mode(open)).unwrap();
            assert!(check_private(&path).unwrap_err().contains("chmod 600"));
            std::fs::set_permissions(&part, Permissions::from_mode(0o600)).unwrap();
        }
        // What is there stays as it is.
        std::fs::write(&path, "content").unwrap();
        make(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "content");
    }

    #[tokio::test]
    async fn one_server_has_a_file_under_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("ward.db"), folder.path().join("link.db"));
        make(&path).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let first = ServerLock::take(&path).await.unwrap();
        assert!(ServerLock::take(&link).await.err().unwrap().contains("another server"));
        drop(first);
        ServerLock::take(&link).await.unwrap();
    }
}

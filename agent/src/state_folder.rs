//! The agent's state folder: what must survive a restart, a `kill -9` and a power cut.
//!
//! Owns how files are written (a new file, fsync, rename, fsync of the folder) and who may read them (folder
//! 0700, files 0600; on Windows an access list for its user, the system and the administrators). It never knows what a file means, and never holds a secret in the clear: those are the
//! business of [`crate::vault`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The folders inside.
const FOLDERS: [&str; 4] = ["config", "phonebooks", "trust", "vault"];
/// The file whose lock says that an agent runs here.
const LOCK: &str = "lock";
/// Which process has it.
const HOLDER: &str = "lock.holder";

/// The folder, open and fit for use. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: PathBuf,
    credentials: Option<PathBuf>,
}

/// Held by the one process that works on the folder; let go when dropped.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// What could not be done with the state folder.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file operation failed; nothing that stood there before has changed.
    #[error("cannot {action} {}: {source} ({})", path.display(), advice(source))]
    Io {
        /// What was tried: `write`, `read`, `create`.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Someone else could put files of theirs in it.
    #[error(
        "the state folder {} can be written by others (mode {mode:o}); run 'chmod 700 {}'",
        path.display(),
        path.display()
    )]
    OpenToOthers {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Someone else could put files of theirs in it, as Windows has it.
    #[error(
        "the state folder {} can be written by others ({who}); let an administrator take away their rights, or name \
         another folder with --state",
        path.display()
    )]
    WritableByOthers {
        /// The folder.
        path: PathBuf,
        /// The security identifier of one of them.
        who: String,
    },
    /// A file larger than anything the agent writes there.
    #[error("{} has more than {limit} bytes, which this agent never wrote (move it away)", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, in bytes.
        limit: usize,
    },
    /// Another agent has the folder.
    #[error(
        "another agent already runs on {}{} (end it with 'carillon stop', or give this one its own folder with --state)",
        path.display(),
        process(*holder)
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that has it, where it says so.
        holder: Option<u32>,
    },
}

impl StateFolder {
    /// Opens the folder, and makes it if it is missing.
    ///
    /// # Errors
    /// When it cannot be made, or others may write in it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        make_private(path)?;
        refuse_open(path)?;
        for folder in FOLDERS {
            make_inside(&path.join(folder))?;
        }
        Ok(Self::at(path))
    }

    /// The folder as it is, to read what an agent wrote there; makes and checks nothing.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            credentials: None,
        }
    }

    /// The same with a folder beside it in which a service manager hands over secrets, read-only.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<PathBuf>) -> Self {
        Self {
            credentials,
            ..self
        }
    }

    /// The place of a secret that a service manager hands over; `None` where none does.
    pub fn credential(&self, name: &str) -> Option<PathBuf> {
        self.credentials.as_ref().map(|folder| folder.join(name))
    }

    /// Whether it is the Windows service's, whose secrets belong in no user's keyring.
    pub fn is_of_service(&self) -> bool {
        service_path().as_ref() == Some(&self.path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place of a file in it.
    pub fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// [`StateError::InUse`] when another process has it.
    pub fn lock(&self) -> Result<StateLock, StateError> {
        let path = self.place(LOCK);
        let file = private()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| io_error("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => {
                // In a file beside: what is locked, others may not be able to read. It only helps to tell who.
                let _ = private()
                    .create(true)
                    .truncate(true)
                    .open(self.place(HOLDER))
                    .and_then(|mut file| write!(file, "{}", std::process::id()));
                Ok(StateLock { _file: file })
            }
            Err(fs::TryLockError::WouldBlock) => Err(StateError::InUse {
                path: self.path.clone(),
                holder: self.holder(),
            }),
            Err(fs::TryLockError::Error(e)) => Err(io_error("lock", &path, e)),
        }
    }

    /// The process that took the folder last.
    fn holder(&self) -> Option<u32> {
        let text = self.read(HOLDER, 16).ok().flatten()?;
        std::str::from_utf8(&text).ok()?.parse().ok()
    }

    /// The same, with patience for one that was just killed and that the system has not buried yet. Blocks.
    ///
    /// # Errors
    /// [`StateError::InUse`] when another process still has it after `patience`.
    pub fn lock_within(&self, patience: Duration) -> Result<StateLock, StateError> {
        let begun = Instant::now();
        loop {
            match self.lock() {
                Err(StateError::InUse { .. }) if begun.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                other => return other,
            }
        }
    }

    /// Puts a file in place whole: who reads it sees the old content or the new, also after a power cut.
    ///
    /// # Errors
    /// When the disk is full or read-only, say; the old content then still stands.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        self.replace(name, content, true)
    }

    /// The same for what every start makes anew: whole for whoever reads it, and nobody waits for the disk.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_passing(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        self.replace(name, content, false)
    }

    fn replace(&self, name: &str, content: &[u8], lasting: bool) -> Result<(), StateError> {
        let path = self.place(name);
        let new = self.place(&format!("{name}.new"));
        let written = (|| {
            let mut file = private().create(true).truncate(true).open(&new)?;
            file.write_all(content)?;
            if lasting {
                file.sync_all()?;
            }
            fs::rename(&new, &path)?;
            if lasting { sync_folder(&path) } else { Ok(()) }
        })();
        written.map_err(|e| {
            // What a full disk left of the new file would only keep it full; the rename did not happen.
            let _ = fs::remove_file(&new);
            io_error("write", &path, e)
        })
    }

    /// The content of a file; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read or has more than `limit` bytes.
    pub fn read(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, StateError> {
        read_at(self.place(name), limit)
    }

    /// The content of a secret that a service manager hands over; `None` when there is none of that name.
    ///
    /// # Errors
    /// When it cannot be read or has more than `limit` bytes.
    pub fn read_credential(&self, name: &str, limit: usize) -> Result<Option<Vec<u8>>, StateError> {
        self.credential(name)
            .map_or(Ok(None), |path| read_at(path, limit))
    }

    /// Opens a file to write at its end, and says how long it is.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn append_to(&self, name: &str) -> Result<(File, u64), StateError> {
        let path = self.place(name);
        private()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|file| file.metadata().map(|facts| (file, facts.len())))
            .map_err(|e| io_error("open", &path, e))
    }

    /// Gives a file the name of another, which it replaces.
    ///
    /// # Errors
    /// When it cannot be renamed; both then stand as before.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), StateError> {
        let path = self.place(to);
        fs::rename(self.place(from), &path)
            .and_then(|()| sync_folder(&path))
            .map_err(|e| io_error("write", &path, e))
    }

    /// Takes a file away; one that is not there is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        let path = self.place(name);
        match fs::remove_file(&path).and_then(|()| sync_folder(&path)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &path, e)),
            _ => Ok(()),
        }
    }
}

/// Where the state stands when nobody says: `$CARILLON_STATE`, the `$STATE_DIRECTORY` of a service manager; for a service
/// `/var/lib/carillon` (root) or `%ProgramData%\Carillon`; for a user below `$XDG_STATE_HOME` or `%LOCALAPPDATA%`. `None`
/// when there is not even a home.
pub fn default_path() -> Option<PathBuf> {
    variable("CARILLON_STATE")
        .map(PathBuf::from)
        .or_else(system_path)
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(unix)]
fn system_path() -> Option<PathBuf> {
    // A unit may ask for several; the first is the state.
    if let Some(path) = variable("STATE_DIRECTORY")
        && let Some(first) = std::env::split_paths(&path).next()
    {
        return Some(first);
    }
    if is_root() {
        return Some("/var/lib/carillon".into());
    }
    variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .map(|base| base.join("carillon"))
}

#[cfg(unix)]
fn is_root() -> bool {
    own_user() == Some(0)
}

/// The user this process runs as, by number.
#[cfg(unix)]
pub(crate) fn own_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    // The process's own entry belongs to its effective user.
    fs::metadata("/proc/self").ok().map(|own| own.uid())
}

#[cfg(windows)]
fn system_path() -> Option<PathBuf> {
    if crate::windows::access::runs_as_service() {
        return service_path();
    }
    variable("LOCALAPPDATA").map(|base| PathBuf::from(base).join("Carillon"))
}

/// The state folder of the Windows service; elsewhere a service is told its own.
#[cfg(windows)]
pub fn service_path() -> Option<PathBuf> {
    crate::windows::program_data::path().map(|base| base.join("Carillon"))
}

/// The state folder of the Windows service; elsewhere a service is told its own.
#[cfg(not(windows))]
pub fn service_path() -> Option<PathBuf> {
    None
}

fn read_at(path: PathBuf, limit: usize) -> Result<Option<Vec<u8>>, StateError> {
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("read", &path, e)),
    };
    let mut content = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|e| io_error("read", &path, e))?;
    if content.len() > limit {
        return Err(StateError::TooLarge { path, limit });
    }
    Ok(Some(content))
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn process(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |id| format!(", as process {id}"))
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space; what runs goes on with what it has"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "mount it for writing; what runs goes on with what it has"
        }
        io::ErrorKind::PermissionDenied => {
            "run as the user that owns the folder, or give another with --state"
        }
        io::ErrorKind::NotFound => "the folder was moved or removed; start the agent anew",
        _ => "look at the disk and the folder's rights",
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), StateError> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| io_error("create", path, e))
}

#[cfg(windows)]
fn make_private(path: &Path) -> Result<(), StateError> {
    use crate::windows::access::{For, make};
    let whom = if service_path().as_deref() == Some(path) {
        For::Service
    } else {
        For::User
    };
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| make(path, whom))
        .map_err(|e| io_error("create", path, e))
}

#[cfg(unix)]
fn make_inside(path: &Path) -> Result<(), StateError> {
    make_private(path)
}

/// The state folder hands its access list down.
#[cfg(windows)]
fn make_inside(path: &Path) -> Result<(), StateError> {
    fs::create_dir_all(path).map_err(|e| io_error("create", path, e))
}

#[cfg(unix)]
fn refuse_open(path: &Path) -> Result<(), StateError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)
        .map_err(|e| io_error("read", path, e))?
        .permissions()
        .mode()
        & 0o777;
    if mode & 0o022 != 0 {
        return Err(StateError::OpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(windows)]
fn refuse_open(path: &Path) -> Result<(), StateError> {
    match crate::windows::access::other_writer(path) {
        Ok(None) => Ok(()),
        Ok(Some(who)) => Err(StateError::WritableByOthers {
            path: path.to_owned(),
            who,
        }),
        Err(e) => Err(io_error("read the rights of", path, e)),
    }
}

/// Makes a rename in the file's folder last.
#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// NTFS keeps its own journal of names, and gives nobody a folder to sync.
#[cfg(windows)]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, StateFolder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        (temporary, folder)
    }

    #[test]
    fn what_is_written_is_read_and_private() {
        let (_temporary, folder) = folder();
        folder.write("config/good-1.json", b"one").unwrap();
        folder.write("config/good-1.json", b"two").unwrap();
        assert_eq!(
            folder.read("config/good-1.json", 3).unwrap().unwrap(),
            b"two"
        );
        assert!(folder.read("missing", 10).unwrap().is_none());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(folder.path()), 0o700);
            assert_eq!(mode(&folder.place("config/good-1.json")), 0o600);
        }
    }

    #[test]
    fn a_file_above_the_limit_is_refused() {
        let (_temporary, folder) = folder();
        folder.write("seen.json", &[b'x'; 101]).unwrap();
        assert!(matches!(
            folder.read("seen.json", 100),
            Err(StateError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_content() {
        let (_temporary, folder) = folder();
        folder.write("identity.json", b"old").unwrap();
        // A folder in the way of the new file: the write cannot even begin, whoever runs the test.
        fs::create_dir(folder.place("identity.json.new")).unwrap();
        let error = folder.write("identity.json", b"new").unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        assert_eq!(folder.read("identity.json", 10).unwrap().unwrap(), b"old");
    }

    #[test]
    fn what_a_power_cut_left_of_a_write_is_overwritten() {
        let (_temporary, folder) = folder();
        fs::write(folder.place("seen.json.new"), b"{\"gener").unwrap();
        folder.write("seen.json", b"{}").unwrap();
        assert_eq!(folder.read("seen.json", 10).unwrap().unwrap(), b"{}");
        assert!(!folder.place("seen.json.new").exists());
    }

    #[test]
    fn only_one_has_the_lock() {
        let (_temporary, folder) = folder();
        let lock = folder.lock().unwrap();
        let error = folder.lock().unwrap_err();
        let own = format!("as process {}", std::process::id());
        assert!(error.to_string().contains(&own), "{error}");
        let begun = Instant::now();
        let patience = Duration::from_millis(50);
        assert!(folder.lock_within(patience).is_err() && begun.elapsed() >= patience);
        drop(lock);
        folder.lock().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_open_to_others_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let temporary = tempfile::tempdir().unwrap();
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = StateFolder::open(temporary.path()).unwrap_err();
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}

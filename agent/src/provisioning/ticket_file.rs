//! A ticket in a file, as an installer leaves it: found, read, and gone once it is used.
//!
//! Owns the places where it may lie and who may have written there. A ticket is a secret: one that others of the
//! machine can read is not used. Enrols nobody itself.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use carillon_schemas::Ticket;
use carillon_schemas::ticket::{MAX_TICKET, TicketError};
use zeroize::Zeroizing;

use crate::state_folder::StateFolder;

/// The file's name in the state folder and among a service manager's credentials.
const NAME: &str = "ticket";
/// Where an administrator puts one for the machine's service.
#[cfg(unix)]
const OF_THE_MACHINE: &str = "/etc/carillon/ticket";

/// A place where a ticket may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketFile {
    path: PathBuf,
    /// Handed over by the service manager, which alone decides who reads it and how long it stays.
    handed: bool,
}

/// Why a ticket that lies there is not used.
#[derive(Debug, thiserror::Error)]
pub enum TicketFileError {
    /// It cannot be read, or not be removed.
    #[error("cannot {action} the ticket {}: {source} (give it to the user that the agent runs as)", path.display())]
    Io {
        /// `read` or `remove`.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not a plain file.
    #[error("{} is no plain file (put the ticket itself there)", .0.display())]
    NoFile(PathBuf),
    /// Others can read or change it.
    #[error(
        "the ticket {} can be read or changed by others (mode {mode:o}); it is no longer secret: ask for a new \
         one, and 'chmod 600' it", path.display()
    )]
    OpenToOthers {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Another user than root or the agent's own put it there.
    #[error("the ticket {} belongs to another user of this machine (chown it to root or to the agent's user)", .0.display())]
    Foreign(PathBuf),
    /// No ticket.
    #[error("{}: {source}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it; never its text.
        source: TicketError,
    },
}

impl TicketFile {
    /// The places for a state folder, the first that holds a ticket counts; `service` adds the machine's own.
    pub fn places(folder: &StateFolder, service: bool) -> Vec<Self> {
        let handed = folder
            .credential(NAME)
            .map(|path| Self { path, handed: true });
        let plain = |path| Self {
            path,
            handed: false,
        };
        #[cfg(unix)]
        let machine = service.then(|| PathBuf::from(OF_THE_MACHINE));
        #[cfg(not(unix))]
        // The state folder is the machine's own place there.
        let machine: Option<PathBuf> = service.then_some(()).and(None);
        handed
            .into_iter()
            .chain([plain(folder.place(NAME))])
            .chain(machine.map(plain))
            .collect()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ticket that lies there; `None` when none does.
    ///
    /// # Errors
    /// When it is there and must not or cannot be used.
    pub fn read(&self) -> Result<Option<Ticket>, TicketFileError> {
        // The link itself is looked at: where it leads to is not for whoever made it to say.
        let about = match fs::symlink_metadata(&self.path) {
            Ok(about) => about,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.io("read", e)),
        };
        if !self.handed {
            self.check(&about)?;
        }
        let mut text = Zeroizing::new(String::new());
        fs::File::open(&self.path)
            .and_then(|file| file.take(MAX_TICKET as u64 + 2).read_to_string(&mut text))
            .map_err(|e| self.io("read", e))?;
        let ticket = text.parse().map_err(|source| TicketFileError::Content {
            path: self.path.clone(),
            source,
        })?;
        Ok(Some(ticket))
    }

    /// It is used, so that it can go. What the service manager hands over is not the agent's to remove.
    ///
    /// # Errors
    /// When it cannot be removed; a ticket used is known again and does no harm.
    pub fn used(&self) -> Result<(), TicketFileError> {
        if self.handed {
            return Ok(());
        }
        match fs::remove_file(&self.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.io("remove", e)),
            _ => Ok(()),
        }
    }

    fn io(&self, action: &'static str, source: io::Error) -> TicketFileError {
        TicketFileError::Io {
            action,
            path: self.path.clone(),
            source,
        }
    }

    fn check(&self, about: &fs::Metadata) -> Result<(), TicketFileError> {
        if !about.is_file() {
            return Err(TicketFileError::NoFile(self.path.clone()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            // Its group may read: root leaves it for the user of the service so.
            let mode = about.mode() & 0o777;
            if mode & 0o037 != 0 {
                return Err(TicketFileError::OpenToOthers {
                    path: self.path.clone(),
                    mode,
                });
            }
            if about.uid() != 0 && Some(about.uid()) != crate::state_folder::own_user() {
                return Err(TicketFileError::Foreign(self.path.clone()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder() -> (tempfile::TempDir, StateFolder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        (temporary, folder)
    }

    fn leave(path: &Path, mode: u32) {
        let ticket = Ticket::new(
            "https://127.0.0.1:1".into(),
            "token".into(),
            "root".into(),
            None,
        );
        fs::write(path, format!("{}\n", &*ticket.encode())).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_ticket_is_found_read_and_removed_once_used() {
        let (_temporary, folder) = folder();
        let [file] = TicketFile::places(&folder, false).try_into().unwrap();
        assert!(file.read().unwrap().is_none());
        for mode in [0o600, 0o400, 0o640] {
            leave(file.path(), mode);
            assert_eq!(file.read().unwrap().unwrap().token(), "token");
        }
        file.used().unwrap();
        assert!(!file.path().exists());
        file.used().unwrap();
    }

    #[test]
    fn what_others_can_read_change_or_lead_elsewhere_is_not_used() {
        let (temporary, folder) = folder();
        let [file] = TicketFile::places(&folder, false).try_into().unwrap();
        for mode in [0o644, 0o604, 0o660, 0o666] {
            leave(file.path(), mode);
            let error = file.read().unwrap_err().to_string();
            assert!(
                error.contains("chmod 600") && !error.contains("token"),
                "{error}"
            );
        }
        fs::remove_file(file.path()).unwrap();
        let elsewhere = temporary.path().join("elsewhere");
        leave(&elsewhere, 0o600);
        std::os::unix::fs::symlink(&elsewhere, file.path()).unwrap();
        assert!(matches!(file.read(), Err(TicketFileError::NoFile(_))));
    }

    #[test]
    fn what_is_no_ticket_is_told_without_its_text() {
        let (_temporary, folder) = folder();
        let [file] = TicketFile::places(&folder, false).try_into().unwrap();
        for text in ["hunter2", &"x".repeat(1 << 20)] {
            fs::write(file.path(), text).unwrap();
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
            let error = file.read().unwrap_err();
            assert!(matches!(error, TicketFileError::Content { .. }), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_the_service_manager_hands_over_comes_first_and_stays() {
        let (temporary, folder) = folder();
        let handed = temporary.path().join("credentials");
        fs::create_dir(&handed).unwrap();
        // As systemd leaves it for a service of another user: an access list shows as group rights.
        leave(&handed.join("ticket"), 0o440);
        let folder = folder.with_credentials(Some(handed));
        let files = TicketFile::places(&folder, true);
        assert_eq!(files.len(), 3);
        assert!(files[0].read().unwrap().is_some());
        files[0].used().unwrap();
        assert!(files[0].path().exists());
        assert_eq!(files[2].path(), Path::new(OF_THE_MACHINE));
    }
}

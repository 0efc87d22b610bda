//! The Unix socket of the local API.
//!
//! Owns the file: made when the agent listens, gone when it does not. What a killed agent left is taken over;
//! another agent's socket, and what is no socket, are left alone.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::entrance::{Entrance, Peer};

/// The longest path of a socket, in bytes: what `sockaddr_un` holds beside its final NUL.
const MAX_PATH: usize = 107;

/// The socket; its file goes with it.
pub(super) struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode, so that a successor's file is not taken for this one's.
    file: (u64, u64),
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    /// No room for the path.
    #[error(
        "the path {} has {} bytes and a socket's may have {MAX_PATH} (name a shorter one as control.socket in agent.yaml)",
        .0.display(), .0.as_os_str().len()
    )]
    PathTooLong(PathBuf),
    /// Something else is there.
    #[error("{} is there and is no socket (move it away, or name another path as control.socket)", .0.display())]
    Foreign(PathBuf),
    /// Somebody listens there.
    #[error("another program listens at {} (stop it, or name another path as control.socket)", .0.display())]
    InUse(PathBuf),
    /// The system refused.
    #[error("cannot listen at {}: {source} (make its folder, and let the agent's user write there)", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl LocalSocket {
    /// Listens at `path`.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(super) fn bind(path: &Path) -> Result<Self, SocketError> {
        if path.as_os_str().len() > MAX_PATH {
            return Err(SocketError::PathTooLong(path.to_owned()));
        }
        clear(path)?;
        let io = |source| SocketError::Io {
            path: path.to_owned(),
            source,
        };
        let listener = UnixListener::bind(path).map_err(io)?;
        // Who may come in is decided by who they are; the file must not keep them from hearing why not.
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(io)?;
        let about = fs::symlink_metadata(path).map_err(io)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            file: (about.dev(), about.ino()),
        })
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        let own =
            fs::symlink_metadata(&self.path).is_ok_and(|now| (now.dev(), now.ino()) == self.file);
        if own && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{} stays behind: {error}", self.path.display());
        }
    }
}

impl Entrance for LocalSocket {
    type Stream = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        let about = stream.peer_cred()?;
        let peer = Peer::User {
            uid: about.uid(),
            gid: about.gid(),
        };
        Ok((stream, peer))
    }
}

/// Takes a socket away that nobody listens at any more, as after `kill -9`.
fn clear(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(about) if !about.file_type().is_socket() => {
            return Err(SocketError::Foreign(path.to_owned()));
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|source| SocketError::Io {
                path: path.to_owned(),
                source,
            }),
        _ => Err(SocketError::InUse(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_says_who_connects_and_the_file_goes_with_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let mut socket = LocalSocket::bind(&path).unwrap();
        let _client = UnixStream::connect(&path).await.unwrap();
        let (_, peer) = socket.accept().await.unwrap();
        let own = crate::state_folder::own_user().unwrap();
        assert!(matches!(peer, Peer::User { uid, .. } if uid == own));
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_agent_left_is_taken_over_and_a_living_ones_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        // As after kill -9: the file is there, nobody listens.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let first = LocalSocket::bind(&path).unwrap();
        assert!(matches!(
            LocalSocket::bind(&path),
            Err(SocketError::InUse(_))
        ));
        // A successor's file stays when the one before goes late.
        fs::remove_file(&path).unwrap();
        let _second = LocalSocket::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn what_is_no_socket_stays_and_a_path_too_long_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        fs::write(&path, "a diary").unwrap();
        assert!(matches!(
            LocalSocket::bind(&path),
            Err(SocketError::Foreign(_))
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a diary");
        let long = folder.path().join("x".repeat(MAX_PATH));
        let error = LocalSocket::bind(&long).err().unwrap();
        assert!(matches!(error, SocketError::PathTooLong(_)), "{error}");
        let nowhere = folder.path().join("missing/control.sock");
        assert!(matches!(
            LocalSocket::bind(&nowhere),
            Err(SocketError::Io { .. })
        ));
    }
}

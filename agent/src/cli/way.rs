//! The ways to a running agent: its local socket, loopback with the token, or the machine's service.
//!
//! Owns which is tried first, and a connection of either kind. On the socket the system says who asks, so no
//! token is read.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::control::ControlAddress;
#[cfg(unix)]
use crate::control::SOCKET;
use crate::state_folder::StateFolder;
#[cfg(windows)]
use crate::windows::pipe::{self, OF_THE_MACHINE};

/// How long the agent may take to accept.
const CONNECT: Duration = Duration::from_secs(2);
/// Where the machine's service listens.
#[cfg(unix)]
const OF_THE_MACHINE: &str = "/run/carillon/control.sock";

/// A way to an agent.
pub(super) enum Way {
    /// Its socket.
    #[cfg(unix)]
    Socket(PathBuf),
    /// Its named pipe.
    #[cfg(windows)]
    Pipe(String),
    /// Loopback.
    Token(ControlAddress),
}

/// A connection to it.
pub(super) enum Connection {
    /// On its socket.
    #[cfg(unix)]
    Socket(std::os::unix::net::UnixStream),
    /// On its named pipe.
    #[cfg(windows)]
    Pipe(std::fs::File),
    /// On loopback.
    Tcp(TcpStream),
}

impl Way {
    /// The ways to the agent of a state folder, best first, and then, where the folder was not asked for, to the
    /// machine's service.
    ///
    /// # Errors
    /// What keeps the folder from being read, when there is no other way.
    pub(super) fn all(state: &Path) -> Result<Vec<Self>, crate::state_folder::StateError> {
        let mut ways = Vec::new();
        #[cfg(unix)]
        {
            let named = std::env::var_os("CARILLON_SOCKET").filter(|path| !path.is_empty());
            let own = state.join(SOCKET);
            let found = named.map(PathBuf::from).or(own.exists().then_some(own));
            ways.extend(found.map(Self::Socket));
        }
        let loaded = ControlAddress::load(&StateFolder::at(state));
        #[cfg(unix)]
        let machine = is_unasked(state).then(|| PathBuf::from(OF_THE_MACHINE));
        #[cfg(unix)]
        let machine = machine.filter(|path| path.exists()).map(Self::Socket);
        #[cfg(windows)]
        let machine = is_unasked(state).then(|| Self::Pipe(OF_THE_MACHINE.to_owned()));
        match loaded {
            Ok(address) => ways.extend(address.map(Self::Token)),
            // Another user's folder; theirs may be the machine's service.
            Err(error) if ways.is_empty() && machine.is_none() => return Err(error),
            Err(_) => {}
        }
        ways.extend(machine);
        Ok(ways)
    }

    /// Connects.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn connect(&self) -> io::Result<Connection> {
        match self {
            #[cfg(unix)]
            Self::Socket(path) => {
                std::os::unix::net::UnixStream::connect(path).map(Connection::Socket)
            }
            #[cfg(windows)]
            Self::Pipe(name) => pipe::connect(name).map(Connection::Pipe),
            Self::Token(address) => {
                let stream = TcpStream::connect_timeout(&address.address, CONNECT)?;
                stream.set_nodelay(true)?;
                Ok(Connection::Tcp(stream))
            }
        }
    }

    /// For a person.
    pub(super) fn shown(&self) -> String {
        match self {
            #[cfg(unix)]
            Self::Socket(path) => path.display().to_string(),
            #[cfg(windows)]
            Self::Pipe(name) => name.clone(),
            Self::Token(address) => address.address.to_string(),
        }
    }

    /// The lines of a request's head that let it in.
    pub(super) fn credentials(&self) -> String {
        match self {
            #[cfg(unix)]
            Self::Socket(_) => "Host: localhost\r\n".to_owned(),
            #[cfg(windows)]
            Self::Pipe(_) => "Host: localhost\r\n".to_owned(),
            Self::Token(address) => format!(
                "Host: {}\r\nAuthorization: Bearer {}\r\n",
                address.address,
                address.token()
            ),
        }
    }
}

/// The socket of the machine's service.
#[cfg(unix)]
pub(super) fn of_the_machine() -> PathBuf {
    let named = std::env::var_os("CARILLON_SOCKET").filter(|path| !path.is_empty());
    named.map_or_else(|| OF_THE_MACHINE.into(), PathBuf::from)
}

/// The pipe of the machine's service.
#[cfg(windows)]
pub(super) fn of_the_machine() -> PathBuf {
    let named = std::env::var_os("CARILLON_SOCKET").filter(|path| !path.is_empty());
    named.map_or_else(|| OF_THE_MACHINE.into(), PathBuf::from)
}

fn is_unasked(state: &Path) -> bool {
    std::env::var_os("CARILLON_STATE").is_none()
        && crate::state_folder::default_path().as_deref() == Some(state)
}

impl Connection {
    /// How long an answer may take; `None` waits for ever.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn set_read_timeout(&self, patience: Option<Duration>) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Socket(stream) => stream.set_read_timeout(patience),
            // A pipe knows no time; its end is told, and the agent's own limits hold.
            #[cfg(windows)]
            Self::Pipe(_) => Ok(()),
            Self::Tcp(stream) => stream.set_read_timeout(patience),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Socket(stream) => stream.read(buffer),
            #[cfg(windows)]
            Self::Pipe(pipe) => match pipe.read(buffer) {
                // The agent has closed its end.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
                other => other,
            },
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Socket(stream) => stream.write(buffer),
            #[cfg(windows)]
            Self::Pipe(pipe) => pipe.write(buffer),
            Self::Tcp(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

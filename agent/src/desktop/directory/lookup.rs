//! One question to a directory: connect, be known, search, leave. Nothing is kept open.
//!
//! All of it has one time limit, so that neither a server that hangs nor one that drips holds anybody up; messages,
//! bytes and entries are bounded, and another server is never gone to because this one says so.

use std::sync::Arc;
use std::time::Duration;

use carillon_schemas::Secret;
use carillon_schemas::config::Contact;
use carillon_schemas::directory::{Directory, DirectorySecurity, DirectoryServer};
use carillon_schemas::ldap_filter::LdapFilter;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ber::BerError;
use super::message::{self, Answer, Attribute, Outcome, Search};
use crate::desktop::phonebook::Entries;
use crate::provisioning::tls::{ServerTrust, TlsError, client_config};

/// The largest message, in bytes: a person with many numbers has a few hundred.
pub(super) const MAX_MESSAGE: usize = 128 << 10;
/// The most bytes of one answer.
pub(super) const MAX_ANSWER: usize = 2 << 20;
/// The most messages beside the people: pointers to other servers.
const MAX_POINTERS: usize = 1_000;
/// How long saying good-bye may take.
const GOOD_BYE: Duration = Duration::from_millis(100);

/// Why a directory told nothing.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No connection, or it broke.
    #[error("it cannot be reached: {0} (is the address right, and its server up?)")]
    Unreachable(#[source] std::io::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It does not do StartTLS.
    #[error("it refuses StartTLS, and nothing is said in the clear: {0}")]
    NoStartTls(String),
    /// A name without a password would be taken for nobody (RFC 4513 §5.1.2).
    #[error("bind_dn has no password (set 'password' beside it)")]
    NoPassword,
    /// Name or password are wrong.
    #[error("it does not let us in: {0} (look at bind_dn and its password)")]
    NotLetIn(String),
    /// It does not search.
    #[error("it refuses the search: {0}")]
    Refused(String),
    /// It points to another server.
    #[error("it points to another server, which is not followed (write that server into 'url')")]
    Referral,
    /// It hung, or dripped.
    #[error("it did not answer within {0} s")]
    TooSlow(u16),
    /// A message above the limit.
    #[error("it sends a message of more than {} KB, which is the limit", MAX_MESSAGE >> 10)]
    TooLarge,
    /// More than an answer can be.
    #[error("it sends more than {} MB or {MAX_POINTERS} pointers, which is the limit", MAX_ANSWER >> 20)]
    TooMuch,
    /// No LDAP.
    #[error("what it says is no LDAP: {0}")]
    Broken(String),
}

impl From<BerError> for LookupError {
    fn from(error: BerError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Asks for the people that a filter finds, at most as many as the configuration says.
///
/// # Errors
/// Everything that is no answer in time.
pub(super) async fn look_up(
    directory: &Directory<Secret>,
    filter: &LdapFilter,
) -> Result<Vec<Contact>, LookupError> {
    let limit = directory.time_limit();
    tokio::time::timeout(Duration::from_secs(limit.into()), ask(directory, filter))
        .await
        .unwrap_or(Err(LookupError::TooSlow(limit)))
}

async fn ask(
    directory: &Directory<Secret>,
    filter: &LdapFilter,
) -> Result<Vec<Contact>, LookupError> {
    // Checked when the configuration was read.
    let server = directory
        .server()
        .ok_or_else(|| LookupError::Broken("its address is none".into()))?;
    let mut wire = Wire::to(&server, directory.ca.as_deref()).await?;
    if let Some(name) = &directory.bind_dn {
        let password = directory
            .password
            .as_ref()
            .ok_or(LookupError::NoPassword)?
            .expose();
        wire.bind(name, password).await?;
    }
    let found = wire.search(directory, filter).await?;
    let _ = tokio::time::timeout(GOOD_BYE, wire.leave()).await;
    Ok(found)
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection, and what came by it and is not read yet.
struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    /// How many bytes came.
    came: usize,
    /// The number of the last request.
    last: u32,
}

impl Wire {
    async fn to(server: &DirectoryServer, ca: Option<&str>) -> Result<Self, LookupError> {
        let stream = TcpStream::connect((server.host.as_str(), server.port))
            .await
            .map_err(LookupError::Unreachable)?;
        let _ = stream.set_nodelay(true);
        let mut wire = Self {
            stream: Box::new(stream),
            buffer: Vec::new(),
            came: 0,
            last: 0,
        };
        match server.security {
            DirectorySecurity::Clear => Ok(wire),
            DirectorySecurity::Tls => wire.encrypted(server, ca).await,
            DirectorySecurity::StartTls => {
                wire.start_tls().await?;
                wire.encrypted(server, ca).await
            }
        }
    }

    async fn start_tls(&mut self) -> Result<(), LookupError> {
        let request = message::start_tls(self.next());
        self.send(&request).await?;
        match self.receive().await? {
            Answer::Extended(outcome) if outcome.code == 0 => {}
            Answer::Extended(outcome) => return Err(LookupError::NoStartTls(told(&outcome))),
            _ => return Err(unexpected()),
        }
        // What came before TLS began, anybody on the way could have said.
        match self.buffer.is_empty() {
            true => Ok(()),
            false => Err(LookupError::Broken("it says more before TLS begins".into())),
        }
    }

    async fn encrypted(
        self,
        server: &DirectoryServer,
        ca: Option<&str>,
    ) -> Result<Self, LookupError> {
        let trust = match ca {
            Some(pem) => ServerTrust::Given(pem.to_owned()),
            None => ServerTrust::Platform,
        };
        // Reading the platform's authorities takes a while, and a call may be ringing.
        let config = tokio::task::spawn_blocking(move || client_config(&trust))
            .await
            .map_err(|error| TlsError::Library(error.to_string()))??;
        let name = ServerName::try_from(server.host.clone())
            .map_err(|error| TlsError::Library(error.to_string()))?;
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, self.stream)
            .await
            .map_err(LookupError::Unreachable)?;
        Ok(Self {
            stream: Box::new(stream),
            ..self
        })
    }

    async fn bind(&mut self, name: &str, password: &str) -> Result<(), LookupError> {
        let request = message::bind(self.next(), name, password);
        self.send(&request).await?;
        match self.receive().await? {
            Answer::Bind(outcome) if outcome.code == 0 => Ok(()),
            Answer::Bind(outcome) => Err(LookupError::NotLetIn(meaning(outcome.code))),
            _ => Err(unexpected()),
        }
    }

    async fn search(
        &mut self,
        directory: &Directory<Secret>,
        filter: &LdapFilter,
    ) -> Result<Vec<Contact>, LookupError> {
        let (names, numbers) = (directory.name_attributes(), directory.number_attributes());
        let attributes = [names.as_slice(), &numbers].concat();
        let request = message::search(
            self.next(),
            &Search {
                base: &directory.base,
                filter,
                attributes: &attributes,
                size_limit: directory.size_limit().into(),
                time_limit: directory.time_limit().into(),
            },
        );
        self.send(&request).await?;
        let mut found = Entries::default();
        let (mut entries, mut pointers) = (0, 0);
        loop {
            match self.receive().await? {
                Answer::Entry(entry) => {
                    add(&mut found, &entry, &names, &numbers);
                    entries += 1;
                    if entries >= directory.size_limit() {
                        return Ok(found.people);
                    }
                }
                Answer::Elsewhere => {
                    pointers += 1;
                    if pointers > MAX_POINTERS {
                        return Err(LookupError::TooMuch);
                    }
                }
                Answer::Done(outcome) => {
                    return match outcome.code {
                        // Its time or size limit: what it found until then serves.
                        0 | 3 | 4 | 11 => Ok(found.people),
                        10 => Err(LookupError::Referral),
                        _ => Err(LookupError::Refused(told(&outcome))),
                    };
                }
                Answer::Bind(_) | Answer::Extended(_) => return Err(unexpected()),
            }
        }
    }

    async fn leave(&mut self) {
        let request = message::unbind(self.next());
        let _ = self.send(&request).await;
        let _ = self.stream.shutdown().await;
    }

    fn next(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    async fn send(&mut self, request: &[u8]) -> Result<(), LookupError> {
        let sent = async {
            self.stream.write_all(request).await?;
            self.stream.flush().await
        };
        sent.await.map_err(LookupError::Unreachable)
    }

    /// The next message of the last request.
    async fn receive(&mut self) -> Result<Answer, LookupError> {
        loop {
            if let Some(size) = message::size(&self.buffer)? {
                if size > MAX_MESSAGE {
                    return Err(LookupError::TooLarge);
                }
                if self.buffer.len() >= size {
                    let (id, answer) = message::answer(&self.buffer[..size])?;
                    self.buffer.drain(..size);
                    return match answer {
                        answer if id == self.last => Ok(answer),
                        // A notice, RFC 4511 §4.4: it hangs up.
                        Answer::Extended(outcome) if id == 0 => {
                            Err(LookupError::Refused(told(&outcome)))
                        }
                        _ => Err(LookupError::Broken("it answers what was not asked".into())),
                    };
                }
            }
            let mut chunk = [0; 4_096];
            let count = self
                .stream
                .read(&mut chunk)
                .await
                .map_err(LookupError::Unreachable)?;
            if count == 0 {
                let kind = std::io::ErrorKind::UnexpectedEof;
                return Err(LookupError::Unreachable(kind.into()));
            }
            self.came += count;
            if self.came > MAX_ANSWER {
                return Err(LookupError::TooMuch);
            }
            self.buffer.extend_from_slice(&chunk[..count]);
        }
    }
}

/// The person of an entry, by the best name it has, with all numbers in the order of the configuration.
fn add(found: &mut Entries, entry: &[Attribute], names: &[&str], numbers: &[&str]) {
    let values = |wanted: &str| {
        entry
            .iter()
            .filter(move |attribute| attribute.name.eq_ignore_ascii_case(bare(wanted)))
            .flat_map(|attribute| &attribute.values)
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    let name = names
        .iter()
        .find_map(|name| values(name).into_iter().find(|v| !v.trim().is_empty()));
    let numbers = numbers.iter().flat_map(|number| values(number));
    found.add(name.unwrap_or_default(), numbers);
}

/// The name of an attribute without its options.
fn bare(attribute: &str) -> &str {
    attribute.split(';').next().unwrap_or_default()
}

fn unexpected() -> LookupError {
    LookupError::Broken("it answers another request than was made".into())
}

/// A code with what the server says of it.
fn told(outcome: &Outcome) -> String {
    let meaning = meaning(outcome.code);
    match outcome.text.trim() {
        "" => meaning,
        text => format!("{meaning}, {text:?}"),
    }
}

/// The codes that an admin meets (RFC 4511, appendix A).
fn meaning(code: u32) -> String {
    let meaning = match code {
        1 => "operations error",
        2 => "protocol error",
        7 => "this way of signing in is not supported",
        8 => "it wants to know who asks",
        13 => "it wants encryption",
        32 => "there is no such base",
        34 => "a name is not written as names are",
        48 => "this name may not sign in so",
        49 => "wrong name or password",
        50 => "not allowed",
        51 => "it is busy",
        52 => "it is not available",
        53 => "it is unwilling",
        _ => return format!("code {code}"),
    };
    format!("{meaning} ({code})")
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;

//! Whether a document from the server is believed: pure, no file, no socket.
//!
//! Owns the order of the checks: size → envelope → role → signature → payload type → desk → generation →
//! bounds → seals. The first that fails names the refusal, and nothing of the document is used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::config::{
    ConfigError, Contact, DeskConfig, Hook, MAX_CONFIG_BYTES, Media, Network,
};
use carillon_schemas::directory::Directory;
use carillon_schemas::envelope::{EnvelopeError, PayloadType};
use carillon_schemas::history::History;
use carillon_schemas::links::Links;
use carillon_schemas::phonebook::Phonebook;
use carillon_schemas::secret::{SecretError, directory_seal_context, seal_context};
use carillon_schemas::trust::{Freshness, Role, TrustRoot};
use carillon_schemas::{
    Account, AccountId, DeskId, Envelope, Generation, SealedSecret, Secret, Timestamp,
};

use super::keys::{KeyError, PrivateKeys};
use super::seen::{Seen, digest};
use super::trust::{may_need_newer_root, verify};

/// The largest freshness statement in a header, in bytes.
pub const MAX_FRESHNESS_BYTES: usize = 8 << 10;

/// A configuration that is believed, with its seals open.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Its generation.
    pub generation: Generation,
    /// SHA-256 of the signed payload, in hex.
    pub digest: String,
    /// When it was signed.
    pub issued: Timestamp,
    /// The desk's name.
    pub name: String,
    /// The accounts.
    pub accounts: Vec<Account<Secret>>,
    /// Sound and codecs.
    pub media: Media,
    /// Addresses, ports and the link.
    pub network: Network,
    /// What a link on a web page may do.
    pub links: Links,
    /// What runs when something happens.
    pub hooks: Vec<Hook>,
    /// The people everyone calls.
    pub contacts: Vec<Contact>,
    /// Phonebooks from elsewhere.
    pub phonebooks: Vec<Phonebook>,
    /// LDAP directories.
    pub directories: Vec<Directory<Secret>>,
    /// How long calls and messages are remembered.
    pub history: History,
}

/// A configuration that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// Its generation, where a signed one could be read.
    pub generation: Option<Generation>,
    /// Why.
    pub why: RefusedWhy,
}

/// Why a configuration is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedWhy {
    /// Above [`MAX_CONFIG_BYTES`].
    #[error("the configuration has more than {MAX_CONFIG_BYTES} bytes")]
    TooLarge,
    /// The envelope is not whole or not signed by who must.
    #[error("the configuration is not believed: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Signed, and not a configuration.
    #[error("the signed configuration cannot be read: {0}")]
    Unreadable(String),
    /// Another desk's.
    #[error("the configuration is for desk {found}, this is desk {own}")]
    OtherDesk {
        /// Whose it is.
        found: DeskId,
        /// Who this is.
        own: DeskId,
    },
    /// Older than what was believed before.
    #[error(
        "generation {found} is older than generation {floor}, which this desk has seen (a rollback)"
    )]
    Rollback {
        /// What came.
        found: Generation,
        /// The highest seen.
        floor: Generation,
    },
    /// Two documents of one generation.
    #[error("generation {0} came before with other content")]
    Changed(Generation),
    /// A setting out of bounds.
    #[error("the configuration cannot run: {0}")]
    Invalid(#[from] ConfigError),
    /// A seal that does not open.
    #[error("the password of account or directory {of} cannot be opened: {why}")]
    Seal {
        /// Of which account or directory.
        of: AccountId,
        /// Why.
        why: KeyError,
    },
    /// A seal that opens on what is no secret.
    #[error("the password of account or directory {of} cannot be used: {why}")]
    Secret {
        /// Of which account or directory.
        of: AccountId,
        /// Why.
        why: SecretError,
    },
}

impl Refused {
    /// Whether a newer trust root could change the verdict.
    pub fn may_need_newer_root(&self) -> bool {
        matches!(&self.why, RefusedWhy::Envelope(error) if may_need_newer_root(error))
    }
}

/// Verifies a configuration that the server sent.
///
/// # Errors
/// The first check that fails.
pub fn config(
    body: &[u8],
    root: &TrustRoot,
    desk: &DeskId,
    keys: &PrivateKeys,
    seen: &Seen,
) -> Result<Verified, Refused> {
    let (config, digest) = signed(body, root, desk)?;
    let refuse = |why| Refused {
        generation: Some(config.generation),
        why,
    };
    if config.generation < seen.generation {
        return Err(refuse(RefusedWhy::Rollback {
            found: config.generation,
            floor: seen.generation,
        }));
    }
    if config.generation == seen.generation && !seen.digest.is_empty() && digest != seen.digest {
        return Err(refuse(RefusedWhy::Changed(config.generation)));
    }
    opened(config, digest, keys)
}

/// Verifies a configuration that this desk stored as good: all the same checks but the floor, which may
/// have risen since.
///
/// # Errors
/// The first check that fails.
pub fn stored_config(
    body: &[u8],
    root: &TrustRoot,
    desk: &DeskId,
    keys: &PrivateKeys,
) -> Result<Verified, Refused> {
    let (config, digest) = signed(body, root, desk)?;
    opened(config, digest, keys)
}

/// A freshness statement that is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FreshnessError {
    /// Not a statement at all.
    #[error("the freshness statement cannot be read: {0}")]
    Unreadable(String),
    /// Not signed by who must.
    #[error("the freshness statement is not believed: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Another desk's.
    #[error("the freshness statement is for desk {0}")]
    OtherDesk(DeskId),
    /// Over, when it came.
    #[error(
        "the freshness statement was over at {expires}, now it is {now}: an old one is being replayed, or the server's clock is wrong"
    )]
    Expired {
        /// Until when it held.
        expires: Timestamp,
        /// The desk's time.
        now: Timestamp,
    },
    /// It calls a generation the newest that is older than one seen.
    #[error(
        "the freshness statement calls generation {found} the newest, this desk has seen {floor}"
    )]
    Rollback {
        /// What it says.
        found: Generation,
        /// The highest seen.
        floor: Generation,
    },
}

impl FreshnessError {
    /// Whether a newer trust root could change the verdict.
    pub fn may_need_newer_root(&self) -> bool {
        matches!(self, Self::Envelope(error) if may_need_newer_root(error))
    }
}

/// Verifies the freshness statement of an answer's header.
///
/// # Errors
/// The first check that fails.
pub fn freshness(
    header: &str,
    root: &TrustRoot,
    desk: &DeskId,
    seen: &Seen,
    now: Timestamp,
) -> Result<Freshness, FreshnessError> {
    if header.len() > MAX_FRESHNESS_BYTES {
        return Err(FreshnessError::Unreadable(format!(
            "it has more than {MAX_FRESHNESS_BYTES} bytes"
        )));
    }
    let json = STANDARD
        .decode(header)
        .map_err(|e| FreshnessError::Unreadable(e.to_string()))?;
    let payload =
        Envelope::from_json(&json)?.verify(PayloadType::Freshness, Role::Director, root, verify)?;
    let statement: Freshness =
        serde_json::from_slice(&payload).map_err(|e| FreshnessError::Unreadable(e.to_string()))?;
    if statement.desk != *desk {
        return Err(FreshnessError::OtherDesk(statement.desk));
    }
    if statement.expires <= now {
        return Err(FreshnessError::Expired {
            expires: statement.expires,
            now,
        });
    }
    if statement.generation < seen.generation {
        return Err(FreshnessError::Rollback {
            found: statement.generation,
            floor: seen.generation,
        });
    }
    Ok(statement)
}

/// Envelope, role, signature, type, desk.
fn signed(body: &[u8], root: &TrustRoot, desk: &DeskId) -> Result<(DeskConfig, String), Refused> {
    let refuse = |why| Refused {
        generation: None,
        why,
    };
    if body.len() > MAX_CONFIG_BYTES {
        return Err(refuse(RefusedWhy::TooLarge));
    }
    let payload = Envelope::from_json(body)
        .and_then(|envelope| envelope.verify(PayloadType::Config, Role::Director, root, verify))
        .map_err(|e| refuse(e.into()))?;
    let config: DeskConfig = serde_json::from_slice(&payload)
        .map_err(|e| refuse(RefusedWhy::Unreadable(e.to_string())))?;
    if config.desk != *desk {
        return Err(refuse(RefusedWhy::OtherDesk {
            found: config.desk,
            own: desk.clone(),
        }));
    }
    Ok((config, digest(&payload)))
}

/// Bounds and seals.
fn opened(config: DeskConfig, digest: String, keys: &PrivateKeys) -> Result<Verified, Refused> {
    let generation = config.generation;
    let refuse = |why| Refused {
        generation: Some(generation),
        why,
    };
    config.validate().map_err(|e| refuse(e.into()))?;
    let desk = config.desk;
    let open = |of: &AccountId, sealed: &SealedSecret, context: &[u8]| {
        let of = || of.clone();
        let secret = keys
            .open(sealed, context)
            .map_err(|why| RefusedWhy::Seal { of: of(), why })?;
        // A text that is no UTF-8 becomes one with replacement characters, of which none is a password.
        Secret::new(String::from_utf8_lossy(&secret).into_owned())
            .map_err(|why| RefusedWhy::Secret { of: of(), why })
    };
    let accounts = config
        .accounts
        .into_iter()
        .map(|mut account| {
            let context = seal_context(&desk, &account.id, generation);
            let sealed = account.password.take();
            let password = sealed.map(|sealed| open(&account.id, &sealed, &context));
            let password = password.transpose()?;
            Ok(account.map_password(|_| password))
        })
        .collect::<Result<_, RefusedWhy>>()
        .map_err(refuse)?;
    let directories = config
        .directories
        .into_iter()
        .map(|mut directory| {
            let context = directory_seal_context(&desk, &directory.id, generation);
            let sealed = directory.password.take();
            let password = sealed.map(|sealed| open(&directory.id, &sealed, &context));
            let password = password.transpose()?;
            Ok(directory.map_password(|_| password))
        })
        .collect::<Result<_, RefusedWhy>>()
        .map_err(refuse)?;
    Ok(Verified {
        generation,
        digest,
        issued: config.issued,
        name: config.name,
        accounts,
        media: config.media,
        network: config.network,
        links: config.links,
        hooks: config.hooks,
        contacts: config.contacts,
        phonebooks: config.phonebooks,
        directories,
        history: config.history,
    })
}

//! Why a use case did not come to its end, and the problem document that says so.

use carillon_schemas::Problem;
use carillon_schemas::config::ConfigError;
use carillon_schemas::desk_token::TokenError;

use crate::store::StoreError;
use crate::trust::TrustError;

/// Why a use case did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// `init` was never run here.
    #[error("this data folder holds no fleet")]
    NotInitialised,
    /// The director key is not in the trust root.
    #[error("director.pem is not a director of this fleet's trust root")]
    OtherDirector,
    /// No desk of that name or identity.
    #[error("there is no desk {0:?}")]
    NoDesk(String),
    /// The desk has no such account.
    #[error("desk {desk:?} has no account {account:?}")]
    NoAccount {
        /// The desk's name.
        desk: String,
        /// The account asked for.
        account: String,
    },
    /// No such admin token.
    #[error("there is no admin token {0:?}")]
    NoToken(String),
    /// No trust root of that version.
    #[error("there is no trust root of version {0}")]
    NoRoot(u64),
    /// What the admin gave is not right.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
    /// The desk is shut out.
    #[error("desk {0:?} was revoked")]
    DeskRevoked(String),
    /// No ticket of that token.
    #[error("no ticket with this token was ever made here, or it was deleted")]
    TicketUnknown,
    /// Its time is over.
    #[error("ticket {id} expired at {expired}")]
    TicketExpired {
        /// Its public name.
        id: String,
        /// When.
        expired: carillon_schemas::Timestamp,
    },
    /// It has enrolled as many desks as it was made for.
    #[error("ticket {id} was made for {uses} desk(s) and has enrolled them")]
    TicketUsedUp {
        /// Its public name.
        id: String,
        /// How many.
        uses: u32,
    },
    /// The proof of possession does not hold.
    #[error("the request is not signed by the signing key it names")]
    BadProof,
    /// A key that is none.
    #[error("{0}")]
    BadKey(TrustError),
    /// The desk token is refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The desk token was used before.
    #[error("this desk token was used before; each is taken once")]
    TokenReplayed,
    /// The token names a desk that is not (any more) in this fleet.
    #[error("this fleet has no desk {0}")]
    DeskUnknown(carillon_schemas::DeskId),
    /// A report above a limit.
    #[error(transparent)]
    Report(#[from] crate::fleet::standing::ReportError),
    /// Too much at once, or too often.
    #[error("{what}: try again in {seconds} s")]
    Busy {
        /// What is too much.
        what: &'static str,
        /// When to come again.
        seconds: u64,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys and signatures.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl ServiceError {
    /// The problem document for it. What only the server's keeper should read stays in the log.
    pub fn problem(&self) -> Problem {
        let say = self.to_string();
        match self {
            Self::NoDesk(_) => Problem::new(404, "desk-not-found", "No such desk", say)
                .advise("list the desks with 'carillon-server desk list'"),
            Self::NoAccount { .. } => {
                Problem::new(404, "account-not-found", "No such account", say)
                    .advise("show the desk with 'carillon-server desk show NAME'")
            }
            Self::NoToken(_) => {
                Problem::new(404, "admin-token-not-found", "No such admin token", say)
            }
            Self::NoRoot(_) => Problem::new(404, "root-not-found", "No such trust root", say),
            Self::Invalid(_) => Problem::new(422, "invalid", "A setting is not right", say)
                .advise("correct the setting named and send it again"),
            Self::DeskRevoked(_) => Problem::new(403, "desk-revoked", "The desk was revoked", say)
                .advise("remove the desk and add it anew, then enrol it with a new ticket"),
            Self::TicketUnknown => {
                Problem::new(403, "ticket-unknown", "The ticket is unknown", say)
                    .advise("make a new one with 'carillon-server ticket new'")
            }
            Self::TicketExpired { .. } => {
                Problem::new(403, "ticket-expired", "The ticket has expired", say)
                    .advise("make a new one with 'carillon-server ticket new'")
            }
            Self::TicketUsedUp { .. } => {
                Problem::new(403, "ticket-used-up", "The ticket is used up", say)
                    .advise("make a new one with 'carillon-server ticket new'")
            }
            Self::BadProof => Problem::new(403, "proof-bad", "The proof of possession fails", say)
                .advise("enrol again; the agent makes new keys"),
            Self::BadKey(_) => Problem::new(422, "key-bad", "A public key is not right", say)
                .advise("send both keys as uncompressed P-256 points in base64"),
            Self::Token(TokenError::OutOfTime { .. }) => Problem::new(
                401,
                "token-out-of-time",
                "The desk token is outside its time",
                say,
            )
            .advise("set the desk's clock"),
            Self::Token(_) => Problem::new(401, "token-bad", "The desk token is refused", say)
                .advise("if it stays so, enrol the desk again with a new ticket"),
            Self::TokenReplayed => {
                Problem::new(401, "token-replayed", "The desk token was used before", say)
                    .advise("make a new token for every request")
            }
            Self::DeskUnknown(_) => Problem::new(401, "desk-unknown", "The desk is unknown", say)
                .advise("the desk was removed: enrol it again with a new ticket"),
            Self::Report(_) => Problem::new(422, "report-bad", "The report is out of bounds", say),
            Self::Busy { .. } => Problem::new(503, "busy", "The server is busy", say)
                .advise("wait as long as Retry-After says"),
            Self::Store(StoreError::NameTaken(_)) => {
                Problem::new(409, "desk-exists", "The name is taken", say)
                    .advise("choose another name, or change the desk that has it")
            }
            Self::Store(StoreError::Conflict) => {
                Problem::new(409, "conflict", "Changed at the same time", say)
                    .advise("look at the change of the other, and try again")
            }
            Self::NotInitialised | Self::OtherDirector | Self::Store(_) | Self::Trust(_) => {
                tracing::error!(error = %self, "a request failed inside the server");
                Problem::new(
                    500,
                    "internal",
                    "The server failed",
                    "the request could not be carried out; nothing was changed",
                )
                .advise("the server's log says why")
            }
        }
    }

    /// Whether the server failed, not the one who asked.
    pub fn is_internal(&self) -> bool {
        match self {
            Self::Store(error) => !matches!(error, StoreError::NameTaken(_) | StoreError::Conflict),
            Self::NotInitialised | Self::OtherDirector | Self::Trust(_) => true,
            _ => false,
        }
    }

    /// Seconds for `Retry-After`, where waiting helps.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Busy { seconds, .. } => Some(*seconds),
            _ => None,
        }
    }
}

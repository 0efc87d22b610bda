//! The names of the root's children.

use std::fmt;

use carillon_schemas::AccountId;

/// A child of the root actor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Child {
    /// The actor of an account.
    Account(AccountId),
    /// A service: provisioning, status, control.
    Service(&'static str),
}

impl Child {
    /// The account, when it is an account's actor.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Account(id) => Some(id),
            Self::Service(_) => None,
        }
    }
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account/{id}"),
            Self::Service(name) => f.write_str(name),
        }
    }
}

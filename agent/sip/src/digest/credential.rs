//! User name and password of an account. A password is never printed and is wiped when dropped.

use std::fmt;
use zeroize::Zeroizing;

/// A password. `Debug` shows only that there is one; the memory is wiped on drop.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password in.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self(Zeroizing::new(password.into()))
    }

    /// The bytes, for hashing alone.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<Zeroizing<String>> for Password {
    fn from(password: Zeroizing<String>) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[password]")
    }
}

/// What answers a challenge of one realm.
#[derive(Debug, Clone)]
pub struct Credential {
    /// User name for authentication.
    pub username: String,
    /// The realm it is for; `None` takes the realm that the account's own registrar or proxy shows first.
    pub realm: Option<String>,
    /// The password.
    pub password: Password,
}

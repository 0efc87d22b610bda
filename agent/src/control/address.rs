//! `control.json`: where the local API listens and the token that opens it.

use std::net::SocketAddr;

use carillon_schemas::identifier::hex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::state_folder::{StateError, StateFolder};

const FILE: &str = "control.json";
const MAX_BYTES: usize = 4_096;

/// Where, and with which token.
#[derive(Clone, Serialize, Deserialize)]
pub struct ControlAddress {
    /// On loopback.
    pub address: SocketAddr,
    #[serde(serialize_with = "write_token", deserialize_with = "read_token")]
    token: Zeroizing<String>,
}

impl ControlAddress {
    /// An address with a new token of 256 random bits.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(address: SocketAddr) -> Result<Self, getrandom::Error> {
        let mut token = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *token)?;
        Ok(Self {
            address,
            token: Zeroizing::new(hex(&*token)),
        })
    }

    /// The token, for the `Authorization` of a request.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the agent of this state folder listens; `None` when none says so.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(folder: &StateFolder) -> Result<Option<Self>, StateError> {
        let bytes = folder.read(FILE, MAX_BYTES)?.map(Zeroizing::new);
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Says so.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, folder: &StateFolder) -> Result<(), StateError> {
        let bytes = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        folder.write_passing(FILE, &bytes)
    }

    /// Nobody listens any more.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove(folder: &StateFolder) -> Result<(), StateError> {
        folder.remove(FILE)
    }
}

fn write_token<S: Serializer>(token: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(token)
}

fn read_token<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

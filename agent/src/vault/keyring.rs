//! The keyring of the user: the session's secret service, on Windows the Credential Manager; asked with a time limit.
//!
//! Owns the thread that asks: the service's client blocks, may show a dialogue, and must not run inside the
//! agent's own runtime. The thread ends with the answer, so an idle agent has none.

use zeroize::Zeroizing;

use super::VaultError;

#[cfg(any(target_os = "linux", windows))]
pub(super) use known::{answers, get, put, remove};

#[cfg(not(any(target_os = "linux", windows)))]
pub(super) use elsewhere::{answers, get, put, remove};

#[cfg(any(target_os = "linux", windows))]
mod known {
    use std::sync::mpsc;
    use std::time::Duration;

    use keyring_core::Entry;
    use keyring_core::api::CredentialStoreApi as _;
    #[cfg(windows)]
    use windows_native_keyring_store::Store;
    #[cfg(target_os = "linux")]
    use zbus_secret_service_keyring_store::Store;

    use super::{VaultError, Zeroizing};

    /// How long the service may take.
    const PATIENCE: Duration = Duration::from_secs(2);
    const SERVICE: &str = "carillon";

    /// Whether a session bus with a secret service is there.
    #[cfg(target_os = "linux")]
    pub(crate) fn answers() -> bool {
        std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
            && ask("find", |_| Ok(())).is_ok()
    }

    /// Every user has a Credential Manager.
    #[cfg(windows)]
    pub(crate) fn answers() -> bool {
        true
    }

    pub(crate) fn put(name: &str, secret: &[u8]) -> Result<(), VaultError> {
        let (name, secret) = (name.to_owned(), Zeroizing::new(secret.to_vec()));
        ask("keep", move |store| {
            entry(store, &name)?.set_secret(&secret)
        })
    }

    pub(crate) fn get(name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let name = name.to_owned();
        ask("give", move |store| {
            match entry(store, &name)?.get_secret() {
                Ok(secret) => Ok(Some(Zeroizing::new(secret))),
                Err(keyring_core::Error::NoEntry) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    pub(crate) fn remove(name: &str) -> Result<(), VaultError> {
        let name = name.to_owned();
        ask("forget", move |store| {
            match entry(store, &name)?.delete_credential() {
                Err(keyring_core::Error::NoEntry) | Ok(()) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    #[cfg(target_os = "linux")]
    fn entry(store: &Store, name: &str) -> keyring_core::Result<Entry> {
        store.build(SERVICE, name, None)
    }

    /// A desk's keys stay on the desk: they do not roam with the user's profile.
    #[cfg(windows)]
    fn entry(store: &Store, name: &str) -> keyring_core::Result<Entry> {
        let here = std::collections::HashMap::from([("persistence", "Local")]);
        store.build(SERVICE, name, Some(&here))
    }

    fn ask<T: Send + 'static>(
        action: &'static str,
        question: impl FnOnce(&Store) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, VaultError> {
        let fail = |why: String| VaultError::Keyring { action, why };
        let (answer, answered) = mpsc::sync_channel(1);
        std::thread::Builder::new()
            .name("keyring".into())
            .spawn(move || {
                let result = Store::new().and_then(|store| question(&store));
                // Nobody listens any more when the patience was over.
                let _ = answer.send(result);
            })
            .map_err(|e| fail(e.to_string()))?;
        match answered.recv_timeout(PATIENCE) {
            Ok(result) => result.map_err(|e| fail(e.to_string())),
            Err(_) => Err(fail("it does not answer".into())),
        }
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
mod elsewhere {
    use super::{VaultError, Zeroizing};

    pub(crate) fn answers() -> bool {
        false
    }

    pub(crate) fn put(_: &str, _: &[u8]) -> Result<(), VaultError> {
        Err(unsupported("keep"))
    }

    pub(crate) fn get(_: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        Err(unsupported("give"))
    }

    pub(crate) fn remove(_: &str) -> Result<(), VaultError> {
        Err(unsupported("forget"))
    }

    fn unsupported(action: &'static str) -> VaultError {
        VaultError::Keyring {
            action,
            why: "this system's keyring is not supported".into(),
        }
    }
}

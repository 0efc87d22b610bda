//! Where the desk's private keys rest: the OS keyring when a session offers one, else sealed files.
//!
//! Owns the choice between the two, the machine key (32 random bytes, mode 0600) and the seal (AES-256-GCM,
//! with the secret's name as associated data). A secret never stands in the clear on the disk, and never in an error.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::state_folder::{StateError, StateFolder};

mod keyring;

/// The machine key's file in the state folder.
const MACHINE_KEY: &str = "machine.key";
/// The longest secret kept, in bytes.
const MAX_SECRET: usize = 4_096;
/// The most of a sealed file that is read, in bytes.
const MAX_FILE: usize = 16_384;

/// Which kind of place holds the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VaultKind {
    /// The session's secret service.
    Keyring,
    /// Files in the state folder, sealed with the machine key.
    File,
}

/// A place for secrets.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: StateFolder,
    kind: VaultKind,
}

/// Why a secret cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file system did not play along.
    #[error(transparent)]
    State(#[from] StateError),
    /// Others than its owner may read the machine key.
    #[error(
        "the machine key {} can be read by others (mode {mode:o}); it is no longer secret: run \
         'chmod 600' on it and enrol this desk anew", path.display()
    )]
    KeyOpenToOthers {
        /// The key's file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The machine key is gone or cut.
    #[error("the machine key {} is {what}; what it sealed is lost: enrol this desk anew", path.display())]
    KeyLost {
        /// The key's file.
        path: PathBuf,
        /// `missing` or `damaged`.
        what: &'static str,
    },
    /// The sealed file is not what was sealed, or was sealed by another machine's key.
    #[error(
        "the sealed secret {name:?} does not open with this machine's key; enrol this desk anew"
    )]
    NotOpened {
        /// The secret's name.
        name: String,
    },
    /// The keyring did not do it.
    #[error(
        "the OS keyring cannot {action} the desk's keys: {why} (unlock it, or enrol anew with CARILLON_VAULT=file)"
    )]
    Keyring {
        /// What was tried.
        action: &'static str,
        /// What it said.
        why: String,
    },
    /// No random numbers, or a secret out of bounds.
    #[error("cannot seal the secret {name:?}: {why}")]
    NotSealed {
        /// The secret's name.
        name: String,
        /// Why.
        why: &'static str,
    },
}

/// `CARILLON_VAULT` holds neither `file` nor `keyring`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CARILLON_VAULT is {0:?}; it can be 'file' or 'keyring'")]
pub struct VaultKindError(String);

impl FromStr for VaultKind {
    type Err = VaultKindError;

    fn from_str(text: &str) -> Result<Self, VaultKindError> {
        match text {
            "file" => Ok(Self::File),
            "keyring" => Ok(Self::Keyring),
            other => Err(VaultKindError(other.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for VaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyring => "keyring",
            Self::File => "file",
        })
    }
}

impl VaultKind {
    /// What `CARILLON_VAULT` asks for, if anything.
    ///
    /// # Errors
    /// When it holds another word.
    pub fn from_environment() -> Result<Option<Self>, VaultKindError> {
        std::env::var("CARILLON_VAULT")
            .ok()
            .filter(|word| !word.is_empty())
            .map(|word| word.parse())
            .transpose()
    }
}

impl Vault {
    /// The vault for new secrets: the kind asked for, else the user's keyring if one answers, else sealed files. A
    /// service's are sealed files, which go when it goes. Blocks for at most two seconds.
    pub fn choose(folder: &StateFolder, asked: Option<VaultKind>) -> Self {
        let kind = asked.unwrap_or_else(|| {
            if !folder.is_of_service() && keyring::answers() {
                VaultKind::Keyring
            } else {
                VaultKind::File
            }
        });
        Self::of_kind(folder, kind)
    }

    /// The vault that holds what was put there before.
    pub fn of_kind(folder: &StateFolder, kind: VaultKind) -> Self {
        Self {
            folder: folder.clone(),
            kind,
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> VaultKind {
        self.kind
    }

    /// Keeps a secret under a name.
    ///
    /// # Errors
    /// When it cannot be kept; what was there before then still is.
    pub fn put(&self, name: &str, secret: &[u8]) -> Result<(), VaultError> {
        if secret.len() > MAX_SECRET {
            return Err(VaultError::NotSealed {
                name: name.to_owned(),
                why: "it is too long",
            });
        }
        match self.kind {
            VaultKind::Keyring => keyring::put(&self.keyring_name(name), secret),
            VaultKind::File => {
                let key = self.machine_key()?;
                let sealed = seal(&key, name, secret)?;
                Ok(self.folder.write(&file_name(name), &sealed)?)
            }
        }
    }

    /// The secret of that name; `None` when none was put.
    ///
    /// # Errors
    /// When it is there and cannot be had.
    pub fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        match self.kind {
            VaultKind::Keyring => keyring::get(&self.keyring_name(name)),
            VaultKind::File => {
                let Some(sealed) = self.folder.read(&file_name(name), MAX_FILE)? else {
                    return Ok(None);
                };
                let key = self
                    .read_machine_key()?
                    .ok_or_else(|| VaultError::KeyLost {
                        path: self.folder.place(MACHINE_KEY),
                        what: "missing",
                    })?;
                open(&key, name, &sealed).map(Some)
            }
        }
    }

    /// Forgets a secret; one that is not there is no error.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), VaultError> {
        match self.kind {
            VaultKind::Keyring => keyring::remove(&self.keyring_name(name)),
            VaultKind::File => Ok(self.folder.remove(&file_name(name))?),
        }
    }

    /// Two state folders of one user share a keyring.
    fn keyring_name(&self, name: &str) -> String {
        format!("{name} of {}", self.folder.path().display())
    }

    /// The machine key, made if there is none.
    fn machine_key(&self) -> Result<LessSafeKey, VaultError> {
        if let Some(key) = self.read_machine_key()? {
            return Ok(key);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(&mut *bytes)
            .map_err(|_| no_randomness(MACHINE_KEY))?;
        self.folder.write(MACHINE_KEY, &*bytes)?;
        Ok(key_of(&bytes))
    }

    /// The one that a service manager hands over goes before the one in the state folder: it may be bound to the
    /// machine (`systemd-creds`), and never stands in the clear on the disk then.
    fn read_machine_key(&self) -> Result<Option<LessSafeKey>, VaultError> {
        if let Some(bytes) = self.folder.read_credential(MACHINE_KEY, 32)? {
            let path = self.folder.credential(MACHINE_KEY).unwrap_or_default();
            return machine_key_of(bytes, path).map(Some);
        }
        let path = self.folder.place(MACHINE_KEY);
        let Some(bytes) = self.folder.read(MACHINE_KEY, 32)? else {
            return Ok(None);
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path)
                .map_err(|source| StateError::Io {
                    action: "read",
                    path: path.clone(),
                    source,
                })?
                .permissions()
                .mode()
                & 0o777;
            if mode & 0o077 != 0 {
                return Err(VaultError::KeyOpenToOthers { path, mode });
            }
        }
        machine_key_of(bytes, path).map(Some)
    }
}

fn machine_key_of(bytes: Vec<u8>, path: PathBuf) -> Result<LessSafeKey, VaultError> {
    let bytes = Zeroizing::new(bytes);
    let bytes: &[u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| VaultError::KeyLost {
            path,
            what: "damaged",
        })?;
    Ok(key_of(bytes))
}

/// A sealed secret on the disk.
#[derive(Serialize, Deserialize)]
struct Sealed {
    nonce: String,
    ciphertext: String,
}

fn file_name(name: &str) -> String {
    format!("vault/{name}.json")
}

#[expect(clippy::expect_used, reason = "AES-256 takes every key of 32 bytes")]
fn key_of(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes"))
}

fn no_randomness(name: &str) -> VaultError {
    VaultError::NotSealed {
        name: name.to_owned(),
        why: "the system gives no random numbers",
    }
}

/// A nonce is random and new for each seal; a machine makes far fewer than the 2^32 that 96 random bits allow.
fn seal(key: &LessSafeKey, name: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| no_randomness(name))?;
    let mut buffer = secret.to_vec();
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(name.as_bytes()),
        &mut buffer,
    )
    .map_err(|_| VaultError::NotSealed {
        name: name.to_owned(),
        why: "it is too long",
    })?;
    let sealed = Sealed {
        nonce: STANDARD.encode(nonce),
        ciphertext: STANDARD.encode(buffer),
    };
    Ok(serde_json::to_vec(&sealed).unwrap_or_default())
}

fn open(key: &LessSafeKey, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let opened = (|| {
        let sealed: Sealed = serde_json::from_slice(sealed).ok()?;
        let nonce = STANDARD.decode(sealed.nonce).ok()?.try_into().ok()?;
        let mut buffer = Zeroizing::new(STANDARD.decode(sealed.ciphertext).ok()?);
        let length = key
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut buffer,
            )
            .ok()?
            .len();
        buffer.truncate(length);
        Some(buffer)
    })();
    opened.ok_or_else(|| VaultError::NotOpened {
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> (tempfile::TempDir, StateFolder, Vault) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        let vault = Vault::choose(&folder, Some(VaultKind::File));
        (temporary, folder, vault)
    }

    #[test]
    fn a_secret_comes_back_and_never_stands_in_the_clear() {
        let (_temporary, folder, vault) = vault();
        vault.put("desk", b"correct horse battery").unwrap();
        assert_eq!(
            &**vault.get("desk").unwrap().unwrap(),
            b"correct horse battery"
        );
        for entry in std::fs::read_dir(folder.place("vault")).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains("horse"));
        }
        vault.remove("desk").unwrap();
        assert!(vault.get("desk").unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_machine_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_temporary, folder, vault) = vault();
        vault.put("desk", b"secret").unwrap();
        for mode in [0o640, 0o604, 0o660] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.place(MACHINE_KEY), permissions).unwrap();
            for error in [
                vault.get("desk").unwrap_err(),
                vault.put("desk", b"other").unwrap_err(),
            ] {
                assert!(matches!(error, VaultError::KeyOpenToOthers { .. }));
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }

    #[test]
    fn a_stolen_file_does_not_open_elsewhere_or_under_another_name() {
        let (_one, here, vault_here) = vault();
        let (_two, there, vault_there) = vault();
        vault_here.put("desk", b"secret").unwrap();
        vault_there.put("other", b"makes the machine key").unwrap();
        let stolen = here.read("vault/desk.json", MAX_FILE).unwrap().unwrap();
        there.write("vault/desk.json", &stolen).unwrap();
        assert!(matches!(
            vault_there.get("desk"),
            Err(VaultError::NotOpened { .. })
        ));
        here.write("vault/renamed.json", &stolen).unwrap();
        assert!(matches!(
            vault_here.get("renamed"),
            Err(VaultError::NotOpened { .. })
        ));
    }

    #[test]
    fn a_lost_or_cut_machine_key_is_named() {
        let (_temporary, folder, vault) = vault();
        vault.put("desk", b"secret").unwrap();
        folder.write(MACHINE_KEY, b"cut").unwrap();
        assert!(matches!(
            vault.get("desk"),
            Err(VaultError::KeyLost {
                what: "damaged",
                ..
            })
        ));
        folder.remove(MACHINE_KEY).unwrap();
        let error = vault.get("desk").unwrap_err();
        assert!(error.to_string().contains("enrol"), "{error}");
    }

    #[test]
    fn a_machine_key_that_is_handed_over_is_used_and_never_written_down() {
        let (temporary, folder, _) = vault();
        let handed = temporary.path().join("credentials");
        std::fs::create_dir(&handed).unwrap();
        std::fs::write(handed.join(MACHINE_KEY), [7; 32]).unwrap();
        let folder = folder.with_credentials(Some(handed.clone()));
        let vault = Vault::choose(&folder, Some(VaultKind::File));
        vault.put("desk", b"secret").unwrap();
        assert_eq!(&**vault.get("desk").unwrap().unwrap(), b"secret");
        assert!(!folder.place(MACHINE_KEY).exists());
        std::fs::write(handed.join(MACHINE_KEY), b"cut").unwrap();
        assert!(matches!(vault.get("desk"), Err(VaultError::KeyLost { .. })));
    }

    #[test]
    fn the_word_for_the_kind_is_checked() {
        assert_eq!("keyring".parse(), Ok(VaultKind::Keyring));
        let error = "floppy".parse::<VaultKind>().unwrap_err();
        assert!(error.to_string().contains("'file' or 'keyring'"));
    }
}

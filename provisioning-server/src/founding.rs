//! Founding a fleet: its keys, its trust root, its database, its first admin.

use std::path::PathBuf;

use carillon_schemas::identifier::hex;
use carillon_schemas::{Timestamp, fleet_file};
use zeroize::Zeroizing;

use crate::data_folder::DataFolder;
use crate::store::{AdminToken, FleetRecord, Founding, Scope, SqliteStore, Store as _, StoreError};
use crate::trust::director::SigningKey;
use crate::trust::vault::Vault;
use crate::trust::{self, TrustError, bearer, key_file, password, root};

/// The most root keys.
pub const MAX_ROOTS: u32 = 16;

/// How to found it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The data folder: not there yet, or empty.
    pub data: DataFolder,
    /// The fleet's name.
    pub name: String,
    /// The folder of the root keys: not there yet, or without keys.
    pub root_keys: PathBuf,
    /// How many root keys.
    pub roots: u32,
    /// How many of them sign together.
    pub threshold: u32,
    /// Names and addresses for the self-made certificate.
    pub tls_names: Vec<String>,
    /// What `serve` does when nothing else is said: YAML.
    pub settings: String,
}

/// A fleet just founded: the only moment that the password is seen. No `Debug`.
pub struct Founded {
    /// The fingerprint that tickets pin.
    pub root_fingerprint: String,
    /// The first admin's name.
    pub admin: &'static str,
    /// Their password.
    pub password: Zeroizing<String>,
}

/// Why it was not founded.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// There is one already.
    #[error("{0} is there already: this folder holds a fleet, or what is left of one")]
    Taken(PathBuf),
    /// The name is none.
    #[error("the fleet's name: {0}")]
    Name(String),
    /// The thresholds do not fit.
    #[error(
        "{threshold} of {roots} root keys cannot be: 1 to {MAX_ROOTS} keys, and no more to sign than there are"
    )]
    Threshold {
        /// Root keys wanted.
        roots: u32,
        /// To sign together.
        threshold: u32,
    },
    /// Keys.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Founds a fleet.
///
/// # Errors
/// What is in the way; files made up to there stay, and say so when it is tried again.
pub async fn found(plan: &Plan) -> Result<Founded, FoundingError> {
    fleet_file::validate_desk_name(&plan.name).map_err(|_| {
        FoundingError::Name("must be 1 to 64 bytes without control characters".into())
    })?;
    if plan.roots == 0
        || plan.roots > MAX_ROOTS
        || plan.threshold == 0
        || plan.threshold > plan.roots
    {
        return Err(FoundingError::Threshold {
            roots: plan.roots,
            threshold: plan.threshold,
        });
    }
    let data = &plan.data;
    for taken in [
        data.database(),
        data.director(),
        data.vault(),
        data.tls_key(),
        data.tls_cert(),
        data.admin_token(),
        data.settings(),
        plan.root_keys.join("root-1.pem"),
    ] {
        if taken.exists() {
            return Err(FoundingError::Taken(taken));
        }
    }
    key_file::make_folder(data.path())?;
    let roots = root::create_root_keys(&plan.root_keys, plan.roots)?;
    let director = SigningKey::create(&data.director())?;
    Vault::create(&data.vault())?;
    trust::tls::create(&data.tls_cert(), &data.tls_key(), plan.tls_names.clone())?;
    let at = Timestamp::of(std::time::SystemTime::now());
    let id = hex(&trust::random::<16>()?);
    let signed = root::first_root(&id, &roots, plan.threshold, &director, at)?;
    let (password, token) = (password::generate()?, bearer::new_secret()?);
    let founding = Founding {
        at,
        fleet: FleetRecord {
            id,
            name: plan.name.clone(),
            revision: 1,
            defaults: fleet_file::Layer::default(),
        },
        root: signed.envelope,
        admin: ADMIN.to_owned(),
        password_hash: password::hash(&password)?,
        token: (
            AdminToken {
                id: bearer::new_name()?,
                name: "command line".to_owned(),
                scope: Scope::Write,
                created: at,
                expires: None,
                last_used: None,
            },
            bearer::hash(&token),
        ),
    };
    key_file::write_new(&data.settings(), plan.settings.as_bytes())?;
    key_file::write_new(&data.admin_token(), token.as_bytes())?;
    // Made here first, so that it never exists with a wider mode.
    key_file::write_new(&data.database(), b"")?;
    let store = SqliteStore::open(&data.database()).await?;
    store.found(&founding).await?;
    store.close().await;
    Ok(Founded {
        root_fingerprint: signed.fingerprint,
        admin: ADMIN,
        password,
    })
}

const ADMIN: &str = "admin";

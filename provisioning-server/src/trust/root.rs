//! Making the first trust root: who may sign the next one, and who directs.

use std::path::Path;

use carillon_schemas::envelope::{Envelope, PayloadType};
use carillon_schemas::trust::{RoleKeys, TrustRoot, root_fingerprint};
use carillon_schemas::{KeyId, Timestamp};

use super::director::SigningKey;
use super::{TrustError, key_file};

/// A root with its envelope and fingerprint.
#[derive(Debug, Clone)]
pub struct SignedRoot {
    /// What it says.
    pub root: TrustRoot,
    /// Signed by the root keys.
    pub envelope: Envelope,
    /// What tickets pin.
    pub fingerprint: String,
}

/// Makes root keys `root-1.pem`, `root-2.pem`, … in a folder of their own.
///
/// # Errors
/// When one is there already or cannot be written.
pub fn create_root_keys(folder: &Path, count: u32) -> Result<Vec<SigningKey>, TrustError> {
    key_file::make_folder(folder)?;
    (1..=count)
        .map(|n| SigningKey::create(&folder.join(format!("root-{n}.pem"))))
        .collect()
}

/// Version 1, signed by all root keys.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn first_root(
    fleet: &str,
    roots: &[SigningKey],
    threshold: u32,
    director: &SigningKey,
    now: Timestamp,
) -> Result<SignedRoot, TrustError> {
    let root = TrustRoot {
        fleet: fleet.to_owned(),
        version: 1,
        issued: now,
        keys: roots
            .iter()
            .chain([director])
            .map(|key| (key.id().clone(), key.public().clone()))
            .collect(),
        root: RoleKeys {
            threshold,
            keys: roots.iter().map(|key| key.id().clone()).collect(),
        },
        director: RoleKeys {
            threshold: 1,
            keys: [director.id().clone()].into(),
        },
    };
    let payload =
        serde_json::to_vec(&root).map_err(|_| TrustError::Crypto("encoding the trust root"))?;
    let signers: Vec<&KeyId> = roots.iter().map(SigningKey::id).collect();
    let envelope = Envelope::seal(PayloadType::Root, &payload, &signers, |id, message| {
        roots
            .iter()
            .find(|key| key.id() == id)
            .map(|key| key.sign(message))
            .ok_or(TrustError::Crypto("finding a root key"))
    })?;
    Ok(SignedRoot {
        root,
        fingerprint: root_fingerprint(&payload),
        envelope,
    })
}

/// Reads a root that this server stored itself.
///
/// # Errors
/// When it is damaged.
pub fn stored_root(envelope: Envelope) -> Result<SignedRoot, TrustError> {
    let damaged = || TrustError::Crypto("reading the stored trust root");
    let payload = envelope.unverified_payload().map_err(|_| damaged())?;
    let fingerprint = root_fingerprint(&payload);
    let root = TrustRoot::pinned(&envelope, &fingerprint, super::director::verify)
        .map_err(|_| damaged())?;
    Ok(SignedRoot {
        root,
        envelope,
        fingerprint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::trust::Role;

    #[test]
    fn the_first_root_is_what_its_fingerprint_says_with_a_threshold_of_two() {
        let folder = tempfile::tempdir().unwrap();
        let roots = create_root_keys(&folder.path().join("roots"), 3).unwrap();
        let director = SigningKey::create(&folder.path().join("director.pem")).unwrap();
        let signed = first_root("fleet", &roots, 2, &director, Timestamp(1)).unwrap();
        let verify = super::super::director::verify;
        let root = TrustRoot::pinned(&signed.envelope, &signed.fingerprint, verify).unwrap();
        assert_eq!(root.role(Role::Root).threshold, 2);
        let mut short = signed.envelope.clone();
        short.signatures.truncate(1);
        assert!(TrustRoot::pinned(&short, &signed.fingerprint, verify).is_err());
        assert!(stored_root(short).is_err());
        assert!(stored_root(signed.envelope).is_ok());
    }
}

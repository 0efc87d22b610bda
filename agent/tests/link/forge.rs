//! Signs and seals what a server would, and what an attacker would: by other libraries than the agent's own.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::config::{Account, DeskConfig, Media, Network};
use carillon_schemas::enrolment::DeskKeys;
use carillon_schemas::envelope::PayloadType;
use carillon_schemas::secret::{SEAL_INFO, SealedSecret, seal_context};
use carillon_schemas::trust::{
    Algorithm, Freshness, PublicKey, RoleKeys, TrustRoot, root_fingerprint,
};
use carillon_schemas::{DeskId, Envelope, Generation, KeyId, Timestamp};
use ed25519_dalek::{Signer as _, SigningKey};
use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeS, Serializable as _};

/// A signing key with its public half and id.
#[derive(Clone)]
pub(crate) struct Key {
    signing: SigningKey,
    pub(crate) public: PublicKey,
    pub(crate) id: KeyId,
}

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        let signing = SigningKey::from_bytes(&[seed; 32]);
        let public = PublicKey {
            algorithm: Algorithm::Ed25519,
            public: STANDARD.encode(signing.verifying_key().as_bytes()),
        };
        let id = public.id().unwrap();
        Self {
            signing,
            public,
            id,
        }
    }
}

/// An envelope signed by those keys.
pub(crate) fn envelope(payload_type: PayloadType, payload: &[u8], keys: &[&Key]) -> Envelope {
    let ids: Vec<&KeyId> = keys.iter().map(|key| &key.id).collect();
    Envelope::seal(payload_type, payload, &ids, |id, message| {
        let key = keys.iter().find(|key| key.id == *id).unwrap();
        Ok::<_, ()>(key.signing.sign(message).to_bytes().to_vec())
    })
    .unwrap()
}

/// The keys of a fleet: two offline of which both must sign, one director.
#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) roots: [Key; 2],
    pub(crate) director: Key,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self {
            roots: [Key::new(1), Key::new(2)],
            director: Key::new(3),
        }
    }

    pub(crate) fn root(&self, version: u64) -> TrustRoot {
        let keys = [&self.roots[0], &self.roots[1], &self.director];
        TrustRoot {
            fleet: "fleet".into(),
            version,
            issued: Timestamp(1),
            keys: keys
                .iter()
                .map(|key| (key.id.clone(), key.public.clone()))
                .collect::<BTreeMap<_, _>>(),
            root: RoleKeys {
                threshold: 2,
                keys: self.roots.iter().map(|key| key.id.clone()).collect(),
            },
            director: RoleKeys {
                threshold: 1,
                keys: [self.director.id.clone()].into(),
            },
        }
    }

    pub(crate) fn root_envelope(&self, version: u64) -> Envelope {
        let payload = serde_json::to_vec(&self.root(version)).unwrap();
        envelope(
            PayloadType::Root,
            &payload,
            &[&self.roots[0], &self.roots[1]],
        )
    }

    pub(crate) fn fingerprint(&self) -> String {
        root_fingerprint(&self.root_envelope(1).unverified_payload().unwrap())
    }

    /// A signed configuration with one account.
    pub(crate) fn config(
        &self,
        desk: &DeskId,
        generation: u64,
        keys: &DeskKeys,
        password: &str,
    ) -> Vec<u8> {
        let config = config(desk, generation, keys, password);
        self.signed_config(&config)
    }

    pub(crate) fn signed_config(&self, config: &DeskConfig) -> Vec<u8> {
        let payload = serde_json::to_vec(config).unwrap();
        serde_json::to_vec(&envelope(PayloadType::Config, &payload, &[&self.director])).unwrap()
    }

    /// A freshness header that holds for so many seconds.
    pub(crate) fn freshness(
        &self,
        desk: &DeskId,
        generation: u64,
        root_version: u64,
        seconds: u64,
    ) -> String {
        let issued = Timestamp::of(std::time::SystemTime::now());
        self.freshness_at(
            desk,
            generation,
            root_version,
            issued,
            Timestamp(issued.0 + seconds),
        )
    }

    pub(crate) fn freshness_at(
        &self,
        desk: &DeskId,
        generation: u64,
        root_version: u64,
        issued: Timestamp,
        expires: Timestamp,
    ) -> String {
        let statement = Freshness {
            desk: desk.clone(),
            generation: Generation(generation),
            root_version,
            issued,
            expires,
        };
        let payload = serde_json::to_vec(&statement).unwrap();
        let envelope = envelope(PayloadType::Freshness, &payload, &[&self.director]);
        STANDARD.encode(serde_json::to_vec(&envelope).unwrap())
    }
}

/// A configuration with one account, its password sealed.
pub(crate) fn config(
    desk: &DeskId,
    generation: u64,
    keys: &DeskKeys,
    password: &str,
) -> DeskConfig {
    let account: Account<SealedSecret> = serde_json::from_value(serde_json::json!({
        "id": "main", "address": "sip:1001@127.0.0.1"
    }))
    .unwrap();
    let sealed = seal(desk, generation, keys, password);
    DeskConfig {
        desk: desk.clone(),
        name: "desk".into(),
        generation: Generation(generation),
        issued: Timestamp(1_000),
        accounts: vec![Account {
            password: Some(sealed),
            ..account
        }],
        media: Media::default(),
        network: Network::default(),
        links: Default::default(),
        hooks: vec![],
        contacts: vec![],
        phonebooks: vec![],
        directories: vec![],
        history: carillon_schemas::history::History::default(),
    }
}

/// A password sealed for the account `main` of that desk and generation.
pub(crate) fn seal(
    desk: &DeskId,
    generation: u64,
    keys: &DeskKeys,
    password: &str,
) -> SealedSecret {
    let public = STANDARD.decode(&keys.sealing).unwrap();
    let public = <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(&public).unwrap();
    let context = seal_context(desk, &"main".parse().unwrap(), Generation(generation));
    let (enc, ciphertext) = hpke::single_shot_seal::<AesGcm128, HkdfSha256, DhP256HkdfSha256>(
        &OpModeS::Base,
        &public,
        SEAL_INFO,
        password.as_bytes(),
        &context,
    )
    .unwrap();
    SealedSecret {
        enc: STANDARD.encode(enc.to_bytes()),
        ciphertext: STANDARD.encode(ciphertext),
    }
}

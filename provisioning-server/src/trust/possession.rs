//! What a desk's keys prove: that it holds the key it names, and that a request is its own.

use aws_lc_rs::agreement::{self, UnparsedPublicKey as Peer};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::enrolment::{DeskKeys, proof_message};

use super::TrustError;

/// The bytes of an uncompressed SEC1 point, 65 of them.
pub(crate) fn point(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    (bytes.len() == 65 && bytes[0] == 4).then_some(bytes)
}

/// Checks that both keys are points of the curve.
///
/// # Errors
/// Which is not.
pub fn check_keys(keys: &DeskKeys) -> Result<(), TrustError> {
    for (which, text) in [("signing", &keys.signing), ("sealing", &keys.sealing)] {
        let bad = || TrustError::BadDeskKey { which };
        let bytes = point(text).ok_or_else(bad)?;
        // An agreement with the key is the library's own check that the point is on the curve.
        let own = agreement::PrivateKey::generate(&agreement::ECDH_P256)
            .map_err(|_| TrustError::Crypto("making a key"))?;
        agreement::agree(&own, Peer::new(&agreement::ECDH_P256, bytes), bad(), |_| {
            Ok(())
        })?;
    }
    Ok(())
}

/// Whether `proof` (base64) is the signing key's over [`proof_message`] with that context.
pub fn proves(keys: &DeskKeys, context: &str, proof: &str) -> bool {
    STANDARD
        .decode(proof)
        .is_ok_and(|proof| verify(&keys.signing, &proof_message(context, keys), &proof))
}

/// Whether a signature (64 bytes, `r || s`) is by a desk's signing key: ECDSA on P-256 with SHA-256.
pub fn verify(signing_key: &str, message: &[u8], signature: &[u8]) -> bool {
    point(signing_key).is_some_and(|key| {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(message, signature)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer as _;
    use p256::elliptic_curve::Generate as _;

    fn keys(signing: &SigningKey) -> DeskKeys {
        let point = signing.verifying_key().to_sec1_point(false);
        DeskKeys {
            signing: STANDARD.encode(point.as_bytes()),
            sealing: STANDARD.encode(point.as_bytes()),
        }
    }

    #[test]
    fn a_proof_of_another_implementation_holds_for_its_context_only() {
        let signing = SigningKey::generate();
        let keys = keys(&signing);
        check_keys(&keys).unwrap();
        let proof: p256::ecdsa::Signature = signing.sign(&proof_message("token", &keys));
        let proof = STANDARD.encode(proof.to_bytes());
        assert!(proves(&keys, "token", &proof));
        assert!(!proves(&keys, "other", &proof));
        assert!(!proves(
            &self::keys(&SigningKey::generate()),
            "token",
            &proof
        ));
        assert!(!proves(&keys, "token", "junk"));
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let mut off_curve = [0x41; 65];
        off_curve[0] = 4;
        for bad in [
            String::new(),
            "junk".into(),
            STANDARD.encode([4; 64]),
            STANDARD.encode(off_curve),
        ] {
            let keys = DeskKeys {
                signing: bad.clone(),
                sealing: bad,
            };
            assert!(check_keys(&keys).is_err());
        }
    }
}

//! Sealing a password to one desk: HPKE base mode (RFC 9180), DHKEM(P-256, HKDF-SHA256), AES-128-GCM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carillon_schemas::secret::SEAL_INFO;
use carillon_schemas::{SealedSecret, Secret};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_P256_HKDF_SHA256_AES_128 as HPKE;
use rustls::crypto::hpke::{Hpke as _, HpkePublicKey};

use super::TrustError;
use super::possession::point;

/// Seals to a desk's sealing key (an uncompressed point in base64), bound to a context that says whose and what for.
///
/// # Errors
/// When the key is no point of the curve.
pub fn seal(
    sealing_key: &str,
    context: &[u8],
    secret: &Secret,
) -> Result<SealedSecret, TrustError> {
    let bad_key = || TrustError::BadDeskKey { which: "sealing" };
    let public = point(sealing_key).ok_or_else(bad_key)?;
    let (enc, ciphertext) = HPKE
        .seal(
            SEAL_INFO,
            context,
            secret.expose().as_bytes(),
            &HpkePublicKey(public),
        )
        .map_err(|_| bad_key())?;
    Ok(SealedSecret {
        enc: STANDARD.encode(enc.0),
        ciphertext: STANDARD.encode(ciphertext),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::secret::seal_context;
    use carillon_schemas::{AccountId, DeskId, Generation};
    use hpke::aead::AesGcm128;
    use hpke::kdf::HkdfSha256;
    use hpke::kem::DhP256HkdfSha256;
    use hpke::{Deserializable as _, Kem as _, OpModeR, Serializable as _};

    /// The agent opens with another implementation; the two must agree to the byte.
    #[test]
    fn another_implementation_opens_it_in_its_context_only() {
        let (private, public) = DhP256HkdfSha256::gen_keypair();
        let desk: DeskId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let account: AccountId = "main".parse().unwrap();
        let sealed = seal(
            &STANDARD.encode(public.to_bytes()),
            &seal_context(&desk, &account, Generation(7)),
            &Secret::new("correct horse".into()).unwrap(),
        )
        .unwrap();
        let enc = STANDARD.decode(&sealed.enc).unwrap();
        let enc = <DhP256HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(&enc).unwrap();
        let ciphertext = STANDARD.decode(&sealed.ciphertext).unwrap();
        let open = |generation| {
            hpke::single_shot_open::<AesGcm128, HkdfSha256, DhP256HkdfSha256>(
                &OpModeR::Base,
                &private,
                &enc,
                SEAL_INFO,
                &ciphertext,
                &seal_context(&desk, &account, Generation(generation)),
            )
        };
        assert_eq!(open(7).unwrap(), b"correct horse");
        assert!(open(8).is_err());
    }

    #[test]
    fn a_key_off_the_curve_is_refused() {
        let mut bytes = [0x41; 65];
        bytes[0] = 4;
        let result = seal(
            &STANDARD.encode(bytes),
            b"context",
            &Secret::new("x".into()).unwrap(),
        );
        assert!(matches!(result, Err(TrustError::BadDeskKey { .. })));
    }
}

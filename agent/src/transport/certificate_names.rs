//! The names of a certificate's subjectAltName that RFC 5922 looks at: `sip:` URIs and DNS names. Reads a certificate whose chain
//! was verified already; any bytes give a list, never a panic.

/// The extension subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
/// `[3]` of TBSCertificate.
const EXTENSIONS: u8 = 0xa3;
/// `[2]` of GeneralName.
const DNS_NAME: u8 = 0x82;
/// `[6]` of GeneralName.
const URI: u8 = 0x86;
/// The most names looked at.
const MAX_NAMES: usize = 200;

/// The names of one certificate.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct CertificateNames {
    /// Hosts of `sip:` URIs without a user.
    pub(super) sip_domains: Vec<String>,
    /// DNS names, wildcards among them.
    pub(super) dns: Vec<String>,
}

impl CertificateNames {
    pub(super) fn of(certificate: &[u8]) -> Self {
        alternative_names(certificate).map_or_else(Self::default, Self::read)
    }

    /// Whether one of them is the domain, letter for letter (RFC 5922 §7.2: no wildcard).
    pub(super) fn hold(&self, domain: &str) -> bool {
        let domain = domain.trim_end_matches('.');
        self.sip_domains
            .iter()
            .chain(&self.dns)
            .any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(domain))
    }

    fn read(mut names: &[u8]) -> Self {
        let mut found = Self::default();
        while let Some((tag, value, rest)) = element(names) {
            names = rest;
            let Ok(text) = std::str::from_utf8(value) else {
                continue;
            };
            if found.dns.len() + found.sip_domains.len() >= MAX_NAMES {
                break;
            }
            match tag {
                DNS_NAME => found.dns.push(text.to_owned()),
                URI => found.sip_domains.extend(sip_domain(text)),
                _ => {}
            }
        }
        found
    }
}

/// The host of a `sip:` URI that names a domain; one with a user names a person (RFC 5922 §7.1).
fn sip_domain(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let host = rest.split([';', '?', ':']).next()?;
    (scheme.eq_ignore_ascii_case("sip") && !host.is_empty() && !rest.contains('@'))
        .then(|| host.to_owned())
}

/// The contents of the subjectAltName's sequence.
fn alternative_names(certificate: &[u8]) -> Option<&[u8]> {
    let certificate = expect(certificate, SEQUENCE)?;
    let mut fields = expect(certificate, SEQUENCE)?;
    let extensions = loop {
        let (tag, value, rest) = element(fields)?;
        if tag == EXTENSIONS {
            break value;
        }
        fields = rest;
    };
    let mut list = expect(extensions, SEQUENCE)?;
    loop {
        let (tag, extension, rest) = element(list)?;
        list = rest;
        let (oid_tag, oid, mut value) = element(extension)?;
        if tag != SEQUENCE || oid_tag != OBJECT_IDENTIFIER || oid != SUBJECT_ALT_NAME {
            continue;
        }
        if let Some((BOOLEAN, _, rest)) = element(value) {
            value = rest;
        }
        return expect(expect(value, OCTET_STRING)?, SEQUENCE);
    }
}

fn expect(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    element(bytes)
        .filter(|(found, ..)| *found == tag)
        .map(|(_, value, _)| value)
}

/// Tag, contents and what follows of a DER element with a one-byte tag.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x84 => {
            let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            digits
                .iter()
                .fold(0, |sum, digit| sum << 8 | usize::from(*digit))
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn certificate(names: &[&str], uris: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        for uri in uris {
            let uri = Ia5String::try_from(*uri).unwrap();
            params.subject_alt_names.push(SanType::URI(uri));
        }
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn reads_sip_uris_and_dns_names() {
        let der = certificate(
            &["sbc.example.org", "*.example.net"],
            &[
                "sip:Example.org",
                "sip:alice@example.com",
                "https://x.example",
                "sips:y",
            ],
        );
        let names = CertificateNames::of(&der);
        assert_eq!(names.sip_domains, ["Example.org"]);
        assert_eq!(names.dns, ["sbc.example.org", "*.example.net"]);
        for (domain, held) in [
            ("example.org", true),
            ("SBC.example.org.", true),
            ("a.example.net", false),
            ("example.com", false),
            ("x.example", false),
        ] {
            assert_eq!(names.hold(domain), held, "{domain}");
        }
    }

    #[test]
    fn any_bytes_give_a_list() {
        let der = certificate(&["a.example"], &["sip:b.example"]);
        for length in 0..der.len() {
            let _ = CertificateNames::of(&der[..length]);
        }
        for at in 0..der.len() {
            for flip in [0xff, 0x80, 1] {
                let mut bad = der.clone();
                bad[at] ^= flip;
                let _ = CertificateNames::of(&bad);
            }
        }
    }
}

//! A trace shows no secret, and every length stays true.

use carillon_sip::message::{Message, scrub};
use proptest::prelude::*;

fn scrubbed(text: &str) -> String {
    String::from_utf8(scrub(text.as_bytes())).unwrap()
}

#[test]
fn secrets_are_covered_and_nothing_else_is() {
    for (given, shown) in [
        (
            "Authorization: Digest username=\"1001\", realm=\"pbx\", nonce=\"abc\", response=\"0123\", uri=\"sip:x\", cnonce=c1, opaque=\"\\\"x\", qop=auth, nc=00000001\r\n",
            "Authorization: Digest username=\"1001\", realm=\"pbx\", nonce=\"***\", response=\"****\", uri=\"sip:x\", cnonce=**, opaque=\"***\", qop=auth, nc=00000001\r\n",
        ),
        (
            "proxy-authorization : Digest realm=\"r\",\r\n  RESPONSE = \"ab\",nonce=n\r\nSubject: response=\"ab\"\r\n",
            "proxy-authorization : Digest realm=\"r\",\r\n  RESPONSE = \"**\",nonce=*\r\nSubject: response=\"ab\"\r\n",
        ),
        (
            "WWW-Authenticate: Digest nonce=\"n1\"\r\nAuthentication-Info: nextnonce=\"n2\", rspauth=\"r\"\r\n",
            "WWW-Authenticate: Digest nonce=\"**\"\r\nAuthentication-Info: nextnonce=\"**\", rspauth=\"*\"\r\n",
        ),
        (
            "Authorization: Basic dXNlcg==\r\nX: y",
            "Authorization: Basic ********\r\nX: y",
        ),
        (
            "Authorization: Bearer ey.x\n",
            "Authorization: Bearer ****\n",
        ),
        (
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20\r\na=rtpmap:0 PCMU/8000\r\nk=base64:xx\r\na=ice-pwd:pw\r\na=crypto:odd\r\n",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:********\r\na=rtpmap:0 PCMU/8000\r\nk=*********\r\na=ice-pwd:**\r\na=crypto:***\r\n",
        ),
        (
            "To: <sip:a:pw@b>, SIPS:c:p@d;x=y:z sip:e@f:5060 sip:g:5060 <sip:h>",
            "To: <sip:a:**@b>, SIPS:c:*@d;x=y:z sip:e@f:5060 sip:g:5060 <sip:h>",
        ),
    ] {
        assert_eq!(scrubbed(given), shown);
    }
}

#[test]
fn a_whole_message_stays_one() {
    for (name, bytes) in crate::messages::corpus() {
        let scrubbed = scrub(&bytes);
        assert_eq!(scrubbed.len(), bytes.len(), "{name}");
        let (before, after) = (
            Message::parse(&bytes).unwrap(),
            Message::parse(&scrubbed).unwrap(),
        );
        assert_eq!(before.headers().len(), after.headers().len(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_keep_their_length(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(scrub(&bytes).len(), bytes.len());
    }

    #[test]
    fn no_answer_to_a_challenge_gets_through(response in "[0-9a-f]{32}", nonce in "[a-zA-Z0-9+/]{8,40}", blank in "[ \t]{0,2}", fold in "(\r\n )?") {
        let text = format!("REGISTER sip:x SIP/2.0\r\nAuthorization: Digest realm=\"r\",{fold}nonce{blank}={blank}\"{nonce}\",{fold}response{blank}={blank}\"{response}\"\r\n\r\n");
        let shown = scrubbed(&text);
        prop_assert!(!shown.contains(&response) && !shown.contains(&nonce), "{}", shown);
    }
}

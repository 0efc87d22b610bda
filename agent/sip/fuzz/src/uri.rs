//! A text as a URI, an address, a host and a Via: what is read is printed, what is printed is read the same, and equality holds.

use carillon_sip::message::{Host, NameAddr, Params, Via};
use carillon_sip::{AddrSpec, Uri};

/// Reads the text as each of them.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(uri) = text.parse::<Uri>() {
        let printed = uri.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&uri), "{printed}");
        assert!(uri.equivalent(&uri), "{printed}");
        let _ = (uri.decoded_user(), uri.address_of_record().to_string());
        assert!(!format!("{uri:?}").contains("secret-password"));
    }
    if let Ok(address) = text.parse::<AddrSpec>() {
        assert_eq!(address.to_string().parse().as_ref(), Ok(&address));
    }
    if let Ok(address) = text.parse::<NameAddr>() {
        let printed = address.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&address), "{printed}");
    }
    if let Ok(via) = text.parse::<Via>() {
        let printed = via.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&via), "{printed}");
    }
    if let Ok(host) = Host::parse(text) {
        assert_eq!(Host::parse(&host.to_string()).as_ref(), Ok(&host));
    }
    if let Ok(params) = Params::parse(text) {
        let printed = params.to_string();
        assert_eq!(
            Params::parse(printed.strip_prefix(';').unwrap_or("")).as_ref(),
            Ok(&params),
            "{printed}"
        );
    }
}

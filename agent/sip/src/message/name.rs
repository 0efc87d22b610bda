//! Header names this crate reads or writes, with their compact forms. Any other name is kept as text.

macro_rules! names {
    ($($variant:ident $text:literal $compact:literal),* $(,)?) => {
        /// A header name known by this crate.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum HeaderName {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl HeaderName {
            /// Every known name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name as it is printed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one-letter form, or an empty text.
            #[must_use]
            pub const fn compact(self) -> &'static str {
                match self { $(Self::$variant => $compact,)* }
            }
        }
    };
}

names! {
    Via "Via" "v",
    From "From" "f",
    To "To" "t",
    CallId "Call-ID" "i",
    CSeq "CSeq" "",
    Contact "Contact" "m",
    MaxForwards "Max-Forwards" "",
    ContentLength "Content-Length" "l",
    ContentType "Content-Type" "c",
    ContentEncoding "Content-Encoding" "e",
    ContentDisposition "Content-Disposition" "",
    Route "Route" "",
    RecordRoute "Record-Route" "",
    Allow "Allow" "",
    Supported "Supported" "k",
    Require "Require" "",
    ProxyRequire "Proxy-Require" "",
    Unsupported "Unsupported" "",
    Accept "Accept" "",
    AcceptEncoding "Accept-Encoding" "",
    AcceptLanguage "Accept-Language" "",
    Expires "Expires" "",
    MinExpires "Min-Expires" "",
    Authorization "Authorization" "",
    ProxyAuthorization "Proxy-Authorization" "",
    WwwAuthenticate "WWW-Authenticate" "",
    ProxyAuthenticate "Proxy-Authenticate" "",
    UserAgent "User-Agent" "",
    Server "Server" "",
    Subject "Subject" "s",
    Date "Date" "",
    RetryAfter "Retry-After" "",
    Warning "Warning" "",
    Reason "Reason" "",
    Path "Path" "",
    ServiceRoute "Service-Route" "",
    ReferTo "Refer-To" "r",
    ReferredBy "Referred-By" "b",
    Event "Event" "o",
    AllowEvents "Allow-Events" "u",
    SessionExpires "Session-Expires" "x",
    RSeq "RSeq" "",
    RAck "RAck" "",
    AuthenticationInfo "Authentication-Info" "",
    ProxyAuthenticationInfo "Proxy-Authentication-Info" "",
    PAssociatedUri "P-Associated-URI" "",
    PAssertedIdentity "P-Asserted-Identity" "",
    PPreferredIdentity "P-Preferred-Identity" "",
    RemotePartyId "Remote-Party-ID" "",
    Privacy "Privacy" "",
    HistoryInfo "History-Info" "",
    Diversion "Diversion" "",
    AlertInfo "Alert-Info" "",
    CallInfo "Call-Info" "",
    AnswerMode "Answer-Mode" "",
    PrivAnswerMode "Priv-Answer-Mode" "",
    MinSe "Min-SE" "",
    Replaces "Replaces" "",
    Join "Join" "",
    SubscriptionState "Subscription-State" "",
    ReferSub "Refer-Sub" "",
    SipETag "SIP-ETag" "",
    SipIfMatch "SIP-If-Match" "",
    Geolocation "Geolocation" "",
    GeolocationRouting "Geolocation-Routing" "",
    FlowTimer "Flow-Timer" "",
}

/// How many names may fall together by length, first and last letter. One more does not compile: make it larger then.
const BUCKET: usize = 4;
const NONE: u8 = u8::MAX;
static BY_SHAPE: [[u8; BUCKET]; 256] = by_shape();
static BY_LETTER: [u8; 26] = by_letter();

const fn shape(length: usize, first: u8, last: u8) -> usize {
    let (first, last) = ((first | 0x20) as usize, (last | 0x20) as usize);
    (length * 31 + first * 7 + last * 3) % 256
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than 255 names"
)]
const fn by_shape() -> [[u8; BUCKET]; 256] {
    let mut table = [[NONE; BUCKET]; 256];
    let mut at = 0;
    while at < HeaderName::ALL.len() {
        let text = HeaderName::ALL[at].as_str().as_bytes();
        let bucket = shape(text.len(), text[0], text[text.len() - 1]);
        let mut place = 0;
        while table[bucket][place] != NONE {
            place += 1;
        }
        table[bucket][place] = at as u8;
        at += 1;
    }
    table
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than 255 names"
)]
const fn by_letter() -> [u8; 26] {
    let mut table = [NONE; 26];
    let mut at = 0;
    while at < HeaderName::ALL.len() {
        if let [letter] = HeaderName::ALL[at].compact().as_bytes() {
            table[(*letter - b'a') as usize] = at as u8;
        }
        at += 1;
    }
    table
}

impl HeaderName {
    /// The known name of a text in its long or compact form, without regard to case.
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        let (first, last) = (text.first()?, text.last()?);
        if text.len() == 1 {
            let letter = first.to_ascii_lowercase().wrapping_sub(b'a');
            let at = BY_LETTER.get(usize::from(letter))?;
            return Self::ALL.get(usize::from(*at)).copied();
        }
        let candidates = &BY_SHAPE[shape(text.len(), *first, *last)];
        let names = candidates
            .iter()
            .map_while(|at| Self::ALL.get(usize::from(*at)));
        names.copied().find(|name| {
            let known = name.as_str().as_bytes();
            known == text || known.eq_ignore_ascii_case(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_nothing_else_is() {
        for name in HeaderName::ALL {
            for text in [
                name.as_str().to_ascii_lowercase(),
                name.as_str().to_ascii_uppercase(),
                name.compact().to_owned(),
            ] {
                if !text.is_empty() {
                    assert_eq!(HeaderName::of(text.as_bytes()), Some(*name), "{text}");
                }
            }
        }
        for text in ["", "Vi", "Viaa", "z", "@", "{", "From ", "Xo", "Subjec_"] {
            assert_eq!(HeaderName::of(text.as_bytes()), None, "{text}");
        }
    }
}

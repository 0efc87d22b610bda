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
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one-letter form, or an empty text.
            #[must_use]
            pub fn compact(self) -> &'static str {
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
    SubscriptionState "Subscription-State" "",
    SipETag "SIP-ETag" "",
    SipIfMatch "SIP-If-Match" "",
    Geolocation "Geolocation" "",
    GeolocationRouting "Geolocation-Routing" "",
    FlowTimer "Flow-Timer" "",
}

impl HeaderName {
    /// The known name of a text in its long or compact form, without regard to case.
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        if let [letter] = text {
            let letter = letter.to_ascii_lowercase();
            return Self::ALL
                .iter()
                .copied()
                .find(|name| name.compact().as_bytes() == [letter]);
        }
        Self::ALL.iter().copied().find(|name| {
            name.as_str().len() == text.len() && name.as_str().as_bytes().eq_ignore_ascii_case(text)
        })
    }
}

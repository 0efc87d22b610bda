//! The facts of one occurrence, and how a stranger's text is made harmless.

use carillon_schemas::hook::HookEvent;
use carillon_schemas::hook_template::Token;
use carillon_schemas::sip_address::split_port;
use carillon_schemas::status::Direction;
use carillon_schemas::{Account, AccountId, Timestamp};
use serde_json::{Map, Value};

use crate::event::CallCause;

/// The longest value in a token's place, in characters.
pub(super) const MAX_VALUE: usize = 128;
/// The longest text of a short message that is passed on, in characters.
const MAX_MESSAGE: usize = 4_096;

/// What an account is to itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnSide {
    /// The host that it registers at.
    pub server: String,
    /// Its own user.
    pub extension: String,
    /// The user of the desk in whose session its addresses are opened, where a service runs for several.
    pub session_user: Option<String>,
}

/// Who is at the other end, as they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FarSide {
    /// Number or user.
    pub user: String,
    /// Host.
    pub domain: String,
    /// Name.
    pub name: String,
}

/// What happened, for whoever a hook tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The event.
    pub event: HookEvent,
    /// When.
    pub at: Timestamp,
    /// On which account.
    pub account: AccountId,
    /// The account itself.
    pub own: OwnSide,
    /// Who is at the other end.
    pub far: FarSide,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// The call's number.
    pub call: Option<u32>,
    /// Seconds talked.
    pub duration: Option<u64>,
    /// Why a call ended.
    pub cause: Option<CallCause>,
    /// Voice messages not heard yet.
    pub new: Option<u32>,
    /// What a short message says: for environment and webhook, never for an argument or address, which others see.
    pub text: Option<String>,
}

impl OwnSide {
    /// What an account's configuration says of it.
    pub fn of<S>(account: &Account<S>) -> Self {
        let registrar = account.registrar.as_deref().and_then(split_port);
        let server = registrar.map_or_else(|| account.address.host(), |(host, _)| host);
        Self {
            server: server.to_owned(),
            extension: account.address.user().to_owned(),
            session_user: account.features.session_user.clone(),
        }
    }
}

impl FarSide {
    /// Reads an address as a stranger wrote it. Nothing is believed of it, and it may be cut off.
    pub fn read(address: &str, name: Option<&str>) -> Self {
        let (scheme, rest) = address.split_once(':').unwrap_or(("sip", address));
        // An address that was cut off before its host is all user.
        let cut_off = address.chars().count() >= MAX_VALUE;
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (user, host),
            None if cut_off || scheme.eq_ignore_ascii_case("tel") => (rest, ""),
            None => ("", rest),
        };
        // Neither parameters nor a password belong to a user.
        let user = user.split([';', '?']).next().unwrap_or_default();
        let user = user.split(':').next().unwrap_or_default();
        let host = host.split([';', '?', '>']).next().unwrap_or_default();
        let domain = match host.rsplit_once(':') {
            Some((domain, port)) if port.bytes().all(|b| b.is_ascii_digit()) => domain,
            _ => host,
        };
        Self {
            user: plain(&decoded(user)),
            domain: plain(domain),
            name: plain(name.unwrap_or_default()),
        }
    }
}

impl Facts {
    /// What stands in a token's place; empty where there is no such fact. One line, no longer than `MAX_VALUE`
    /// characters but for the two values of `callerid`.
    pub fn value(&self, token: Token) -> String {
        let number = |value: Option<u64>| value.map_or_else(String::new, |n| n.to_string());
        match token {
            Token::Event => self.event.as_str().to_owned(),
            Token::Account => self.account.as_str().to_owned(),
            Token::Server => self.own.server.clone(),
            Token::Extension => self.own.extension.clone(),
            Token::Direction => match self.direction {
                Some(Direction::Incoming) => "incoming".to_owned(),
                Some(Direction::Outgoing) => "outgoing".to_owned(),
                None => String::new(),
            },
            Token::Number | Token::User => self.far.user.clone(),
            Token::Domain => self.far.domain.clone(),
            Token::Name => self.far.name.clone(),
            Token::CallerId => match (self.far.name.as_str(), self.far.user.as_str()) {
                ("", user) => user.to_owned(),
                (name, user) => format!("{name} <{user}>"),
            },
            Token::CallId => number(self.call.map(u64::from)),
            Token::Duration => number(self.duration),
            Token::Time => self.at.to_string(),
            Token::Cause => self.cause.map_or_else(String::new, word),
            Token::New => number(self.new.map(u64::from)),
        }
    }

    /// The text of a short message, without what ends a string or drives a terminal.
    pub fn message(&self) -> Option<String> {
        let text = self.text.as_deref()?;
        let good = |c: &char| *c == '\n' || !is_disturbing(*c);
        Some(text.chars().filter(good).take(MAX_MESSAGE).collect())
    }

    /// Everything there is, for a webhook.
    pub fn json(&self) -> Map<String, Value> {
        let numbers = [Token::CallId, Token::Duration, Token::New];
        let mut map: Map<String, Value> = Token::ALL
            .into_iter()
            .filter(|(_, token)| !numbers.contains(token))
            .map(|(name, token)| (name.to_owned(), self.value(token).into()))
            .filter(|(_, value)| *value != "")
            .collect();
        let counts = [
            ("callid", self.call.map(u64::from)),
            ("duration", self.duration),
            ("new", self.new.map(u64::from)),
        ];
        for (name, count) in counts {
            map.extend(count.map(|count| (name.to_owned(), count.into())));
        }
        map.extend(self.message().map(|text| ("text".to_owned(), text.into())));
        map
    }
}

/// One line of a stranger's text, bounded, without control characters and those that turn the direction of writing or
/// take no room.
pub(super) fn plain(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| !is_disturbing(*c))
        .take(MAX_VALUE)
        .collect();
    text.trim().to_owned()
}

fn is_disturbing(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

/// Percent escapes undone once (RFC 3986 §2.1); a broken one stands for itself.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail
            .get(..2)
            .filter(|hex| *first == b'%' && hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn word(cause: CallCause) -> String {
    let value = serde_json::to_value(cause).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (address, user, domain) in [
            ("sip:1001@pbx.example", "1001", "pbx.example"),
            (
                "sip:+4312345;phone-context=x@pbx:5070;user=phone",
                "+4312345",
                "pbx",
            ),
            ("sip:ann:secret@pbx?x=y", "ann", "pbx"),
            ("sip:%41nn@[2001:db8::1]:5060", "Ann", "[2001:db8::1]"),
            ("tel:+43123;ext=4", "+43123", ""),
            ("sip:pbx.example", "", "pbx.example"),
            ("nonsense", "", "nonsense"),
            ("", "", ""),
        ] {
            let far = FarSide::read(address, None);
            assert_eq!(
                (far.user.as_str(), far.domain.as_str()),
                (user, domain),
                "{address}"
            );
        }
        let long = format!("sip:{}", "9".repeat(200));
        assert_eq!(FarSide::read(&long, None).user.len(), MAX_VALUE);
    }

    #[test]
    fn attack_b_a_callers_text_loses_what_ends_strings_and_turns_writing() {
        let far = FarSide::read(
            "sip:%00%0a10%0d01%e2%80%ae%7f%ff@pbx",
            Some("A\0n\r\nn\u{202e}\u{2066}\u{200b}\u{e0041}\t "),
        );
        assert_eq!((far.user.as_str(), far.name.as_str()), ("1001", "Ann"));
        let far = FarSide::read("sip:1@pbx", Some(&"x".repeat(10_240)));
        assert_eq!(far.name.len(), MAX_VALUE);
    }
}

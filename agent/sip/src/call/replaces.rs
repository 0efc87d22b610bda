//! The Replaces header (RFC 3891): names a dialog of whoever gets the INVITE, whose place the new call takes.

use crate::dialog::Dialog;
use crate::message::{HeaderName, Headers, Params};
use std::fmt;

/// The longest Call-ID or tag taken.
const MAX_PART: usize = 512;

/// A dialog, named as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID.
    pub call_id: String,
    /// Tag of whoever gets the INVITE.
    pub to_tag: String,
    /// Tag of its peer.
    pub from_tag: String,
    /// Only while nobody answered.
    pub early_only: bool,
}

impl Replaces {
    /// Reads a value, unescaped.
    #[must_use]
    pub fn read(value: &str) -> Option<Self> {
        let (call_id, params) = value.split_once(';')?;
        let params = Params::parse(params).ok()?;
        let part = |name| {
            params
                .get(name)
                .filter(|tag| !tag.is_empty() && tag.len() <= MAX_PART)
                .map(str::to_owned)
        };
        let call_id = call_id.trim();
        (!call_id.is_empty()
            && call_id.len() <= MAX_PART
            && !call_id.contains(char::is_whitespace))
        .then_some(())?;
        Some(Self {
            call_id: call_id.to_owned(),
            to_tag: part("to-tag")?,
            from_tag: part("from-tag")?,
            early_only: params.has("early-only"),
        })
    }

    /// What an INVITE's headers name. `Err` when it is written wrongly, more than once, or beside a Join (§3).
    pub(crate) fn of(headers: &Headers) -> Result<Option<Self>, ()> {
        let mut all = headers.all(HeaderName::Replaces);
        let Some(value) = all.next() else {
            return Ok(None);
        };
        if all.next().is_some() || headers.has(HeaderName::Join) {
            return Err(());
        }
        Self::read(&String::from_utf8_lossy(value))
            .map(Some)
            .ok_or(())
    }

    /// The name by which the peer of a dialog knows it.
    pub(crate) fn as_peer_sees(dialog: &Dialog) -> Self {
        Self {
            call_id: dialog.call_id().to_owned(),
            to_tag: dialog.remote_tag().to_owned(),
            from_tag: dialog.local_tag().to_owned(),
            early_only: false,
        }
    }

    /// Whether it names this dialog of ours. A peer without a tag is named by `0` (§6.1).
    pub(crate) fn names(&self, dialog: &Dialog) -> bool {
        let remote = match dialog.remote_tag() {
            "" => "0",
            tag => tag,
        };
        self.call_id == dialog.call_id()
            && self.to_tag == dialog.local_tag()
            && self.from_tag == remote
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            call_id,
            to_tag,
            from_tag,
            early_only,
        } = self;
        write!(out, "{call_id};to-tag={to_tag};from-tag={from_tag}")?;
        if *early_only {
            out.write_str(";early-only")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_header() {
        let text = "98732@sip.example.com;to-tag=r33th4x0r;from-tag=ff87ff;early-only";
        let replaces =
            Replaces::read(" 98732@sip.example.com ;from-tag=ff87ff;to-tag=r33th4x0r;early-only")
                .unwrap();
        assert_eq!(replaces.to_string(), text);
        assert!(replaces.early_only);
        for bad in [
            "",
            "x",
            "x;to-tag=a",
            "x;from-tag=a",
            ";to-tag=a;from-tag=b",
            "a b;to-tag=a;from-tag=b",
        ] {
            assert_eq!(Replaces::read(bad), None, "{bad:?}");
        }
        assert_eq!(
            Replaces::read(&format!("x;to-tag={};from-tag=b", "t".repeat(600))),
            None
        );
    }

    #[test]
    fn two_or_one_beside_join_is_wrong() {
        let mut headers = Headers::new();
        assert_eq!(Replaces::of(&headers), Ok(None));
        headers.push(HeaderName::Replaces, "x;to-tag=a;from-tag=b");
        assert!(matches!(Replaces::of(&headers), Ok(Some(_))));
        let mut joined = headers.clone();
        joined.push(HeaderName::Join, "x;to-tag=a;from-tag=b");
        assert_eq!(Replaces::of(&joined), Err(()));
        headers.push(HeaderName::Replaces, "y;to-tag=a;from-tag=b");
        assert_eq!(Replaces::of(&headers), Err(()));
    }
}

//! What a link clicked on a web page may do on a desk.

use serde::{Deserialize, Serialize};

/// Links that the system hands over: a page's `tel:` or `sip:` link. A page may be anybody's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Links {
    /// Whether a link dials at once, or asks the user first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dial: Option<LinkDial>,
    /// The schemes that are taken; an empty list takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemes: Option<Vec<LinkScheme>>,
}

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LinkDial {
    /// It asks the user.
    #[default]
    Ask,
    /// It dials at once, save feature codes and emergency numbers, which always ask.
    Now,
}

/// A scheme of links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LinkScheme {
    /// `sip:` (RFC 3261).
    Sip,
    /// `sips:`.
    Sips,
    /// `tel:` (RFC 3966).
    Tel,
    /// `callto:`.
    Callto,
}

impl Links {
    /// These settings where given, else those of the layer below.
    pub fn over(self, below: &Self) -> Self {
        Self {
            dial: self.dial.or(below.dial),
            schemes: self.schemes.or_else(|| below.schemes.clone()),
        }
    }

    /// What a link does.
    pub fn dial(&self) -> LinkDial {
        self.dial.unwrap_or_default()
    }

    /// The schemes that are taken.
    pub fn schemes(&self) -> &[LinkScheme] {
        self.schemes.as_deref().unwrap_or(&LinkScheme::ALL)
    }
}

impl LinkScheme {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sip, Self::Sips, Self::Tel, Self::Callto];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Sips => "sips",
            Self::Tel => "tel",
            Self::Callto => "callto",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_lies_over_another_setting_by_setting() {
        let fleet = Links {
            dial: Some(LinkDial::Now),
            schemes: Some(vec![LinkScheme::Tel]),
        };
        let desk = Links {
            dial: Some(LinkDial::Ask),
            schemes: None,
        };
        let both = desk.over(&fleet);
        assert_eq!(
            (both.dial(), both.schemes()),
            (LinkDial::Ask, &[LinkScheme::Tel][..])
        );
        assert_eq!(Links::default().schemes().len(), 4);
        assert_eq!(Links::default().dial(), LinkDial::Ask);
    }
}

//! Where a desk stands, for those who must find it (RFC 6442, RFC 5491, RFC 5139).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Parts of a civic address that are known (RFC 5139 §3.1), in the order of its schema.
pub const CIVIC_PARTS: [&str; 29] = [
    "country", "A1", "A2", "A3", "A4", "A5", "A6", "PRM", "PRD", "RD", "STS", "POD", "POM",
    "RDSEC", "RDBR", "RDSUBBR", "HNO", "HNS", "LMK", "LOC", "FLR", "NAM", "PC", "BLD", "UNIT",
    "ROOM", "SEAT", "PLC", "PCN",
];

/// Where a desk stands: exactly one of the three ways.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Location {
    /// A location server's answer to be fetched: `https:`, `http:`, `sip:` or `sips:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Degrees by WGS 84.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<Point>,
    /// A street address by the parts of RFC 5139: `country`, `A1` (state), `A3` (city), `RD` (street), `HNO`, `PC`, `FLR`, `ROOM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub civic: Option<BTreeMap<String, String>>,
}

/// A place on Earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Point {
    /// -90 to 90.
    pub latitude: Decimal,
    /// -180 to 180.
    pub longitude: Decimal,
    /// How far off it may be, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius_m: Option<Decimal>,
}

/// A number with six places behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(try_from = "f64", into = "f64")]
#[cfg_attr(feature = "json-schema", schemars(with = "f64"))]
pub struct Decimal {
    millionths: i64,
}

impl From<Decimal> for f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "below 10^13, which f64 holds exactly"
    )]
    fn from(number: Decimal) -> f64 {
        number.millionths as f64 / 1e6
    }
}

impl TryFrom<f64> for Decimal {
    type Error = String;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be within 10^13"
    )]
    fn try_from(number: f64) -> Result<Self, String> {
        if number.is_finite() && number.abs() <= 1e7 {
            Ok(Self {
                millionths: (number * 1e6).round() as i64,
            })
        } else {
            Err(format!("{number} is not between -10000000 and 10000000"))
        }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", f64::from(*self))
    }
}

impl Location {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn check(&self) -> Result<(), String> {
        let given = [
            self.uri.is_some(),
            self.point.is_some(),
            self.civic.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err("needs exactly one of 'uri', 'point' and 'civic'".to_owned());
        }
        if let Some(uri) = &self.uri {
            let scheme = ["https://", "http://", "sip:", "sips:"]
                .iter()
                .any(|scheme| uri.starts_with(scheme));
            let plain = uri
                .chars()
                .all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"'));
            if !scheme || !plain || uri.len() > 512 {
                return Err(
                    "'uri' must be an http(s) or sip(s) URI of at most 512 bytes".to_owned(),
                );
            }
        }
        if let Some(point) = &self.point {
            let good = (-90.0..=90.0).contains(&f64::from(point.latitude))
                && (-180.0..=180.0).contains(&f64::from(point.longitude))
                && point.radius_m.is_none_or(|r| f64::from(r) >= 0.0);
            if !good {
                return Err("'point' is no place on Earth".to_owned());
            }
        }
        for (part, text) in self.civic.iter().flatten() {
            if !CIVIC_PARTS.contains(&part.as_str()) {
                return Err(format!(
                    "'civic' has no part {part:?}; known are {}",
                    CIVIC_PARTS.join(", ")
                ));
            }
            if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
                return Err(format!("'civic.{part}' must have 1 to 128 bytes"));
            }
        }
        if self
            .civic
            .as_ref()
            .is_some_and(|civic| !civic.contains_key("country"))
        {
            return Err("'civic' needs 'country', two letters".to_owned());
        }
        Ok(())
    }
}

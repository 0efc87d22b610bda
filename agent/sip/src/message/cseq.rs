//! The CSeq header (RFC 3261 §20.16).

use super::error::SyntaxError;
use super::method::Method;
use std::fmt;
use std::str::FromStr;

/// Sequence number and method of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2^31.
    pub number: u32,
    /// Method of the request.
    pub method: Method,
}

impl FromStr for CSeq {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = text.trim();
        let (number, method) = text
            .split_once([' ', '\t'])
            .ok_or(SyntaxError::new("a CSeq has a number and a method"))?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SyntaxError::new("the CSeq number is no number"));
        }
        let number = number
            .parse::<u32>()
            .ok()
            .filter(|number| *number < 1 << 31)
            .ok_or(SyntaxError::new("the CSeq number is not below 2^31"))?;
        let method =
            Method::of(method.trim()).ok_or(SyntaxError::new("the CSeq method is no token"))?;
        Ok(Self { number, method })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.number, self.method)
    }
}

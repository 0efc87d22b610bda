//! LDAP search filters (RFC 4515), and templates of them: `(|(cn=*{text}*)(mail={text}*))`.
//!
//! A template is filled as text and the result is read: what is put in is escaped byte by byte, so that it can only
//! ever be part of a value. How a filter travels is the agent's business.

/// The longest filter, in bytes, as it stands in a configuration.
pub const MAX_FILTER: usize = 1_024;
/// The longest filter once it is filled.
const MAX_FILLED: usize = 32 << 10;
/// How deep filters lie in one another, at most.
const MAX_DEPTH: usize = 8;

/// A search filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LdapFilter {
    /// All of them.
    And(Vec<LdapFilter>),
    /// One of them.
    Or(Vec<LdapFilter>),
    /// Not this one.
    Not(Box<LdapFilter>),
    /// The attribute is there.
    Present(String),
    /// The attribute compares so.
    Compare(Comparison, String, Vec<u8>),
    /// The attribute's value holds these parts in their order.
    Substrings {
        /// The attribute.
        attribute: String,
        /// What it begins with.
        first: Option<Vec<u8>>,
        /// What is in between.
        any: Vec<Vec<u8>>,
        /// What it ends with.
        last: Option<Vec<u8>>,
    },
    /// The attribute matches by a rule: `userAccountControl:1.2.840.113556.1.4.803:=2`.
    Extensible {
        /// The attribute; every one that the rule fits when absent.
        attribute: Option<String>,
        /// The rule.
        rule: Option<String>,
        /// Whether the parts of the entry's own name count, too.
        name_too: bool,
        /// The value.
        value: Vec<u8>,
    },
}

/// How an attribute compares with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `~=`
    About,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LdapFilterError {
    /// Above [`MAX_FILTER`], or once filled above what a directory is asked.
    #[error("it is longer than {MAX_FILTER} bytes")]
    TooLong,
    /// Filters in filters in filters.
    #[error("it has more than {MAX_DEPTH} filters in one another")]
    TooDeep,
    /// Not as RFC 4515 has it.
    #[error("at character {place}: {why}")]
    Syntax {
        /// Where, counted in bytes from one.
        place: usize,
        /// What was expected.
        why: &'static str,
    },
    /// Nothing would be put in.
    #[error("it does not say where {0} goes")]
    NoPlace(&'static str),
}

impl LdapFilter {
    /// Reads a filter.
    ///
    /// # Errors
    /// What is not right, and where.
    pub fn parse(text: &str) -> Result<Self, LdapFilterError> {
        if text.len() > MAX_FILLED {
            return Err(LdapFilterError::TooLong);
        }
        let mut reader = Reader {
            bytes: text.as_bytes(),
            at: 0,
        };
        let filter = reader.filter(0)?;
        match reader.peek() {
            None => Ok(filter),
            Some(_) => Err(reader.wrong("the filter has ended here")),
        }
    }

    /// Puts values in the places of their names and reads the result. The values stand as they are: what a person or a
    /// caller wrote is [`escaped`] before.
    ///
    /// # Errors
    /// When the template is no filter.
    pub fn fill(template: &str, values: &[(&str, &str)]) -> Result<Self, LdapFilterError> {
        let filled = values
            .iter()
            .fold(template.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            });
        Self::parse(&filled)
    }

    /// Checks a template with the names of what can be put in.
    ///
    /// # Errors
    /// When it is too long, no filter, or has no place for any of them.
    pub fn check(template: &str, names: &[&'static str]) -> Result<(), LdapFilterError> {
        if template.len() > MAX_FILTER {
            return Err(LdapFilterError::TooLong);
        }
        if let Some(first) = names.first()
            && !names.iter().any(|name| template.contains(name))
        {
            return Err(LdapFilterError::NoPlace(first));
        }
        let samples: Vec<_> = names.iter().map(|name| (*name, "1")).collect();
        Self::fill(template, &samples).map(drop)
    }
}

/// A text as it may stand in a filter's value: every byte that could mean something is written in hex.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            _ if character.is_alphanumeric() => safe.push(character),
            ' ' | '-' | '_' | '.' | '@' | '+' => safe.push(character),
            _ => {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    safe.push_str(&format!("\\{byte:02x}"));
                }
            }
        }
    }
    safe
}

/// Whether a text is the name of an attribute, with or without options: `cn`, `2.5.4.3`, `cn;lang-en`.
#[must_use]
pub fn is_attribute(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.;".contains(&byte))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self, why: &'static str) -> LdapFilterError {
        LdapFilterError::Syntax {
            place: self.at + 1,
            why,
        }
    }

    fn take(&mut self, byte: u8, why: &'static str) -> Result<(), LdapFilterError> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(why));
        }
        self.at += 1;
        Ok(())
    }

    fn filter(&mut self, depth: usize) -> Result<LdapFilter, LdapFilterError> {
        if depth == MAX_DEPTH {
            return Err(LdapFilterError::TooDeep);
        }
        self.take(b'(', "'(' is expected")?;
        let filter = match self.peek() {
            Some(b'&') => LdapFilter::And(self.list(depth)?),
            Some(b'|') => LdapFilter::Or(self.list(depth)?),
            Some(b'!') => {
                self.at += 1;
                LdapFilter::Not(Box::new(self.filter(depth + 1)?))
            }
            _ => self.item()?,
        };
        self.take(b')', "')' is expected")?;
        Ok(filter)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<LdapFilter>, LdapFilterError> {
        self.at += 1;
        let mut list = Vec::new();
        while self.peek() == Some(b'(') {
            list.push(self.filter(depth + 1)?);
        }
        match list.is_empty() {
            true => Err(self.wrong("a filter in '(' and ')' is expected")),
            false => Ok(list),
        }
    }

    fn item(&mut self) -> Result<LdapFilter, LdapFilterError> {
        let attribute = self.word();
        let named = |reader: &Self| match is_attribute(&attribute) {
            true => Ok(attribute.clone()),
            false => Err(reader.wrong("the name of an attribute is expected")),
        };
        let comparison = match self.peek() {
            Some(b':') => return self.extensible(attribute),
            Some(b'=') => {
                let attribute = named(self)?;
                self.at += 1;
                return self.equal(attribute);
            }
            Some(b'>') => Comparison::AtLeast,
            Some(b'<') => Comparison::AtMost,
            Some(b'~') => Comparison::About,
            _ => return Err(self.wrong("'=', '>=', '<=', '~=' or ':=' is expected")),
        };
        let attribute = named(self)?;
        self.at += 1;
        self.take(b'=', "'=' is expected")?;
        let value = self.value()?;
        Ok(LdapFilter::Compare(comparison, attribute, value))
    }

    /// What comes before the sign.
    fn word(&mut self) -> String {
        let begin = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-.;_".contains(&byte))
        {
            self.at += 1;
        }
        self.bytes[begin..self.at]
            .iter()
            .map(|byte| char::from(*byte))
            .collect()
    }

    fn equal(&mut self, attribute: String) -> Result<LdapFilter, LdapFilterError> {
        let first = self.value()?;
        if self.peek() != Some(b'*') {
            return Ok(LdapFilter::Compare(Comparison::Equal, attribute, first));
        }
        let mut rest = Vec::new();
        while self.peek() == Some(b'*') {
            self.at += 1;
            rest.push(self.value()?);
        }
        let part = |part: Vec<u8>| (!part.is_empty()).then_some(part);
        let (first, last) = (part(first), rest.pop().and_then(part));
        let any: Vec<_> = rest.into_iter().filter_map(part).collect();
        if first.is_none() && last.is_none() && any.is_empty() {
            return Ok(LdapFilter::Present(attribute));
        }
        Ok(LdapFilter::Substrings {
            attribute,
            first,
            any,
            last,
        })
    }

    fn extensible(&mut self, attribute: String) -> Result<LdapFilter, LdapFilterError> {
        let (mut rule, mut name_too) = (None, false);
        while self.peek() == Some(b':') {
            self.at += 1;
            if self.peek() == Some(b'=') {
                self.at += 1;
                let value = self.value()?;
                let attribute = (!attribute.is_empty()).then_some(attribute);
                if attribute.is_none() && rule.is_none() {
                    return Err(self.wrong("an attribute or a rule is expected before ':='"));
                }
                return Ok(LdapFilter::Extensible {
                    attribute,
                    rule,
                    name_too,
                    value,
                });
            }
            match self.word() {
                word if word.eq_ignore_ascii_case("dn") && !name_too && rule.is_none() => {
                    name_too = true;
                }
                word if is_attribute(&word) && rule.is_none() => rule = Some(word),
                _ => return Err(self.wrong("'dn', a matching rule or '=' is expected")),
            }
        }
        Err(self.wrong("':=' is expected"))
    }

    /// A value up to what ends it, or up to a `*`.
    fn value(&mut self) -> Result<Vec<u8>, LdapFilterError> {
        let mut value = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b')' | b'*' => break,
                b'(' | 0 => return Err(self.wrong("this must be written as \\ and two hex digits")),
                b'\\' => {
                    let digit = |place: usize| {
                        let byte = *self.bytes.get(self.at + place)?;
                        char::from(byte).to_digit(16)
                    };
                    let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                        return Err(self.wrong("two hex digits are expected after \\"));
                    };
                    // Two digits of four bits: a byte.
                    value.push((high << 4 | low) as u8);
                    self.at += 3;
                }
                _ => {
                    value.push(byte);
                    self.at += 1;
                }
            }
        }
        Ok(value)
    }
}

#[cfg(test)]
#[path = "ldap_filter_tests.rs"]
mod tests;

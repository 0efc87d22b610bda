//! One rule of a dial plan, and the pattern language it is written in.
//!
//! A pattern is matched against the whole of what was dialled, after spaces, dashes, dots and parentheses are gone:
//!
//! | written | stands for |
//! |---|---|
//! | `0`–`9` `*` `#` `+` `A`–`D` | itself |
//! | `x` | one digit |
//! | `z` | one digit from 1 to 9 |
//! | `[2-57#]` | one character of those |
//! | `.` | the element before it, any number of times more; at most once in a pattern |
//! | `( )` | a group; at most nine, not nested |
//!
//! In `to`, `$1` to `$9` stand for the groups and `$0` for the whole. Since at most one element repeats, every match is found
//! in one pass, whatever is dialled.

use serde::{Deserialize, Serialize};

/// The most rules in one plan.
pub const MAX_RULES: usize = 200;
/// The longest pattern and the longest result, in bytes.
pub const MAX_PATTERN: usize = 64;
/// The longest number that a rule makes, in bytes.
pub const MAX_RESULT: usize = 256;

/// One rule: what fits `match` becomes `to`, or is refused with `block` as the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DialRule {
    /// The pattern.
    #[serde(rename = "match")]
    pub pattern: String,
    /// What is called instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why it may not be called, for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
}

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    elements: Vec<Element>,
    /// The one element that repeats.
    repeats: Option<usize>,
    /// First and last element of each group, the end excluded.
    groups: Vec<(usize, usize)>,
}

/// The characters one element stands for, as a bit for each of [`DIALLED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Element(u32);

/// Every character that can be dialled.
const DIALLED: &[u8] = b"0123456789*#+ABCD";

impl DialRule {
    /// Reads the pattern and looks whether the rule says one thing.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn check(&self) -> Result<(), String> {
        let pattern = Pattern::read(&self.pattern)?;
        match (&self.to, &self.block) {
            (Some(_), Some(_)) | (None, None) => Err("needs either 'to' or 'block'".to_owned()),
            (Some(to), None) => {
                if to.is_empty() || to.len() > MAX_RESULT {
                    return Err(format!("'to' must have 1 to {MAX_RESULT} bytes"));
                }
                if to
                    .chars()
                    .any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"'))
                {
                    return Err("'to' holds a space, a quote or a bracket".to_owned());
                }
                let mut rest = to.as_str();
                while let Some((_, after)) = rest.split_once('$') {
                    let group = after.chars().next().and_then(|digit| digit.to_digit(10));
                    match group {
                        Some(group) if group as usize <= pattern.groups.len() => {}
                        _ => return Err("'$' in 'to' names no group of the pattern".to_owned()),
                    }
                    rest = &after[1..];
                }
                Ok(())
            }
            (None, Some(why)) => {
                if why.is_empty() || why.len() > 128 || why.chars().any(char::is_control) {
                    return Err("'block' must be a reason of 1 to 128 bytes".to_owned());
                }
                Ok(())
            }
        }
    }

    /// What becomes of what was dialled; `None` when the rule does not fit. `Err` is the reason of a rule that blocks.
    pub fn apply(&self, dialled: &str) -> Option<Result<String, String>> {
        let pattern = Pattern::read(&self.pattern).ok()?;
        let groups = pattern.matches(dialled)?;
        let Some(to) = &self.to else {
            return Some(Err(self.block.clone().unwrap_or_default()));
        };
        let mut out = String::new();
        let mut rest = to.chars();
        while let Some(character) = rest.next() {
            if character != '$' {
                out.push(character);
                continue;
            }
            let group = rest
                .next()
                .and_then(|digit| digit.to_digit(10))
                .unwrap_or(0) as usize;
            out.push_str(groups.get(group).copied().unwrap_or(""));
        }
        if out.len() > MAX_RESULT {
            return Some(Err(format!(
                "the rule makes more than {MAX_RESULT} characters"
            )));
        }
        Some(Ok(out))
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_PATTERN {
            return Err(format!("a pattern must have 1 to {MAX_PATTERN} characters"));
        }
        let mut pattern = Self {
            elements: Vec::new(),
            repeats: None,
            groups: Vec::new(),
        };
        let mut open = None;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '(' if open.is_some() => return Err("groups cannot be nested".to_owned()),
                '(' => open = Some(pattern.elements.len()),
                ')' => {
                    let start = open.take().ok_or("a group is closed that was not opened")?;
                    pattern.groups.push((start, pattern.elements.len()));
                    if pattern.groups.len() > 9 {
                        return Err("a pattern has at most nine groups".to_owned());
                    }
                }
                '.' if pattern.repeats.is_some() => {
                    return Err("'.' may stand once in a pattern".to_owned());
                }
                '.' if pattern.elements.is_empty() => {
                    return Err("'.' repeats what stands before it, and nothing does".to_owned());
                }
                '.' => pattern.repeats = Some(pattern.elements.len() - 1),
                '[' => {
                    let element = set(&mut characters)?;
                    pattern.elements.push(element);
                }
                'x' | 'X' => pattern.elements.push(Element::range(b'0', b'9')),
                'z' | 'Z' => pattern.elements.push(Element::range(b'1', b'9')),
                character => pattern.elements.push(Element::of(character)?),
            }
        }
        if open.is_some() {
            return Err("a group is not closed".to_owned());
        }
        if pattern.elements.is_empty() {
            return Err("a pattern must hold a character".to_owned());
        }
        Ok(pattern)
    }

    /// The whole and its groups when the text fits.
    pub fn matches<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        if !text.is_ascii() || text.len() > MAX_RESULT {
            return None;
        }
        let extra = text.len().checked_sub(self.elements.len())?;
        if extra > 0 && self.repeats.is_none() {
            return None;
        }
        // How many characters element number `at` takes: only one of them takes more than one.
        let takes = |at: usize| 1 + if self.repeats == Some(at) { extra } else { 0 };
        let mut place = 0;
        let mut starts = Vec::with_capacity(self.elements.len() + 1);
        for (at, element) in self.elements.iter().enumerate() {
            starts.push(place);
            let end = place + takes(at);
            if !text.as_bytes()[place..end]
                .iter()
                .all(|byte| element.holds(*byte))
            {
                return None;
            }
            place = end;
        }
        starts.push(place);
        let groups = self
            .groups
            .iter()
            .map(|(first, last)| &text[starts[*first]..starts[*last]]);
        Some(std::iter::once(text).chain(groups).collect())
    }
}

impl Element {
    fn of(character: char) -> Result<Self, String> {
        let place = u8::try_from(character).ok().and_then(|byte| {
            DIALLED
                .iter()
                .position(|known| *known == byte.to_ascii_uppercase())
        });
        match place {
            Some(place) => Ok(Self(1 << place)),
            None => Err(format!("{character:?} cannot be dialled")),
        }
    }

    fn range(from: u8, to: u8) -> Self {
        let mut bits = 0;
        for (place, byte) in DIALLED.iter().enumerate() {
            if (from..=to).contains(byte) {
                bits |= 1 << place;
            }
        }
        Self(bits)
    }

    fn holds(self, byte: u8) -> bool {
        DIALLED
            .iter()
            .position(|known| *known == byte.to_ascii_uppercase())
            .is_some_and(|place| self.0 & (1 << place) != 0)
    }
}

/// `2-57#]`: what follows an opening bracket.
fn set(characters: &mut std::str::Chars<'_>) -> Result<Element, String> {
    let mut bits = 0;
    let mut last: Option<char> = None;
    let mut ranging = false;
    for character in characters.by_ref() {
        match character {
            ']' if ranging => return Err("a range has no end".to_owned()),
            ']' if bits == 0 => return Err("a set must hold a character".to_owned()),
            ']' => return Ok(Element(bits)),
            '-' if last.is_some() && !ranging => ranging = true,
            to => {
                let single = Element::of(to)?;
                match (ranging, last) {
                    (true, Some(from)) => {
                        let digits = from.is_ascii_digit() && to.is_ascii_digit();
                        if !digits || from > to {
                            return Err(format!("{from}-{to} is no range of digits"));
                        }
                        // Both are ASCII digits.
                        bits |= Element::range(from as u8, to as u8).0;
                        ranging = false;
                        last = None;
                    }
                    _ => {
                        bits |= single.0;
                        last = Some(to);
                    }
                }
            }
        }
    }
    Err("a set is not closed".to_owned())
}

//! Reading what an admin writes: YAML, with every unknown key refused and the nearest known one named.
//!
//! The text is read twice: once into the type, where errors know their line, and once key by key against the
//! fields that the type asks for. A key that means nothing is told first: where it is a misspelt one that is
//! required, 'missing field' would be true and no help. A type read here must not use `flatten` or untagged enums,
//! which hide their fields.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::{Map, Value};

use crate::config::ConfigError;

/// How many unknown keys are told at once.
pub const MAX_UNKNOWN: usize = 20;

/// Why a document was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Above the limit.
    #[error("the document has {found} bytes, at most {limit} are read")]
    TooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Not YAML, a duplicate key, a value of the wrong kind.
    #[error("{0}")]
    Yaml(String),
    /// Keys that mean nothing: at most [`MAX_UNKNOWN`] and one, which says that there are more.
    #[error("{}", unknown_text(.0))]
    UnknownKeys(Vec<UnknownKey>),
    /// Well formed and out of bounds.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
}

/// A key that means nothing where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// Its path: `desks[0].accounts[1].pasword`. What cannot belong to a key is left out, since it could be a value.
    pub path: String,
    /// The line, where only one line can be meant; from 1.
    pub line: Option<usize>,
    /// The known key most like it.
    pub nearest: Option<&'static str>,
    /// All keys known there.
    pub known: &'static [&'static str],
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "unknown key {}", self.path)?;
        match self.nearest {
            Some(nearest) => write!(f, ": did you mean {nearest:?}?"),
            None => write!(f, ": known here are {}", self.known.join(", ")),
        }
    }
}

/// Reads a document of at most `limit` bytes.
///
/// # Errors
/// Unknown keys, where there are any; else the first error of syntax or type, with its line.
pub fn from_yaml<T: DeserializeOwned>(text: &str, limit: usize) -> Result<T, ReadError> {
    if text.len() > limit {
        return Err(ReadError::TooLarge {
            found: text.len(),
            limit,
        });
    }
    let typed = parse::<T>(text);
    let Ok(tree) = parse::<Value>(text) else {
        return typed;
    };
    let unknown = unknown_keys::<T>(&tree, text);
    if unknown.is_empty() {
        typed
    } else {
        Err(ReadError::UnknownKeys(unknown))
    }
}

/// What the type does not ask for. An item of a list that cannot be read is left aside, and the rest is looked
/// through again: a few times, since each may hold what cannot be read.
fn unknown_keys<T: DeserializeOwned>(tree: &Value, text: &str) -> Vec<UnknownKey> {
    let findings = RefCell::new(Findings {
        unknown: Vec::new(),
        unreadable: BTreeSet::new(),
    });
    for left_aside in 1..=MAX_UNKNOWN + 1 {
        let read = T::deserialize(Node {
            text,
            value: tree,
            path: String::new(),
            findings: &findings,
        });
        let findings = findings.borrow();
        let nothing_to_leave = findings.unreadable.len() < left_aside;
        if read.is_ok() || nothing_to_leave || findings.unknown.len() > MAX_UNKNOWN {
            break;
        }
    }
    findings.into_inner().unknown
}

/// Without the snippet of the text that the parser would show: it could hold a password.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    serde_yaml::from_str(text).map_err(|e| ReadError::Yaml(e.without_snippet().to_string()))
}

fn unknown_text(keys: &[UnknownKey]) -> String {
    let more = (keys.len() > MAX_UNKNOWN).then(|| "and more of the kind".to_owned());
    keys.iter()
        .take(MAX_UNKNOWN)
        .map(UnknownKey::to_string)
        .chain(more)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The only line on which a key stands, whether it begins the line or follows others in braces; `None` when there are
/// several.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let stands_in = |line: &str| {
        line.match_indices(key).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + key.len()..]
                .trim_start_matches(['"', '\''])
                .trim_start();
            before.is_none_or(|c| matches!(c, ' ' | '\t' | '-' | '{' | ',' | '"' | '\''))
                && (after.starts_with(':') || key.contains(':'))
        })
    };
    let mut lines = text.lines().enumerate().filter(|(_, line)| stands_in(line));
    let first = lines.next()?;
    lines.next().is_none().then_some(first.0 + 1)
}

fn nearest(key: &str, known: &'static [&'static str]) -> Option<&'static str> {
    known
        .iter()
        .map(|&name| (strsim::damerau_levenshtein(key, name), name))
        .min()
        .filter(|(distance, name)| *distance <= (name.len().max(key.len()) / 3).max(1))
        .map(|(_, name)| name)
}

/// A key as it may be shown: `password:hunter2` in braces is one key to YAML, and a password for whoever reads it.
fn shown(key: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match key.find(|c| !good(c)) {
        None => key.to_owned(),
        Some(end) => format!("{}…", &key[..end]),
    }
}

/// What looking through a document has brought.
struct Findings {
    unknown: Vec<UnknownKey>,
    /// Paths of items of lists that do not fit their type.
    unreadable: BTreeSet<String>,
}

/// A place in the document, which reports the keys that a struct does not ask for.
struct Node<'a> {
    text: &'a str,
    value: &'a Value,
    path: String,
    findings: &'a RefCell<Findings>,
}

impl<'a> Node<'a> {
    fn child(&self, value: &'a Value, step: &str) -> Self {
        Self {
            text: self.text,
            value,
            path: format!("{}{step}", self.path),
            findings: self.findings,
        }
    }

    fn key(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!(".{key}")
        }
    }
}

type NodeError = serde_json::Error;

impl<'de, 'a: 'de> Deserializer<'de> for Node<'a> {
    type Error = NodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => number.deserialize_any(visitor),
            Value::String(text) => visitor.visit_str(text),
            Value::Array(items) => visitor.visit_seq(Items {
                node: &self,
                items,
                next: 0,
            }),
            Value::Object(map) => visitor.visit_map(Entries {
                node: &self,
                entries: map.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        if let Value::Object(map) = self.value {
            report_unknown(&self, map, known);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        if self.value.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NodeError> {
        self.value.deserialize_enum(name, variants, visitor)
    }

    // A plain `1001` is a number to YAML and a text to whoever asks for one.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        match self.value {
            Value::Number(number) => visitor.visit_string(number.to_string()),
            Value::Bool(flag) => visitor.visit_string(flag.to_string()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NodeError> {
        self.deserialize_str(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn report_unknown(node: &Node<'_>, map: &Map<String, Value>, known: &'static [&'static str]) {
    let mut findings = node.findings.borrow_mut();
    for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
        let name = shown(key);
        let path = format!("{}{}", node.path, node.key(&name));
        let seen = findings.unknown.iter().any(|other| other.path == path);
        if seen || findings.unknown.len() > MAX_UNKNOWN {
            continue;
        }
        let unknown = UnknownKey {
            path,
            line: line_of(node.text, key),
            nearest: nearest(name.trim_end_matches('…'), known),
            known,
        };
        findings.unknown.push(unknown);
    }
}

struct Items<'n, 'a> {
    node: &'n Node<'a>,
    items: &'a [Value],
    next: usize,
}

impl<'de, 'a: 'de> SeqAccess<'de> for Items<'_, 'a> {
    type Error = NodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NodeError> {
        loop {
            let Some(value) = self.items.get(self.next) else {
                return Ok(None);
            };
            let node = self.node.child(value, &format!("[{}]", self.next));
            self.next += 1;
            let (path, findings) = (node.path.clone(), node.findings);
            if findings.borrow().unreadable.contains(&path) {
                continue;
            }
            let before = findings.borrow().unreadable.len();
            let item = seed.deserialize(node);
            let mut findings = findings.borrow_mut();
            // The innermost item that does not fit is left aside, so that its neighbours are looked through.
            if item.is_err() && findings.unreadable.len() == before {
                findings.unreadable.insert(path);
            }
            return item.map(Some);
        }
    }
}

struct Entries<'n, 'a> {
    node: &'n Node<'a>,
    entries: serde_json::map::Iter<'a>,
    value: Option<(&'a String, &'a Value)>,
}

impl<'de, 'a: 'de> MapAccess<'de> for Entries<'_, 'a> {
    type Error = NodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NodeError> {
        self.value = self.entries.next();
        match self.value {
            Some((key, _)) => seed.deserialize(key.as_str().into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NodeError> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| de::Error::custom("value asked for before its key"))?;
        seed.deserialize(self.node.child(value, &self.node.key(key)))
    }
}

//! Reading what an admin writes: YAML, with every unknown key refused and the nearest known one named.
//!
//! The text is read twice: once into the type, where errors know their line, and once key by key against the
//! fields that the type asks for. A type read here must not use `flatten` or untagged enums, which hide their fields.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::{Map, Value};

use crate::config::ConfigError;

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
    /// A key that means nothing.
    #[error("{}", unknown_text(.0))]
    UnknownKeys(Vec<UnknownKey>),
    /// Well formed and out of bounds.
    #[error(transparent)]
    Invalid(#[from] ConfigError),
}

/// A key that means nothing where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// Its path: `desks[0].accounts[1].pasword`.
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
/// The first error of syntax or type with its line; else all unknown keys.
pub fn from_yaml<T: DeserializeOwned>(text: &str, limit: usize) -> Result<T, ReadError> {
    if text.len() > limit {
        return Err(ReadError::TooLarge {
            found: text.len(),
            limit,
        });
    }
    let value: T = parse(text)?;
    let tree: Value = parse(text)?;
    let unknown = RefCell::default();
    // The typed reading has succeeded; what this one returns does not matter, only the keys it was asked for.
    let _ = T::deserialize(Node {
        value: &tree,
        path: String::new(),
        unknown: &unknown,
    });
    let mut unknown: Vec<UnknownKey> = unknown.into_inner();
    if unknown.is_empty() {
        return Ok(value);
    }
    for key in &mut unknown {
        key.line = line_of(text, &key.path);
    }
    Err(ReadError::UnknownKeys(unknown))
}

/// Without the snippet of the text that the parser would show: it could hold a password.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    serde_yaml::from_str(text).map_err(|e| ReadError::Yaml(e.without_snippet().to_string()))
}

fn unknown_text(keys: &[UnknownKey]) -> String {
    keys.iter()
        .map(UnknownKey::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The only line on which the last key of a path stands; `None` when there are several.
fn line_of(text: &str, path: &str) -> Option<usize> {
    let key = path.rsplit('.').next()?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start_matches([' ', '-', '{', '"', '\'']);
        line.strip_prefix(key).is_some_and(|rest| {
            rest.trim_start_matches(['"', '\''])
                .trim_start()
                .starts_with(':')
        })
    });
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

/// A place in the document, which reports the keys that a struct does not ask for.
struct Node<'a> {
    value: &'a Value,
    path: String,
    unknown: &'a RefCell<Vec<UnknownKey>>,
}

impl<'a> Node<'a> {
    fn child(&self, value: &'a Value, step: &str) -> Self {
        Self {
            value,
            path: format!("{}{step}", self.path),
            unknown: self.unknown,
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
    for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
        let path = format!("{}{}", node.path, node.key(key));
        node.unknown.borrow_mut().push(UnknownKey {
            path,
            line: None,
            nearest: nearest(key, known),
            known,
        });
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
        let Some(value) = self.items.get(self.next) else {
            return Ok(None);
        };
        let node = self.node.child(value, &format!("[{}]", self.next));
        self.next += 1;
        seed.deserialize(node).map(Some)
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

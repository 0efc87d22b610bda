//! Writing YAML that a person goes on with: blocks, keys in the order given, texts quoted where they must be.

/// A value to write.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A text.
    Text(String),
    /// A number, `true`, `false` or a word of the format: as it is.
    Word(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values. What is empty is left out.
    Map(Vec<(&'static str, Node)>),
}

impl Node {
    /// A text; empty when there is none.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A word or number.
    pub(super) fn word(word: impl ToString) -> Self {
        Self::Word(word.to_string())
    }

    /// A map of which only what is there is kept.
    pub(super) fn some(entries: Vec<(&'static str, Option<Self>)>) -> Self {
        let entries = entries.into_iter();
        Self::Map(
            entries
                .filter_map(|(key, node)| Some((key, node?)))
                .collect(),
        )
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) | Self::Word(_) => false,
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.iter().all(|(_, node)| node.is_empty()),
        }
    }

    /// The document.
    #[must_use]
    pub(super) fn document(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        match self {
            Self::Text(text) => {
                out.push_str(&quoted(text));
                out.push('\n');
            }
            Self::Word(word) => {
                out.push_str(word);
                out.push('\n');
            }
            Self::Map(map) => {
                let mut first = true;
                for (key, node) in map.iter().filter(|(_, node)| !node.is_empty()) {
                    if !first || depth == 0 {
                        indent(out, depth);
                    }
                    first = false;
                    out.push_str(key);
                    out.push(':');
                    node.write_after_key(out, depth);
                }
            }
            Self::List(list) => {
                for node in list {
                    indent(out, depth);
                    out.push_str("- ");
                    node.write(out, depth + 1);
                }
            }
        }
    }

    fn write_after_key(&self, out: &mut String, depth: usize) {
        match self {
            Self::Text(_) | Self::Word(_) => {
                out.push(' ');
                self.write(out, depth);
            }
            Self::Map(_) => {
                out.push('\n');
                indent(out, depth + 1);
                self.write(out, depth + 1);
            }
            Self::List(_) => {
                out.push('\n');
                self.write(out, depth + 1);
            }
        }
    }
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// A text that reads as itself: plain where nobody can take it for anything else, else in double quotes.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "@._-/".contains(c))
        && !matches!(
            text.to_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
        );
    if plain {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() || ('\u{2028}'..='\u{2029}').contains(&c) || c == '\u{feff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

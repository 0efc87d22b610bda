//! What a change does, line by line, deletions first: shown before it is done and written to the audit log.
//!
//! Passwords show as changed or not, never as what they are.

use std::fmt;

use carillon_schemas::fleet_file::Layer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Spec;

/// All that a change does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct FleetDiff {
    /// Deletions first, then changes, then additions.
    pub changes: Vec<Change>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What happens to it.
    pub kind: ChangeKind,
    /// The desk; the fleet's defaults when absent.
    pub desk: Option<String>,
    /// The setting within: `accounts[main].registrar`; the desk as a whole when empty.
    pub path: String,
    /// The value before, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value after, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What happens to a setting.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It goes.
    Removed,
    /// It takes another value.
    Changed,
    /// It comes.
    Added,
}

impl FleetDiff {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// A desk that comes.
    pub fn add_desk(&mut self, spec: &Spec) {
        self.push(
            ChangeKind::Added,
            Some(&spec.name),
            String::new(),
            None,
            None,
        );
        self.compare(
            Some(&spec.name),
            &tree(&Spec::named(&spec.name)),
            &tree(spec),
        );
    }

    /// A desk that goes.
    pub fn remove_desk(&mut self, name: &str) {
        self.push(ChangeKind::Removed, Some(name), String::new(), None, None);
    }

    /// A desk that stays.
    pub fn compare_desk(&mut self, before: &Spec, after: &Spec) {
        self.compare(Some(&after.name), &tree(before), &tree(after));
        let (old, new) = (order(before, after), order(after, before));
        if old != new {
            let path = "accounts".to_owned();
            let desk = Some(after.name.as_str());
            self.push(
                ChangeKind::Changed,
                desk,
                path,
                Some(old.into()),
                Some(new.into()),
            );
        }
    }

    /// The fleet's defaults.
    pub fn compare_defaults(&mut self, before: &Layer, after: &Layer) {
        self.compare(None, &plain(before), &plain(after));
    }

    /// A password that is set, whatever it was.
    pub fn set_password(&mut self, desk: &str, account: &str, had_one: bool) {
        let kind = if had_one {
            ChangeKind::Changed
        } else {
            ChangeKind::Added
        };
        let path = format!("accounts[{account}].password");
        self.push(kind, Some(desk), path, None, None);
    }

    /// A directory's password that is set, at a desk or for all.
    pub fn set_directory_password(&mut self, desk: Option<&str>, directory: &str, had_one: bool) {
        let kind = match had_one {
            true => ChangeKind::Changed,
            false => ChangeKind::Added,
        };
        let path = format!("directories[{directory}].password");
        self.push(kind, desk, path, None, None);
    }

    /// Puts deletions first; within a kind the order of the file stays.
    pub fn sort(&mut self) {
        self.changes.sort_by_key(|c| c.kind);
    }

    fn compare(&mut self, desk: Option<&str>, before: &Value, after: &Value) {
        self.walk(desk, String::new(), before, after);
    }

    fn walk(&mut self, desk: Option<&str>, path: String, before: &Value, after: &Value) {
        if before == after {
            return;
        }
        if let (Value::Object(old), Value::Object(new)) = (before, after) {
            let keys = old
                .keys()
                .chain(new.keys().filter(|k| !old.contains_key(*k)));
            for key in keys {
                let below = match (path.as_str(), key.starts_with('[')) {
                    ("", _) => key.clone(),
                    (_, true) => format!("{path}{key}"),
                    (_, false) => format!("{path}.{key}"),
                };
                let side = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                self.walk(desk, below, &side(old), &side(new));
            }
            return;
        }
        let some = |v: &Value| (!v.is_null()).then(|| v.clone());
        let (before, after) = (some(before), some(after));
        let kind = match (&before, &after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        self.push(kind, desk, path, before, after);
    }

    fn push(
        &mut self,
        kind: ChangeKind,
        desk: Option<&str>,
        path: String,
        before: Option<Value>,
        after: Option<Value>,
    ) {
        self.changes.push(Change {
            kind,
            desk: desk.map(str::to_owned),
            path,
            before,
            after,
        });
    }
}

/// One line for a person: `- desk "3F-12"`, `~ desk "3F-12" media.ptime_ms: 20 -> 10`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ChangeKind::Removed => "-",
            ChangeKind::Changed => "~",
            ChangeKind::Added => "+",
        })?;
        match &self.desk {
            Some(desk) => write!(f, " desk {desk:?}")?,
            None => write!(f, " defaults")?,
        }
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, ": {} -> {}", short(before), short(after)),
            (Some(value), None) | (None, Some(value)) => write!(f, ": {}", short(value)),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for FleetDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        Ok(())
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 {
        return text;
    }
    let cut: String = text.chars().take(120).collect();
    format!("{cut}…")
}

fn plain<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The order in `of` of the accounts that both have.
fn order<'a>(of: &'a Spec, other: &Spec) -> Vec<&'a str> {
    of.accounts
        .iter()
        .filter(|a| other.accounts.iter().any(|o| o.id == a.id))
        .map(|a| a.id.as_str())
        .collect()
}

/// A spec with its accounts by id rather than by place.
fn tree(spec: &Spec) -> Value {
    let mut value = plain(spec);
    if let Value::Object(map) = &mut value {
        map.remove("name");
        let accounts: Map<String, Value> = spec
            .accounts
            .iter()
            .map(|a| (format!("[{}]", a.id), plain(a)))
            .collect();
        map.insert("accounts".into(), Value::Object(accounts));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::Account;

    fn account(id: &str, registrar: &str) -> Account<()> {
        serde_json::from_value(serde_json::json!({
            "id": id, "address": format!("sip:{id}@example.org"), "registrar": registrar
        }))
        .unwrap()
    }

    #[test]
    fn deletions_come_first_and_name_what_goes() {
        let mut before = Spec::named("3F-12");
        before.accounts = vec![
            account("main", "a.example.org"),
            account("old", "a.example.org"),
        ];
        let mut after = Spec::named("3F-12");
        after.accounts = vec![
            account("main", "b.example.org"),
            account("zoo", "b.example.org"),
        ];
        let mut diff = FleetDiff::default();
        diff.compare_desk(&before, &after);
        diff.remove_desk("gone");
        diff.set_password("3F-12", "main", true);
        diff.sort();
        let text = diff.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[0].starts_with("- desk \"3F-12\" accounts[old]"),
            "{text}"
        );
        assert_eq!(lines[1], "- desk \"gone\"");
        assert!(
            text.contains(
                "~ desk \"3F-12\" accounts[main].registrar: \"a.example.org\" -> \"b.example.org\""
            ),
            "{text}"
        );
        assert!(
            text.contains("~ desk \"3F-12\" accounts[main].password\n"),
            "{text}"
        );
        assert!(
            lines
                .last()
                .unwrap()
                .starts_with("+ desk \"3F-12\" accounts[zoo]"),
            "{text}"
        );
    }

    #[test]
    fn the_same_is_no_change() {
        let mut diff = FleetDiff::default();
        diff.compare_desk(&Spec::named("a"), &Spec::named("a"));
        diff.compare_defaults(&Layer::default(), &Layer::default());
        assert!(diff.is_empty());
    }
}

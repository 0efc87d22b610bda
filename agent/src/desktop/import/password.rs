//! Passwords of imported accounts, from a file that an admin writes: `name,password` lines.
//!
//! MicroSIP stores passwords obfuscated, in a way that is not documented: they are asked for, never guessed.

use std::collections::BTreeMap;

use carillon_schemas::Secret;

/// The largest file, in bytes.
const MAX_BYTES: usize = 16 << 20;

/// Passwords by name. Never printed.
#[derive(Default)]
pub struct Passwords(BTreeMap<String, Secret>);

/// A file that is no list of passwords. Never holds one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Above the limit.
    #[error("it has more than {} MB", MAX_BYTES >> 20)]
    TooLarge,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotText,
    /// A line of another shape.
    #[error("line {line} is not name,password ({why})")]
    Line {
        /// Where.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
}

impl Passwords {
    /// Reads the file: `user@domain,password` or `user,password`, one a line, quoted as in RFC 4180.
    ///
    /// # Errors
    /// Where it is of another shape.
    pub fn read(bytes: &[u8]) -> Result<Self, PasswordError> {
        if bytes.len() > MAX_BYTES {
            return Err(PasswordError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| PasswordError::NotText)?;
        let mut passwords = BTreeMap::new();
        for (place, row) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = place + 1;
            let bad = |why| PasswordError::Line { line, why };
            if row.trim().is_empty() || row.starts_with('#') {
                continue;
            }
            let (name, rest) = cell(row).ok_or_else(|| bad("a quote is not closed"))?;
            let rest = rest.strip_prefix(',').ok_or_else(|| bad("no comma"))?;
            let (password, rest) = cell(rest).ok_or_else(|| bad("a quote is not closed"))?;
            if !rest.is_empty() {
                return Err(bad("a third value; quote a password that holds a comma"));
            }
            let password = Secret::new(password)
                .map_err(|_| bad("the password is empty, too long or holds control characters"))?;
            if passwords
                .insert(name.trim().to_lowercase(), password)
                .is_some()
            {
                return Err(bad("that name is there twice"));
            }
        }
        Ok(Self(passwords))
    }

    /// The password of an account: of its address, else of its user, each of that desk first.
    pub fn of(&self, desk: Option<&str>, user: &str, host: &str) -> Option<&Secret> {
        let address = format!("{user}@{host}");
        let of_desk = desk
            .into_iter()
            .flat_map(|desk| [format!("{desk}/{address}"), format!("{desk}/{user}")]);
        of_desk
            .chain([address.clone(), user.to_owned()])
            .find_map(|name| self.0.get(&name.to_lowercase()))
    }
}

/// The first cell of a row, and what follows it.
fn cell(row: &str) -> Option<(String, &str)> {
    let Some(quoted) = row.strip_prefix('"') else {
        let end = row.find(',').unwrap_or(row.len());
        return Some((row[..end].to_owned(), &row[end..]));
    };
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                text.push('"');
                rest = after;
            }
            None => return Some((text, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_by_desk_address_and_user() {
        let file = "# comment\n1001@pbx,one\n1002,\"two, \"\"quoted\"\"\"\nfront/1001,three\n";
        let passwords = Passwords::read(file.as_bytes()).unwrap();
        let of = |desk, user, host| passwords.of(desk, user, host).map(Secret::expose);
        assert_eq!(of(None, "1001", "pbx"), Some("one"));
        assert_eq!(of(Some("Front"), "1001", "pbx"), Some("three"));
        assert_eq!(of(None, "1002", "any"), Some("two, \"quoted\""));
        assert_eq!(of(None, "1003", "pbx"), None);
    }

    #[test]
    fn what_is_wrong_is_named_without_a_password() {
        for (file, why) in [
            ("hunter2", "no comma"),
            ("a,\"hunter2", "not closed"),
            ("a,b,hunter2", "third value"),
            ("a,", "empty"),
            ("a,hunter2\nA,x", "twice"),
        ] {
            let error = Passwords::read(file.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
        }
    }
}

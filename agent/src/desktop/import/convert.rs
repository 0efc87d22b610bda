//! One `microsip.ini` as settings of ours: what each key becomes, and what does not come along.

use carillon_schemas::{AccountId, SipAddress};
use serde::Serialize;

use super::ini::Ini;
use super::keys::{Becomes, becomes};
use super::password::Passwords;
use super::yaml::Node;
use super::{account, features, hooks, sound};

/// The most accounts of one file.
const MAX_ACCOUNTS: usize = 100;

/// What came of one file.
pub(super) struct Converted {
    /// The sections of `agent.yaml`, or of a desk in `fleet.yaml`.
    pub(super) sections: Vec<(&'static str, Node)>,
    /// What came along and what did not.
    pub(super) report: Report,
}

/// What came along and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `[Account1] label → accounts[].label`
    pub carried: Vec<Carried>,
    /// `[Account1] SRTP: why`
    pub left: Vec<Left>,
}

/// A key that came along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// `[Account1] label`
    pub key: String,
    /// Which setting it is now.
    pub setting: &'static str,
}

/// A key that did not come along, or not whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// `[Account1] SRTP`
    pub key: String,
    /// Why, and what to do.
    pub why: String,
}

/// What a conversion works with.
pub(super) struct Source<'a> {
    pub(super) ini: &'a Ini,
    pub(super) passwords: &'a Passwords,
    /// Whether passwords stand in the file in the clear.
    pub(super) plain_passwords: bool,
    /// The desk's name, in a fleet.
    pub(super) desk: Option<&'a str>,
    pub(super) left: Vec<Left>,
}

impl Source<'_> {
    pub(super) fn setting(&self, key: &str) -> Option<&str> {
        self.ini.value("Settings", key)
    }

    pub(super) fn is_on(&self, key: &str) -> bool {
        self.setting(key) == Some("1")
    }

    pub(super) fn leave(&mut self, section: &str, key: &str, why: impl Into<String>) {
        let left = Left {
            key: format!("[{section}] {key}"),
            why: why.into(),
        };
        // What counts for every account is said once.
        if !self.left.contains(&left) {
            self.left.push(left);
        }
    }
}

/// Converts one file.
pub(super) fn convert(mut source: Source<'_>) -> Converted {
    let mut voicemail = Vec::new();
    let mut accounts = Vec::new();
    for section in sections(&mut source) {
        if let Some(account) = account::convert(&mut source, &section, &mut voicemail) {
            accounts.push(account);
        }
    }
    if source.is_on("enableLocalAccount") {
        accounts.push(account::local());
    }
    let sections = vec![
        ("accounts", Node::List(accounts)),
        ("media", sound::media(&mut source)),
        ("network", features::network(&mut source)),
        ("hooks", hooks::convert(&mut source)),
        ("contacts", Node::List(voicemail)),
        ("phonebooks", features::phonebooks(&mut source)),
    ];
    let report = report(source);
    Converted { sections, report }
}

/// The sections of accounts, the one in use first.
fn sections(source: &mut Source<'_>) -> Vec<String> {
    let mut numbers: Vec<u32> = source
        .ini
        .sections()
        .filter_map(|name| {
            let name = name.to_lowercase();
            name.strip_prefix("account")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    if numbers.len() > MAX_ACCOUNTS {
        let why = format!("a desk has at most {MAX_ACCOUNTS} accounts here");
        source.leave("Account…", "*", why);
        numbers.truncate(MAX_ACCOUNTS);
    }
    let in_use = source.setting("accountId").and_then(|id| id.parse().ok());
    numbers.sort_by_key(|number| Some(*number) != in_use);
    numbers.iter().map(|n| format!("Account{n}")).collect()
}

/// Goes through every key of the file.
fn report(source: Source<'_>) -> Report {
    let mut report = Report::default();
    for section in source.ini.sections() {
        let mut whole = false;
        for key in source.ini.keys(section) {
            let named = format!("[{section}] {key}");
            if source.ini.value(section, key).is_none() || whole {
                continue;
            }
            if source
                .left
                .iter()
                .any(|left| left.key.eq_ignore_ascii_case(&named))
            {
                continue;
            }
            match becomes(section, key) {
                Some(Becomes::Setting(setting)) => report.carried.push(Carried {
                    key: named,
                    setting,
                }),
                Some(Becomes::Nothing(why)) => {
                    // Said once for a section that does not come along at all.
                    whole = matches!(
                        section.to_lowercase().as_str(),
                        "shortcuts" | "calls" | "dialed"
                    );
                    let key = if whole { format!("[{section}]") } else { named };
                    report.left.push(Left {
                        key,
                        why: why.to_owned(),
                    });
                }
                None => report.left.push(Left {
                    key: named,
                    why: "MicroSIP has no such key that is known here".to_owned(),
                }),
            }
        }
    }
    report.left.extend(source.left);
    report
}

/// The address of an account.
pub(super) fn address(user: &str, host: &str) -> Option<SipAddress> {
    format!("sip:{user}@{host}").parse().ok()
}

/// The id of an account.
pub(super) fn id(section: &str) -> AccountId {
    let id = section.to_lowercase();
    // `account` and a number: within the rules of an id.
    id.parse().unwrap_or_else(|_| unreachable!("{id} is an id"))
}

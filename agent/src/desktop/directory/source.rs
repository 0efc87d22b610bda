//! One directory of the configuration: what it is asked, how many ask at once, and how it stands.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use carillon_schemas::config::Contact;
use carillon_schemas::directory::{DIGITS, Directory, NUMBER, TEXT};
use carillon_schemas::ldap_filter::{LdapFilter, escaped};
use carillon_schemas::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::callers::Callers;
use super::lookup::look_up;
use crate::desktop::contacts::Reach;

/// How many callers are looked up at once, and how many searches run at once; each has places of its own.
const AT_ONCE: usize = 4;
/// A directory that failed is left alone for so long.
const REST: Duration = Duration::from_secs(30);

/// One directory.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) config: Directory<Secret>,
    standing: Mutex<Standing>,
    for_callers: Semaphore,
    for_people: Semaphore,
}

#[derive(Debug, Default)]
struct Standing {
    answered: Option<Timestamp>,
    failed: Option<Instant>,
    trouble: Option<String>,
    callers: Callers,
}

/// How a directory stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryView {
    /// Its id.
    pub id: String,
    /// The name shown with its people.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// When it answered last.
    pub answered: Option<Timestamp>,
    /// What is wrong, for a person.
    pub trouble: Option<String>,
}

impl Source {
    pub(super) fn new(config: Directory<Secret>) -> Self {
        Self {
            config,
            standing: Mutex::default(),
            for_callers: Semaphore::new(AT_ONCE),
            for_people: Semaphore::new(AT_ONCE),
        }
    }

    /// The people that fit what somebody typed.
    pub(super) async fn find(&self, text: &str) -> Vec<Contact> {
        let template = self.config.search_filter();
        let Ok(filter) = LdapFilter::fill(&template, &[(TEXT, &escaped(text))]) else {
            return Vec::new();
        };
        let patience = Duration::from_secs(self.config.time_limit().into());
        match tokio::time::timeout(patience, self.for_people.acquire()).await {
            Ok(Ok(_place)) => self.ask(&filter).await.unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// The name of whoever has that number. When too many ask already, there is none.
    pub(super) async fn name_of(&self, wanted: &Reach) -> Option<String> {
        let key = wanted.key();
        let known = self.standing().callers.get(&key, Instant::now());
        if let Some(known) = known {
            return known;
        }
        let _place = self.for_callers.try_acquire().ok()?;
        let found = self.ask(&number_filter(&self.config, wanted)?).await?;
        let name = found
            .into_iter()
            .find(|person| Reach::of(&person.number).is_some_and(|reach| reach.meets(wanted)))
            .map(|person| person.name);
        let mut standing = self.standing();
        standing.callers.keep(&key, name.clone(), Instant::now());
        name
    }

    /// `None` when it failed, or rests after that.
    async fn ask(&self, filter: &LdapFilter) -> Option<Vec<Contact>> {
        let rests = |at: Instant| at.elapsed() < REST;
        if self.standing().failed.is_some_and(rests) {
            return None;
        }
        let outcome = look_up(&self.config, filter).await;
        let mut standing = self.standing();
        match outcome {
            Ok(found) => {
                standing.answered = Some(Timestamp::of(SystemTime::now()));
                (standing.failed, standing.trouble) = (None, None);
                Some(found)
            }
            Err(error) => {
                let trouble = Some(error.to_string());
                if standing.trouble != trouble {
                    tracing::warn!(directory = %self.config.id, %error, "a directory tells nothing");
                }
                (standing.failed, standing.trouble) = (Some(Instant::now()), trouble);
                None
            }
        }
    }

    pub(super) fn view(&self) -> DirectoryView {
        let standing = self.standing();
        DirectoryView {
            id: self.config.id.to_string(),
            name: self.config.name().to_owned(),
            url: self.config.url.clone(),
            answered: standing.answered,
            trouble: standing.trouble.clone(),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What finds a number. One that can be told by its end is looked for by that, since people write the rest in many ways;
/// whether it is the caller's, the answer shows.
fn number_filter(directory: &Directory<Secret>, wanted: &Reach) -> Option<LdapFilter> {
    let (end, whole) = wanted.end();
    let spaced: Vec<_> = end
        .chars()
        .map(|c| escaped(c.encode_utf8(&mut [0; 4])))
        .collect();
    let begin = if whole { "" } else { "*" };
    let number = format!("{begin}{}", escaped(end));
    let digits = match wanted.is_number() {
        true => format!("{begin}{}", spaced.join("*")),
        false => number.clone(),
    };
    let values = [(NUMBER, number.as_str()), (DIGITS, digits.as_str())];
    LdapFilter::fill(&directory.number_filter(), &values).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(template: &str, caller: &str) -> LdapFilter {
        let yaml = format!(
            "directories: [{{id: d, url: 'ldap://x', base: '', number_filter: '{template}'}}]"
        );
        let file = crate::standalone::AgentFile::from_yaml(&yaml).unwrap();
        number_filter(&file.directories[0], &Reach::of(caller).unwrap()).unwrap()
    }

    #[test]
    fn a_long_number_is_found_by_its_end_and_a_short_one_whole() {
        for (caller, template, expected) in [
            ("sip:+49891234567@pbx", "(t={number})", "(t=*1234567)"),
            ("sip:+49891234567@pbx", "(t={digits})", "(t=*1*2*3*4*5*6*7)"),
            ("sip:1002@pbx", "(t={number})", "(t=1002)"),
            ("sip:1002@pbx", "(t={digits})", "(t=1*0*0*2)"),
            ("sip:*98@pbx", "(t={number})", r"(t=\2a98)"),
            (
                "sip:alice@pbx",
                "(|(t={number})(t={digits}))",
                "(|(t=alice)(t=alice))",
            ),
        ] {
            let expected = LdapFilter::parse(expected).unwrap();
            assert_eq!(filter(template, caller), expected, "{caller} {template}");
        }
    }

    #[test]
    fn attack_b_a_caller_is_never_a_filter_of_its_own() {
        let caller = "sip:x)(uid=*))(|(uid=*@evil";
        let found = filter("(telephoneNumber={number})", caller);
        assert!(
            matches!(&found, LdapFilter::Compare(_, name, value)
                if name == "telephoneNumber" && value.starts_with(b"x)(uid=*")),
            "{found:?}"
        );
    }
}

//! Who is known by name: from the configuration, and written down on this desk.
//!
//! Owns `contacts.json` and the names by which callers are shown. What phonebooks hold is read by
//! [`super::phonebook`] when somebody asks; here is only what fits into memory for good.

mod local;
mod number;
mod service;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carillon_schemas::AccountId;
use carillon_schemas::config::{ConfigError, Contact};

pub use local::{FILE, LocalContact, LocalContacts, MAX_LOCAL};
pub use number::Reach;
pub use service::{ContactsService, Setup};
pub use view::{ContactView, Search};

use crate::event::LampState;
use crate::state_folder::{StateError, StateFolder};

/// The most lamps that are remembered; a desk has at most 128 accounts of 100.
const MAX_LAMPS: usize = 12_800;

/// Who is known by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    folder: Option<StateFolder>,
    known: Arc<Mutex<Known>>,
    /// Held by the one who writes: whoever looks up a caller never waits for the disk.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct Known {
    local: LocalContacts,
    configured: Vec<Contact>,
    /// How each can be reached: those of `local`, then those of `configured`.
    reach: Vec<Option<Reach>>,
    lamps: BTreeMap<(AccountId, String), LampState>,
}

/// Why a contact was not added or removed.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// Not within the bounds.
    #[error("the contact cannot be kept: {0}")]
    Invalid(#[from] ConfigError),
    /// As many as a desk may have.
    #[error("there are {MAX_LOCAL} contacts already, which is the limit (remove one first)")]
    Full,
    /// Not there.
    #[error("there is no contact {0:?} (the list shows the ids)")]
    Unknown(String),
    /// Not the user's.
    #[error(
        "contact {0:?} is not written down on this desk: it comes from the configuration, a phonebook or a directory, and changes there"
    )]
    Elsewhere(String),
    /// Not written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The thread that wrote ended unexpectedly.
    #[error("the contacts were not written: {0} (try again)")]
    Thread(String),
}

impl Contacts {
    /// The contacts in a state folder.
    #[must_use]
    pub fn of(folder: &StateFolder) -> Self {
        let contacts = Self {
            folder: Some(folder.clone()),
            ..Self::default()
        };
        contacts.known().take_local(LocalContacts::load(folder));
        contacts
    }

    /// Takes these from the configuration from now on.
    pub fn use_configured(&self, configured: &[Contact]) {
        let mut known = self.known();
        known.configured = configured.to_vec();
        known.index();
    }

    /// Notes what a lamp shows.
    pub fn see_lamp(&self, account: &AccountId, line: &str, state: LampState) {
        let mut known = self.known();
        let lamp = (account.clone(), line.to_owned());
        if known.lamps.len() < MAX_LAMPS || known.lamps.contains_key(&lamp) {
            known.lamps.insert(lamp, state);
        }
    }

    /// Forgets the lamps of an account that is gone.
    pub fn forget_lamps(&self, account: &AccountId) {
        self.known().lamps.retain(|(of, _), _| of != account);
    }

    /// The name of whoever has that address; the user's own contacts first.
    #[must_use]
    pub fn name_of(&self, address: &str) -> Option<String> {
        let wanted = Reach::of(address)?;
        let known = self.known();
        let place = known
            .reach
            .iter()
            .position(|reach| reach.as_ref().is_some_and(|reach| reach.meets(&wanted)))?;
        known.contact(place).map(|contact| contact.name.clone())
    }

    /// Those that a search finds, the user's own first.
    #[must_use]
    pub fn find(&self, search: &Search) -> Vec<ContactView> {
        let known = self.known();
        let local = known.local.contacts.iter();
        let local = local.map(|local| (format!("local-{}", local.id), "local", &local.contact));
        let configured = known.configured.iter().enumerate();
        let configured =
            configured.map(|(place, contact)| (format!("config-{place}"), "config", contact));
        local
            .chain(configured)
            .zip(&known.reach)
            .filter(|((_, _, contact), _)| search.finds(&contact.name, &contact.number))
            .take(search.limit)
            .map(|((id, source, contact), reach)| ContactView {
                id,
                name: contact.name.clone(),
                number: contact.number.clone(),
                source: source.to_owned(),
                lamp: reach.as_ref().and_then(|reach| known.lamp(reach)),
            })
            .collect()
    }

    /// What the lamp of that number shows, where an account watches it.
    #[must_use]
    pub fn lamp_of(&self, number: &str) -> Option<LampState> {
        self.known().lamp(&Reach::of(number)?)
    }

    /// Writes a contact down. Blocks while it is written.
    ///
    /// # Errors
    /// A name or number out of bounds, too many, or a disk that does not take it.
    pub fn add(&self, contact: Contact) -> Result<ContactView, ContactError> {
        contact.validate("contact")?;
        let _turn = self.turn();
        let mut local = self.known().local.clone();
        if local.contacts.len() >= MAX_LOCAL {
            return Err(ContactError::Full);
        }
        local.last += 1;
        let added = LocalContact {
            id: local.last,
            contact,
        };
        local.contacts.push(added.clone());
        self.store(&local)?;
        let mut known = self.known();
        known.take_local(local);
        let number = added.contact.number;
        Ok(ContactView {
            id: format!("local-{}", added.id),
            name: added.contact.name,
            lamp: Reach::of(&number).and_then(|reach| known.lamp(&reach)),
            number,
            source: "local".to_owned(),
        })
    }

    /// Crosses a contact out. Blocks while it is written.
    ///
    /// # Errors
    /// One that is not there or not the user's, or a disk that does not take it.
    pub fn remove(&self, id: &str) -> Result<(), ContactError> {
        let shown = || id.chars().take(80).collect::<String>();
        let Some(number) = id.strip_prefix("local-") else {
            let elsewhere = ["config-", "book-", "ldap-"]
                .iter()
                .any(|begin| id.starts_with(begin));
            return Err(if elsewhere {
                ContactError::Elsewhere(shown())
            } else {
                ContactError::Unknown(shown())
            });
        };
        let _turn = self.turn();
        let mut local = self.known().local.clone();
        let before = local.contacts.len();
        local
            .contacts
            .retain(|contact| Ok(contact.id) != number.parse());
        if local.contacts.len() == before {
            return Err(ContactError::Unknown(shown()));
        }
        self.store(&local)?;
        self.known().take_local(local);
        Ok(())
    }

    fn store(&self, local: &LocalContacts) -> Result<(), ContactError> {
        match &self.folder {
            Some(folder) => Ok(local.store(folder)?),
            None => Ok(()),
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn take_local(&mut self, local: LocalContacts) {
        self.local = local;
        self.index();
    }

    fn index(&mut self) {
        let local = self.local.contacts.iter().map(|local| &local.contact);
        let all = local.chain(&self.configured);
        self.reach = all.map(|contact| Reach::of(&contact.number)).collect();
        self.reach.shrink_to_fit();
    }

    fn contact(&self, place: usize) -> Option<&Contact> {
        match self.local.contacts.get(place) {
            Some(local) => Some(&local.contact),
            None => self.configured.get(place - self.local.contacts.len()),
        }
    }

    /// The busiest of the lamps that watch it.
    fn lamp(&self, reach: &Reach) -> Option<LampState> {
        self.lamps
            .iter()
            .filter(|((_, line), _)| Reach::of(line).is_some_and(|line| line.meets(reach)))
            .map(|(_, state)| *state)
            .max_by_key(|state| match state {
                LampState::Idle => 0,
                LampState::Ringing => 1,
                LampState::Busy => 2,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(name: &str, number: &str) -> Contact {
        Contact {
            name: name.into(),
            number: number.into(),
        }
    }

    fn all(contacts: &Contacts) -> Vec<ContactView> {
        contacts.find(&Search::default())
    }

    #[test]
    fn the_users_own_name_wins_and_survives() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        let contacts = Contacts::of(&folder);
        contacts.use_configured(&[
            contact("Reception", "1001"),
            contact("Boss", "+49 89 1234567"),
        ]);
        assert_eq!(
            contacts.name_of("sip:1001@pbx").as_deref(),
            Some("Reception")
        );
        assert_eq!(
            contacts.name_of("sip:0891234567@pbx").as_deref(),
            Some("Boss")
        );
        assert_eq!(contacts.name_of("sip:1009@pbx"), None);
        let added = contacts.add(contact("Anna", "1001")).unwrap();
        assert_eq!(contacts.name_of("sip:1001@pbx").as_deref(), Some("Anna"));
        let again = Contacts::of(&folder);
        assert_eq!(all(&again), std::slice::from_ref(&added));
        again.remove(&added.id).unwrap();
        assert_eq!(again.name_of("sip:1001@pbx"), None);
        // A number is never given twice.
        assert_ne!(again.add(contact("Ben", "1")).unwrap().id, added.id);
    }

    #[test]
    fn what_is_not_the_users_cannot_be_removed() {
        let contacts = Contacts::default();
        contacts.use_configured(&[contact("Reception", "1001")]);
        let id = all(&contacts)[0].id.clone();
        assert!(matches!(
            contacts.remove(&id),
            Err(ContactError::Elsewhere(_))
        ));
        for unknown in ["local-7", "local-x", "", "nothing"] {
            let refused = contacts.remove(unknown);
            assert!(
                matches!(refused, Err(ContactError::Unknown(_))),
                "{unknown}"
            );
        }
        let bad = contacts.add(contact("line\nend", "1"));
        assert!(matches!(bad, Err(ContactError::Invalid(_))));
    }

    #[test]
    fn the_limits_hold() {
        let contacts = Contacts::default();
        {
            let mut known = contacts.known();
            let many = (0..MAX_LOCAL as u64).map(|id| LocalContact {
                id,
                contact: contact("x", "1"),
            });
            known.local.contacts = many.collect();
        }
        assert!(matches!(
            contacts.add(contact("y", "2")),
            Err(ContactError::Full)
        ));
        let account: AccountId = "main".parse().unwrap();
        for line in 0..MAX_LAMPS + 5 {
            contacts.see_lamp(&account, &line.to_string(), LampState::Idle);
        }
        assert_eq!(contacts.known().lamps.len(), MAX_LAMPS);
        contacts.forget_lamps(&account);
        assert!(contacts.known().lamps.is_empty());
    }

    #[test]
    fn a_lamp_shows_with_the_contact_whose_line_is_watched() {
        let contacts = Contacts::default();
        contacts.use_configured(&[contact("Reception", "sip:1001@pbx"), contact("Ben", "1002")]);
        let account = "main".parse().unwrap();
        contacts.see_lamp(&account, "1001", LampState::Busy);
        contacts.see_lamp(&"other".parse().unwrap(), "1001", LampState::Idle);
        let lamps: Vec<_> = all(&contacts).into_iter().map(|c| c.lamp).collect();
        assert_eq!(lamps, [Some(LampState::Busy), None]);
    }

    #[test]
    fn a_broken_file_is_moved_aside() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        folder.write(FILE, b"{\"contacts\": [").unwrap();
        let contacts = Contacts::of(&folder);
        assert!(all(&contacts).is_empty());
        assert!(folder.place("contacts.json.broken").exists());
        contacts.add(contact("Anna", "1001")).unwrap();
        assert_eq!(all(&Contacts::of(&folder)).len(), 1);
    }
}

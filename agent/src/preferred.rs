//! The account that a person calls on, when they chose one.
//!
//! Owns the choice and its file in the state folder: an id, nothing else. It never knows whether there is such
//! an account: configurations come and go, and the choice stays.

use carillon_schemas::AccountId;

use crate::state_folder::{StateError, StateFolder};

const FILE: &str = "preferred-account";
/// More than any id has.
const MAX_BYTES: usize = 256;

/// The choice, and where it is kept; without a folder it lasts until the agent ends.
#[derive(Debug, Default)]
pub struct Preferred {
    folder: Option<StateFolder>,
    account: Option<AccountId>,
}

impl Preferred {
    /// The choice as it was left. One that cannot be read is none.
    #[must_use]
    pub fn load(folder: &StateFolder) -> Self {
        let kept = folder.read(FILE, MAX_BYTES).ok().flatten();
        let kept = kept.and_then(|bytes| String::from_utf8(bytes).ok());
        Self {
            folder: Some(folder.clone()),
            account: kept.and_then(|text| text.trim().parse().ok()),
        }
    }

    /// The account chosen.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.account.as_ref()
    }

    /// Chooses, or takes the choice back.
    ///
    /// # Errors
    /// When it cannot be kept; the choice before then still holds.
    pub fn choose(&mut self, account: Option<AccountId>) -> Result<(), StateError> {
        if let Some(folder) = &self.folder {
            match &account {
                Some(account) => folder.write(FILE, account.as_str().as_bytes())?,
                None => folder.remove(FILE)?,
            }
        }
        self.account = account;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_outlasts_the_agent_and_can_be_taken_back() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        let second: AccountId = "second".parse().unwrap();
        let mut preferred = Preferred::load(&folder);
        assert_eq!(preferred.account(), None);
        preferred.choose(Some(second.clone())).unwrap();
        assert_eq!(Preferred::load(&folder).account(), Some(&second));
        preferred.choose(None).unwrap();
        assert_eq!(Preferred::load(&folder).account(), None);
        folder.write(FILE, b"No Account ! at all").unwrap();
        assert_eq!(Preferred::load(&folder).account(), None);
    }

    #[test]
    fn a_choice_that_cannot_be_kept_is_none() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        std::fs::create_dir(folder.place("preferred-account.new")).unwrap();
        let mut preferred = Preferred::load(&folder);
        assert!(preferred.choose("main".parse().ok()).is_err());
        assert_eq!(preferred.account(), None);
    }
}

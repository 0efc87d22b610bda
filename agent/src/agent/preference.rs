//! The account that calls go out on when none is named.

use actix::{Context, Handler};
use carillon_schemas::AccountId;
use carillon_schemas::status::AccountState;

use super::Agent;
use crate::call::peer_address;
use crate::command::{CommandError, PreferAccount};
use crate::preferred::Preferred;

impl Agent {
    /// The same agent with a choice that outlasts it.
    #[must_use]
    pub fn preferring(mut self, preferred: Preferred) -> Self {
        self.preferred = preferred;
        self
    }

    /// The account that a person chose, else the first that is enabled.
    pub(super) fn preferred_account(&self) -> Option<&AccountId> {
        let mut enabled = self
            .config
            .accounts
            .iter()
            .filter(|account| account.config.enabled)
            .map(|account| account.id());
        let chosen = self.preferred.account();
        let first = enabled.next();
        let chosen = chosen.filter(|id| first == Some(*id) || enabled.any(|other| other == *id));
        chosen.or(first)
    }

    /// The account for a target that is called straight at its address: one that registers nowhere, if there is one.
    pub(super) fn peer_account(&self, target: &str) -> Option<AccountId> {
        peer_address(target)?;
        let is_local = |id: &AccountId| {
            let seat = self.seats.get(id);
            seat.is_some_and(|seat| seat.status.state == AccountState::Local)
        };
        let direct = self.config.accounts.iter().map(|account| &account.config);
        let mut direct = direct
            .filter(|config| config.outbound_proxy.is_none() && is_local(&config.id))
            .map(|config| &config.id);
        let preferred = self.preferred.account();
        let first = direct.next()?;
        let mut all = std::iter::once(first).chain(direct);
        all.find(|id| Some(*id) == preferred)
            .or(Some(first))
            .cloned()
    }
}

impl Handler<PreferAccount> for Agent {
    type Result = Result<(), CommandError>;

    fn handle(&mut self, prefer: PreferAccount, _: &mut Context<Self>) -> Self::Result {
        if self.config.account(&prefer.account).is_none() {
            return Err(CommandError::NoSuchAccount {
                account: prefer.account,
                known: self.known(),
            });
        }
        let chosen = self.preferred.choose(Some(prefer.account));
        chosen.map_err(|error| CommandError::NotRemembered {
            what: "the preferred account",
            why: error.to_string(),
        })
    }
}

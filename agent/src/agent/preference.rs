//! The account that calls go out on when none is named.

use std::net::IpAddr;

use actix::{Context, Handler};
use carillon_schemas::AccountId;
use carillon_schemas::config::Account;
use carillon_schemas::sip_address::split_port;
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
    /// An address where another account is at home is no peer's.
    pub(super) fn peer_account(&self, target: &str) -> Option<AccountId> {
        let peer = peer_address(target)?;
        let accounts = self.config.accounts.iter();
        let mut homes = accounts.filter(|account| account.config.register);
        if homes.any(|account| is_at_home(&account.config, peer)) {
            return None;
        }
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

/// Whether an account's registrar or proxy is at this address.
fn is_at_home<S>(config: &Account<S>, (ip, port): (IpAddr, Option<u16>)) -> bool {
    let own = config.address.as_str();
    let own = own.rsplit('@').next();
    let hops = [
        config.registrar.as_deref(),
        config.outbound_proxy.as_deref(),
    ];
    let is_there = |hop: &str| {
        let Some((host, at)) = split_port(hop) else {
            return false;
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.parse() == Ok(ip) && (port.is_none() || port == at)
    };
    own.into_iter()
        .chain(hops.into_iter().flatten())
        .any(is_there)
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

#[cfg(test)]
mod tests {
    use carillon_schemas::Secret;

    use super::*;

    #[test]
    fn an_address_is_a_peers_or_an_accounts_home() {
        let config: Account<Secret> = serde_json::from_value(serde_json::json!({
            "id": "main",
            "address": "sip:1001@192.0.2.1",
            "registrar": "192.0.2.1:5070",
            "outbound_proxy": "[2001:db8::1]:5061",
        }))
        .unwrap();
        for (ip, port, home) in [
            ("192.0.2.1", None, true),
            ("192.0.2.1", Some(5070), true),
            ("192.0.2.1", Some(27_000), false),
            ("2001:db8::1", Some(5061), true),
            ("2001:db8::1", None, true),
            ("192.0.2.2", None, false),
        ] {
            let found = is_at_home(&config, (ip.parse().unwrap(), port));
            assert_eq!(found, home, "{ip} {port:?}");
        }
    }
}

//! Where an account stands, as its people see it.

use std::time::SystemTime;

use carillon_schemas::Timestamp;
use carillon_schemas::status::{AccountState, AccountStatus};
use carillon_sip::RegistrationState;

use crate::running::RunningAccount;

/// The last status told, and when it changed.
#[derive(Debug)]
pub(super) struct Standing {
    status: AccountStatus,
    told: bool,
}

impl Standing {
    pub(super) fn new(account: &RunningAccount) -> Self {
        Self {
            status: initial_status(account),
            told: false,
        }
    }

    /// Takes in where the registration stands; the new status when there is news to tell.
    pub(super) fn update(
        &mut self,
        account: &RunningAccount,
        registration: &RegistrationState,
        flow_trouble: Option<&str>,
    ) -> Option<AccountStatus> {
        let (state, reason) = if !account.config.register {
            match flow_trouble {
                None => (AccountState::Local, None),
                Some(why) => (AccountState::Failed, Some(why.to_owned())),
            }
        } else {
            match registration {
                RegistrationState::Registered { .. } => (AccountState::Registered, None),
                RegistrationState::Failed { status, reason, .. } => {
                    let reason = match status {
                        Some(status) => format!("{status} {reason}"),
                        None => reason.clone(),
                    };
                    (AccountState::Failed, Some(reason))
                }
                RegistrationState::Registering | RegistrationState::Unregistered => {
                    (AccountState::Registering, None)
                }
            }
        };
        if self.told && self.status.state == state && self.status.reason == reason {
            return None;
        }
        if self.status.state != state {
            self.status.since = Timestamp::of(SystemTime::now());
        }
        self.status.state = state;
        self.status.reason = reason;
        self.told = true;
        Some(self.status.clone())
    }
}

/// The status of an account that nothing is known of yet.
pub(crate) fn initial_status(account: &RunningAccount) -> AccountStatus {
    let state = if !account.config.enabled {
        AccountState::Disabled
    } else if account.config.register {
        AccountState::Registering
    } else {
        AccountState::Local
    };
    AccountStatus {
        id: account.id().clone(),
        address: account.config.address.as_str().to_owned(),
        state,
        reason: None,
        since: Timestamp::of(SystemTime::now()),
    }
}

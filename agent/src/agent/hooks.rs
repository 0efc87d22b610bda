//! What the root tells the hooks' actor: the hooks that run, and the accounts' facts.

use actix::{Context, Handler, MessageResult};

use super::Agent;
use crate::command::QueryHooks;
use crate::desktop::hooks::{Assignment, OwnSide};

impl Handler<QueryHooks> for Agent {
    type Result = MessageResult<QueryHooks>;

    fn handle(&mut self, _: QueryHooks, _: &mut Context<Self>) -> Self::Result {
        let accounts = self.config.accounts.iter();
        MessageResult(Assignment {
            hooks: self.config.hooks.clone(),
            desk: self.config.name.clone(),
            accounts: accounts
                .map(|account| (account.id().clone(), OwnSide::of(&account.config)))
                .collect(),
            session: self.session.clone(),
        })
    }
}

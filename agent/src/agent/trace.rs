//! What the agent answers of the messages on the wire.

use actix::{Context, Handler, MessageResult};

use super::Agent;
use crate::command::QueryTrace;

impl Handler<QueryTrace> for Agent {
    type Result = MessageResult<QueryTrace>;

    fn handle(&mut self, query: QueryTrace, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.trace.read(query.account.as_ref()))
    }
}

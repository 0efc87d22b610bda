//! Desks that call each other without a registrar, and the way to a call that stands.

use carillon_agent::command::AnswerCall;
use carillon_schemas::status::CallState;

use crate::desk::{Desk, config, free_port, peer_account};

/// A desk with one account on a free port, which neither hears nor speaks; and the port.
pub(crate) async fn quiet(account: &str) -> (Desk, u16) {
    let port = free_port();
    let accounts = vec![peer_account(account, port)];
    (Desk::new(config(accounts, "null", "null")).await, port)
}

/// Has `a` call `target` from an account, and `b` answer what rings there; gives the call's number at each.
pub(crate) async fn talk(a: &mut Desk, from: &str, b: &mut Desk, target: &str) -> (u32, u32) {
    let out = a.call(from, target).await.unwrap();
    let ringing = b.wait_call(CallState::Ringing).await;
    let answer = AnswerCall {
        call: Some(ringing.id),
    };
    b.agent.send(answer).await.unwrap().unwrap();
    a.wait_call(CallState::Established).await;
    b.wait_call(CallState::Established).await;
    (out.id, ringing.id)
}

//! Calls that are moved, between agents in one process: held and taken back, transferred blindly and attended.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must fail"
)]

mod desk;

use carillon_agent::command::{
    AnswerCall, CallKind, CallsToEnd, CommandError, HangupCall, HoldCall, TransferCall,
    TransferTarget,
};
use carillon_agent::event::{AgentEvent, CallCause};
use carillon_agent::running::RunningAccount;
use carillon_agent::view::CallView;
use carillon_schemas::config::Transfers;
use carillon_schemas::status::CallState;
use desk::{Desk, account, config, free_port, in_system};

/// A desk whose account follows everybody's transfers, and its address.
async fn peer(id: &str) -> (Desk, String) {
    let port = free_port();
    let address = format!("sip:{id}@127.0.0.1:{port}");
    let desk = Desk::new(config(vec![open_account(id, &address)], "tone:440", "null")).await;
    (desk, address)
}

fn open_account(id: &str, address: &str) -> RunningAccount {
    account(serde_json::json!({
        "id": id, "address": address, "register": false, "transfers": "always",
    }))
}

/// A call that stands: as the caller and as the callee see it.
async fn talk(from: &mut Desk, id: &str, to: &mut Desk, target: &str) -> (CallView, CallView) {
    let placed = from.call(id, target).await.unwrap();
    let ringing = to.wait_call(CallState::Ringing).await;
    let answer = AnswerCall {
        call: Some(ringing.id),
    };
    to.agent.send(answer).await.unwrap().unwrap();
    let there = to.wait_call(CallState::Established).await;
    let here = from
        .wait("the answer", |event| match event {
            AgentEvent::CallChanged(view)
                if view.id == placed.id && view.state == CallState::Established =>
            {
                Some(view.clone())
            }
            _ => None,
        })
        .await;
    (here, there)
}

async fn hold(desk: &Desk, hold: bool) -> Result<CallView, CommandError> {
    let asked = HoldCall { call: None, hold };
    desk.agent.send(asked).await.unwrap()
}

async fn wait_held(desk: &mut Desk, on_hold: bool, held: bool) {
    desk.wait(
        &format!("on hold {on_hold}, held {held}"),
        |event| match event {
            AgentEvent::CallChanged(view) if (view.on_hold, view.held) == (on_hold, held) => {
                Some(())
            }
            _ => None,
        },
    )
    .await;
}

async fn ended(desk: &mut Desk, call: u32) -> CallCause {
    desk.wait(&format!("the end of call {call}"), |event| match event {
        AgentEvent::CallEnded { view, cause, .. } if view.id == call => Some(*cause),
        _ => None,
    })
    .await
}

#[test]
fn a_call_is_held_and_taken_back() {
    in_system(async {
        let (mut alice, _) = peer("alice").await;
        let (mut bob, bob_at) = peer("bob").await;
        assert!(matches!(
            hold(&alice, true).await,
            Err(CommandError::NoCall { .. })
        ));
        let (call, there) = talk(&mut alice, "alice", &mut bob, &bob_at).await;
        bob.wait_counters(there.id, |view| {
            view.media.is_some_and(|media| media.packets_received > 10)
        })
        .await;
        let view = hold(&alice, true).await.unwrap();
        assert!(view.on_hold && !view.held);
        wait_held(&mut bob, false, true).await;
        // Both hold now: nothing flows any more but what was under way.
        assert!(hold(&bob, true).await.unwrap().held);
        let still = bob.view().await.calls[0].media.unwrap().packets_sent;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let later = bob.view().await.calls[0].media.unwrap().packets_sent;
        assert_eq!(still, later, "sound for one who holds");
        assert!(!hold(&bob, false).await.unwrap().on_hold);
        assert!(!hold(&alice, false).await.unwrap().on_hold);
        wait_held(&mut bob, false, false).await;
        let before = alice.view().await.calls[0].media.unwrap().packets_received;
        alice
            .wait_counters(call.id, |view| {
                view.media
                    .is_some_and(|media| media.packets_received > before + 10)
            })
            .await;
        let all = HangupCall(CallsToEnd::Every(CallKind::All));
        alice.agent.send(all).await.unwrap().unwrap();
        assert_eq!(ended(&mut bob, there.id).await, CallCause::HungUpThere);
    });
}

#[test]
fn a_call_is_transferred_blindly() {
    in_system(async {
        let (mut alice, _) = peer("alice").await;
        let (mut bob, bob_at) = peer("bob").await;
        let (mut carol, carol_at) = peer("carol").await;
        let (call, there) = talk(&mut alice, "alice", &mut bob, &bob_at).await;
        let to = |target: &str| TransferCall {
            call: None,
            to: TransferTarget::Target(target.to_owned()),
        };
        let refused = alice.agent.send(to("two words")).await.unwrap();
        assert!(matches!(refused, Err(CommandError::BadTarget { .. })));
        alice.agent.send(to(&carol_at)).await.unwrap().unwrap();
        let at_carol = carol.wait_call(CallState::Ringing).await;
        let again = alice.agent.send(to(&carol_at)).await.unwrap();
        assert!(matches!(again, Err(CommandError::WrongState { .. })));
        carol
            .agent
            .send(AnswerCall { call: None })
            .await
            .unwrap()
            .unwrap();
        let completed = alice
            .wait("the end of the transfer", |event| match event {
                AgentEvent::TransferEnded { completed, .. } => Some(*completed),
                _ => None,
            })
            .await;
        assert_eq!(completed, Some(true));
        assert_eq!(ended(&mut alice, call.id).await, CallCause::Transferred);
        assert_eq!(ended(&mut bob, there.id).await, CallCause::HungUpThere);
        let calls = bob.view().await.calls;
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].peer, carol_at);
        carol
            .wait_counters(at_carol.id, |view| {
                view.media.is_some_and(|media| media.packets_received > 10)
            })
            .await;
    });
}

#[test]
fn a_transfer_that_is_refused_leaves_the_call() {
    in_system(async {
        let (mut alice, _) = peer("alice").await;
        let (mut bob, bob_at) = peer("bob").await;
        let (mut carol, carol_at) = peer("carol").await;
        let (call, _) = talk(&mut alice, "alice", &mut bob, &bob_at).await;
        let blind = TransferCall {
            call: Some(call.id),
            to: TransferTarget::Target(carol_at),
        };
        alice.agent.send(blind).await.unwrap().unwrap();
        carol.wait_call(CallState::Ringing).await;
        let decline = HangupCall(CallsToEnd::Every(CallKind::All));
        carol.agent.send(decline).await.unwrap().unwrap();
        let text = alice
            .wait("the end of the transfer", |event| match event {
                AgentEvent::TransferEnded {
                    completed: Some(false),
                    text,
                    ..
                } => Some(text.clone()),
                _ => None,
            })
            .await;
        assert!(text.starts_with("603"), "{text}");
        assert_eq!(alice.view().await.calls.len(), 1);
        // What Bob says is heard again.
        let before = alice.view().await.calls[0].media.unwrap().packets_received;
        alice
            .wait_counters(call.id, |view| {
                view.media
                    .is_some_and(|media| media.packets_received > before + 10)
            })
            .await;
    });
}

#[test]
fn two_calls_are_put_together() {
    in_system(async {
        let (mut alice, _) = peer("alice").await;
        let (mut bob, bob_at) = peer("bob").await;
        let (mut carol, carol_at) = peer("carol").await;
        let (first, _) = talk(&mut alice, "alice", &mut bob, &bob_at).await;
        hold(&alice, true).await.unwrap();
        let (second, _) = talk(&mut alice, "alice", &mut carol, &carol_at).await;
        let attended = TransferCall {
            call: None,
            to: TransferTarget::Call(second.id),
        };
        alice.agent.send(attended).await.unwrap().unwrap();
        // Carol may end the replaced call before Alice's agent does.
        let mut causes = Vec::new();
        for _ in 0..2 {
            causes.push(
                alice
                    .wait("the end of a call", |event| match event {
                        AgentEvent::CallEnded { view, cause, .. } => Some((view.id, *cause)),
                        _ => None,
                    })
                    .await,
            );
        }
        assert!(
            causes.contains(&(first.id, CallCause::Transferred)),
            "{causes:?}"
        );
        assert!(
            causes.iter().any(|(call, _)| *call == second.id),
            "{causes:?}"
        );
        // Carol's agent takes the new call by itself: she talks already.
        let taken = carol.wait_call(CallState::Established).await;
        carol
            .wait_counters(taken.id, |view| {
                view.media.is_some_and(|media| media.packets_received > 10)
            })
            .await;
        for desk in [&bob, &carol] {
            assert_eq!(desk.view().await.calls.len(), 1);
        }
    });
}

#[test]
fn an_account_that_follows_no_transfer_says_so() {
    in_system(async {
        let (mut alice, _) = peer("alice").await;
        let port = free_port();
        let address = format!("sip:bob@127.0.0.1:{port}");
        let mut careful = desk::peer_account("bob", port);
        careful.config.transfers = Transfers::Never;
        let mut bob = Desk::new(config(vec![careful], "null", "null")).await;
        let (_carol, carol_at) = peer("carol").await;
        talk(&mut alice, "alice", &mut bob, &address).await;
        let blind = TransferCall {
            call: None,
            to: TransferTarget::Target(carol_at),
        };
        alice.agent.send(blind).await.unwrap().unwrap();
        let text = alice
            .wait("the end of the transfer", |event| match event {
                AgentEvent::TransferEnded { text, .. } => Some(text.clone()),
                _ => None,
            })
            .await;
        assert!(text.starts_with("403"), "{text}");
        assert_eq!(bob.view().await.calls.len(), 1);
    });
}

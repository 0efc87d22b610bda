//! A configuration changes under a call: the call goes on, and what changed takes effect.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod desk;
#[path = "desk/talking.rs"]
mod talking;

use carillon_agent::command::{ApplyError, CallKind, CallsToEnd, HangupCall};
use carillon_agent::event::AgentEvent;
use carillon_schemas::status::{AccountState, CallState};
use carillon_schemas::{Generation, Secret};
use desk::{Desk, account, config, free_port, in_system, peer_account};
use talking::{quiet, talk};

fn bob(port: u16) -> String {
    format!("bob@127.0.0.1:{port}")
}

fn received(count: u64) -> impl Fn(&carillon_agent::view::CallView) -> bool {
    move |call| {
        call.media
            .is_some_and(|media| media.packets_received >= count)
    }
}

#[test]
fn a_new_password_leaves_the_call_alone() {
    in_system(async {
        let port_a = free_port();
        let mut settings = config(vec![peer_account("alice", port_a)], "null", "null");
        let mut a = Desk::new(settings.clone()).await;
        let (mut b, port_b) = quiet("bob").await;
        let (call, _) = talk(&mut a, "alice", &mut b, &bob(port_b)).await;
        let before = a.wait_counters(call, received(10)).await.media.unwrap();
        settings.accounts[0].config.password = Some(Secret::new("new".into()).unwrap());
        settings.generation = Some(Generation(2));
        let applied = a.apply(settings).await.unwrap();
        assert_eq!(applied.changes, ["account alice: new credentials"]);
        let after = a
            .wait_counters(call, received(before.packets_received + 25))
            .await;
        assert_eq!(after.media.unwrap().packets_lost, 0);
        assert_eq!(a.view().await.generation, Some(Generation(2)));
    });
}

#[test]
fn a_removed_accounts_call_lives_until_its_people_end_it() {
    in_system(async {
        let (mut a, _) = quiet("alice").await;
        let (mut b, port_b) = quiet("bob").await;
        let (call, at_b) = talk(&mut a, "alice", &mut b, &bob(port_b)).await;
        let applied = a.apply(config(Vec::new(), "null", "null")).await.unwrap();
        assert_eq!(applied.changes, ["account alice removed"]);
        assert!(a.view().await.accounts.is_empty());
        let before = b.wait_counters(at_b, received(1)).await.media.unwrap();
        b.wait_counters(at_b, received(before.packets_received + 25))
            .await;
        a.agent
            .send(HangupCall(CallsToEnd::One(call)))
            .await
            .unwrap()
            .unwrap();
        b.wait("the end", |event| {
            matches!(event, AgentEvent::CallEnded { .. }).then_some(())
        })
        .await;
    });
}

#[test]
fn a_replaced_accounts_call_lives_and_the_port_goes_to_the_successor_after_it() {
    in_system(async {
        let port_a = free_port();
        let mut settings = config(vec![peer_account("alice", port_a)], "null", "null");
        let mut a = Desk::new(settings.clone()).await;
        let (mut b, port_b) = quiet("bob").await;
        let (call, _) = talk(&mut a, "alice", &mut b, &bob(port_b)).await;
        settings.accounts[0].config.display_name = Some("Alice".into());
        let applied = a.apply(settings).await.unwrap();
        assert_eq!(applied.changes, ["account alice replaced"]);
        let before = a.wait_counters(call, received(1)).await.media.unwrap();
        a.wait_counters(call, received(before.packets_received + 25))
            .await;
        // While the old one holds the line, a call from the new one is refused, in words.
        let error = a.call("alice", "bob@127.0.0.1:9").await.unwrap_err();
        assert_eq!(error.word(), "account-unavailable");
        a.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        a.wait("the successor", |event| match event {
            AgentEvent::AccountChanged(status) if status.state == AccountState::Local => Some(()),
            _ => None,
        })
        .await;
        b.call("bob", &format!("alice@127.0.0.1:{port_a}"))
            .await
            .unwrap();
        a.wait_call(CallState::Ringing).await;
        assert_eq!(
            b.wait_call(CallState::Ringing).await.state,
            CallState::Ringing
        );
    });
}

#[test]
fn a_configuration_that_cannot_run_changes_nothing_and_says_why() {
    in_system(async {
        let port = free_port();
        let good = config(vec![peer_account("alice", port)], "null", "null");
        let mut a = Desk::new(good.clone()).await;
        let before = a.view().await;
        let mut twice = good.clone();
        twice.accounts.push(peer_account("alice", port + 1));
        let mut secure = good.clone();
        secure.accounts.push(account(serde_json::json!({
            "id": "bob",
            "address": "sips:bob@pbx.example.org",
        })));
        let mut device = good.clone();
        device.media.output = Some("tone:440".into());
        for (mut bad, about) in [(twice, "alice"), (secure, "bob"), (device, "media.output")] {
            bad.generation = Some(Generation(9));
            let error: ApplyError = a.apply(bad).await.unwrap_err();
            assert!(error.to_string().contains(about), "{error}");
            let reason = a
                .wait("the refusal", |event| match event {
                    AgentEvent::ConfigRefused { generation, reason } => {
                        assert_eq!(*generation, Some(Generation(9)));
                        Some(reason.clone())
                    }
                    _ => None,
                })
                .await;
            assert_eq!(reason, error.to_string());
        }
        assert_eq!(a.view().await, before);
        assert!(a.apply(good).await.unwrap().changes.is_empty());
    });
}

#[test]
fn a_hundred_changes_under_a_call_do_not_cut_it() {
    in_system(async {
        let port_a = free_port();
        let mut settings = config(vec![peer_account("alice", port_a)], "null", "null");
        let mut a = Desk::new(settings.clone()).await;
        let (mut b, port_b) = quiet("bob").await;
        let (call, _) = talk(&mut a, "alice", &mut b, &bob(port_b)).await;
        for turn in 0..100_u64 {
            settings.generation = Some(Generation(turn));
            let alice = &mut settings.accounts[0].config;
            alice.password = Some(Secret::new(format!("p{turn}")).unwrap());
            alice.max_calls = 1 + (turn % 7) as u16;
            settings.accounts.truncate(1);
            if turn % 2 == 0 {
                settings.accounts.push(peer_account("carol", free_port()));
            }
            a.apply(settings.clone()).await.unwrap();
        }
        let before = a.wait_counters(call, received(1)).await.media.unwrap();
        let after = a
            .wait_counters(call, received(before.packets_received + 25))
            .await;
        assert_eq!(after.media.unwrap().packets_lost, 0);
        a.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        b.wait("the end", |event| {
            matches!(event, AgentEvent::CallEnded { .. }).then_some(())
        })
        .await;
    });
}

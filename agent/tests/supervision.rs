//! An account's actor really panics: it comes back, the other account's call goes on, and beyond the
//! intensity it stays down.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod desk;
#[path = "desk/talking.rs"]
mod talking;

use carillon_agent::command::{InjectCallPanic, InjectPanic, RestartAccount};
use carillon_agent::event::{AgentEvent, CallCause};
use carillon_schemas::status::{AccountState, CallState};
use desk::{Desk, config, free_port, in_system, peer_account};
use talking::{quiet, talk};

fn inject(account: &str) -> InjectPanic {
    InjectPanic {
        account: account.parse().unwrap(),
    }
}

#[test]
fn a_panic_in_one_account_leaves_the_other_accounts_call_alone() {
    in_system(async {
        let ports = [free_port(), free_port(), free_port(), free_port()];
        let accounts = vec![peer_account("one", ports[0]), peer_account("two", ports[1])];
        let mut a = Desk::new(config(accounts, "tone:440", "null")).await;
        let accounts = vec![peer_account("uno", ports[2]), peer_account("due", ports[3])];
        let mut b = Desk::new(config(accounts, "tone:440", "null")).await;
        let (first, _) = talk(
            &mut a,
            "one",
            &mut b,
            &format!("uno@127.0.0.1:{}", ports[2]),
        )
        .await;
        let (second, second_at_b) = talk(
            &mut a,
            "two",
            &mut b,
            &format!("due@127.0.0.1:{}", ports[3]),
        )
        .await;
        let before = a
            .wait_counters(second, |call| {
                call.media.is_some_and(|m| m.packets_received > 20)
            })
            .await
            .media
            .unwrap();

        a.agent.send(inject("one")).await.unwrap().unwrap();
        let (why, attempt) = a
            .wait("the restart", |event| match event {
                AgentEvent::ActorRestarted {
                    actor,
                    account: Some(account),
                    why,
                    attempt,
                    ..
                } if actor == "account/one" && account.as_str() == "one" => {
                    Some((why.clone(), *attempt))
                }
                _ => None,
            })
            .await;
        assert_eq!(attempt, 1);
        assert!(why.contains("panic injected into account one"), "{why}");
        let cause = a
            .wait("the end of its call", |event| match event {
                AgentEvent::CallEnded { view, cause, .. } if view.id == first => Some(*cause),
                _ => None,
            })
            .await;
        assert_eq!(cause, CallCause::ActorFailed);
        a.wait("the account's return", |event| match event {
            AgentEvent::AccountChanged(status)
                if status.id.as_str() == "one" && status.state == AccountState::Local =>
            {
                Some(())
            }
            _ => None,
        })
        .await;

        let enough = before.packets_received + 50;
        let after = a
            .wait_counters(second, |call| {
                call.media.is_some_and(|m| m.packets_received > enough)
            })
            .await;
        assert_eq!(after.media.unwrap().packets_lost, 0);
        let at_b = b
            .wait_counters(second_at_b, |call| call.media.is_some())
            .await;
        assert_eq!(at_b.media.unwrap().packets_lost, 0);
        let view = a.view().await;
        assert_eq!(view.restarts, 1);
        assert!(view.given_up.is_empty());
        // It listens again where its peers know it.
        b.call("uno", &format!("one@127.0.0.1:{}", ports[0]))
            .await
            .unwrap();
        let ringing = a.wait_call(CallState::Ringing).await;
        assert_eq!(ringing.account.as_str(), "one");
    });
}

#[test]
fn a_panic_in_a_call_ends_that_call_on_both_sides_and_nothing_else() {
    in_system(async {
        let (mut a, _) = quiet("one").await;
        let (mut b, port) = quiet("uno").await;
        let uno = format!("uno@127.0.0.1:{port}");
        let (first, _) = talk(&mut a, "one", &mut b, &uno).await;
        let (second, second_at_b) = talk(&mut a, "one", &mut b, &uno).await;
        let inject = InjectCallPanic { call: first };
        a.agent.send(inject).await.unwrap().unwrap();
        let ended = |event: &AgentEvent| match event {
            AgentEvent::CallEnded { view, cause, text } => Some((view.id, *cause, text.clone())),
            _ => None,
        };
        let (id, cause, text) = a.wait("the end", ended).await;
        assert_eq!((id, cause), (first, CallCause::ActorFailed));
        assert!(text.contains("panic injected into call"), "{text}");
        // The account still has the dialog and says good-bye.
        let (id, cause, _) = b.wait("the end", ended).await;
        assert_eq!(cause, CallCause::HungUpThere);
        assert_ne!(id, second_at_b);
        let view = a.view().await;
        assert_eq!(view.restarts, 0);
        assert_eq!(
            view.calls.iter().map(|c| c.id).collect::<Vec<_>>(),
            [second]
        );
        a.wait_counters(second, |call| {
            call.media
                .is_some_and(|m| m.packets_received > 25 && m.packets_lost == 0)
        })
        .await;
    });
}

#[test]
fn beyond_the_intensity_it_stays_down_until_a_person_acts() {
    in_system(async {
        let (port_one, port_two) = (free_port(), free_port());
        let accounts = vec![peer_account("one", port_one), peer_account("two", port_two)];
        let mut settings = config(accounts, "null", "null");
        let mut a = Desk::new(settings.clone()).await;
        let mut delays = Vec::new();
        for _ in 0..6 {
            a.agent.send(inject("one")).await.unwrap().unwrap();
            let after = a
                .wait("the verdict", |event| match event {
                    AgentEvent::ActorRestarted { after, .. } => Some(Some(*after)),
                    AgentEvent::ActorGivenUp { actor, account, .. } => {
                        assert_eq!(actor, "account/one");
                        assert_eq!(account.as_ref().map(|id| id.as_str()), Some("one"));
                        Some(None)
                    }
                    _ => None,
                })
                .await;
            let Some(after) = after else {
                delays.push(0);
                break;
            };
            delays.push(after.as_millis());
            a.wait("the return", |event| match event {
                AgentEvent::AccountChanged(status) if status.state == AccountState::Local => {
                    Some(())
                }
                _ => None,
            })
            .await;
        }
        assert_eq!(delays, [100, 200, 400, 800, 1_600, 0]);
        let view = a.view().await;
        assert_eq!(view.given_up, ["account/one"]);
        assert_eq!(view.accounts[0].status.state, AccountState::GivenUp);
        assert!(view.accounts[0].status.reason.is_some());
        assert_eq!(view.accounts[1].status.state, AccountState::Local);
        let error = a.call("one", "x").await.unwrap_err();
        assert_eq!(error.word(), "account-unavailable");

        // The same configuration again is no news; another password is.
        a.apply(settings.clone()).await.unwrap();
        assert_eq!(a.view().await.given_up, ["account/one"]);
        settings.accounts[0].config.username = Some("someone".into());
        a.apply(settings).await.unwrap();
        let view = a.view().await;
        assert!(view.given_up.is_empty());
        assert_eq!(view.accounts[0].status.state, AccountState::Local);

        let restart = RestartAccount {
            account: "one".parse().unwrap(),
        };
        a.agent.send(restart).await.unwrap().unwrap();
        a.wait("the new start", |event| match event {
            AgentEvent::AccountChanged(status) if status.id.as_str() == "one" => Some(()),
            _ => None,
        })
        .await;
    });
}

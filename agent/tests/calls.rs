//! Two desks on loopback call each other: real SIP, real RTP, real tone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod desk;
#[path = "desk/talking.rs"]
mod talking;

use std::path::Path;

use carillon_agent::command::{
    AnswerCall, CallKind, CallsToEnd, CommandError, HangupCall, QueryStatus, SendDtmf, Shutdown,
};
use carillon_agent::event::{AgentEvent, CallCause};
use carillon_schemas::status::{AccountState, CallState, Direction};
use desk::{Desk, config, free_port, in_system, peer_account};
use talking::{quiet, talk};

fn ended(event: &AgentEvent) -> Option<(u32, CallCause)> {
    match event {
        AgentEvent::CallEnded { view, cause, .. } => Some((view.id, *cause)),
        _ => None,
    }
}

#[test]
fn a_tone_goes_from_desk_to_desk_and_digits_with_it() {
    in_system(async {
        let folder = tempfile::tempdir().unwrap();
        let heard = folder.path().join("heard.wav");
        let (port_a, port_b) = (free_port(), free_port());
        let mut a = Desk::new(config(
            vec![peer_account("alice", port_a)],
            "tone:440",
            "null",
        ))
        .await;
        let output = format!("wav:{}", heard.display());
        let mut b = Desk::new(config(vec![peer_account("bob", port_b)], "null", &output)).await;

        let out = a
            .call("alice", &format!("bob@127.0.0.1:{port_b}"))
            .await
            .unwrap();
        assert_eq!(
            (out.direction, out.state),
            (Direction::Outgoing, CallState::Calling)
        );
        let ringing = b.wait_call(CallState::Ringing).await;
        assert_eq!(ringing.direction, Direction::Incoming);
        assert!(ringing.peer.contains("alice"), "{}", ringing.peer);
        a.wait_call(CallState::Ringing).await;

        b.agent
            .send(AnswerCall { call: None })
            .await
            .unwrap()
            .unwrap();
        let talking = a.wait_call(CallState::Established).await;
        assert_eq!(talking.codec.as_deref(), Some("PCMA"));
        let at_b = b.wait_call(CallState::Established).await;

        a.wait_counters(out.id, |call| {
            call.media.is_some_and(|m| m.packets_received > 100)
        })
        .await;
        let keys = SendDtmf {
            call: None,
            digits: "4#".into(),
        };
        a.agent.send(keys).await.unwrap().unwrap();
        for wanted in ['4', '#'] {
            let digit = b
                .wait("a digit", |event| match event {
                    AgentEvent::DtmfReceived { digit, .. } => Some(*digit),
                    _ => None,
                })
                .await;
            assert_eq!(digit, wanted);
        }
        let counted = b
            .wait_counters(at_b.id, |call| {
                call.media.is_some_and(|m| m.packets_received > 150)
            })
            .await;
        assert_eq!(counted.media.unwrap().packets_lost, 0);

        a.agent
            .send(HangupCall(CallsToEnd::One(out.id)))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            a.wait("the end", ended).await,
            (out.id, CallCause::HungUpHere)
        );
        assert_eq!(
            b.wait("the end", ended).await,
            (at_b.id, CallCause::HungUpThere)
        );
        assert!(a.view().await.calls.is_empty());
        assert!(
            tone_share(&heard, 440.0) > 0.9,
            "{}",
            tone_share(&heard, 440.0)
        );
    });
}

#[test]
fn a_caller_gives_up_and_a_callee_declines() {
    in_system(async {
        let (mut a, _) = quiet("alice").await;
        let (mut b, port_b) = quiet("bob").await;
        let target = format!("sip:bob@127.0.0.1:{port_b}");

        let out = a.call("alice", &target).await.unwrap();
        b.wait_call(CallState::Ringing).await;
        a.wait_call(CallState::Ringing).await;
        a.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            a.wait("the end", ended).await,
            (out.id, CallCause::HungUpHere)
        );
        assert_eq!(b.wait("the end", ended).await.1, CallCause::Missed);

        a.call("alice", &target).await.unwrap();
        b.wait_call(CallState::Ringing).await;
        b.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(b.wait("the end", ended).await.1, CallCause::Declined);
        assert_eq!(a.wait("the end", ended).await.1, CallCause::Busy);
    });
}

#[test]
fn an_account_has_no_more_calls_than_it_may() {
    in_system(async {
        let (port_a, port_b) = (free_port(), free_port());
        let mut alice = peer_account("alice", port_a);
        alice.config.max_calls = 2;
        let mut bob = peer_account("bob", port_b);
        bob.config.max_calls = 1;
        let mut a = Desk::new(config(vec![alice], "null", "null")).await;
        let mut b = Desk::new(config(vec![bob], "null", "null")).await;
        let target = format!("bob@127.0.0.1:{port_b}");
        a.call("alice", &target).await.unwrap();
        b.wait_call(CallState::Ringing).await;
        let second = a.call("alice", &target).await.unwrap();
        assert_eq!(a.wait("busy", ended).await, (second.id, CallCause::Busy));
        assert_eq!(b.view().await.calls.len(), 1);
        // One that is refused leaves its place at once.
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let silent = format!("x@{}", silent.local_addr().unwrap());
        a.call("alice", &silent).await.unwrap();
        let error = a.call("alice", &target).await.unwrap_err();
        assert_eq!(error.word(), "busy");
    });
}

#[test]
fn what_cannot_be_done_is_said_with_a_word() {
    in_system(async {
        let port = free_port();
        let mut settings = config(vec![peer_account("alice", port)], "null", "null");
        let a = Desk::new(settings.clone()).await;
        let word = |result: Result<_, CommandError>| result.err().map(|error| error.word());
        assert_eq!(word(a.call("nobody", "1").await), Some("no-such-account"));
        assert_eq!(word(a.call("alice", "two words").await), Some("bad-target"));
        assert_eq!(word(a.call("alice", "sips:x@y").await), Some("bad-target"));
        let hangup = a.agent.send(HangupCall(CallsToEnd::One(77))).await.unwrap();
        assert_eq!(hangup.unwrap_err().word(), "no-such-call");
        let answer = a.agent.send(AnswerCall { call: None }).await.unwrap();
        assert_eq!(answer.unwrap_err().word(), "no-call");
        let keys = SendDtmf {
            call: None,
            digits: "1".into(),
        };
        let keys = a.agent.send(keys).await.unwrap();
        assert_eq!(keys.unwrap_err().word(), "no-call");

        settings.media.input = Some("wav:/nowhere/at/all.wav".into());
        a.apply(settings.clone()).await.unwrap();
        let error = a.call("alice", "sip:x@127.0.0.1:9").await.unwrap_err();
        assert_eq!(error.word(), "device");
        assert!(error.to_string().contains("/nowhere/at/all.wav"), "{error}");
        assert!(a.view().await.calls.is_empty());

        settings.accounts[0].config.enabled = false;
        a.apply(settings).await.unwrap();
        assert_eq!(
            word(a.call("alice", "1").await),
            Some("account-unavailable")
        );
        assert_eq!(
            a.view().await.accounts[0].status.state,
            AccountState::Disabled
        );
    });
}

#[test]
fn a_taken_port_is_told_and_found_free_later() {
    in_system(async {
        let port = free_port();
        let taken = std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
        let mut a = Desk::new(config(vec![peer_account("alice", port)], "null", "null")).await;
        let state_of = |event: &AgentEvent| match event {
            AgentEvent::AccountChanged(status) => Some(status.clone()),
            _ => None,
        };
        let reason = a
            .wait("the failure", |event| {
                state_of(event).filter(|s| s.state == AccountState::Failed)
            })
            .await
            .reason
            .unwrap();
        assert!(reason.contains(&port.to_string()), "{reason}");
        drop(taken);
        a.wait("the recovery", |event| {
            state_of(event).filter(|s| s.state == AccountState::Local)
        })
        .await;
    });
}

#[test]
fn shutting_down_hangs_up_first() {
    in_system(async {
        let (mut a, _) = quiet("alice").await;
        let (mut b, port_b) = quiet("bob").await;
        let bob = format!("bob@127.0.0.1:{port_b}");
        talk(&mut a, "alice", &mut b, &bob).await;
        a.agent.send(Shutdown).await.unwrap();
        assert_eq!(b.wait("the end", ended).await.1, CallCause::HungUpThere);
        while a.agent.send(QueryStatus).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
}

/// How much of a WAV file's power in its loudest second is at `hertz`, 0 to 1.
fn tone_share(path: &Path, hertz: f64) -> f64 {
    let bytes = std::fs::read(path).unwrap();
    let samples: Vec<f64> = bytes[44..]
        .chunks_exact(2)
        .map(|pair| f64::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    let power = |part: &[f64]| part.iter().map(|x| x * x).sum::<f64>();
    let second = samples
        .windows(8_000)
        .step_by(800)
        .max_by(|a, b| power(a).total_cmp(&power(b)))
        .expect("less than a second was recorded");
    let (mut re, mut im) = (0.0, 0.0);
    for (n, x) in second.iter().enumerate() {
        let angle = std::f64::consts::TAU * hertz * n as f64 / 8_000.0;
        re += x * angle.cos();
        im += x * angle.sin();
    }
    let at_tone = 2.0 * (re * re + im * im) / second.len() as f64;
    at_tone / power(second).max(1.0)
}

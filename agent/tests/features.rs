//! Calling features on desks that call each other on loopback: what rings, what is sent on, what always goes out.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod desk;
#[path = "desk/talking.rs"]
mod talking;

use carillon_agent::command::{
    CallKind, CallsToEnd, ForwardKind, HangupCall, SendDtmf, SendMessage, SwitchFeatures,
};
use carillon_agent::event::{AgentEvent, CallCause};
use carillon_schemas::status::CallState;
use desk::{Desk, config, free_port, in_system, peer_account};
use talking::{quiet, talk};

fn ended(event: &AgentEvent) -> Option<(CallCause, String)> {
    match event {
        AgentEvent::CallEnded { cause, text, .. } => Some((*cause, text.clone())),
        _ => None,
    }
}

fn turned_away(event: &AgentEvent) -> Option<String> {
    match event {
        AgentEvent::CallTurnedAway { why, .. } => Some(why.clone()),
        _ => None,
    }
}

async fn switch(desk: &Desk, switch: SwitchFeatures) -> carillon_agent::view::FeaturesView {
    desk.agent.send(switch).await.unwrap().unwrap().remove(0)
}

#[test]
fn do_not_disturb_and_forwarding_are_switched_while_the_agent_runs() {
    in_system(async {
        let (mut a, _) = quiet("alice").await;
        let (mut b, port_b) = quiet("bob").await;
        let (mut c, port_c) = quiet("carol").await;
        let bob = format!("bob@127.0.0.1:{port_b}");

        let quiet = SwitchFeatures {
            do_not_disturb: Some(true),
            ..SwitchFeatures::default()
        };
        assert!(switch(&b, quiet).await.do_not_disturb);
        a.call("alice", &bob).await.unwrap();
        assert_eq!(a.wait("busy", ended).await.0, CallCause::Busy);
        assert_eq!(
            b.wait("the call it kept away", turned_away).await,
            "do not disturb"
        );
        assert!(b.view().await.calls.is_empty());

        let forward = SwitchFeatures {
            do_not_disturb: Some(false),
            forward: Some((ForwardKind::Always, format!("carol@127.0.0.1:{port_c}"))),
            ..SwitchFeatures::default()
        };
        assert!(switch(&b, forward).await.forward_always.is_some());
        a.call("alice", &bob).await.unwrap();
        c.wait_call(CallState::Ringing).await;
        assert!(
            b.wait("the call it sent on", turned_away)
                .await
                .contains("carol")
        );
        a.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        c.wait("the end", ended).await;

        // Switched off again, and a setting of the configuration takes its place without a call being cut.
        let off = SwitchFeatures {
            forward: Some((ForwardKind::Always, String::new())),
            ..SwitchFeatures::default()
        };
        assert_eq!(switch(&b, off).await.forward_always, None);
        a.call("alice", &bob).await.unwrap();
        b.wait_call(CallState::Ringing).await;
        let mut account = peer_account("bob", port_b);
        account.config.features =
            serde_json::from_value(serde_json::json!({"call_waiting": false})).unwrap();
        let applied = b
            .apply(config(vec![account], "null", "null"))
            .await
            .unwrap();
        assert_eq!(applied.changes, ["account bob: new calling features"]);
        assert_eq!(b.view().await.calls.len(), 1);
        a.call("alice", &bob).await.unwrap();
        assert_eq!(
            b.wait("the second call", turned_away).await,
            "another call stands"
        );
    });
}

#[test]
fn unanswered_call_is_sent_on_and_a_rule_can_forbid_what_is_dialled() {
    in_system(async {
        let (port_a, port_b, port_c) = (free_port(), free_port(), free_port());
        let mut alice = peer_account("alice", port_a);
        alice.config.features = serde_json::from_value(serde_json::json!({
            "dial_plan": [
                {"match": "77", "to": format!("bob@127.0.0.1:{port_b}")},
                {"match": "x.", "block": "only 77 is called from here"},
            ],
        }))
        .unwrap();
        let a = Desk::new(config(vec![alice], "null", "null")).await;
        let mut bob = peer_account("bob", port_b);
        bob.config.features = serde_json::from_value(serde_json::json!({
            "forward": {"no_answer": format!("carol@127.0.0.1:{port_c}"), "no_answer_after": 5},
        }))
        .unwrap();
        let mut b = Desk::new(config(vec![bob], "null", "null")).await;
        let mut c = Desk::new(config(vec![peer_account("carol", port_c)], "null", "null")).await;
        let error = a.call("alice", "78").await.unwrap_err();
        assert_eq!(error.word(), "bad-target");
        assert!(error.to_string().contains("only 77"), "{error}");
        a.call("alice", "7-7").await.unwrap();
        b.wait_call(CallState::Ringing).await;
        c.wait_call(CallState::Ringing).await;
        assert_eq!(b.wait("the end here", ended).await.1, "declined with 302");
    });
}

#[test]
fn emergency_call_goes_out_past_rules_and_limits() {
    in_system(async {
        let (port_a, port_b) = (free_port(), free_port());
        let mut alice = peer_account("alice", port_a);
        alice.config.max_calls = 1;
        alice.config.outbound_proxy = Some(format!("127.0.0.1:{port_b}"));
        alice.config.features = serde_json::from_value(serde_json::json!({
            "do_not_disturb": true,
            "dial_plan": [{"match": "x.", "block": "no"}],
            "emergency": {"numbers": ["112"], "location": {"civic": {"country": "AT", "RD": "Graben", "HNO": "1"}}},
        }))
        .unwrap();
        // Who answers for the emergency centre sees the request as it came.
        // It takes no TCP, so that the large INVITE comes over UDP after all.
        let centre = tokio::net::UdpSocket::bind(("127.0.0.1", port_b))
            .await
            .unwrap();
        let mut a = Desk::new(config(vec![alice], "null", "null")).await;
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        a.call("alice", &format!("x@{}", silent.local_addr().unwrap()))
            .await
            .unwrap();
        a.call("alice", "112").await.unwrap();
        let (_, text) = a.wait("the call that made room", ended).await;
        assert_eq!(text, "ended for an emergency call");
        // The first INVITE may come before it.
        let mut buffer = vec![0; 65_536];
        let invite = loop {
            let arrival = centre.recv_from(&mut buffer);
            let limit = std::time::Duration::from_secs(5);
            let (length, _) = tokio::time::timeout(limit, arrival)
                .await
                .expect("an INVITE for 112")
                .unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("INVITE sip:112@") {
                break text;
            }
        };
        for part in [
            "Geolocation: <cid:",
            "Geolocation-Routing: yes",
            "Content-Type: multipart/mixed",
            "<ca:RD>Graben</ca:RD>",
            "m=audio",
        ] {
            assert!(invite.contains(part), "{part} in {invite}");
        }
        assert!(!invite.contains("anonymous"));
        let calls = a.view().await.calls;
        assert_eq!(calls.len(), 1);
        assert!(calls[0].peer.starts_with("sip:112@"));
    });
}

#[test]
fn texts_and_keys_go_from_desk_to_desk() {
    in_system(async {
        let (port_a, port_b) = (free_port(), free_port());
        let mut alice = peer_account("alice", port_a);
        alice.config.features =
            serde_json::from_value(serde_json::json!({"dtmf": "info"})).unwrap();
        let mut a = Desk::new(config(vec![alice], "null", "null")).await;
        let mut b = Desk::new(config(vec![peer_account("bob", port_b)], "null", "null")).await;
        let bob = format!("bob@127.0.0.1:{port_b}");
        let send = |target: String, text: &str| SendMessage {
            account: None,
            target,
            text: text.to_owned(),
        };
        let sent = a
            .agent
            .send(send(bob.clone(), "come over \u{2615}"))
            .await
            .unwrap();
        assert_eq!(sent, Ok(200));
        let (from, text) = b
            .wait("the text", |event| match event {
                AgentEvent::TextReceived { from, text, .. } => Some((from.clone(), text.clone())),
                _ => None,
            })
            .await;
        assert!(from.contains("alice"), "{from}");
        assert_eq!(text, "come over \u{2615}");
        for bad in ["", &"x".repeat(5_000)] {
            let refused = a.agent.send(send(bob.clone(), bad)).await.unwrap();
            assert_eq!(refused.unwrap_err().word(), "not-delivered");
        }

        let (call, _) = talk(&mut a, "alice", &mut b, &bob).await;
        a.wait_counters(call, |call| call.media.is_some()).await;
        let keys = SendDtmf {
            call: None,
            digits: "12#".into(),
        };
        a.agent.send(keys).await.unwrap().unwrap();
        for wanted in ['1', '2', '#'] {
            let digit = b
                .wait("a key", |event| match event {
                    AgentEvent::DtmfReceived { digit, .. } => Some(*digit),
                    _ => None,
                })
                .await;
            assert_eq!(digit, wanted);
        }
    });
}

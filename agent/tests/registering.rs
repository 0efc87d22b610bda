//! An account registers, goes with its credentials and its registrar, and takes its registration back.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod desk;
#[path = "desk/registrar.rs"]
mod registrar;
#[path = "desk/talking.rs"]
mod talking;

use std::time::Duration;

use carillon_agent::command::{CallKind, CallsToEnd, HangupCall, Shutdown};
use carillon_agent::event::AgentEvent;
use carillon_agent::running::RunningAccount;
use carillon_schemas::Secret;
use carillon_schemas::config::AcceptFrom;
use carillon_schemas::status::{AccountState, CallState};
use desk::{Desk, account, config, in_system};
use registrar::Registrar;
use talking::{quiet, talk};

fn registering(registrar: &Registrar) -> RunningAccount {
    account(serde_json::json!({
        "id": "main",
        "address": "sip:1001@pbx.example.org",
        "registrar": registrar.address.to_string(),
        "outbound_proxy": registrar.address.to_string(),
        "password": "first",
        "register_expires": 600,
    }))
}

async fn registered(desk: &mut Desk) {
    desk.wait("the registration", |event| match event {
        AgentEvent::AccountChanged(status) if status.state == AccountState::Registered => Some(()),
        _ => None,
    })
    .await;
}

#[test]
fn it_registers_anew_with_new_credentials_and_leaves_when_the_agent_does() {
    in_system(async {
        let mut registrar = Registrar::new().await;
        let mut settings = config(vec![registering(&registrar)], "null", "null");
        let mut a = Desk::new(settings.clone()).await;
        let first = registrar.next().await;
        assert_eq!(first.expires, 600);
        assert!(first.contact.contains("127.0.0.1"), "{}", first.contact);
        assert!(first.contact.contains("+sip.instance"), "{}", first.contact);
        registered(&mut a).await;

        settings.accounts[0].config.password = Some(Secret::new("second".into()).unwrap());
        a.apply(settings).await.unwrap();
        let second = registrar.next().await;
        assert_eq!((second.expires, second.contact), (600, first.contact));

        a.agent.send(Shutdown).await.unwrap();
        assert_eq!(registrar.next().await.expires, 0);
    });
}

#[test]
fn a_stranger_rings_only_an_account_that_takes_calls_from_anyone() {
    in_system(async {
        let mut registrar = Registrar::new().await;
        let mut settings = config(vec![registering(&registrar)], "null", "null");
        let mut desk = Desk::new(settings.clone()).await;
        let contact = registrar.next().await.contact;
        registered(&mut desk).await;
        assert_eq!(invited_by_a_stranger(&contact).await, "SIP/2.0 403");
        assert_eq!(desk.view().await.calls, vec![]);

        settings.accounts[0].config.accept_from = Some(AcceptFrom::Anyone);
        desk.apply(settings).await.unwrap();
        // The account before it takes its registration back.
        let mut taken = registrar.next().await;
        while taken.expires == 0 {
            taken = registrar.next().await;
        }
        assert_eq!(invited_by_a_stranger(&taken.contact).await, "SIP/2.0 100");
        desk.wait_call(CallState::Ringing).await;
    });
}

/// Invites the desk behind a contact from an address that is not its registrar's; gives the first line's beginning of
/// the first answer.
async fn invited_by_a_stranger(contact: &str) -> String {
    let uri = contact
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .unwrap()
        .0;
    let host = uri.split_once('@').unwrap().1.split(';').next().unwrap();
    let stranger = tokio::net::UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let from = stranger.local_addr().unwrap();
    let invite = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKstranger;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:mallory@example.com>;tag=m\r\nTo: <{uri}>\r\nCall-ID: {from}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:mallory@{from}>\r\nContent-Length: 0\r\n\r\n"
    );
    stranger.send_to(invite.as_bytes(), host).await.unwrap();
    let mut answer = [0; 11];
    let wait = tokio::time::timeout(Duration::from_secs(20), stranger.recv(&mut answer));
    wait.await.expect("no answer").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn another_registrar_takes_over_at_once_and_the_call_lives() {
    in_system(async {
        let (mut old, mut new) = (Registrar::new().await, Registrar::new().await);
        let mut settings = config(vec![registering(&old)], "null", "null");
        // Calls shall go straight to the peer.
        settings.accounts[0].config.outbound_proxy = None;
        let mut a = Desk::new(settings.clone()).await;
        assert_eq!(old.next().await.expires, 600);
        registered(&mut a).await;
        let (mut b, port) = quiet("bob").await;
        let bob = format!("bob@127.0.0.1:{port}");
        let (call, _) = talk(&mut a, "main", &mut b, &bob).await;

        settings.accounts[0].config.registrar = Some(new.address.to_string());
        a.apply(settings).await.unwrap();
        assert_eq!(
            old.next().await.expires,
            0,
            "the old registration is taken back"
        );
        assert_eq!(new.next().await.expires, 600);
        registered(&mut a).await;
        let received = |count| {
            move |call: &carillon_agent::view::CallView| {
                call.media
                    .is_some_and(|media| media.packets_received >= count)
            }
        };
        let before = a.wait_counters(call, received(1)).await.media.unwrap();
        let after = a
            .wait_counters(call, received(before.packets_received + 25))
            .await;
        assert_eq!(after.media.unwrap().packets_lost, 0);
        // The successor calls while its predecessor still talks.
        a.call("main", &format!("bob@127.0.0.1:{port}"))
            .await
            .unwrap();
        b.wait_call(CallState::Ringing).await;
        a.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        for _ in 0..2 {
            b.wait("an end", |event| {
                matches!(event, AgentEvent::CallEnded { .. }).then_some(())
            })
            .await;
        }
        assert_eq!(
            a.view().await.accounts[0].status.state,
            AccountState::Registered
        );
    });
}

#[test]
fn a_registrar_that_is_silent_holds_up_neither_change_nor_departure() {
    in_system(async {
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut alive = Registrar::new().await;
        let mut settings = config(vec![registering(&alive)], "null", "null");
        let here = silent.local_addr().unwrap().to_string();
        settings.accounts[0].config.registrar = Some(here.clone());
        settings.accounts[0].config.outbound_proxy = Some(here);
        let mut a = Desk::new(settings.clone()).await;
        settings.accounts[0] = registering(&alive);
        a.apply(settings.clone()).await.unwrap();
        assert_eq!(alive.next().await.expires, 600);
        registered(&mut a).await;
        settings.accounts[0].config.enabled = false;
        a.apply(settings).await.unwrap();
        assert_eq!(alive.next().await.expires, 0);
        a.agent.send(Shutdown).await.unwrap();
        let gone = async {
            while a.agent.connected() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone)
            .await
            .unwrap();
    });
}

//! Every timer of the four machines, over UDP and over a reliable transport.

use super::client::NonInviteClient;
use super::invite_client::InviteClient;
use super::invite_server::InviteServer;
use super::server::NonInviteServer;
use super::step::{ClientStep, ServerStep};
use std::time::{Duration, Instant};

/// Wakes a machine at each of its deadlines; when it wanted something, in milliseconds since the start, and what.
fn run<T: PartialEq + Default>(
    start: Instant,
    mut wake: impl FnMut(Instant) -> (T, Option<Instant>),
    first: Option<Instant>,
) -> Vec<(u128, T)> {
    let mut found = Vec::new();
    let mut next = first;
    while let Some(at) = next {
        let (step, deadline) = wake(at);
        if step != T::default() {
            found.push(((at - start).as_millis(), step));
        }
        assert!(
            deadline.is_none_or(|deadline| deadline > at),
            "time goes on"
        );
        next = deadline;
    }
    found
}

fn run_invite_client(start: Instant, machine: &mut InviteClient) -> Vec<(u128, ClientStep)> {
    let first = machine.deadline();
    let found = run(start, |at| (machine.wake(at), machine.deadline()), first);
    assert!(machine.is_terminated());
    found
}

fn run_client(start: Instant, machine: &mut NonInviteClient) -> Vec<(u128, ClientStep)> {
    let first = machine.deadline();
    let found = run(start, |at| (machine.wake(at), machine.deadline()), first);
    assert!(machine.is_terminated());
    found
}

fn resent(at: u128) -> (u128, ClientStep) {
    (
        at,
        ClientStep {
            resend: true,
            ..ClientStep::default()
        },
    )
}

fn timed_out(at: u128) -> (u128, ClientStep) {
    (
        at,
        ClientStep {
            timed_out: true,
            ..ClientStep::default()
        },
    )
}

const ACKNOWLEDGED: ClientStep = ClientStep {
    resend: false,
    acknowledge: true,
    deliver: true,
    timed_out: false,
};
const AGAIN: ClientStep = ClientStep {
    resend: false,
    acknowledge: true,
    deliver: false,
    timed_out: false,
};

#[test]
fn timers_a_and_b_repeat_and_end_an_invite() {
    let start = Instant::now();
    let expected = [500, 1500, 3500, 7500, 15_500, 31_500].map(resent);
    let found = run_invite_client(start, &mut InviteClient::new(start, false));
    assert_eq!(found[..6], expected);
    assert_eq!(found[6..], [timed_out(32_000)]);
    assert_eq!(
        run_invite_client(start, &mut InviteClient::new(start, true)),
        [timed_out(32_000)]
    );
}

#[test]
fn timer_d_keeps_a_failed_invite_to_repeat_its_ack() {
    let start = Instant::now();
    let mut machine = InviteClient::new(start, false);
    assert_eq!(machine.on_response(start, 180), ClientStep::deliver());
    assert!(machine.is_proceeding());
    assert_eq!(
        machine.deadline(),
        None,
        "nothing is repeated after a provisional response"
    );
    assert_eq!(machine.on_response(start, 486), ACKNOWLEDGED);
    assert_eq!(machine.on_response(start, 486), AGAIN);
    assert_eq!(machine.on_response(start, 200), ClientStep::default());
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)));
    assert_eq!(run_invite_client(start, &mut machine), []);
    let mut machine = InviteClient::new(start, true);
    assert_eq!(machine.on_response(start, 486), ACKNOWLEDGED);
    assert!(machine.is_terminated());
}

#[test]
fn timer_m_lets_every_2xx_through() {
    let start = Instant::now();
    let mut machine = InviteClient::new(start, false);
    for _ in 0..3 {
        assert_eq!(machine.on_response(start, 200), ClientStep::deliver());
    }
    assert_eq!(machine.on_response(start, 486), ClientStep::default());
    assert_eq!(machine.on_response(start, 180), ClientStep::default());
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)));
    assert_eq!(run_invite_client(start, &mut machine), []);
}

#[test]
fn timers_e_and_f_repeat_and_end_a_request() {
    let start = Instant::now();
    let expected = [
        500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]
    .map(resent);
    let found = run_client(start, &mut NonInviteClient::new(start, false));
    assert_eq!(found[..10], expected);
    assert_eq!(found[10..], [timed_out(32_000)]);
    assert_eq!(
        run_client(start, &mut NonInviteClient::new(start, true)),
        [timed_out(32_000)]
    );
    let mut machine = NonInviteClient::new(start, false);
    assert_eq!(machine.on_response(start, 100), ClientStep::deliver());
    let found = run_client(start, &mut machine);
    assert_eq!(
        found[..2],
        [500, 4500].map(resent),
        "every T2 after a provisional response"
    );
    assert_eq!(found.last(), Some(&timed_out(32_000)));
}

#[test]
fn timer_k_absorbs_repeated_responses() {
    let start = Instant::now();
    let mut machine = NonInviteClient::new(start, false);
    assert_eq!(machine.on_response(start, 200), ClientStep::deliver());
    assert_eq!(machine.on_response(start, 200), ClientStep::default());
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(5)));
    assert_eq!(run_client(start, &mut machine), []);
    let mut machine = NonInviteClient::new(start, true);
    assert_eq!(machine.on_response(start, 200), ClientStep::deliver());
    assert!(machine.is_terminated());
}

const SENT: ServerStep = ServerStep { send: true };
const SILENT: ServerStep = ServerStep { send: false };

fn run_invite_server(start: Instant, machine: &mut InviteServer) -> Vec<u128> {
    let mut found = Vec::new();
    while let Some(at) = machine.deadline() {
        if machine.wake(at).send {
            found.push((at - start).as_millis());
        }
    }
    assert!(machine.is_terminated());
    found
}

#[test]
fn timers_g_and_h_repeat_and_end_a_refusal() {
    let start = Instant::now();
    let mut machine = InviteServer::new(false);
    assert_eq!(machine.respond(start, 180), SENT);
    assert_eq!(machine.on_repeat(), SENT);
    assert_eq!(machine.deadline(), None);
    assert_eq!(machine.respond(start, 486), SENT);
    assert_eq!(machine.respond(start, 200), SILENT, "one final response");
    assert_eq!(machine.on_repeat(), SENT);
    assert_eq!(
        run_invite_server(start, &mut machine),
        [
            500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    let mut machine = InviteServer::new(true);
    assert_eq!(machine.respond(start, 486), SENT);
    assert_eq!(run_invite_server(start, &mut machine), []);
}

#[test]
fn timer_i_absorbs_repeated_acks() {
    let start = Instant::now();
    let mut machine = InviteServer::new(false);
    assert!(!machine.on_ack(start), "nothing to confirm yet");
    machine.respond(start, 486);
    assert!(machine.on_ack(start));
    assert!(machine.on_ack(start));
    assert_eq!(machine.on_repeat(), SILENT);
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(5)));
    assert_eq!(run_invite_server(start, &mut machine), []);
    let mut machine = InviteServer::new(true);
    machine.respond(start, 486);
    assert!(machine.on_ack(start) && machine.is_terminated());
}

#[test]
fn timer_l_absorbs_repeated_invites_after_a_2xx() {
    let start = Instant::now();
    let mut machine = InviteServer::new(false);
    assert_eq!(machine.respond(start, 200), SENT);
    assert_eq!(machine.on_repeat(), SILENT);
    assert!(!machine.on_ack(start), "the call's to handle");
    assert_eq!(machine.deadline(), Some(start + Duration::from_secs(32)));
    assert_eq!(run_invite_server(start, &mut machine), []);
}

#[test]
fn timer_j_absorbs_repeated_requests() {
    let start = Instant::now();
    let mut machine = NonInviteServer::new(false);
    assert_eq!(machine.on_repeat(), SILENT, "nothing to repeat yet");
    assert_eq!(machine.respond(start, 200), SENT);
    assert_eq!(machine.respond(start, 200), SILENT);
    assert_eq!(machine.on_repeat(), SENT);
    let end = machine.deadline().unwrap();
    assert_eq!(end, start + Duration::from_secs(32));
    machine.wake(end);
    assert!(machine.is_terminated());
    let mut machine = NonInviteServer::new(true);
    machine.respond(start, 200);
    assert!(machine.is_terminated());
}

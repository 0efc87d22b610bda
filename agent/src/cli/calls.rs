//! `dial`, `answer`, `hangup`, `hold`, `resume`, `transfer` and `dtmf`.

use std::path::Path;
use std::time::{Duration, Instant};

use carillon_schemas::AccountId;
use carillon_schemas::status::{CallState, Direction};
use serde_json::json;

use super::arguments::HangupKind;
use super::client::{Client, Events, Next};
use super::exit::{Exit, Failure};
use super::print::{self, ago, line, plain};
use crate::command::{CallKind, CallsToEnd};
use crate::control::{DtmfBody, HangupBody, PlaceBody, TransferBody};
use crate::view::CallView;

/// How long the agent may take: a sound device may be slow to open.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a far side may take to agree to a hold: SIP gives it 32 s.
const AGREEMENT: Duration = Duration::from_secs(40);

pub(super) fn dial(
    state: &Path,
    target: String,
    account: Option<AccountId>,
    wait: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let events = wait.then(|| client.listen()).transpose()?;
    let body = PlaceBody { account, target };
    let call: CallView = client.post("/v1/calls", &body, PATIENCE)?;
    let call = match events {
        Some(events) => wait_for_answer(call.id, events)?,
        None => call,
    };
    show(&call, as_json);
    Ok(())
}

pub(super) fn answer(
    state: &Path,
    call: Option<u32>,
    wait: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let events = wait.then(|| client.listen()).transpose()?;
    let path = format!("/v1/calls/{}/answer", named(call));
    let call: CallView = client.post(&path, &json!({}), PATIENCE)?;
    let call = match events {
        Some(events) if call.state != CallState::Established => wait_for_answer(call.id, events)?,
        _ => call,
    };
    show(&call, as_json);
    Ok(())
}

pub(super) fn hangup(
    state: &Path,
    call: Option<u32>,
    kind: HangupKind,
    wait: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let which = match call {
        Some(call) => CallsToEnd::One(call),
        None if kind.incoming => CallsToEnd::Every(CallKind::Incoming),
        None if kind.calling => CallsToEnd::Every(CallKind::Calling),
        None => CallsToEnd::Every(CallKind::All),
    };
    let client = Client::of(state)?;
    let events = wait.then(|| client.listen()).transpose()?;
    let calls: Vec<CallView> = client.post("/v1/hangup", &HangupBody { which }, PATIENCE)?;
    if let Some(events) = events {
        wait_for_ends(&calls, events)?;
    }
    if as_json {
        print::json(&calls);
    } else {
        for call in &calls {
            line(&format!("call {} with {} ends", call.id, plain(&call.peer)));
        }
    }
    Ok(())
}

pub(super) fn hold(
    state: &Path,
    call: Option<u32>,
    hold: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let verb = if hold { "hold" } else { "resume" };
    let path = format!("/v1/calls/{}/{verb}", named(call));
    let call: CallView = Client::of(state)?.post(&path, &json!({}), AGREEMENT)?;
    show(&call, as_json);
    Ok(())
}

pub(super) fn transfer(
    state: &Path,
    to: &TransferBody,
    call: Option<u32>,
    wait: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let events = wait.then(|| client.listen()).transpose()?;
    let path = format!("/v1/calls/{}/transfer", named(call));
    let call: CallView = client.post(&path, to, PATIENCE)?;
    if let Some(events) = events {
        wait_for_transfer(call.id, events)?;
    }
    show(&call, as_json);
    Ok(())
}

pub(super) fn dtmf(
    state: &Path,
    digits: String,
    call: Option<u32>,
    as_json: bool,
) -> Result<(), Failure> {
    let digits = if digits == "-" {
        super::enrol::from_stdin("digits")?
    } else {
        digits
    };
    let path = format!("/v1/calls/{}/dtmf", named(call));
    let call: CallView = Client::of(state)?.post(&path, &DtmfBody { digits }, PATIENCE)?;
    show(&call, as_json);
    Ok(())
}

/// Who holds a call, for a person.
fn held(call: &CallView) -> &'static str {
    match (call.on_hold, call.held) {
        (false, false) => "",
        (true, false) => "on hold",
        (false, true) => "held",
        (true, true) => "on hold, held",
    }
}

/// Cells of a call: number, direction, peer, state and who holds it, since when, account, codec.
pub(super) fn call_row(call: &CallView) -> Vec<String> {
    let arrow = match call.direction {
        Direction::Incoming => "<-",
        Direction::Outgoing => "->",
    };
    let state = match call.state {
        CallState::Calling => "calling",
        CallState::Ringing => "ringing",
        CallState::Established => "established",
    };
    vec![
        format!("call {}", call.id),
        arrow.to_owned(),
        match &call.contact {
            Some(name) => format!("{} ({})", plain(name), plain(&call.peer)),
            None => plain(&call.peer),
        },
        state.to_owned(),
        held(call).to_owned(),
        ago(call.since),
        call.account.to_string(),
        call.codec.clone().unwrap_or_default(),
    ]
}

pub(super) fn show(call: &CallView, as_json: bool) {
    if as_json {
        print::json(call);
    } else {
        print::table(&[call_row(call)]);
    }
}

/// The calls as rows, for a person.
pub(super) fn show_all(calls: &[CallView]) {
    print::table(&calls.iter().map(call_row).collect::<Vec<_>>());
}

/// A call's place in a path of the local API.
pub(super) fn named(call: Option<u32>) -> String {
    call.map_or_else(|| "any".to_owned(), |call| call.to_string())
}

/// Until every one of them is over.
fn wait_for_ends(calls: &[CallView], mut events: Events) -> Result<(), Failure> {
    let mut left: Vec<u32> = calls.iter().map(|call| call.id).collect();
    let deadline = Instant::now() + AGREEMENT;
    while !left.is_empty() {
        match events.next_before(Some(deadline))? {
            Next::Event(happening) if happening.event == "call_ended" => {
                left.retain(|id| happening.data["call"]["id"] != *id);
            }
            Next::Event(_) => {}
            Next::TimeOut => {
                let text = format!("calls {left:?} did not end in time");
                return Err(Failure::new(Exit::TimeOut, "time-out", text));
            }
            Next::End => return Ok(()),
        }
    }
    Ok(())
}

fn wait_for_transfer(id: u32, mut events: Events) -> Result<(), Failure> {
    while let Some(happening) = events.next()? {
        if happening.event != "transfer_ended" || happening.data["call"] != id {
            continue;
        }
        if happening.data["completed"] == false {
            let text = happening.data["text"].as_str().unwrap_or("it was refused");
            let text = format!("call {id} was not transferred: {}", plain(text));
            return Err(Failure::new(Exit::Refused, "not-transferred", text));
        }
        return Ok(());
    }
    let text = format!("the agent left while call {id} was being transferred");
    Err(Failure::new(Exit::NotRunning, "not-running", text))
}

fn wait_for_answer(id: u32, mut events: Events) -> Result<CallView, Failure> {
    while let Some(happening) = events.next()? {
        match happening.event.as_str() {
            "call_changed" => {
                let call: Option<CallView> = serde_json::from_value(happening.data).ok();
                if let Some(call) = call.filter(|c| c.id == id && c.state == CallState::Established)
                {
                    return Ok(call);
                }
            }
            "call_ended" if happening.data["call"]["id"] == id => {
                let text = happening.data["text"].as_str().unwrap_or("it ended");
                let word = happening.data["cause"].as_str().unwrap_or("ended");
                let text = format!("call {id} was not answered: {}", plain(text));
                return Err(Failure::new(Exit::Refused, word, text));
            }
            _ => {}
        }
    }
    let text = format!("the agent left while call {id} was waiting for its answer");
    Err(Failure::new(Exit::NotRunning, "not-running", text))
}

//! `link`: what the system runs for a click on a link, and the answer to what it asks.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, Events, Next};
use super::exit::{Exit, Failure};
use super::print::{self, line, plain};
use crate::control::{LinkBody, Linked, SettleBody};
use crate::desktop::links::{Ask, EXPIRES};
use crate::view::CallView;

const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn ask(state: &Path, link: &str, wait: bool, as_json: bool) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let events = wait.then(|| client.listen()).transpose()?;
    let body = LinkBody {
        link: link.to_owned(),
    };
    let linked: Linked = client.post("/v1/links", &body, PATIENCE)?;
    match (&linked, events) {
        (Linked::Asked { asked }, Some(events)) => {
            let settled = wait_for_word(*asked, events)?;
            if as_json {
                print::json(&settled);
            } else {
                line("allowed: the call is placed");
            }
        }
        _ if as_json => print::json(&linked),
        (Linked::Asked { asked }, None) => line(&format!(
            "asked: 'carillon link --allow {asked}' or the panel places the call"
        )),
        (Linked::Placed(call), _) => super::calls::show(call, false),
    }
    Ok(())
}

pub(super) fn list(state: &Path, as_json: bool) -> Result<(), Failure> {
    let asks: Vec<Ask> = Client::of(state)?.get("/v1/links")?;
    if as_json {
        print::json(&asks);
    } else if asks.is_empty() {
        line("no link asks");
    } else {
        let rows = asks.iter().map(|ask| {
            vec![
                ask.id.to_string(),
                plain(&ask.target),
                print::ago(ask.asked_at),
            ]
        });
        print::table(&rows.collect::<Vec<_>>());
    }
    Ok(())
}

pub(super) fn settle(state: &Path, id: u32, allow: bool, as_json: bool) -> Result<(), Failure> {
    let path = format!("/v1/links/{id}");
    let call: Option<CallView> = Client::of(state)?.post(&path, &SettleBody { allow }, PATIENCE)?;
    match call {
        Some(call) => super::calls::show(&call, as_json),
        None if as_json => print::json(&json!({ "denied": id })),
        None => line("denied"),
    }
    Ok(())
}

fn wait_for_word(id: u32, mut events: Events) -> Result<Value, Failure> {
    let deadline = Instant::now() + EXPIRES + PATIENCE;
    loop {
        match events.next_before(Some(deadline))? {
            Next::Event(happening)
                if happening.event == "link_settled" && happening.data["id"] == id =>
            {
                return match happening.data["outcome"].as_str() {
                    Some("allowed") => Ok(happening.data),
                    Some("expired") => Err(Failure::new(
                        Exit::TimeOut,
                        "time-out",
                        "nobody decided in time: the link is forgotten",
                    )),
                    _ => Err(Failure::new(Exit::Refused, "denied", "the link was denied")),
                };
            }
            Next::Event(_) => {}
            Next::TimeOut => {
                return Err(Failure::new(
                    Exit::TimeOut,
                    "time-out",
                    "nobody decided in time",
                ));
            }
            Next::End => {
                let text = "the agent left before anybody decided";
                return Err(Failure::new(Exit::NotRunning, "not-running", text));
            }
        }
    }
}

//! `dnd`, `forward` and `message`.

use std::path::Path;
use std::time::Duration;

use carillon_schemas::AccountId;
use serde_json::json;

use super::arguments::{Switch, Which};
use super::client::Client;
use super::exit::Failure;
use super::print::{self, line, or_dash, plain};
use crate::command::ForwardKind;
use crate::control::{FeaturesBody, MessageBody};
use crate::view::FeaturesView;

/// How long a switch may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a message may take: its transaction lives half a minute.
const DELIVERY: Duration = Duration::from_secs(45);

pub(super) fn dnd(
    state: &Path,
    switch: Option<Switch>,
    account: Option<AccountId>,
    as_json: bool,
) -> Result<(), Failure> {
    let body = FeaturesBody {
        account,
        do_not_disturb: switch.map(|switch| switch == Switch::On),
        forward: None,
    };
    show(
        &Client::of(state)?.post("/v1/features", &body, PATIENCE)?,
        as_json,
    );
    Ok(())
}

pub(super) fn forward(
    state: &Path,
    which: Option<Which>,
    target: Option<String>,
    account: Option<AccountId>,
    as_json: bool,
) -> Result<(), Failure> {
    let forward = which.zip(target).map(|(which, target)| {
        let kind = match which {
            Which::Always => ForwardKind::Always,
            Which::Busy => ForwardKind::Busy,
            Which::NoAnswer => ForwardKind::NoAnswer,
        };
        let off = target == "off";
        (kind, if off { String::new() } else { target })
    });
    let body = FeaturesBody {
        account,
        do_not_disturb: None,
        forward,
    };
    show(
        &Client::of(state)?.post("/v1/features", &body, PATIENCE)?,
        as_json,
    );
    Ok(())
}

pub(super) fn message(
    state: &Path,
    target: String,
    text: String,
    account: Option<AccountId>,
    as_json: bool,
) -> Result<(), Failure> {
    let text = if text == "-" {
        super::enrol::from_stdin("text")?
    } else {
        text
    };
    let body = MessageBody {
        account,
        target: target.clone(),
        text,
    };
    let sent: serde_json::Value = Client::of(state)?.post("/v1/messages", &body, DELIVERY)?;
    if as_json {
        print::json(&json!({ "target": target, "status": sent["status"] }));
    } else {
        line(&format!("delivered to {}", plain(&target)));
    }
    Ok(())
}

fn show(views: &Vec<FeaturesView>, as_json: bool) {
    if as_json {
        return print::json(views);
    }
    let head = ["account", "dnd", "always", "busy", "no answer"].map(str::to_owned);
    let rows = views.iter().map(|view| {
        vec![
            view.account.to_string(),
            if view.do_not_disturb { "on" } else { "off" }.to_owned(),
            plain(&or_dash(view.forward_always.as_ref())),
            plain(&or_dash(view.forward_busy.as_ref())),
            plain(&or_dash(view.forward_no_answer.as_ref())),
        ]
    });
    print::table(
        &std::iter::once(head.to_vec())
            .chain(rows)
            .collect::<Vec<_>>(),
    );
}

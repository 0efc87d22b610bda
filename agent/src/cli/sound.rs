//! `mute`, `unmute`, `volume`, `record`, `conference` and the choice of devices.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arguments::{Level, Switch};
use super::calls::{named, show, show_all};
use super::client::Client;
use super::exit::{Exit, Failure};
use super::print::{self, line, plain};
use crate::view::CallView;

/// How long a sound device may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// `GET` and `POST /v1/volume`, in percent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Volume {
    input: u16,
    output: u16,
}

pub(super) fn mute(
    state: &Path,
    call: Option<u32>,
    muted: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let path = format!("/v1/calls/{}/mute", named(call));
    let call: CallView = Client::of(state)?.post(&path, &json!({ "muted": muted }), PATIENCE)?;
    show(&call, as_json);
    Ok(())
}

pub(super) fn volume(
    state: &Path,
    input: Option<Level>,
    output: Option<Level>,
    as_json: bool,
) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let mut volume: Volume = client.get("/v1/volume")?;
    if input.is_some() || output.is_some() {
        let wanted = Volume {
            input: input.map_or(volume.input, |level| level.from(volume.input)),
            output: output.map_or(volume.output, |level| level.from(volume.output)),
        };
        let _: Value = client.post("/v1/volume", &wanted, PATIENCE)?;
        volume = wanted;
    }
    if as_json {
        print::json(&volume);
    } else {
        line(&format!("microphone  {} %", volume.input));
        line(&format!("speaker     {} %", volume.output));
    }
    Ok(())
}

pub(super) fn record(
    state: &Path,
    switch: Switch,
    call: Option<u32>,
    path: Option<PathBuf>,
    as_json: bool,
) -> Result<(), Failure> {
    let file = path.map(absolute).transpose()?;
    let body = json!({ "on": switch == Switch::On, "path": file });
    let path = format!("/v1/calls/{}/record", named(call));
    let call: CallView = Client::of(state)?.post(&path, &body, PATIENCE)?;
    show(&call, as_json);
    Ok(())
}

pub(super) fn conference(
    state: &Path,
    calls: &[u32],
    end: bool,
    as_json: bool,
) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let joined: Value = if end {
        client.delete("/v1/conference", PATIENCE)?
    } else {
        client.post("/v1/conference", &json!({ "calls": calls }), PATIENCE)?
    };
    match serde_json::from_value::<Vec<CallView>>(joined.clone()) {
        Ok(calls) if !as_json => show_all(&calls),
        _ if as_json => print::json(&joined),
        _ => {}
    }
    Ok(())
}

/// Chooses devices until the agent ends; calls that stand move over.
pub(super) fn choose_devices(
    state: &Path,
    input: Option<String>,
    output: Option<String>,
    ring: Option<String>,
    as_json: bool,
) -> Result<(), Failure> {
    let mut body = serde_json::Map::new();
    for (key, device) in [("input", input), ("output", output), ("ring", ring)] {
        if let Some(device) = device {
            body.insert(key.to_owned(), device.into());
        }
    }
    let chosen: Value = Client::of(state)?.post("/v1/devices", &body, PATIENCE)?;
    if as_json {
        print::json(&chosen);
    } else {
        for (key, device) in &body {
            line(&format!(
                "{key:<6}  {}",
                plain(device.as_str().unwrap_or_default())
            ));
        }
    }
    Ok(())
}

/// The agent stands in another folder than the person.
fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path).map_err(|error| {
        let text = format!("{} is no path for a recording: {error}", path.display());
        Failure::new(Exit::Usage, "usage", text)
    })
}

//! `devices`: the sound devices, with or without an agent.

use carillon_media::list_devices;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::print::{self, line, plain};

pub(super) fn list(as_json: bool) -> Result<(), Failure> {
    let devices =
        list_devices().map_err(|e| Failure::new(Exit::Device, "device", e.to_string()))?;
    if as_json {
        let list: Vec<_> = devices
            .iter()
            .map(|d| {
                json!({
                    "name": d.name,
                    "id": d.id,
                    "input": d.input,
                    "output": d.output,
                    "default": d.default,
                })
            })
            .collect();
        print::json(&list);
        return Ok(());
    }
    if devices.is_empty() {
        line("no sound device; 'tone:440', 'wav:FILE' and 'null' always work");
    }
    let rows: Vec<_> = devices
        .iter()
        .map(|device| {
            let way = match (device.input, device.output) {
                (true, true) => "input, output",
                (true, false) => "input",
                (false, true) => "output",
                (false, false) => "-",
            };
            let default = if device.default { "default" } else { "" };
            vec![
                plain(&device.name),
                way.into(),
                default.into(),
                plain(&device.id),
            ]
        })
        .collect();
    print::table(&rows);
    Ok(())
}

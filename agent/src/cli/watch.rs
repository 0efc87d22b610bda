//! `watch`: what happens, as it happens, a line each.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Client, Next};
use super::exit::{Exit, Failure};
use super::print::{self, line, plain};
use crate::control::Happening;

pub(super) fn watch(
    state: &Path,
    until: Option<&str>,
    timeout: Option<Duration>,
    as_json: bool,
) -> Result<(), Failure> {
    let until = until.map(|name| name.replace('-', "_"));
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut events = Client::of(state)?.listen()?;
    end_well_on_interrupt();
    loop {
        let happening = match events.next_before(deadline)? {
            Next::Event(happening) => happening,
            Next::TimeOut => {
                let what = until.as_deref().unwrap_or("the end");
                let text = format!("{what} did not come in time");
                return Err(Failure::new(Exit::TimeOut, "time-out", text));
            }
            // Without an event to wait for, the agent's end is the end.
            Next::End if until.is_none() => return Ok(()),
            Next::End => {
                let text = "the agent left before it came";
                return Err(Failure::new(Exit::NotRunning, "not-running", text));
            }
        };
        if as_json {
            print::json(&happening);
        } else {
            line(&told(&happening));
        }
        if until.as_deref() == Some(happening.event.as_str()) {
            return Ok(());
        }
    }
}

/// One line: the event, and its facts that are short.
fn told(happening: &Happening) -> String {
    let mut text = format!("{:<20}", happening.event.replace('_', "-"));
    facts(&happening.data, "", &mut text);
    text.trim_end().to_owned()
}

fn facts(data: &Value, before: &str, text: &mut String) {
    match data {
        Value::Object(map) => {
            for (key, value) in map {
                let key = if before.is_empty() {
                    key.clone()
                } else {
                    format!("{before}.{key}")
                };
                facts(value, &key, text);
            }
        }
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        Value::String(value) => text.push_str(&format!(" {before}={:?}", plain(value))),
        other => text.push_str(&format!(" {before}={other}")),
    }
}

/// Ctrl-C is how a watch ends: a success.
fn end_well_on_interrupt() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Without a handler the system's own way remains.
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            std::process::exit(0);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line_that_steers_no_terminal() {
        let happening = Happening {
            event: "call_ended".into(),
            data: json!({
                "call": { "id": 3, "peer": "sip:\u{1b}[2J\nx", "caller": null },
                "cause": "busy",
                "tags": [],
            }),
        };
        assert_eq!(
            told(&happening),
            "call-ended           call.id=3 call.peer=\"sip:[2Jx\" cause=\"busy\""
        );
    }
}

//! `stop`: the end of the running agent.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Client, Next};
use super::exit::{Exit, Failure};
use super::print::{self, line};

/// How long the agent may take to leave: it does within two seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the agent to leave, and waits until it has.
pub(super) fn stop(state: &Path, as_json: bool) -> Result<(), Failure> {
    let client = Client::of(state)?;
    let mut events = client.listen()?;
    client.post::<()>("/v1/shutdown", &json!({}), PATIENCE)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match events.next_before(Some(deadline)) {
            Ok(Next::Event(_)) => {}
            // The stream ends with the agent, one way or another.
            Ok(Next::End) | Err(_) => break,
            Ok(Next::TimeOut) => {
                let text = "the agent did not leave in time (its log may say why)";
                return Err(Failure::new(Exit::TimeOut, "time-out", text));
            }
        }
    }
    if as_json {
        print::json(&json!({ "stopped": true }));
    } else {
        line("the agent has left");
    }
    Ok(())
}

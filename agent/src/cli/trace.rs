//! `trace`: the last messages on the wire, as text, JSON or a capture file.

use std::path::{Path, PathBuf};

use carillon_schemas::{AccountId, Timestamp};

use super::client::Client;
use super::exit::{Exit, Failure};
use super::print::{self, line, plain};
use crate::trace::{Traced, pcap};

pub(super) fn trace(
    state: &Path,
    account: Option<&AccountId>,
    file: Option<PathBuf>,
    as_json: bool,
) -> Result<(), Failure> {
    let path = match account {
        Some(account) => format!("/v1/trace/{account}"),
        None => "/v1/trace".to_owned(),
    };
    let messages: Vec<Traced> = Client::of(state)?.get(&path)?;
    if let Some(file) = &file {
        std::fs::write(file, pcap(&messages)).map_err(|error| {
            let what = format!("{} cannot be written: {error}", file.display());
            Failure::new(Exit::Unexpected, "cannot-write", what)
        })?;
    }
    if as_json {
        print::json(&messages);
    } else if let Some(file) = file {
        line(&format!(
            "{} messages in {}",
            messages.len(),
            file.display()
        ));
    } else {
        messages.iter().for_each(show);
    }
    Ok(())
}

fn show(message: &Traced) {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_micros(message.at_us);
    let arrow = if message.sent { "->" } else { "<-" };
    line(&format!(
        "== {} {} {} {} {arrow} {}, {} bytes",
        Timestamp::of(at),
        message.account,
        message.transport,
        message.local,
        message.remote,
        message.length
    ));
    for text in message.text.lines() {
        // A peer's bytes must not steer the terminal.
        line(&plain(text));
    }
    line("");
}

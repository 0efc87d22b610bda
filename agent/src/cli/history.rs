//! `history`: find, forget, export.

use std::path::Path;
use std::time::Duration;

use carillon_schemas::status::Direction;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::client::{Client, encoded};
use super::exit::Failure;
use super::print::{self, line, plain};
use crate::desktop::history::{Entry, Kind};

/// How long forgetting may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What of the history is wanted, and what for.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    pub(super) wanted: Wanted,
    #[command(subcommand)]
    pub(super) verb: Option<HistoryVerb>,
}

/// What of the history is wanted.
#[derive(Args, Debug)]
pub(super) struct Wanted {
    /// A part of an address, name or text.
    pub(super) search: Option<String>,
    /// Only calls, or only messages.
    #[arg(long, value_enum)]
    pub(super) kind: Option<HistoryKind>,
    /// Only missed calls.
    #[arg(long)]
    pub(super) missed: bool,
    /// Only entries older than the one of this number.
    #[arg(long, value_name = "ID")]
    pub(super) before: Option<i64>,
    /// The most that are shown [default: 50].
    #[arg(long)]
    pub(super) limit: Option<u32>,
}

#[derive(Subcommand, Debug)]
pub(super) enum HistoryVerb {
    /// Forget an entry.
    Forget {
        /// Its number.
        #[arg(required_unless_present = "all")]
        id: Option<i64>,
        /// Every entry.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Write the history for another program, to standard output.
    Export {
        /// How it is written.
        #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
        format: ExportFormat,
        #[command(flatten)]
        wanted: Wanted,
    },
}

/// Calls or messages.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HistoryKind {
    /// Calls.
    Call,
    /// Short messages.
    Message,
}

/// How an export is written.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExportFormat {
    /// Comma-separated values.
    Csv,
    /// A JSON list.
    Json,
}

pub(super) fn history(state: &Path, asked: HistoryArguments, as_json: bool) -> Result<(), Failure> {
    let client = Client::of(state)?;
    match asked.verb {
        None => list(&client, &asked.wanted, as_json),
        Some(HistoryVerb::Forget { id, .. }) => {
            let path = id.map_or_else(|| "/v1/history".into(), |id| format!("/v1/history/{id}"));
            let forgotten: Value = client.delete(&path, PATIENCE)?;
            if as_json {
                print::json(&forgotten);
            } else {
                line(&format!("{} forgotten", forgotten["forgotten"]));
            }
            Ok(())
        }
        Some(HistoryVerb::Export { format, wanted }) => {
            let format = match format {
                ExportFormat::Csv => "csv",
                ExportFormat::Json => "json",
            };
            let path = format!("/v1/history/export?format={format}{}", query(&wanted));
            client.download(&path, &mut std::io::stdout().lock())?;
            Ok(())
        }
    }
}

fn list(client: &Client, wanted: &Wanted, as_json: bool) -> Result<(), Failure> {
    let path = format!("/v1/history?{}", query(wanted).trim_start_matches('&'));
    let found: Vec<Entry> = client.get(&path)?;
    if as_json {
        print::json(&found);
    } else if found.is_empty() {
        line("nothing found");
    } else {
        print::table(&found.iter().map(row).collect::<Vec<_>>());
    }
    Ok(())
}

/// What narrows it down, each with an ampersand before it.
fn query(wanted: &Wanted) -> String {
    let kind = match (wanted.kind, wanted.missed) {
        (Some(HistoryKind::Message), _) => Some("message"),
        (Some(HistoryKind::Call), _) | (None, true) => Some("call"),
        (None, false) => None,
    };
    let values = [
        ("search", wanted.search.clone()),
        ("kind", kind.map(str::to_owned)),
        ("outcome", wanted.missed.then(|| "missed".to_owned())),
        ("before", wanted.before.map(|id| id.to_string())),
        ("limit", wanted.limit.map(|limit| limit.to_string())),
    ];
    values
        .into_iter()
        .filter_map(|(name, value)| Some(format!("&{name}={}", encoded(&value?))))
        .collect()
}

fn row(entry: &Entry) -> Vec<String> {
    let what = &entry.what;
    let way = match what.direction {
        Direction::Incoming => "from",
        Direction::Outgoing => "to",
    };
    let far = match &what.name {
        Some(name) => format!("{} ({})", plain(name), plain(&what.peer)),
        None => plain(&what.peer),
    };
    let last = match what.kind {
        Kind::Message => plain(what.text.as_deref().unwrap_or_default()),
        Kind::Call if what.seconds > 0 => {
            format!("{}:{:02}", what.seconds / 60, what.seconds % 60)
        }
        Kind::Call => String::new(),
    };
    vec![
        entry.id.to_string(),
        what.at.to_string(),
        format!("{} {way}", what.kind.word()),
        far,
        what.outcome.word().replace('_', " "),
        last,
    ]
}

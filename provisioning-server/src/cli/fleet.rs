//! `apply` and `export`.

use std::path::PathBuf;

use carillon_schemas::fleet_file::{FleetFile, MAX_FLEET_BYTES};
use clap::Args;
use serde_json::Value;

use super::client::Client;
use super::{Failure, print, say};
use crate::fleet::{ChangeKind, FleetDiff};

#[derive(Args)]
pub(super) struct Apply {
    /// The file; - for standard input
    #[arg(short = 'f', long, value_name = "FILE")]
    file: PathBuf,
    /// Only show what it would change
    #[arg(long)]
    dry_run: bool,
    /// Remove the desks that the file does not name
    #[arg(long)]
    prune: bool,
}

impl Apply {
    pub(super) async fn run(self, client: &Client, json: bool) -> Result<(), Failure> {
        let text = read(&self.file)?;
        // The same check as the server's, with the file's own name.
        FleetFile::from_yaml(&text).map_err(|e| {
            Failure::invalid(format!("{}: {e}", self.file.display()))
                .advise("correct the file; nothing was changed")
        })?;
        let flag = |on| if on { "true" } else { "false" };
        let query = [("dry_run", flag(self.dry_run)), ("prune", flag(self.prune))];
        let applied = client.send_text(&["apply"], &query, text).await?;
        print(json, &applied, || self.told(&applied));
        Ok(())
    }

    fn told(&self, applied: &Value) -> String {
        let diff: FleetDiff = serde_json::from_value(applied["diff"].clone()).unwrap_or_default();
        if diff.is_empty() {
            return "nothing changes".into();
        }
        let count = |kind| diff.changes.iter().filter(|c| c.kind == kind).count();
        let verb = if self.dry_run { "would be" } else { "are" };
        format!(
            "{diff}{} removed, {} changed, {} added; {} desks {verb} given a new generation",
            count(ChangeKind::Removed),
            count(ChangeKind::Changed),
            count(ChangeKind::Added),
            applied["published"],
        )
    }
}

/// Prints `fleet.yaml`; with `--json` the same as JSON, which `apply` reads too.
pub(super) async fn export(client: &Client, json: bool) -> Result<(), Failure> {
    let text = client.text(&["export"]).await?;
    if json {
        let value: Value = serde_yaml::from_str(&text)
            .map_err(|e| Failure::failed(format!("the export cannot be read: {e}")))?;
        say(&value.to_string());
    } else {
        say(&text);
    }
    Ok(())
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    use std::io::Read as _;
    let fail = |e: std::io::Error| {
        Failure::invalid(format!("cannot read {}: {e}", file.display()))
            .advise("name the file with -f FILE, or - for standard input")
    };
    let mut text = String::new();
    let limit = MAX_FLEET_BYTES as u64 + 1;
    if file.as_os_str() == "-" {
        std::io::stdin().take(limit).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(limit).read_to_string(&mut text))
    }
    .map_err(fail)?;
    Ok(text)
}

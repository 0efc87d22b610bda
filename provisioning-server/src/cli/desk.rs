//! `desk`: add, list, show, remove, revoke.

use std::fmt::Write as _;

use carillon_schemas::Timestamp;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, print};

#[derive(Subcommand)]
pub(super) enum Desk {
    /// Add a desk that waits for its agent
    Add {
        /// Its name
        name: String,
    },
    /// List all desks
    List,
    /// Show one desk with its accounts and newest events
    Show {
        /// Its name
        name: String,
    },
    /// Take a desk out of the fleet, with its accounts and passwords
    Remove {
        /// Its name
        name: String,
    },
    /// Shut a desk out for good; its record stays
    Revoke {
        /// Its name
        name: String,
    },
}

impl Desk {
    pub(super) async fn run(self, client: &Client, json: bool) -> Result<(), Failure> {
        match self {
            Self::Add { name } => {
                let row = client
                    .send(Method::POST, &["desks"], &json!({ "name": name }))
                    .await?;
                print(json, &row, || {
                    format!(
                        "desk {name:?} is added: enrol it with 'carillon-server ticket new --desk {name:?}'"
                    )
                });
            }
            Self::List => {
                let desks = client.get(&["desks"]).await?;
                print(json, &desks, || list(&desks));
            }
            Self::Show { name } => {
                let page = client.get(&["desks", &name]).await?;
                print(json, &page, || show(&page));
            }
            Self::Remove { name } => {
                client.order(Method::DELETE, &["desks", &name]).await?;
                print(json, &json!({ "removed": name }), || {
                    format!("desk {name:?} is removed")
                });
            }
            Self::Revoke { name } => {
                let row = client
                    .order(Method::POST, &["desks", &name, "revoke"])
                    .await?;
                print(json, &row, || format!("desk {name:?} is shut out"));
            }
        }
        Ok(())
    }
}

fn list(desks: &Value) -> String {
    let mut text = format!(
        "{:<24}{:<10}{:<9}{:<9}{:<22}ACCOUNTS\n",
        "DESK", "STATE", "WANTED", "APPLIED", "LAST SEEN"
    );
    for row in desks.as_array().into_iter().flatten() {
        let accounts: Vec<String> = row["accounts"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|a| format!("{} {}", word(&a["id"]), word(&a["status"]["state"])))
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<24}{:<10}{:<9}{:<9}{:<22}{}",
            word(&row["name"]),
            word(&row["state"]),
            word(&row["wanted"]),
            word(&row["applied"]),
            time(&row["last_seen"]),
            accounts.join(", ")
        );
    }
    text
}

fn show(page: &Value) -> String {
    let row = &page["row"];
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key:<12}{value}");
    };
    line("desk", word(&row["name"]));
    line("id", word(&row["id"]));
    line("state", word(&row["state"]));
    line("wanted", word(&row["wanted"]));
    line("applied", word(&row["applied"]));
    if !row["refused"].is_null() {
        line("refused", word(&row["refused"]["reason"]));
    }
    if row["stale"] == true {
        line("stale", "its freshness statement has expired".into());
    }
    line("connected", word(&row["connected"]));
    line("last seen", time(&row["last_seen"]));
    line("agent", word(&row["agent_version"]));
    for account in row["accounts"].as_array().into_iter().flatten() {
        let status = &account["status"];
        let reason = match status["reason"].as_str() {
            Some(reason) => format!(" ({reason})"),
            None => String::new(),
        };
        line(
            "account",
            format!(
                "{} {} {}{reason}",
                word(&account["id"]),
                word(&account["address"]),
                word(&status["state"])
            ),
        );
    }
    for call in row["calls"].as_array().into_iter().flatten() {
        line(
            "call",
            format!(
                "{} {} {}",
                word(&call["direction"]),
                word(&call["state"]),
                word(&call["peer"])
            ),
        );
    }
    for event in page["events"].as_array().into_iter().flatten().take(20) {
        let what = format!("{} {}", word(&event["kind"]), word(&event["text"]));
        line("event", format!("{} {what}", time(&event["at"])));
    }
    text
}

/// A value for a person, without control characters: a desk reports some of them.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        other => other.to_string(),
    }
}

fn time(value: &Value) -> String {
    value
        .as_u64()
        .map_or_else(|| "-".into(), |at| Timestamp(at).to_string())
}

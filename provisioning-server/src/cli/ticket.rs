//! `ticket`: make and list.

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::{Failure, print, span};

#[derive(Subcommand)]
pub(super) enum Ticket {
    /// Make a ticket; it alone is printed
    New {
        /// The desk that it enrols; without it, every use makes a new desk
        #[arg(long, value_name = "NAME")]
        desk: Option<String>,
        /// How long it holds: 90s, 30m, 12h, 7d
        #[arg(long, value_name = "SPAN", default_value = "1h", value_parser = span::parse)]
        expires: u64,
        /// How many desks it enrols
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
    },
    /// List tickets, newest first
    List,
}

impl Ticket {
    pub(super) async fn run(self, client: &Client, json: bool) -> Result<(), Failure> {
        match self {
            Self::New {
                desk,
                expires,
                uses,
            } => {
                let wanted = json!({ "desk": desk, "expires_in": expires, "uses": uses });
                let made = client.send(Method::POST, &["tickets"], &wanted).await?;
                print(json, &made, || {
                    made["ticket"].as_str().unwrap_or_default().to_owned()
                });
            }
            Self::List => {
                let tickets = client.get(&["tickets"]).await?;
                print(json, &tickets, || {
                    let mut text = format!(
                        "{:<14}{:<22}{:<12}MADE BY\n",
                        "TICKET", "EXPIRES", "USES LEFT"
                    );
                    for ticket in tickets.as_array().into_iter().flatten() {
                        let expires = ticket["expires"].as_u64().unwrap_or_default();
                        text += &format!(
                            "{:<14}{:<22}{:<12}{}\n",
                            ticket["id"].as_str().unwrap_or_default(),
                            carillon_schemas::Timestamp(expires).to_string(),
                            format!("{} of {}", ticket["uses_left"], ticket["uses"]),
                            ticket["created_by"].as_str().unwrap_or_default(),
                        );
                    }
                    text
                });
            }
        }
        Ok(())
    }
}

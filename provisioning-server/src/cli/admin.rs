//! `admin`: tokens for the admin API.

use carillon_schemas::Timestamp;
use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::json;

use super::client::Client;
use super::{Failure, print, span};

#[derive(Subcommand)]
pub(super) enum Admin {
    /// Tokens for the admin API and for /metrics
    #[command(subcommand)]
    Token(Token),
}

#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a token; it alone is printed
    New {
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value = "write")]
        scope: Scope,
        /// How long it holds: 12h, 7d; without it, for good
        #[arg(long, value_name = "SPAN", value_parser = span::parse)]
        expires: Option<u64>,
    },
    /// List tokens, without the tokens themselves
    List,
    /// Withdraw a token
    Remove {
        /// Its id, from the list
        id: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Scope {
    Read,
    Write,
}

impl Admin {
    pub(super) async fn run(self, client: &Client, json: bool) -> Result<(), Failure> {
        let Self::Token(token) = self;
        match token {
            Token::New {
                name,
                scope,
                expires,
            } => {
                let scope = match scope {
                    Scope::Read => "read",
                    Scope::Write => "write",
                };
                let wanted = json!({ "name": name, "scope": scope, "expires_in": expires });
                let made = client.send(Method::POST, &["tokens"], &wanted).await?;
                print(json, &made, || {
                    made["token"].as_str().unwrap_or_default().to_owned()
                });
            }
            Token::List => {
                let tokens = client.get(&["tokens"]).await?;
                print(json, &tokens, || {
                    let time = |value: &serde_json::Value| {
                        value
                            .as_u64()
                            .map_or_else(|| "-".into(), |at| Timestamp(at).to_string())
                    };
                    let mut text = format!(
                        "{:<14}{:<7}{:<22}{:<22}NAME\n",
                        "TOKEN", "SCOPE", "EXPIRES", "LAST USED"
                    );
                    for token in tokens.as_array().into_iter().flatten() {
                        text += &format!(
                            "{:<14}{:<7}{:<22}{:<22}{}\n",
                            token["id"].as_str().unwrap_or_default(),
                            token["scope"].as_str().unwrap_or_default(),
                            time(&token["expires"]),
                            time(&token["last_used"]),
                            token["name"].as_str().unwrap_or_default(),
                        );
                    }
                    text
                });
            }
            Token::Remove { id } => {
                client.order(Method::DELETE, &["tokens", &id]).await?;
                print(json, &json!({ "removed": id }), || {
                    format!("token {id} is withdrawn")
                });
            }
        }
        Ok(())
    }
}

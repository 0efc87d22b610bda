//! `account`: set, password, remove.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::{Failure, password_source, print};

#[derive(Subcommand)]
pub(super) enum Account {
    /// Add an account, or change the settings named of one that is there
    Set(Box<Set>),
    /// Give an account another password
    Password {
        /// The desk's name
        desk: String,
        /// The account's id
        id: String,
        /// The file that holds it; - for standard input
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
    },
    /// Take an account off a desk
    Remove {
        /// The desk's name
        desk: String,
        /// The account's id
        id: String,
    },
}

#[derive(Args)]
pub(super) struct Set {
    /// The desk's name
    desk: String,
    /// The account's id: unique on the desk
    id: String,
    /// The address of record: sip:1001@pbx.example.org
    #[arg(long, visible_alias = "uri", value_name = "SIP")]
    address: Option<String>,
    /// Where it registers; the address's host without it
    #[arg(long, value_name = "HOST[:PORT]")]
    registrar: Option<String>,
    /// What every request goes through
    #[arg(long, value_name = "HOST[:PORT]")]
    outbound_proxy: Option<String>,
    /// The user of the digest; the address's user without it
    #[arg(long, value_name = "USER")]
    username: Option<String>,
    /// Answer only challenges of this realm
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    /// The name that others see
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// What the user sees
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Whether it registers
    #[arg(long, value_name = "true|false")]
    register: Option<bool>,
    /// Who may call it: what comes from its registrar and proxy, or anyone who reaches the desk
    #[arg(long, value_name = "proxy|anyone", value_parser = ["proxy", "anyone"])]
    accept_from: Option<String>,
    /// Seconds of registration asked for
    #[arg(long, value_name = "SECONDS")]
    register_expires: Option<u32>,
    /// The most calls at once
    #[arg(long, value_name = "N")]
    max_calls: Option<u16>,
    /// Whether it is on the air
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// The file that holds the password; - for standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Account {
    pub(super) async fn run(self, client: &Client, json: bool) -> Result<(), Failure> {
        match self {
            Self::Set(set) => set.run(client, json).await,
            Self::Password {
                desk,
                id,
                password_file,
            } => {
                let password = password_source::read(&password_file)?;
                let path = ["desks", &desk, "accounts", &id, "password"];
                let body = json!({ "password": password.expose() });
                let row = client.send(Method::PUT, &path, &body).await?;
                print(json, &row, || {
                    format!(
                        "account {id:?} of desk {desk:?} has another password{}",
                        published(&row)
                    )
                });
                Ok(())
            }
            Self::Remove { desk, id } => {
                let path = ["desks", &desk, "accounts", &id];
                let row = client.order(Method::DELETE, &path).await?;
                print(json, &row, || {
                    format!("account {id:?} is off desk {desk:?}{}", published(&row))
                });
                Ok(())
            }
        }
    }
}

impl Set {
    async fn run(self, client: &Client, json: bool) -> Result<(), Failure> {
        let page = client.get(&["desks", &self.desk]).await?;
        let held = page["spec"]["accounts"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|account| account["id"] == *self.id);
        let mut account: Map<String, Value> = match held {
            Some(Value::Object(held)) => held.clone(),
            _ if self.address.is_none() => {
                return Err(Failure::invalid(format!(
                    "desk {:?} has no account {:?} yet, and a new one needs an address",
                    self.desk, self.id
                ))
                .advise("add --address sip:USER@HOST"));
            }
            _ => Map::new(),
        };
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                account.insert(key.to_owned(), value);
            }
        };
        let password = self
            .password_file
            .as_deref()
            .map(password_source::read)
            .transpose()?;
        put("id", Some(json!(self.id)));
        put("address", self.address.map(Value::from));
        put("registrar", self.registrar.map(Value::from));
        put("outbound_proxy", self.outbound_proxy.map(Value::from));
        put("username", self.username.map(Value::from));
        put("realm", self.realm.map(Value::from));
        put("display_name", self.display_name.map(Value::from));
        put("label", self.label.map(Value::from));
        put("register", self.register.map(Value::from));
        put("accept_from", self.accept_from.map(Value::from));
        put("register_expires", self.register_expires.map(Value::from));
        put("max_calls", self.max_calls.map(Value::from));
        put("enabled", self.enabled.map(Value::from));
        put("password", password.map(|p| p.expose().into()));
        let path = ["desks", &self.desk, "accounts", &self.id];
        let row = client
            .send(Method::PUT, &path, &Value::Object(account))
            .await?;
        print(json, &row, || {
            format!(
                "account {:?} of desk {:?} is set{}",
                self.id,
                self.desk,
                published(&row)
            )
        });
        Ok(())
    }
}

/// Which generation carries it, or that it waits for the desk.
fn published(row: &Value) -> String {
    match row["state"].as_str() {
        Some("enrolled") => format!(": generation {}", row["wanted"]),
        _ => "; the desk gets it when it enrols".into(),
    }
}

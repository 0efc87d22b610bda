//! `init`: found a fleet.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::serve::{self, ServeFile};
use super::{Failure, print};
use crate::data_folder::DataFolder;
use crate::founding::{self, FoundingError, Plan};

#[derive(Args)]
pub(super) struct Init {
    /// The fleet's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Where the root keys go; DIR-root-keys beside the data folder without it
    #[arg(long, value_name = "DIR")]
    root_keys: Option<PathBuf>,
    /// How many root keys
    #[arg(long, value_name = "N", default_value_t = 1)]
    roots: u32,
    /// How many of them sign together
    #[arg(long, value_name = "N", default_value_t = 1)]
    threshold: u32,
    /// Where 'serve' shall listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where desks reach the server: https://HOST[:PORT]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Init {
    pub(super) async fn run(self, data: &DataFolder, json: bool) -> Result<(), Failure> {
        if let Some(url) = &self.public_url {
            serve::check_public_url(url)?;
        }
        let root_keys = self.root_keys.clone().unwrap_or_else(|| data.root_keys());
        let settings = ServeFile {
            listen: self.listen,
            public_url: self.public_url.clone(),
            ..ServeFile::default()
        };
        let plan = Plan {
            data: data.clone(),
            name: self.name.clone(),
            root_keys: root_keys.clone(),
            roots: self.roots,
            threshold: self.threshold,
            tls_names: self.tls_names(),
            settings: settings.to_yaml()?,
        };
        let founded = founding::found(&plan).await.map_err(|error| {
            let failure = match &error {
                FoundingError::Name(_) | FoundingError::Threshold { .. } => {
                    Failure::invalid(error.to_string())
                }
                _ => Failure::failed(format!("cannot found a fleet: {error}")),
            };
            match error {
                FoundingError::Taken(_) => failure
                    .advise("use another folder (--data, --root-keys), or move the old one away"),
                _ => failure,
            }
        })?;
        let answer = json!({
            "fleet": self.name,
            "data": data.path(),
            "root_keys": root_keys,
            "root_fingerprint": founded.root_fingerprint,
            "admin": founded.admin,
            "password": *founded.password,
        });
        print(json, &answer, || {
            let mut text = format!(
                "The fleet {:?} is founded in {}.\n\n",
                self.name,
                data.path().display()
            );
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "Root keys: {}\n  They say who may sign for this fleet, and the running server does not need them.\n  \
                 Take the folder offline now: onto two sticks, into two safes. Fingerprint of the root:\n  {}\n\n\
                 Sign in to the portal as {} with password {}\n  It is shown this once.\n\n\
                 Next: carillon-server --data {} serve",
                root_keys.display(),
                founded.root_fingerprint,
                founded.admin,
                &*founded.password,
                data.path().display()
            );
            text
        });
        Ok(())
    }

    /// What the self-made certificate is for. Desks go by its key; browsers go by these.
    fn tls_names(&self) -> Vec<String> {
        let mut names = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        let listened = self.listen.map(|address| address.ip());
        if let Some(ip) = listened.filter(|ip| !ip.is_unspecified()) {
            names.push(ip.to_string());
        }
        let host = self
            .public_url
            .as_deref()
            .and_then(|url| reqwest::Url::parse(url).ok())
            .and_then(|url| url.host_str().map(str::to_owned));
        if let Some(host) = host {
            names.push(host.trim_matches(['[', ']']).to_owned());
        }
        names.dedup();
        names
    }
}

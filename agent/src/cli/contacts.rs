//! `contacts`: find, add, remove.

use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use super::client::{Client, encoded};
use super::exit::Failure;
use super::print::{self, ago, line, or_dash, plain};
use crate::control::ContactBody;
use crate::desktop::contacts::ContactView;
use crate::desktop::directory::DirectoryView;
use crate::desktop::phonebook::PhonebookView;
use crate::event::LampState;

#[derive(Subcommand, Debug)]
pub(super) enum ContactsVerb {
    /// Write a contact down on this desk.
    Add {
        /// The name.
        name: String,
        /// A number or SIP address.
        number: String,
    },
    /// Cross out a contact of this desk.
    Remove {
        /// Its id, as the list shows it: local-3.
        id: String,
    },
    /// Show the phonebooks, and how each stands.
    Phonebooks,
    /// Show the LDAP directories, and how each stands.
    Directories,
}

/// How long writing may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a search may take: a phonebook may have to be fetched first, and a directory has up to 30 s, twice where it has
/// much to do.
const SEARCH: Duration = Duration::from_secs(70);

pub(super) fn contacts(
    state: &Path,
    search: Option<String>,
    limit: usize,
    verb: Option<ContactsVerb>,
    as_json: bool,
) -> Result<(), Failure> {
    let client = Client::of(state)?;
    match verb {
        None => list(&client, &search.unwrap_or_default(), limit, as_json),
        Some(ContactsVerb::Add { name, number }) => {
            let body = ContactBody { name, number };
            let added: ContactView = client.post("/v1/contacts", &body, PATIENCE)?;
            if as_json {
                print::json(&added);
            } else {
                line(&format!("{} is {}", added.id, plain(&added.name)));
            }
            Ok(())
        }
        Some(ContactsVerb::Remove { id }) => {
            client.delete::<()>(&format!("/v1/contacts/{}", encoded(&id)), PATIENCE)?;
            if as_json {
                print::json(&json!({ "removed": id }));
            } else {
                line(&format!("{} is removed", plain(&id)));
            }
            Ok(())
        }
        Some(ContactsVerb::Phonebooks) => phonebooks(&client, as_json),
        Some(ContactsVerb::Directories) => directories(&client, as_json),
    }
}

fn list(client: &Client, search: &str, limit: usize, as_json: bool) -> Result<(), Failure> {
    let path = format!("/v1/contacts?search={}&limit={limit}", encoded(search));
    let found: Vec<ContactView> = client.get_within(&path, SEARCH)?;
    if as_json {
        print::json(&found);
    } else if found.is_empty() {
        line("nobody found");
    } else {
        print::table(&found.iter().map(row).collect::<Vec<_>>());
    }
    Ok(())
}

fn row(contact: &ContactView) -> Vec<String> {
    let lamp = match contact.lamp {
        None => "",
        Some(LampState::Idle) => "idle",
        Some(LampState::Ringing) => "ringing",
        Some(LampState::Busy) => "busy",
    };
    vec![
        plain(&contact.id),
        plain(&contact.name),
        plain(&contact.number),
        plain(&contact.source),
        lamp.to_owned(),
    ]
}

fn phonebooks(client: &Client, as_json: bool) -> Result<(), Failure> {
    let books: Vec<PhonebookView> = client.get("/v1/phonebooks")?;
    if as_json {
        print::json(&books);
    } else if books.is_empty() {
        line("no phonebook (name some as 'phonebooks' in the configuration)");
    } else {
        let row = |book: &PhonebookView| {
            vec![
                plain(&book.name),
                plain(&book.url),
                format!("{} people", or_dash(book.people)),
                book.fetched
                    .map_or_else(|| "never fetched".into(), |at| format!("{} ago", ago(at))),
                plain(book.trouble.as_deref().unwrap_or_default()),
            ]
        };
        print::table(&books.iter().map(row).collect::<Vec<_>>());
    }
    Ok(())
}

fn directories(client: &Client, as_json: bool) -> Result<(), Failure> {
    let directories: Vec<DirectoryView> = client.get("/v1/directories")?;
    if as_json {
        print::json(&directories);
    } else if directories.is_empty() {
        line("no directory (name some as 'directories' in the configuration)");
    } else {
        let row = |directory: &DirectoryView| {
            vec![
                plain(&directory.id),
                plain(&directory.name),
                plain(&directory.url),
                directory.answered.map_or_else(
                    || "never answered".into(),
                    |at| format!("answered {} ago", ago(at)),
                ),
                plain(directory.trouble.as_deref().unwrap_or_default()),
            ]
        };
        print::table(&directories.iter().map(row).collect::<Vec<_>>());
    }
    Ok(())
}

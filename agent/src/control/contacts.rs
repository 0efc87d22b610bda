//! Contacts, phonebooks and directories of the local API.

use carillon_schemas::Problem;
use carillon_schemas::config::Contact;
use hyper::StatusCode;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use super::api::{Answer, empty, json, read};
use super::port::AgentPort;
use super::query::Query;
use crate::desktop::contacts::{ContactError, ContactView, Contacts, Search};
use crate::event::AgentEvent;

/// How many are shown when nobody says.
const USUAL: usize = 100;

/// `POST /v1/contacts`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactBody {
    /// The name shown.
    pub name: String,
    /// A number or SIP address.
    pub number: String,
}

/// `GET /v1/contacts?search=&limit=&directories=`
pub(super) async fn list(query: Option<&str>, port: &AgentPort) -> Answer {
    let query = Query::read(query, &["search", "limit", "directories"])?;
    let limit = query.value("limit")?.unwrap_or(USUAL);
    let search = Search::of(query.text("search").unwrap_or_default(), limit);
    let ask = query.value("directories")?.unwrap_or(true);
    let found = find(&search, ask, port).await;
    json(StatusCode::OK, &found)
}

/// The user's own and the configuration's first, then the phonebooks' and the directories'; a number that is there already
/// is left out.
async fn find(search: &Search, ask_directories: bool, port: &AgentPort) -> Vec<ContactView> {
    let contacts = &port.books.contacts;
    let mut found = contacts.find(search);
    let (books, directories) = tokio::join!(port.books.phonebooks.find(search), async {
        match ask_directories {
            true => port.books.directories.find(search).await,
            false => Vec::new(),
        }
    });
    for mut person in books.into_iter().chain(directories) {
        if found.len() >= search.limit {
            break;
        }
        let known =
            |known: &ContactView| known.name == person.name && known.number == person.number;
        if !found.iter().any(known) {
            person.lamp = contacts.lamp_of(&person.number);
            found.push(person);
        }
    }
    found
}

/// `POST /v1/contacts`
pub(super) async fn add(body: Incoming, port: &AgentPort) -> Answer {
    let ContactBody { name, number } = read(body).await?;
    let added = change(port, |contacts| contacts.add(Contact { name, number })).await?;
    json(StatusCode::CREATED, &added)
}

/// `DELETE /v1/contacts/{id}`
pub(super) async fn remove(id: &str, port: &AgentPort) -> Answer {
    let id = id.to_owned();
    change(port, move |contacts| contacts.remove(&id)).await?;
    Ok(empty())
}

/// `GET /v1/phonebooks`
pub(super) async fn phonebooks(port: &AgentPort) -> Answer {
    json(StatusCode::OK, &port.books.phonebooks.views().await)
}

/// `GET /v1/directories`
pub(super) fn directories(port: &AgentPort) -> Answer {
    json(StatusCode::OK, &port.books.directories.views())
}

/// Changes the contacts on a thread that may wait for the disk, and tells of it.
async fn change<T: Send + 'static>(
    port: &AgentPort,
    change: impl FnOnce(&Contacts) -> Result<T, ContactError> + Send + 'static,
) -> Result<T, Problem> {
    let contacts = port.books.contacts.clone();
    let changed = tokio::task::spawn_blocking(move || change(&contacts))
        .await
        .unwrap_or_else(|error| Err(ContactError::Thread(error.to_string())))
        .map_err(refused)?;
    port.tell.do_send(AgentEvent::ContactsChanged);
    Ok(changed)
}

fn refused(error: ContactError) -> Problem {
    let (status, word) = match &error {
        ContactError::Invalid(_) => (422, "bad-contact"),
        ContactError::Full => (409, "too-many-contacts"),
        ContactError::Unknown(_) => (404, "no-such-contact"),
        ContactError::Elsewhere(_) => (409, "contact-elsewhere"),
        ContactError::State(_) => (500, "state-unusable"),
        ContactError::Thread(_) => (500, "unexpected"),
    };
    Problem::new(
        status,
        word,
        "The contacts did not change",
        error.to_string(),
    )
}

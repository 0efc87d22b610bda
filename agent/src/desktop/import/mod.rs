//! Moving over from MicroSIP: its settings file as `agent.yaml` or a desk of `fleet.yaml`, its contacts.
//!
//! Owns the table of every key and what becomes of it. Reads and converts only: what files are read and written
//! is the command line's business. Whatever a file holds, the result is read back by the parser of the agent
//! before anybody gets it.

mod account;
mod convert;
mod dial_plan;
mod features;
mod hooks;
mod ini;
mod keys;
mod password;
mod sound;
mod yaml;

use carillon_schemas::fleet_file::FleetFile;
use carillon_schemas::phonebook::PhonebookFormat;
use carillon_schemas::strict::ReadError as YamlError;

pub use convert::{Carried, Left, Report};
pub use ini::{Ini, IniError};
pub use keys::{Becomes, KEYS, Key, becomes};
pub use password::{PasswordError, Passwords};

use crate::desktop::phonebook::{self, ReadError};
use crate::standalone::AgentFile;
use convert::{Converted, Source, convert};
use yaml::Node;

/// One desk's files.
pub struct Desk<'a> {
    /// Its name, in a fleet.
    pub name: Option<&'a str>,
    /// The settings file.
    pub ini: &'a [u8],
    /// `Contacts.xml`, where there is one.
    pub contacts: Option<&'a [u8]>,
}

/// How passwords are had.
#[derive(Default)]
pub struct Secrets {
    /// From an admin's list.
    pub passwords: Passwords,
    /// Whether those in the file stand in the clear.
    pub plain: bool,
}

/// Why a desk was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The settings file.
    #[error("the settings cannot be read: {0}")]
    Ini(#[from] IniError),
    /// The contacts.
    #[error("the contacts cannot be read: {0}")]
    Contacts(#[from] ReadError),
    /// What came of it is not right.
    #[error("what came of it is no configuration (please report it): {0}")]
    Result(#[from] YamlError),
}

/// An `agent.yaml` of one desk's files.
///
/// # Errors
/// What is wrong with them.
pub fn agent_yaml(desk: &Desk<'_>, secrets: &Secrets) -> Result<(String, Report), ImportError> {
    let Converted { sections, report } = converted(desk, secrets)?;
    let mut text = "# Imported from MicroSIP by 'carillon import'.\n".to_owned();
    for left in &report.left {
        text.push_str(&comment(left));
    }
    text.push_str(&Node::Map(sections).document());
    AgentFile::from_yaml(&text)?;
    Ok((text, report))
}

/// What became of each desk, by its name.
pub type Reports = Vec<(String, Report)>;

/// A `fleet.yaml` of many desks' files, each with its report.
///
/// # Errors
/// Which desk, and what is wrong with its files.
pub fn fleet_yaml(
    desks: &[Desk<'_>],
    secrets: &Secrets,
) -> Result<(String, Reports), (String, ImportError)> {
    let (mut nodes, mut reports) = (Vec::new(), Vec::new());
    for desk in desks {
        let name = desk.name.unwrap_or("desk").to_owned();
        let Converted { sections, report } =
            converted(desk, secrets).map_err(|error| (name.clone(), error))?;
        let mut all = vec![("name", Node::text(&name))];
        all.extend(sections);
        nodes.push(Node::Map(all));
        reports.push((name, report));
    }
    let document = Node::Map(vec![("desks", Node::List(nodes))]).document();
    let text = format!("# Imported from MicroSIP by 'carillon import --fleet'.\n{document}");
    FleetFile::from_yaml(&text).map_err(|error| ("fleet.yaml".to_owned(), error.into()))?;
    Ok((text, reports))
}

fn converted(desk: &Desk<'_>, secrets: &Secrets) -> Result<Converted, ImportError> {
    let ini = Ini::read(desk.ini)?;
    let mut converted = convert(Source {
        ini: &ini,
        passwords: &secrets.passwords,
        plain_passwords: secrets.plain,
        desk: desk.name,
        left: Vec::new(),
    });
    let contacts = match desk
        .contacts
        .map(|xml| phonebook::read(PhonebookFormat::Microsip, xml))
    {
        None | Some(Err(ReadError::Empty)) => Vec::new(),
        Some(read) => read?.people,
    };
    let most = carillon_schemas::config::MAX_CONTACTS - 200;
    if contacts.len() > most {
        converted.report.left.push(Left {
            key: "Contacts.xml".to_owned(),
            why: format!(
                "{} contacts above {most} are left out",
                contacts.len() - most
            ),
        });
    }
    let nodes = contacts.into_iter().take(most).map(|contact| {
        Node::Map(vec![
            ("name", Node::text(contact.name)),
            ("number", Node::text(contact.number)),
        ])
    });
    for (section, node) in &mut converted.sections {
        if let ("contacts", Node::List(list)) = (*section, node) {
            list.extend(nodes);
            break;
        }
    }
    Ok(converted)
}

/// One line, whatever a file held.
fn comment(left: &Left) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(300)
            .collect()
    };
    format!(
        "# not carried over: {}: {}\n",
        plain(&left.key),
        plain(&left.why)
    )
}

#[cfg(test)]
#[path = "import_tests.rs"]
mod tests;

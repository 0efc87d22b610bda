//! Registrations of an address of record (RFC 3680): which devices a registrar holds for it.

use super::xml::{self, clean};

/// The most contacts kept.
const MAX_CONTACTS: usize = 64;

/// What a registrar holds for an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrationInfo {
    /// The address of record.
    pub aor: String,
    /// Whether anything is registered.
    pub active: bool,
    /// Its contacts that stand.
    pub contacts: Vec<WatchedContact>,
}

/// One contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedContact {
    /// Its address.
    pub uri: String,
    /// What happened to it last, such as `registered` or `refreshed`.
    pub event: Option<String>,
    /// The name it shows.
    pub display_name: Option<String>,
}

impl RegistrationInfo {
    /// Reads a document; of several registrations, the first.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let root = xml::read(body)?;
        if root.name != "reginfo" {
            return Err(format!("it is <{}>, not <reginfo>", clean(&root.name)));
        }
        let registration = root
            .child("registration")
            .ok_or("it names no registration")?;
        let contacts = registration
            .all("contact")
            .filter(|contact| contact.attribute("state") == Some("active"))
            .filter_map(|contact| {
                Some(WatchedContact {
                    uri: contact.child_text("uri")?,
                    event: contact.attribute("event").map(clean),
                    display_name: contact.child_text("display-name"),
                })
            })
            .take(MAX_CONTACTS)
            .collect();
        Ok(Self {
            aor: clean(registration.attribute("aor").unwrap_or("")),
            active: registration.attribute("state") == Some("active"),
            contacts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_example_of_the_rfc() {
        let text = "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\" state=\"full\"><registration aor=\"sip:joe@example.com\" id=\"a7\" state=\"active\"><contact id=\"76\" state=\"active\" event=\"registered\"><uri>sip:joe@pc34.example.com</uri></contact><contact id=\"77\" state=\"terminated\" event=\"expired\"><uri>sip:joe@old</uri></contact></registration></reginfo>";
        let info = RegistrationInfo::read(text.as_bytes()).unwrap();
        assert!(info.active);
        assert_eq!(info.contacts.len(), 1);
        assert_eq!(info.contacts[0].uri, "sip:joe@pc34.example.com");
        assert!(RegistrationInfo::read(b"<reginfo/>").is_err());
        assert!(RegistrationInfo::read(b"<x/>").is_err());
    }
}

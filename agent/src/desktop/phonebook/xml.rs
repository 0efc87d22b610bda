//! Phonebooks in XML: MicroSIP's, Cisco's and Yealink's. A document type is refused, so nothing can be
//! expanded; an element is forgotten as soon as it is read.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::entries::Entries;

/// The deepest element.
const MAX_DEPTH: usize = 16;
/// The most attributes of one element, and the most texts of one person.
const MAX_FIELDS: usize = 64;
/// The longest text kept, in bytes.
const MAX_TEXT: usize = 1_024;

/// Elements that are a person with all that is told of them.
const PERSONS: [&str; 4] = ["contact", "directoryentry", "unit", "entry"];

/// One person as they are read: field by field, names in small letters.
#[derive(Default)]
struct Person {
    fields: Vec<(String, String)>,
    depth: usize,
}

/// Reads every person of a document.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str) -> Result<Entries, String> {
    let mut reader = Reader::from_str(text);
    let mut entries = Entries::default();
    let mut open: Vec<String> = Vec::new();
    let mut person: Option<Person> = None;
    loop {
        match reader.read_event().map_err(|why| why.to_string())? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(format!("it is more than {MAX_DEPTH} elements deep"));
                }
                let name = begin(&start, open.len(), &mut person)?;
                open.push(name);
            }
            Event::Empty(start) => {
                begin(&start, open.len(), &mut person)?;
                end(open.len(), &mut person, &mut entries);
            }
            Event::End(_) => {
                open.pop();
                end(open.len(), &mut person, &mut entries);
                if open.is_empty() {
                    return Ok(entries);
                }
            }
            Event::Text(text) => append(&text, &open, &mut person),
            Event::CData(text) => append(&text, &open, &mut person),
            Event::GeneralRef(name) => {
                let character = match name.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    Ok(None) => {
                        quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                    }
                    Err(_) => None,
                };
                let text = character.ok_or("it refers to what XML itself does not know")?;
                append(&text, &open, &mut person);
            }
            Event::DocType(_) => {
                return Err("it declares a document type, which is not read".to_owned());
            }
            Event::Eof => return Err("it ends too soon".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// An element begins; its attributes are fields of the person it is, or belongs to.
fn begin(
    start: &BytesStart<'_>,
    depth: usize,
    person: &mut Option<Person>,
) -> Result<String, String> {
    let name = start.local_name().as_ref().to_lowercase();
    if person.is_none() && PERSONS.contains(&name.as_str()) {
        *person = Some(Person {
            fields: Vec::new(),
            depth,
        });
    }
    if let Some(person) = person {
        if person.depth < depth && person.fields.len() < MAX_FIELDS {
            person.fields.push((name.clone(), String::new()));
        }
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|why| why.to_string())?;
            if person.fields.len() >= MAX_FIELDS {
                return Err(format!("a person has more than {MAX_FIELDS} fields"));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|why| why.to_string())?;
            let key = attribute.key.local_name().as_ref().to_lowercase();
            let value = value.chars().take(MAX_TEXT).collect();
            person.fields.push((key, value));
        }
    }
    Ok(name)
}

/// An element ends; a person that it was is complete.
fn end(depth: usize, person: &mut Option<Person>, entries: &mut Entries) {
    if person.as_ref().is_some_and(|person| person.depth == depth)
        && let Some(person) = person.take()
    {
        let fields = person.fields.iter();
        add_person(
            fields.map(|(key, value)| (key.as_str(), value.as_str())),
            entries,
        );
    }
}

fn append(text: &str, open: &[String], person: &mut Option<Person>) {
    let (Some(name), Some(person)) = (open.last(), person) else {
        return;
    };
    if let Some((_, value)) = person.fields.iter_mut().rev().find(|(key, _)| key == name)
        && value.len() + text.len() <= MAX_TEXT
    {
        value.push_str(text);
    }
}

/// Adds whom these fields tell of. Keys are in small letters; those of all formats are known.
pub(super) fn add_person<'a>(
    fields: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    entries: &mut Entries,
) {
    let field = |names: &[&str]| {
        names.iter().find_map(|name| {
            let mut found = fields
                .clone()
                .filter(|(key, value)| key == name && !value.trim().is_empty());
            found.next().map(|(_, value)| value.trim())
        })
    };
    let full = field(&[
        "name",
        "display_name",
        "displayname",
        "fullname",
        "full_name",
        "fn",
    ]);
    let name = match full {
        Some(name) => name.to_owned(),
        None => {
            let first = field(&["firstname", "first_name", "givenname"]);
            let last = field(&["lastname", "last_name", "surname"]);
            let parts: Vec<_> = [first, last].into_iter().flatten().collect();
            if parts.is_empty() {
                field(&["company", "organization"])
                    .unwrap_or_default()
                    .to_owned()
            } else {
                parts.join(" ")
            }
        }
    };
    let numbers = fields
        .filter(|(key, _)| is_number(key))
        .map(|(_, value)| value);
    entries.add(&name, numbers);
}

/// Whether a field of that name holds a number.
fn is_number(key: &str) -> bool {
    let bare = key.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(
        bare,
        "number"
            | "phone"
            | "telephone"
            | "tel"
            | "mobile"
            | "extension"
            | "sip"
            | "office"
            | "home"
            | "other"
            | "office_number"
            | "mobile_number"
            | "other_number"
            | "phone_number"
            | "phonenumber"
            | "telephonenumber"
    )
}

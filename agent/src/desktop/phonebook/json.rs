//! Phonebooks in JSON: MicroSIP's and Yealink's, and any list of objects with names and numbers.

use serde_json::Value;

use super::entries::Entries;
use super::xml::add_person;

/// Where lists of people stand in an object.
const LISTS: [&str; 8] = [
    "items",
    "contacts",
    "contact",
    "entries",
    "directory",
    "phonebook",
    "data",
    "list",
];
/// The deepest list within lists.
const MAX_DEPTH: usize = 4;

/// Reads every person of a document.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str) -> Result<Entries, String> {
    let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut entries = Entries::default();
    if !people(&document, &mut entries, 0) {
        return Err(format!(
            "there is no list of people in it (looked for a list, or one below {})",
            LISTS.join(", ")
        ));
    }
    Ok(entries)
}

/// Whether a list was found.
fn people(value: &Value, entries: &mut Entries, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    match value {
        Value::Array(list) => {
            for person in list.iter().filter_map(Value::as_object) {
                let mut fields: Vec<(String, &str)> = Vec::new();
                let mut numbers: Vec<(String, String)> = Vec::new();
                for (key, value) in person {
                    let key = key.to_lowercase();
                    match value {
                        Value::String(text) => fields.push((key, text)),
                        Value::Number(number) => numbers.push((key, number.to_string())),
                        // A list of numbers, plain or each with its kind.
                        Value::Array(list) => {
                            for item in list {
                                if let Some(text) = number_in(item) {
                                    numbers.push(("number".to_owned(), text));
                                }
                            }
                        }
                        _ => {}
                    }
                }
                let fields = fields.iter().map(|(key, value)| (key.as_str(), *value));
                let numbers = numbers
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()));
                add_person(fields.chain(numbers), entries);
            }
            true
        }
        Value::Object(object) => {
            let mut found = false;
            for (key, value) in object {
                if LISTS.contains(&key.to_lowercase().as_str()) {
                    found |= people(value, entries, depth + 1);
                }
            }
            found
        }
        _ => false,
    }
}

fn number_in(item: &Value) -> Option<String> {
    match item {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) => ["number", "value", "phone"].iter().find_map(|key| {
            let value = object.get(*key)?;
            value.as_str().map(str::to_owned)
        }),
        _ => None,
    }
}

//! Phonebooks of vCards: versions 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350). Only names, numbers and SIP
//! addresses are read; pictures and the rest are passed over.

use super::entries::Entries;

/// The longest line kept, unfolded, in bytes: pictures are longer and are not looked at.
const MAX_LINE: usize = 4_096;

/// Reads every card.
///
/// # Errors
/// When a card ends that never began, or the last does not end.
pub(super) fn read(text: &str) -> Result<Entries, String> {
    let mut entries = Entries::default();
    let mut card: Option<Card> = None;
    for (number, line) in unfolded(text) {
        let Some((head, value)) = line.split_once(':') else {
            continue;
        };
        let mut parts = head.split(';');
        let name = parts.next().unwrap_or_default();
        // A group stands before the name: `item1.TEL`.
        let name = name.rsplit('.').next().unwrap_or_default().to_uppercase();
        let parameters: Vec<String> = parts.map(str::to_uppercase).collect();
        match (name.as_str(), &mut card) {
            ("BEGIN", _) if value.trim().eq_ignore_ascii_case("VCARD") => {
                card = Some(Card::default());
            }
            ("END", open) if value.trim().eq_ignore_ascii_case("VCARD") => match open.take() {
                Some(card) => card.add_to(&mut entries),
                None => return Err(format!("a card ends in line {number} that never began")),
            },
            (_, Some(card)) => card.take(&name, &parameters, value),
            (_, None) => {}
        }
    }
    match card {
        Some(_) => Err("the last card does not end".to_owned()),
        None => Ok(entries),
    }
}

#[derive(Default)]
struct Card {
    full: Option<String>,
    parts: Option<String>,
    organisation: Option<String>,
    numbers: Vec<String>,
}

impl Card {
    fn take(&mut self, name: &str, parameters: &[String], value: &str) {
        let has = |wanted: &str| {
            parameters
                .iter()
                .any(|parameter| parameter.contains(wanted))
        };
        let text = || {
            let plain = if has("QUOTED-PRINTABLE") {
                quoted_printable(value)
            } else {
                value.to_owned()
            };
            plain.trim().to_owned()
        };
        match name {
            "FN" => self.full = Some(unescaped(&text())),
            "N" => {
                let parts = split(&text());
                let part = |place: usize| parts.get(place).map_or("", String::as_str);
                let name = [part(1), part(2), part(0)];
                let name: Vec<_> = name.into_iter().filter(|part| !part.is_empty()).collect();
                self.parts = Some(name.join(" "));
            }
            "ORG" => {
                let parts = split(&text());
                self.organisation = parts.into_iter().find(|part| !part.is_empty());
            }
            // A fax machine is nobody to talk to.
            "TEL" if !has("FAX") || has("VOICE") => {
                let number = text();
                let number = number
                    .get(..4)
                    .filter(|scheme| scheme.eq_ignore_ascii_case("tel:"))
                    .map_or(number.as_str(), |_| &number[4..]);
                let number = number.split(';').next().unwrap_or_default();
                self.numbers.push(unescaped(number));
            }
            "IMPP" | "X-SIP" | "SIP" => {
                let address = text();
                let is_sip = address.to_lowercase().starts_with("sip") || name != "IMPP";
                if is_sip {
                    self.numbers.push(unescaped(&address));
                }
            }
            _ => {}
        }
    }

    fn add_to(self, entries: &mut Entries) {
        let names = [self.full, self.parts, self.organisation];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        let numbers = self.numbers.iter().map(String::as_str);
        entries.add(name.as_deref().unwrap_or_default(), numbers);
    }
}

/// Lines with the folded ones joined, each with the number of its first.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut soft = false;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let folded = line.strip_prefix([' ', '\t']);
        match (lines.last_mut(), folded) {
            (Some((_, before)), Some(rest)) => extend(before, rest),
            // vCard 2.1 goes on after a soft line break of quoted-printable.
            (Some((_, before)), None) if soft => {
                before.pop();
                extend(before, line);
            }
            _ => lines.push((number + 1, line.chars().take(MAX_LINE).collect())),
        }
        let last = lines
            .last()
            .map(|(_, line)| line.as_str())
            .unwrap_or_default();
        soft = last.ends_with('=')
            && last
                .split(':')
                .next()
                .is_some_and(|head| head.to_uppercase().contains("QUOTED-PRINTABLE"));
    }
    lines
}

fn extend(line: &mut String, rest: &str) {
    if line.len() + rest.len() <= MAX_LINE {
        line.push_str(rest);
    }
}

/// The parts between semicolons that are not escaped, unescaped.
fn split(value: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        let last = parts.len() - 1;
        match character {
            ';' => parts.push(String::new()),
            '\\' => {
                parts[last].push('\\');
                parts[last].extend(characters.next());
            }
            character => parts[last].push(character),
        }
    }
    parts
        .iter()
        .map(|part| unescaped(part).trim().to_owned())
        .collect()
}

fn unescaped(value: &str) -> String {
    let mut out = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n' | 'N') => out.push(' '),
                Some(character) => out.push(character),
                None => {}
            },
            character => out.push(character),
        }
    }
    out
}

fn quoted_printable(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while place < bytes.len() {
        let hex = value
            .get(place + 1..place + 3)
            .filter(|_| bytes[place] == b'=')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                place += 3;
            }
            None => {
                out.push(bytes[place]);
                place += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|error| {
        let bytes = error.into_bytes();
        bytes.iter().map(|byte| char::from(*byte)).collect()
    })
}

//! A small XML tree with bounds, for bodies of a few kilobytes. Names come without their prefix. A document type is refused,
//! so nothing can be expanded; depth, counts and lengths are checked before anything is kept.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::str;

/// The largest document read, in bytes.
pub(super) const MAX_DOCUMENT: usize = 64 * 1024;
/// The deepest element.
const MAX_DEPTH: usize = 16;
/// The most elements.
const MAX_ELEMENTS: usize = 2_048;
/// The most attributes of one element.
const MAX_ATTRIBUTES: usize = 32;
/// The longest text or attribute kept, in bytes; what is longer makes the document unreadable.
const MAX_TEXT: usize = 4 * 1024;

/// One element.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Every child of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name, when there is any.
    pub(super) fn child_text(&self, name: &str) -> Option<String> {
        self.child(name)
            .map(|child| child.text.trim())
            .filter(|text| !text.is_empty())
            .map(clean)
    }
}

/// A text from a stranger, on one line and short.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(256)
        .collect()
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it, for a person.
pub(super) fn read(body: &[u8]) -> Result<Element, String> {
    if body.len() > MAX_DOCUMENT {
        return Err(format!("it has more than {MAX_DOCUMENT} bytes"));
    }
    let text = str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0_usize;
    loop {
        let event = reader.read_event().map_err(|why| why.to_string())?;
        match event {
            Event::Start(start) => {
                elements += 1;
                if open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err("it is too deep or holds too many elements".to_owned());
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                if open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS {
                    return Err("it is too deep or holds too many elements".to_owned());
                }
                let element = element(&start)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
            Event::End(_) => {
                let Some(element) = open.pop() else {
                    return Err("an element ends that never began".to_owned());
                };
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
            Event::Text(text) => append(&mut open, &text)?,
            Event::CData(text) => append(&mut open, &text)?,
            Event::GeneralRef(name) => {
                let character = match name.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    Ok(None) => {
                        quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                    }
                    Err(_) => None,
                };
                let text = character.ok_or("it refers to what XML itself does not know")?;
                append(&mut open, &text)?;
            }
            Event::DocType(_) => {
                return Err("it declares a document type, which is not read".to_owned());
            }
            Event::Eof => return Err("it ends too soon".to_owned()),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|why| why.to_string())?;
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err("an element has too many attributes".to_owned());
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|why| why.to_string())?;
        if value.len() > MAX_TEXT {
            return Err("an attribute is too long".to_owned());
        }
        let name = attribute.key.local_name().as_ref().to_owned();
        attributes.push((name, value.into_owned()));
    }
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        attributes,
        ..Element::default()
    })
}

fn append(open: &mut [Element], text: &str) -> Result<(), String> {
    let Some(element) = open.last_mut() else {
        return Ok(());
    };
    if element.text.len() + text.len() > MAX_TEXT {
        return Err("a text is too long".to_owned());
    }
    element.text.push_str(text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_without_prefix_and_escapes() {
        let text = "<?xml version=\"1.0\"?><!-- c --><a:r xmlns:a=\"x\" a:k=\"1 &lt; 2\"><b>x &amp; &#65;</b><b/></a:r>";
        let root = read(text.as_bytes()).unwrap();
        assert_eq!(root.name, "r");
        assert_eq!(root.attribute("k"), Some("1 < 2"));
        assert_eq!(root.all("b").count(), 2);
        assert_eq!(root.child_text("b").as_deref(), Some("x & A"));
    }

    #[test]
    fn bombs_and_broken_documents_are_refused() {
        let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>";
        let deep = "<a>".repeat(100);
        let wide = format!("<a>{}</a>", "<b/>".repeat(3_000));
        let long = format!("<a>{}</a>", "x".repeat(5_000));
        let many = format!(
            "<a {}/>",
            (0..40).map(|at| format!("k{at}=\"\" ")).collect::<String>()
        );
        for bad in [
            laughs,
            &deep,
            &wide,
            &long,
            &many,
            "",
            "<a>",
            "</a>",
            "<a><b></a>",
            "<a>&evil;</a>",
            "<a>&#0;</a>",
            "<a k=1/>",
            "<a k=\"&x;\"/>",
            "text",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:.40}");
        }
        assert!(read(&[0xff, 0xfe]).is_err());
        assert!(read(&vec![b' '; MAX_DOCUMENT + 1]).is_err());
    }
}

//! The files of the page, held in the program, and the headers of everything the panel answers.

use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{HeaderMap, Response};

/// Nothing but ourselves: no inline script or style, nothing from elsewhere, no frame around us, and no way for
/// a script to make text into HTML.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanelFile {
    /// Its name below `/panel/`.
    pub name: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// Its content.
    pub body: &'static [u8],
}

macro_rules! files {
    ($($name:literal $kind:literal),* $(,)?) => {
        const FILES: &[PanelFile] = &[$(PanelFile {
            name: $name,
            kind: $kind,
            body: include_bytes!(concat!("static/", $name)),
        }),*];
    };
}

files! {
    "panel.html" "text/html; charset=utf-8",
    "panel.css" "text/css; charset=utf-8",
    "icon.svg" "image/svg+xml",
    "panel.js" "text/javascript; charset=utf-8",
    "api.js" "text/javascript; charset=utf-8",
    "calls.js" "text/javascript; charset=utf-8",
    "contacts.js" "text/javascript; charset=utf-8",
    "desk.js" "text/javascript; charset=utf-8",
    "dial.js" "text/javascript; charset=utf-8",
    "element.js" "text/javascript; charset=utf-8",
    "history.js" "text/javascript; charset=utf-8",
    "messages.js" "text/javascript; charset=utf-8",
    "people.js" "text/javascript; charset=utf-8",
    "sound.js" "text/javascript; charset=utf-8",
    "state.js" "text/javascript; charset=utf-8",
    "stream.js" "text/javascript; charset=utf-8",
}

/// The file of a path below `/panel/`; the page itself where a browser arrives.
pub fn file(path: &str) -> Option<PanelFile> {
    let name = match path {
        "" | "enter" => "panel.html",
        name => name,
    };
    FILES.iter().find(|file| file.name == name).copied()
}

/// An answer of the panel with the headers that keep others out.
pub fn guarded<T>(mut response: Response<T>) -> Response<T> {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the whole page may weigh, in bytes.
    const BUDGET: usize = 100_000;

    #[test]
    fn the_page_is_light() {
        let total: usize = FILES.iter().map(|file| file.body.len()).sum();
        assert!(total < BUDGET, "the panel has {total} bytes");
    }

    #[test]
    fn the_page_arrives_where_a_browser_does() {
        assert_eq!(file("").unwrap().name, "panel.html");
        assert_eq!(file("enter"), file(""));
        assert_eq!(file("panel.css").unwrap().kind, "text/css; charset=utf-8");
        for stranger in [
            "../agent.yaml",
            "panel.css/",
            "static/panel.css",
            "PANEL.CSS",
        ] {
            assert_eq!(file(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_nothing_comes_from_elsewhere() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/panel/static");
        let found = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(found, FILES.len());
        for file in FILES {
            let text = std::str::from_utf8(file.body).unwrap();
            for outside in ["https:", "//cdn", "@import", "url(", "innerHTML", "eval("] {
                assert!(!text.contains(outside), "{} holds {outside}", file.name);
            }
        }
    }
}

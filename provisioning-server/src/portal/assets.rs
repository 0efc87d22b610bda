//! The style sheet, the script and the icon, held in the binary.
//!
//! Their addresses carry a hash of their content: a browser keeps them for good and never runs an old one.

use std::fmt::Write as _;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use super::headers;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// A file and where a page finds it.
struct Asset {
    address: String,
    kind: &'static str,
    body: web::Bytes,
}

impl Asset {
    fn load(name: &str, kind: &'static str) -> Self {
        let body =
            Files::get(name).map_or_else(web::Bytes::new, |file| file.data.into_owned().into());
        let mut hash = String::new();
        for byte in Sha256::digest(&body).iter().take(8) {
            let _ = write!(hash, "{byte:02x}");
        }
        Self {
            address: format!("/static/{hash}/{name}"),
            kind,
            body,
        }
    }
}

static STYLES: LazyLock<Asset> =
    LazyLock::new(|| Asset::load("portal.css", "text/css; charset=utf-8"));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::load("portal.js", "text/javascript; charset=utf-8"));
static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::load("icon.svg", "image/svg+xml"));

/// The style sheet's address.
pub(super) fn styles() -> &'static str {
    &STYLES.address
}

/// The script's address.
pub(super) fn script() -> &'static str {
    &SCRIPT.address
}

/// The icon's address.
pub(super) fn icon() -> &'static str {
    &ICON.address
}

/// `GET /static/{hash}/{file}`. Another hash than the present one is not found.
pub(super) async fn serve(path: web::Path<(String, String)>) -> HttpResponse {
    let asked = format!("/static/{}/{}", path.0, path.1);
    let found = [&*STYLES, &*SCRIPT, &*ICON]
        .into_iter()
        .find(|asset| asset.address == asked);
    match found {
        Some(asset) => headers::answer(StatusCode::OK)
            .insert_header((CONTENT_TYPE, asset.kind))
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .body(asset.body.clone()),
        None => headers::answer(StatusCode::NOT_FOUND)
            .body("This file is of another version. Reload the page."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_there() {
        for asset in [&*STYLES, &*SCRIPT, &*ICON] {
            assert!(!asset.body.is_empty(), "{}", asset.address);
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for asset in [&*STYLES, &*SCRIPT] {
            let text = std::str::from_utf8(&asset.body).unwrap();
            for outside in ["http:", "https:", "//cdn", "@import", "url("] {
                assert!(!text.contains(outside), "{} holds {outside}", asset.address);
            }
        }
    }
}

//! Signing in and out.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::clock::Clock;
use super::frame::Frame;
use super::session::{self, SignedIn};
use super::trouble::Trouble;
use super::{headers, origin, page, see_other};
use crate::service::{Service, SignInError};

/// The longest name, in bytes; a longer one is nobody's.
const MAX_NAME: usize = 64;
/// The longest password, in bytes.
const MAX_PASSWORD: usize = 512;
/// The longest address to go on to, in bytes.
const MAX_NEXT: usize = 500;

#[derive(Template)]
#[template(path = "session/sign_in.html")]
struct SignInPage<'a> {
    frame: Frame,
    name: &'a str,
    next: &'a str,
    problem: Option<String>,
    signed_out: bool,
}

/// The query of the sign-in page.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    next: Option<String>,
    bye: Option<String>,
}

/// The sign-in form. No `Debug`.
#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: Zeroizing<String>,
    #[serde(default)]
    next: String,
}

/// The sign-out form.
#[derive(Deserialize)]
pub(super) struct SignOut {
    csrf: String,
}

/// `GET /sign-in`.
pub(super) async fn show(
    request: HttpRequest,
    service: Data<Service>,
) -> Result<HttpResponse, Trouble> {
    let asked = Query::<Asked>::from_query(request.query_string())
        .map(Query::into_inner)
        .unwrap_or_default();
    let next = our_path(asked.next.as_deref().unwrap_or(""));
    if SignedIn::of(&request, &service).await?.is_some() {
        return Ok(see_other(next));
    }
    page(
        StatusCode::OK,
        &sign_in_page("", next, None, asked.bye.is_some()),
    )
}

/// `POST /sign-in`. Every sign-in makes a new session; one that the browser still had ends.
pub(super) async fn sign_in(
    request: HttpRequest,
    service: Data<Service>,
    form: Result<Form<Credentials>, actix_web::Error>,
) -> Result<HttpResponse, Trouble> {
    if !origin::is_our_page(&request) {
        return Err(Trouble::Forged);
    }
    let form = form.map_err(|_| Trouble::Unreadable)?.into_inner();
    let next = our_path(&form.next);
    let name: String = form.name.trim().chars().take(MAX_NAME).collect();
    let from = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    let tried = if form.name.len() > MAX_NAME || form.password.len() > MAX_PASSWORD {
        Err(SignInError::Wrong)
    } else {
        service.sign_in(&name, &form.password, from).await
    };
    let (status, problem, wait) = match tried {
        Ok(signed_in) => {
            if let Some(before) = session::cookie_of(&request) {
                service.sign_out(&before).await?;
            }
            let mut answer = headers::answer(StatusCode::SEE_OTHER);
            session::hand_out(&mut answer, &signed_in.cookie);
            return Ok(answer.insert_header((LOCATION, next)).finish());
        }
        Err(SignInError::Service(error)) => return Err(error.into()),
        Err(error @ SignInError::TooMany(wait)) => (
            StatusCode::TOO_MANY_REQUESTS,
            sentence(&error),
            Some(wait.as_secs().max(1)),
        ),
        Err(error @ SignInError::Wrong) => (StatusCode::UNAUTHORIZED, sentence(&error), None),
    };
    let mut answer = page(status, &sign_in_page(&name, next, Some(problem), false))?;
    if let Some(seconds) = wait {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(answer)
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    request: HttpRequest,
    service: Data<Service>,
    form: Result<Form<SignOut>, actix_web::Error>,
) -> Result<HttpResponse, Trouble> {
    let form = form.map_err(|_| Trouble::Unreadable)?;
    SignedIn::for_form(&request, &service, &form.csrf).await?;
    if let Some(cookie) = session::cookie_of(&request) {
        service.sign_out(&cookie).await?;
    }
    let mut answer = headers::answer(StatusCode::SEE_OTHER);
    session::take_back(&mut answer);
    Ok(answer.insert_header((LOCATION, "/sign-in?bye=1")).finish())
}

fn sign_in_page<'a>(
    name: &'a str,
    next: &'a str,
    problem: Option<String>,
    signed_out: bool,
) -> SignInPage<'a> {
    SignInPage {
        frame: Frame::for_anybody(Clock::now()),
        name,
        next,
        problem,
        signed_out,
    }
}

/// Where to go on: a page of ours, whatever was asked for.
fn our_path(next: &str) -> &str {
    let ours = next == "/desks" || next.starts_with("/desks?") || next.starts_with("/desks/");
    let plain = next.len() <= MAX_NEXT && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if ours && plain { next } else { "/desks" }
}

/// An error as a sentence of its own.
fn sentence(error: &SignInError) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), chars.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::our_path;

    #[test]
    fn the_way_on_stays_in_the_house() {
        for good in [
            "/desks",
            "/desks?q=a%20b&state=offline",
            "/desks/0123",
            "/desks/new",
        ] {
            assert_eq!(our_path(good), good);
        }
        for bad in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil",
            "/desks/\r\nSet-Cookie: a=b",
            "/desksevil",
            "javascript:1",
        ] {
            assert_eq!(our_path(bad), "/desks", "{bad}");
        }
    }
}

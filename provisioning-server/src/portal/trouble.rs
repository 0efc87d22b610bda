//! What can go wrong on the way to a page, and the page that says so.

use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;

use super::clock::Clock;
use super::frame::Frame;
use super::headers;
use super::list_query::percent;
use crate::service::ServiceError;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Nobody is signed in; the page asked for comes after.
    #[error("not signed in")]
    SignedOut {
        /// Where to go on, a path of ours.
        next: String,
    },
    /// Nothing is at this address.
    #[error("no such page")]
    NotFound,
    /// A form that our own page did not send, or one of a session that is over.
    #[error("a form of another site or session")]
    Forged,
    /// A form that cannot be read.
    #[error("an unreadable form")]
    Unreadable,
    /// The service did not do it.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A template did not render.
    #[error("a page could not be made: {0}")]
    Template(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "parts/trouble.html")]
struct TroublePage<'a> {
    frame: Frame,
    heading: &'a str,
    text: &'a str,
}

impl Trouble {
    /// Nobody is signed in: the sign-in page, and after it the page that was asked for.
    pub(super) fn signed_out(request: &HttpRequest) -> Self {
        let next = request
            .uri()
            .path_and_query()
            .map_or("/desks", |path| path.as_str());
        Self::SignedOut {
            next: next.to_owned(),
        }
    }

    fn page(&self, heading: &str, text: &str) -> HttpResponse {
        let page = TroublePage {
            frame: Frame::for_anybody(Clock::now()),
            heading,
            text,
        };
        let body = page.render().unwrap_or_else(|_| text.to_owned());
        headers::answer(self.status_code())
            .content_type("text/html; charset=utf-8")
            .body(body)
    }
}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignedOut { .. } => StatusCode::SEE_OTHER,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::Service(error) => StatusCode::from_u16(error.problem().status)
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::SignedOut { next } => {
                let address = match next.as_str() {
                    "/" | "/desks" => "/sign-in".to_owned(),
                    next => format!("/sign-in?next={}", percent(next)),
                };
                headers::answer(StatusCode::SEE_OTHER).insert_header((LOCATION, address)).finish()
            }
            Self::NotFound => self.page(
                "Nothing here",
                "There is no page at this address. It may be of a desk that was removed.",
            ),
            Self::Forged => self.page(
                "Not taken",
                "This form did not come from a page of this portal in your present session, so nothing was changed. \
                 Open the page again and send it from there.",
            ),
            Self::Unreadable => self.page(
                "Not understood",
                "The form was incomplete or too large, so nothing was changed. Open the page again and send it from there.",
            ),
            Self::Service(error) => {
                let problem = error.problem();
                let mut answer = self.page(&problem.title, &problem.detail);
                if let Some(seconds) = error.retry_after() {
                    answer.headers_mut().insert(RETRY_AFTER, seconds.into());
                }
                answer
            }
            Self::Template(error) => {
                tracing::error!(%error, "a page could not be made");
                self.page("The server failed", "The page could not be made. The server's log says why.")
            }
        }
    }
}

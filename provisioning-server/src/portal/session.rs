//! Who is signed in: the cookie, the session behind it, and the check that a form is of that session.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::{HttpRequest, HttpResponseBuilder};
use zeroize::Zeroizing;

use super::frame::Visitor;
use super::origin;
use super::trouble::Trouble;
use crate::fleet::Actor;
use crate::service::{Service, ServiceError, Session};

/// `__Host-`: only over TLS, from this host alone, for all of it (RFC 6265bis §4.1.3.2).
const COOKIE: &str = "__Host-carillon";
/// The longest cookie that is looked at, in bytes.
const MAX_COOKIE: usize = 256;

/// Someone signed in.
pub(super) struct SignedIn {
    cookie: Zeroizing<String>,
    session: Session,
}

impl SignedIn {
    /// Who sent the request; `None` when nobody is signed in.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn of(
        request: &HttpRequest,
        service: &Service,
    ) -> Result<Option<Self>, ServiceError> {
        let Some(cookie) = cookie_of(request) else {
            return Ok(None);
        };
        let session = service.session(&cookie).await?;
        Ok(session.map(|session| Self { cookie, session }))
    }

    /// Who asks for a page; who is not signed in shall do so first.
    ///
    /// # Errors
    /// When nobody is signed in, or the store fails.
    pub(super) async fn for_page(
        request: &HttpRequest,
        service: &Service,
    ) -> Result<Self, Trouble> {
        Self::of(request, service)
            .await?
            .ok_or_else(|| Trouble::signed_out(request))
    }

    /// Who sent a form, when it is one of our pages' and of this session.
    ///
    /// # Errors
    /// When it is not, or nobody is signed in, or the store fails.
    pub(super) async fn for_form(
        request: &HttpRequest,
        service: &Service,
        csrf: &str,
    ) -> Result<Self, Trouble> {
        if !origin::is_our_page(request) {
            return Err(Trouble::Forged);
        }
        let Some(signed_in) = Self::of(request, service).await? else {
            return Err(Trouble::SignedOut {
                next: "/desks".to_owned(),
            });
        };
        if !signed_in.session.csrf_matches(csrf) {
            return Err(Trouble::Forged);
        }
        Ok(signed_in)
    }

    /// Whether the session holds still.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn still_holds(&self, service: &Service) -> Result<bool, ServiceError> {
        Ok(service.session(&self.cookie).await?.is_some())
    }

    /// The one who looks, for the frame around a page.
    pub(super) fn visitor(&self) -> Visitor {
        Visitor {
            name: self.session.user.clone(),
            csrf: self.session.csrf.clone(),
        }
    }

    /// The one who acts, for the audit log.
    pub(super) fn actor(&self, request: &HttpRequest) -> Actor {
        Actor {
            name: format!("admin:{}", self.session.user),
            address: request.peer_addr().map(|address| address.ip().to_string()),
        }
    }
}

/// The cookie that a request carries.
pub(super) fn cookie_of(request: &HttpRequest) -> Option<Zeroizing<String>> {
    let cookie = request.cookie(COOKIE)?;
    (1..=MAX_COOKIE)
        .contains(&cookie.value().len())
        .then(|| Zeroizing::new(cookie.value().to_owned()))
}

/// Hands a browser its cookie. It ends with the browser, or with the session, whichever is first.
pub(super) fn hand_out(answer: &mut HttpResponseBuilder, value: &str) {
    answer.cookie(cookie(value));
}

/// Takes the cookie back.
pub(super) fn take_back(answer: &mut HttpResponseBuilder) {
    let mut gone = cookie("");
    gone.set_max_age(time::Duration::ZERO);
    answer.cookie(gone);
}

fn cookie(value: &str) -> Cookie<'_> {
    Cookie::build(COOKIE, value)
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .finish()
}

//! Adding: a desk with its first account, and another account on a desk that is there.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use carillon_schemas::fleet_file::validate_desk_name;
use carillon_schemas::{Account, DeskId, Secret};
use serde::Deserialize;

use super::account_form::AccountForm;
use super::clock::Clock;
use super::frame::{Frame, Place};
use super::session::SignedIn;
use super::trouble::Trouble;
use super::{page, said_to_person, see_other};
use crate::fleet::Actor;
use crate::service::{Service, ServiceError};
use crate::store::DeskRef;

#[derive(Template)]
#[template(path = "desks/new.html")]
struct NewDeskPage<'a> {
    frame: Frame,
    desk: &'a str,
    form: &'a AccountForm,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/new_account.html")]
struct NewAccountPage<'a> {
    frame: Frame,
    id: &'a DeskId,
    desk: &'a str,
    form: &'a AccountForm,
    problem: Option<String>,
}

/// The form of a new desk. No `Debug`: it holds a password.
#[derive(Deserialize)]
pub(super) struct NewDesk {
    csrf: String,
    desk: String,
    #[serde(flatten)]
    account: AccountForm,
}

/// The form of a new account. No `Debug`: it holds a password.
#[derive(Deserialize)]
pub(super) struct NewAccount {
    csrf: String,
    #[serde(flatten)]
    account: AccountForm,
}

/// `GET /desks/new`.
pub(super) async fn show_desk(
    request: HttpRequest,
    service: Data<Service>,
) -> Result<HttpResponse, Trouble> {
    let signed_in = SignedIn::for_page(&request, &service).await?;
    let frame = Frame::new(signed_in.visitor(), Place::NewDesk, Clock::now());
    page(
        StatusCode::OK,
        &NewDeskPage {
            frame,
            desk: "",
            form: &AccountForm::default(),
            problem: None,
        },
    )
}

/// `POST /desks/new`. What was filled in stays when something is wrong, but for the password.
pub(super) async fn add_desk(
    request: HttpRequest,
    service: Data<Service>,
    form: Result<Form<NewDesk>, actix_web::Error>,
) -> Result<HttpResponse, Trouble> {
    let form = form.map_err(|_| Trouble::Unreadable)?.into_inner();
    let signed_in = SignedIn::for_form(&request, &service, &form.csrf).await?;
    let name = form.desk.trim();
    let added = match read_desk(name, &form.account) {
        Ok(account) => {
            said_to_person(add(&service, &signed_in.actor(&request), name, account).await)?
        }
        Err(problem) => Err(problem),
    };
    match added {
        Ok(id) => Ok(see_other(&format!("/desks/{id}?done=added"))),
        Err(problem) => {
            let frame = Frame::new(signed_in.visitor(), Place::NewDesk, Clock::now());
            let again = NewDeskPage {
                frame,
                desk: name,
                form: &form.account,
                problem: Some(problem),
            };
            page(StatusCode::UNPROCESSABLE_ENTITY, &again)
        }
    }
}

/// `GET /desks/{id}/accounts/new`.
pub(super) async fn show_account(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Trouble> {
    let signed_in = SignedIn::for_page(&request, &service).await?;
    let id: DeskId = path.parse().map_err(|_| Trouble::NotFound)?;
    let desk = service.desk_row(&id).await?.ok_or(Trouble::NotFound)?;
    let frame = Frame::new(signed_in.visitor(), Place::Elsewhere, Clock::now());
    let form = AccountForm::default();
    page(
        StatusCode::OK,
        &NewAccountPage {
            frame,
            id: &id,
            desk: &desk.name,
            form: &form,
            problem: None,
        },
    )
}

/// `POST /desks/{id}/accounts/new`. Never replaces an account that is there.
pub(super) async fn add_account(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
    form: Result<Form<NewAccount>, actix_web::Error>,
) -> Result<HttpResponse, Trouble> {
    let form = form.map_err(|_| Trouble::Unreadable)?.into_inner();
    let signed_in = SignedIn::for_form(&request, &service, &form.csrf).await?;
    let id: DeskId = path.parse().map_err(|_| Trouble::NotFound)?;
    let desk = service.desk_row(&id).await?.ok_or(Trouble::NotFound)?;
    let account = form.account.account().and_then(|account| {
        if desk.accounts.iter().any(|there| there.id == account.id) {
            return Err(format!(
                "The desk has an account {:?} already.",
                account.id.as_str()
            ));
        }
        Ok(account)
    });
    let added = match account {
        Ok(account) => {
            let done = service
                .set_account(&signed_in.actor(&request), DeskRef::Id(&id), account)
                .await;
            said_to_person(done.map(|_| ()))?
        }
        Err(problem) => Err(problem),
    };
    match added {
        Ok(()) => Ok(see_other(&format!("/desks/{id}?done=account"))),
        Err(problem) => {
            let frame = Frame::new(signed_in.visitor(), Place::Elsewhere, Clock::now());
            let again = NewAccountPage {
                frame,
                id: &id,
                desk: &desk.name,
                form: &form.account,
                problem: Some(problem),
            };
            page(StatusCode::UNPROCESSABLE_ENTITY, &again)
        }
    }
}

/// Checks all that can be checked before anything is written.
fn read_desk(name: &str, form: &AccountForm) -> Result<Account<Secret>, String> {
    validate_desk_name(name).map_err(|error| error.to_string())?;
    form.account()
}

/// Adds a desk with its account; a desk whose account is refused goes again.
async fn add(
    service: &Service,
    actor: &Actor,
    name: &str,
    account: Account<Secret>,
) -> Result<DeskId, ServiceError> {
    let id = service.add_desk(actor, name).await?.id;
    match service.set_account(actor, DeskRef::Id(&id), account).await {
        Ok(_) => Ok(id),
        Err(error) => {
            service.remove_desk(actor, DeskRef::Id(&id)).await?;
            Err(error)
        }
    }
}

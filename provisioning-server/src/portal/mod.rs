//! The web portal: HTML over the same use cases as the admin API.
//!
//! Pages are rendered here, on the server, and work with links and forms alone; one stream of server-sent events a
//! page (`live`) and a small script keep them true while they are looked at. Owns the session's cookie, the check
//! that a form is ours, and every word a browser shows. Changes nothing but through [`crate::service`].

mod account_form;
mod assets;
mod clock;
mod desk_pages;
mod desk_view;
mod fleet_snapshot;
mod frame;
mod headers;
mod list_page;
mod list_query;
mod list_view;
mod live;
mod new_desk;
mod origin;
mod row_view;
#[cfg(test)]
mod samples;
mod session;
mod sign_in;
mod state_mark;
mod trouble;

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, ResponseError as _};
use askama::Template;

use fleet_snapshot::FleetSnapshot;
use live::Streams;
use trouble::Trouble;

use crate::service::ServiceError;

/// The largest form, in bytes.
const MAX_FORM_BYTES: usize = 16 << 10;

/// Adds the portal's pages to one worker, and the page for addresses where nothing is. The application holds the
/// [`crate::service::Service`] as its data.
pub fn configure(config: &mut ServiceConfig) {
    config
        .app_data(web::Data::new(FleetSnapshot::default()))
        .app_data(web::Data::new(Streams::default()))
        .app_data(web::FormConfig::default().limit(MAX_FORM_BYTES))
        .route("/", web::get().to(async || see_other("/desks")))
        .route("/static/{hash}/{file}", web::get().to(assets::serve))
        .route("/sign-in", web::get().to(sign_in::show))
        .route("/sign-in", web::post().to(sign_in::sign_in))
        .route("/sign-out", web::post().to(sign_in::sign_out))
        .route("/desks", web::get().to(list_page::show))
        .route("/desks/new", web::get().to(new_desk::show_desk))
        .route("/desks/new", web::post().to(new_desk::add_desk))
        .route("/desks/{id}", web::get().to(desk_pages::show))
        .route(
            "/desks/{id}/password",
            web::post().to(desk_pages::set_password),
        )
        .route(
            "/desks/{id}/ticket",
            web::post().to(desk_pages::make_ticket),
        )
        // Where a form's answer stands is no page of its own: going there again shows the desk.
        .route(
            "/desks/{id}/{form:password|ticket}",
            web::get().to(desk_pages::back),
        )
        .route(
            "/desks/{id}/accounts/new",
            web::get().to(new_desk::show_account),
        )
        .route(
            "/desks/{id}/accounts/new",
            web::post().to(new_desk::add_account),
        )
        .route("/portal/events", web::get().to(live::list_events))
        .route("/portal/events/{id}", web::get().to(live::desk_events))
        .default_service(web::to(async || Trouble::NotFound.error_response()));
}

/// A page.
fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Trouble> {
    let body = template.render()?;
    Ok(headers::answer(status)
        .content_type("text/html; charset=utf-8")
        .body(body))
}

/// Go on there, by GET: after a form that did its work, reloading does not send it again.
fn see_other(path: &str) -> HttpResponse {
    headers::answer(StatusCode::SEE_OTHER)
        .insert_header((LOCATION, path))
        .finish()
}

/// Tells what the one who filled in a form can put right from what they cannot.
fn said_to_person<T>(done: Result<T, ServiceError>) -> Result<Result<T, String>, Trouble> {
    match done {
        Ok(done) => Ok(Ok(done)),
        Err(error) => match error.problem() {
            problem if problem.status == 409 || problem.status == 422 || problem.status == 403 => {
                Ok(Err(problem.detail))
            }
            _ => Err(error.into()),
        },
    }
}

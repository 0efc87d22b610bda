//! REST for admins and scripts, under `/v1/admin`: the same use cases as the portal and the command line.
//!
//! An admin token in `Authorization: Bearer` says who asks; its scope says whether it may change anything. What an
//! admin writes is read strictly: an unknown key is refused with the nearest known one. `GET /v1/admin/openapi.json`
//! describes it all. No answer holds a password or a token but at the moment it is made.

mod accounts;
mod authorization;
mod bodies;
mod desks;
mod fleet;
mod openapi;
mod tickets;
mod tokens;

use actix_web::ResponseError as _;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Route};

use crate::problem_answer::ProblemAnswer;

pub use bodies::{
    FleetAnswer, NewDesk, NewPassword, TicketAnswer, TicketWanted, TokenAnswer, TokenWanted,
};

/// Adds the admins' addresses.
pub fn configure(config: &mut ServiceConfig) {
    let routes: [(&str, Vec<Route>); 13] = [
        ("/v1/admin/openapi.json", vec![web::get().to(openapi::show)]),
        ("/v1/admin/fleet", vec![web::get().to(fleet::show)]),
        (
            "/v1/admin/desks",
            vec![web::get().to(desks::list), web::post().to(desks::add)],
        ),
        (
            "/v1/admin/desks/{desk}",
            vec![web::get().to(desks::show), web::delete().to(desks::remove)],
        ),
        (
            "/v1/admin/desks/{desk}/revoke",
            vec![web::post().to(desks::revoke)],
        ),
        (
            "/v1/admin/desks/{desk}/accounts/{account}",
            vec![
                web::put().to(accounts::set),
                web::delete().to(accounts::remove),
            ],
        ),
        (
            "/v1/admin/desks/{desk}/accounts/{account}/password",
            vec![web::put().to(accounts::set_password)],
        ),
        (
            "/v1/admin/tickets",
            vec![web::get().to(tickets::list), web::post().to(tickets::make)],
        ),
        ("/v1/admin/apply", vec![web::post().to(fleet::apply)]),
        ("/v1/admin/export", vec![web::get().to(fleet::export)]),
        ("/v1/admin/audit", vec![web::get().to(fleet::audit)]),
        (
            "/v1/admin/tokens",
            vec![web::get().to(tokens::list), web::post().to(tokens::make)],
        ),
        (
            "/v1/admin/tokens/{id}",
            vec![web::delete().to(tokens::remove)],
        ),
    ];
    for (address, methods) in routes {
        let resource = methods
            .into_iter()
            .fold(web::resource(address), Resource::route);
        config.service(resource.default_service(web::to(async || {
            ProblemAnswer::wrong_method().error_response()
        })));
    }
}

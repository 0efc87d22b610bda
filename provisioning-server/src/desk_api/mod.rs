//! REST for desks: enrol, pull, report, new keys, trust roots. HTTP alone; the use cases are in [`crate::service`].
//!
//! A desk shows who it is by a token that it signed itself, new for every request
//! ([`carillon_schemas::desk_token`]). Errors are problem documents.

pub(crate) mod authorization;
mod config;
mod enrol;
mod keys;
mod status;
mod trust;

use actix_web::ResponseError as _;
use actix_web::web::{self, ServiceConfig};

use crate::problem_answer::ProblemAnswer;

/// Adds the desks' addresses.
pub fn configure(config: &mut ServiceConfig) {
    let elsewhere = || web::to(async || ProblemAnswer::wrong_method().error_response());
    config
        .service(
            web::resource("/v1/enrol")
                .route(web::post().to(enrol::enrol))
                .default_service(elsewhere()),
        )
        .service(
            web::resource("/v1/desk/config")
                .route(web::get().to(config::config))
                .default_service(elsewhere()),
        )
        .service(
            web::resource("/v1/desk/status")
                .route(web::put().to(status::status))
                .default_service(elsewhere()),
        )
        .service(
            web::resource("/v1/desk/keys")
                .route(web::post().to(keys::keys))
                .default_service(elsewhere()),
        )
        .service(
            web::resource("/v1/trust/roots/{version}")
                .route(web::get().to(trust::root))
                .default_service(elsewhere()),
        );
}

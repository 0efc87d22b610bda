//! `GET /v1/trust/roots/{version}`: public documents, signed by the offline root keys.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};

use crate::problem_answer::ProblemAnswer;
use crate::service::Service;

pub(super) async fn root(
    version: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, ProblemAnswer> {
    let version: u64 = version
        .parse()
        .map_err(|_| ProblemAnswer::no_such_address())?;
    let envelope = service.root(version).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=86400, immutable"))
        .json(envelope))
}

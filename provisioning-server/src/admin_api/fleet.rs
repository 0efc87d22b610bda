//! The fleet as a whole: in brief, as a file in and out, its audit log.

use actix_web::web::{Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_schemas::Problem;
use carillon_schemas::fleet_file::{FleetFile, MAX_FLEET_BYTES};
use serde::Deserialize;

use super::authorization::{reader, writer};
use super::bodies::{self, FleetAnswer};
use crate::problem_answer::ProblemAnswer;
use crate::service::{ApplyMode, Service};

type Answer = Result<HttpResponse, ProblemAnswer>;

/// How `apply` is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApplyQuery {
    dry_run: bool,
    prune: bool,
}

/// Which part of the audit log.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AuditQuery {
    after: u64,
    limit: u32,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            after: 0,
            limit: 100,
        }
    }
}

pub(super) async fn show(request: HttpRequest, service: Data<Service>) -> Answer {
    reader(&request, &service).await?;
    let fleet = service.fleet().await?;
    Ok(HttpResponse::Ok().json(FleetAnswer {
        id: fleet.id,
        name: fleet.name,
        public_url: service.public_url().to_owned(),
        totals: service.totals().await?,
    }))
}

pub(super) async fn apply(
    request: HttpRequest,
    payload: Payload,
    service: Data<Service>,
) -> Answer {
    let actor = writer(&request, &service).await?;
    let query: ApplyQuery = query(&request)?;
    let text = bodies::text(payload, MAX_FLEET_BYTES).await?;
    let file = FleetFile::from_yaml(&text).map_err(|error| bodies::unreadable(&error))?;
    let mode = ApplyMode {
        dry_run: query.dry_run,
        prune: query.prune,
    };
    let applied = service.apply(&actor, &file, mode).await?;
    Ok(HttpResponse::Ok().json(applied))
}

/// YAML without passwords; applying it changes nothing.
pub(super) async fn export(request: HttpRequest, service: Data<Service>) -> Answer {
    reader(&request, &service).await?;
    let export = service.export().await?;
    let text = serde_yaml::to_string(&export).map_err(|e| {
        tracing::error!(error = %e, "the fleet could not be written as YAML");
        Problem::new(
            500,
            "internal",
            "The server failed",
            "the fleet could not be written as YAML",
        )
    })?;
    Ok(HttpResponse::Ok()
        .content_type("application/yaml")
        .body(text))
}

pub(super) async fn audit(request: HttpRequest, service: Data<Service>) -> Answer {
    reader(&request, &service).await?;
    let query: AuditQuery = query(&request)?;
    Ok(HttpResponse::Ok().json(service.audit(query.after, query.limit).await?))
}

fn query<T: serde::de::DeserializeOwned>(request: &HttpRequest) -> Result<T, ProblemAnswer> {
    Query::<T>::from_query(request.query_string())
        .map(Query::into_inner)
        .map_err(|e| Problem::new(400, "query-bad", "The query is not right", e.to_string()).into())
}

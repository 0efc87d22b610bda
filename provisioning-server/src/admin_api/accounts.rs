//! `/v1/admin/desks/{desk}/accounts`.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use carillon_schemas::config::ConfigError;
use carillon_schemas::{Account, AccountId, Secret};

use super::authorization::writer;
use super::bodies::{self, NewPassword};
use crate::problem_answer::ProblemAnswer;
use crate::service::{Service, ServiceError};
use crate::store::DeskRef;

type Answer = Result<HttpResponse, ProblemAnswer>;

pub(super) async fn set(
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
    service: Data<Service>,
) -> Answer {
    let actor = writer(&request, &service).await?;
    let (desk, id) = path.into_inner();
    let account: Account<Secret> = bodies::read(payload).await?;
    if account.id.as_str() != id {
        return Err(ServiceError::Invalid(ConfigError {
            path: "id".into(),
            why: format!(
                "the account sent is {:?}, the address names {id:?}",
                account.id.as_str()
            ),
        })
        .into());
    }
    let row = service
        .set_account(&actor, DeskRef::Name(&desk), account)
        .await?;
    Ok(HttpResponse::Ok().json(row))
}

pub(super) async fn set_password(
    request: HttpRequest,
    path: Path<(String, String)>,
    payload: Payload,
    service: Data<Service>,
) -> Answer {
    let actor = writer(&request, &service).await?;
    let (desk, id) = path.into_inner();
    let id = account_id(&id)?;
    let wanted: NewPassword = bodies::read(payload).await?;
    let row = service
        .set_password(&actor, DeskRef::Name(&desk), &id, wanted.password)
        .await?;
    Ok(HttpResponse::Ok().json(row))
}

pub(super) async fn remove(
    request: HttpRequest,
    path: Path<(String, String)>,
    service: Data<Service>,
) -> Answer {
    let actor = writer(&request, &service).await?;
    let (desk, id) = path.into_inner();
    let id = account_id(&id)?;
    let row = service
        .remove_account(&actor, DeskRef::Name(&desk), &id)
        .await?;
    Ok(HttpResponse::Ok().json(row))
}

fn account_id(text: &str) -> Result<AccountId, ServiceError> {
    text.parse().map_err(|e| {
        ServiceError::Invalid(ConfigError {
            path: "account".into(),
            why: format!("{e}"),
        })
    })
}

//! The routes of the local API: what each asks of the agent, and how it answers.

use std::time::Duration;

use actix::{MailboxError, Message, Recipient};
use carillon_schemas::{AccountId, Problem, Ticket, problem};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::asked::{
    DtmfBody, EnrolBody, FeaturesBody, HangupBody, MessageBody, PlaceBody, TransferBody,
};
use super::links;
use super::openapi;
use super::port::{AgentPort, DeskView};
use super::sound;
use super::{contacts, history};
#[cfg(feature = "panic-injection")]
use crate::command::InjectPanic;
use crate::command::{
    AnswerCall, CallKind, CallsToEnd, CommandError, HangupCall, HoldCall, PlaceCall, PreferAccount,
    QueryStatus, QueryTrace, RestartAccount, SendDtmf, SendMessage, Shutdown, SwitchFeatures,
    TransferCall, TransferTarget,
};
use crate::desktop::notify::Standing;
use crate::provisioning::{Enrol, EnrolError};
use crate::vault::VaultKind;

/// The largest body, in bytes.
pub(super) const MAX_BODY: usize = 64 << 10;
/// How long a body may take.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// What a route comes to.
pub(super) type Answer = Result<Response<Full<Bytes>>, Problem>;

/// Answers an admitted request, save the stream of events.
pub(super) async fn answer(request: Request<Incoming>, port: &AgentPort) -> Answer {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (&head.method, segments.as_slice()) {
        (&Method::GET, ["v1", "status"]) => {
            let agent = ask(&port.query, QueryStatus).await?;
            let view = DeskView {
                agent,
                link: port.board.view(),
                notifications: port.notifications.as_ref().map(Standing::view),
            };
            json(StatusCode::OK, &view)
        }
        (&Method::GET, ["v1", "accounts"]) => json(
            StatusCode::OK,
            &ask(&port.query, QueryStatus).await?.accounts,
        ),
        (&Method::GET, ["v1", "trace"]) => {
            let account = None;
            json(
                StatusCode::OK,
                &ask(&port.trace, QueryTrace { account }).await?,
            )
        }
        (&Method::GET, ["v1", "trace", account]) => {
            let account = Some(which_account(account)?);
            json(
                StatusCode::OK,
                &ask(&port.trace, QueryTrace { account }).await?,
            )
        }
        (&Method::GET, ["v1", "calls"]) => {
            json(StatusCode::OK, &ask(&port.query, QueryStatus).await?.calls)
        }
        (&Method::POST, ["v1", "calls"]) => {
            let PlaceBody { account, target } = read(body).await?;
            let placed = ask(&port.place, PlaceCall { account, target }).await?;
            json(StatusCode::CREATED, &placed.map_err(refused)?)
        }
        (&Method::POST, ["v1", "calls", call, "answer"]) => {
            let call = which_call(call)?;
            let answered = ask(&port.answer, AnswerCall { call }).await?;
            json(StatusCode::OK, &answered.map_err(refused)?)
        }
        (&Method::POST, ["v1", "calls", call, "hangup"]) => {
            let which = match which_call(call)? {
                Some(call) => CallsToEnd::One(call),
                None => CallsToEnd::Every(CallKind::All),
            };
            let ended = ask(&port.hangup, HangupCall(which)).await?;
            json(StatusCode::OK, &ended.map_err(refused)?)
        }
        (&Method::POST, ["v1", "hangup"]) => {
            let HangupBody { which } = read(body).await?;
            let ended = ask(&port.hangup, HangupCall(which)).await?;
            json(StatusCode::OK, &ended.map_err(refused)?)
        }
        (&Method::POST, ["v1", "calls", call, verb @ ("hold" | "resume")]) => {
            let call = which_call(call)?;
            let hold = *verb == "hold";
            let held = ask(&port.hold, HoldCall { call, hold }).await?;
            json(StatusCode::OK, &held.map_err(refused)?)
        }
        (&Method::POST, ["v1", "calls", call, "transfer"]) => {
            let call = which_call(call)?;
            let to = match read(body).await? {
                TransferBody::Target(target) => TransferTarget::Target(target),
                TransferBody::Call(other) => TransferTarget::Call(other),
            };
            let asked = ask(&port.transfer, TransferCall { call, to }).await?;
            json(StatusCode::OK, &asked.map_err(refused)?)
        }
        (&Method::POST, ["v1", "calls", call, "dtmf"]) => {
            let call = which_call(call)?;
            let DtmfBody { digits } = read(body).await?;
            let sent = ask(&port.dtmf, SendDtmf { call, digits }).await?;
            json(StatusCode::OK, &sent.map_err(refused)?)
        }
        (_, ["v1", "volume" | "conference" | "devices"])
        | (&Method::POST, ["v1", "calls", _, "mute" | "record"]) => {
            sound::answer(&head.method, &segments, body, &port.sound).await
        }
        (&Method::POST, ["v1", "accounts", account, "restart"]) => {
            let account = which_account(account)?;
            ask(&port.restart, RestartAccount { account })
                .await?
                .map_err(refused)?;
            Ok(empty())
        }
        (&Method::POST, ["v1", "accounts", account, "use"]) => {
            let account = which_account(account)?;
            let preferred = ask(&port.prefer, PreferAccount { account }).await?;
            preferred.map_err(refused)?;
            Ok(empty())
        }
        #[cfg(feature = "panic-injection")]
        (&Method::POST, ["v1", "accounts", account, "panic"]) => {
            let account = which_account(account)?;
            ask(&port.panic, InjectPanic { account })
                .await?
                .map_err(refused)?;
            Ok(empty())
        }
        (&Method::POST, ["v1", "features"]) => {
            let FeaturesBody {
                account,
                do_not_disturb,
                forward,
            } = read(body).await?;
            let switch = SwitchFeatures {
                account,
                do_not_disturb,
                forward,
            };
            let switched = ask(&port.switch, switch).await?;
            json(StatusCode::OK, &switched.map_err(refused)?)
        }
        (&Method::POST, ["v1", "messages"]) => {
            let MessageBody {
                account,
                target,
                text,
            } = read(body).await?;
            let message = SendMessage {
                account,
                target,
                text,
            };
            let sent = ask(&port.message, message).await?;
            let status = sent.map_err(refused)?;
            json(StatusCode::OK, &serde_json::json!({ "status": status }))
        }
        (&Method::GET, ["v1", "contacts"]) => contacts::list(head.uri.query(), port).await,
        (&Method::POST, ["v1", "contacts"]) => contacts::add(body, port).await,
        (&Method::DELETE, ["v1", "contacts", id]) => contacts::remove(id, port).await,
        (&Method::GET, ["v1", "phonebooks"]) => contacts::phonebooks(port).await,
        (&Method::GET, ["v1", "directories"]) => contacts::directories(port),
        (&Method::GET, ["v1", "history"]) => history::list(head.uri.query(), port).await,
        (&Method::GET, ["v1", "history", "export"]) => {
            history::export(head.uri.query(), port).await
        }
        (&Method::DELETE, ["v1", "history"]) => history::forget(None, port).await,
        (&Method::DELETE, ["v1", "history", id]) => history::forget(Some(id), port).await,
        (&Method::GET, ["v1", "openapi.json"]) => Ok(openapi::document()),
        (&Method::POST, ["v1", "enrol"]) => enrol(read(body).await?, port).await,
        (method, ["v1", "links", below @ ..]) => links::answer(method, below, body, port).await,
        (&Method::POST, ["v1", "shutdown"]) => {
            port.shutdown.do_send(Shutdown);
            Ok(empty())
        }
        _ => Err(no_such_route(&head.method, &path)),
    }
}

pub(super) fn no_such_route(method: &Method, path: &str) -> Problem {
    Problem::new(
        404,
        "no-such-route",
        "Not part of this API",
        format!("there is no {method} {}", shown(path)),
    )
}

/// A problem document as an answer.
pub(super) fn problem_response(problem: &Problem) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() =
        StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static(problem::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

async fn enrol(body: EnrolBody, port: &AgentPort) -> Answer {
    let ticket: Ticket = body
        .ticket
        .parse()
        .map_err(|e| enrol_refused(&EnrolError::Ticket(e)))?;
    let vault = VaultKind::from_environment().map_err(|e| enrol_refused(&e.into()))?;
    let message = Enrol {
        ticket,
        replace: body.replace,
        vault,
    };
    let provisioning = port
        .board
        .read()
        .enrol
        .and_then(|provisioning| provisioning.upgrade())
        .ok_or_else(|| no_answer("it is still starting"))?;
    let enrolled = ask(&provisioning, message).await?;
    json(StatusCode::OK, &enrolled.map_err(|e| enrol_refused(&e))?)
}

pub(super) async fn ask<M>(who: &Recipient<M>, message: M) -> Result<M::Result, Problem>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    who.send(message).await.map_err(|error| {
        let why = match error {
            MailboxError::Closed => "it is starting anew or shutting down",
            MailboxError::Timeout => "it took too long",
        };
        no_answer(why)
    })
}

fn no_answer(why: &str) -> Problem {
    Problem::new(503, "no-answer", "The agent did not answer", why).advise("try again in a moment")
}

pub(super) async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, Problem> {
    let bad = |status, detail: String| {
        Problem::new(status, "bad-request", "The request cannot be read", detail)
    };
    let collected = tokio::time::timeout(BODY_PATIENCE, Limited::new(body, MAX_BODY).collect())
        .await
        .map_err(|_| bad(408, "its body did not come in time".into()))?;
    let bytes = collected
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                bad(413, format!("its body has more than {MAX_BODY} bytes"))
            } else {
                bad(400, "its body broke off".into())
            }
        })?
        .to_bytes();
    // Without the value: it may be a ticket or a PIN.
    serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        let what = match error.classify() {
            serde_json::error::Category::Data => "a field is missing, unknown or of the wrong kind",
            _ => "it is no JSON",
        };
        bad(400, format!("{what} ({place})"))
    })
}

/// A call by number; `any` leaves the choice to the agent.
pub(super) fn which_call(text: &str) -> Result<Option<u32>, Problem> {
    if text == "any" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Problem::new(
            400,
            "bad-request",
            "The request cannot be read",
            format!("{:?} is no call: a number, or 'any'", shown(text)),
        )
    })
}

fn which_account(text: &str) -> Result<AccountId, Problem> {
    text.parse()
        .map_err(|e: carillon_schemas::identifier::IdentifierError| {
            Problem::new(
                400,
                "bad-request",
                "The request cannot be read",
                e.to_string(),
            )
        })
}

pub(super) fn refused(error: CommandError) -> Problem {
    let status = match &error {
        CommandError::NoSuchAccount { .. }
        | CommandError::NoSuchCall { .. }
        | CommandError::NoSuchLink { .. } => 404,
        CommandError::BadTarget { .. }
        | CommandError::BadDigits { .. }
        | CommandError::BadValue { .. }
        | CommandError::BadLink(_) => 422,
        CommandError::TooManyLinks => 429,
        CommandError::ShuttingDown | CommandError::NoAnswer { .. } => 503,
        CommandError::NotRemembered { .. } => 500,
        _ => 409,
    };
    Problem::new(status, error.word(), "Not possible now", error.to_string())
}

fn enrol_refused(error: &EnrolError) -> Problem {
    let word = error.word();
    let status = match word {
        "server-unreachable" => 502,
        "state-unusable" => 500,
        "already-enrolled" => 409,
        _ => 422,
    };
    Problem::new(status, word, "Not enrolled", error.to_string())
}

pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|e| {
        Problem::new(
            500,
            "unexpected",
            "The answer cannot be written",
            e.to_string(),
        )
    })?;
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

pub(super) fn empty() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

//! An error as an HTTP answer: a problem document (RFC 9457), with `Retry-After` where waiting helps.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use carillon_schemas::Problem;
use carillon_schemas::problem;

use crate::service::ServiceError;

/// The error of every handler of the two APIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemAnswer {
    problem: Problem,
    retry_after: Option<u64>,
}

impl ProblemAnswer {
    /// What is told.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The address is not one of the API.
    pub fn no_such_address() -> Self {
        Problem::new(
            404,
            "no-such-address",
            "No such address",
            "this API has nothing there",
        )
        .into()
    }

    /// The address is there, the method is not.
    pub fn wrong_method() -> Self {
        Problem::new(
            405,
            "wrong-method",
            "The method is not allowed",
            "this address is used with another method",
        )
        .into()
    }
}

impl From<Problem> for ProblemAnswer {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            retry_after: None,
        }
    }
}

impl From<ServiceError> for ProblemAnswer {
    fn from(error: ServiceError) -> Self {
        Self {
            problem: error.problem(),
            retry_after: error.retry_after(),
        }
    }
}

impl fmt::Display for ProblemAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for ProblemAnswer {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        answer.insert_header((CONTENT_TYPE, problem::CONTENT_TYPE));
        answer.insert_header((CACHE_CONTROL, "no-store"));
        if self.problem.status == 401 {
            answer.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        answer.body(serde_json::to_string(&self.problem).unwrap_or_default())
    }
}

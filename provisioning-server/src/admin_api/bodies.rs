//! What crosses the admin API beside the fleet's own types.

use actix_web::web::Payload;
use carillon_schemas::{Problem, Secret, Timestamp, strict};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::problem_answer::ProblemAnswer;
use crate::request_body;
use crate::store::{AdminToken, Scope, Totals};

/// The largest body but for `apply`, in bytes.
const MAX_BODY: usize = 64 << 10;

/// A desk to add.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NewDesk {
    /// Its name.
    pub name: String,
}

/// A password to set. It is never given back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct NewPassword {
    /// The password.
    pub password: Secret,
}

/// A ticket to make.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TicketWanted {
    /// The desk it enrols, by name; a new desk for every use when absent.
    #[serde(default)]
    pub desk: Option<String>,
    /// Seconds that it holds.
    #[serde(default = "one_hour")]
    pub expires_in: u64,
    /// How many desks it enrols.
    #[serde(default = "one")]
    pub uses: u32,
}

/// A ticket made.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct TicketAnswer {
    /// Its public name.
    pub id: String,
    /// The string for the installer. It is shown this once.
    pub ticket: String,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// An admin token to make.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TokenWanted {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// Seconds that it holds; without end when absent.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// An admin token made.
#[derive(Serialize, JsonSchema)]
pub struct TokenAnswer {
    /// Its record.
    pub record: AdminToken,
    /// The token. It is shown this once.
    pub token: String,
}

/// The fleet in brief.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FleetAnswer {
    /// Its random id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where desks reach it.
    pub public_url: String,
    /// Counts over all desks.
    pub totals: Totals,
}

/// Reads what an admin wrote, strictly.
pub(super) async fn read<T: DeserializeOwned>(payload: Payload) -> Result<T, ProblemAnswer> {
    strictly(&text(payload, MAX_BODY).await?, MAX_BODY)
}

/// The body as text.
pub(super) async fn text(payload: Payload, limit: usize) -> Result<String, ProblemAnswer> {
    let body = request_body::read(payload, limit).await?;
    match std::str::from_utf8(&body) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Problem::new(
            400,
            "body-unreadable",
            "The body cannot be read",
            "it is not UTF-8",
        )
        .into()),
    }
}

/// JSON is YAML, so that one strict reader serves both.
fn strictly<T: DeserializeOwned>(text: &str, limit: usize) -> Result<T, ProblemAnswer> {
    strict::from_yaml(text, limit).map_err(|error| unreadable(&error))
}

/// What is wrong with what an admin wrote.
pub(super) fn unreadable(error: &strict::ReadError) -> ProblemAnswer {
    Problem::new(
        422,
        "invalid",
        "What was sent is not right",
        error.to_string(),
    )
    .advise("correct it and send it again; nothing was changed")
    .into()
}

fn one_hour() -> u64 {
    3_600
}

fn one() -> u32 {
    1
}

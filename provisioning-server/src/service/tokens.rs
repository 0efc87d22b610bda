//! Tokens for the admin API.

use std::time::Duration;

use carillon_schemas::Timestamp;
use carillon_schemas::config::ConfigError;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Service, ServiceError, now};
use crate::fleet::{Actor, AuditDraft};
use crate::store::{AdminToken, Scope};
use crate::trust::bearer;

/// The most admin tokens at once.
const MAX_ADMIN_TOKENS: usize = 1_000;

/// A token made: the only moment that it is seen. No `Debug`.
pub struct TokenMade {
    /// Its record.
    pub record: AdminToken,
    /// The token itself.
    pub token: Zeroizing<String>,
}

impl Service {
    /// Makes an admin token.
    ///
    /// # Errors
    /// When the name is none, or there are too many tokens.
    pub async fn new_admin_token(
        &self,
        actor: &Actor,
        name: &str,
        scope: Scope,
        life: Option<Duration>,
    ) -> Result<TokenMade, ServiceError> {
        let invalid = |path: &str, why: String| {
            Err(ServiceError::Invalid(ConfigError {
                path: path.into(),
                why,
            }))
        };
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            let why = "must be 1 to 64 bytes without control characters";
            return invalid("name", why.into());
        }
        if self.store.tokens().await?.len() >= MAX_ADMIN_TOKENS {
            return invalid(
                "name",
                format!("there are {MAX_ADMIN_TOKENS} tokens; withdraw one that is no longer used"),
            );
        }
        let token = bearer::new_secret()?;
        let at: Timestamp = now();
        let record = AdminToken {
            id: bearer::new_name()?,
            name: name.to_owned(),
            scope,
            created: at,
            expires: life.map(|life| at.after(life)),
            last_used: None,
        };
        let audit = AuditDraft {
            actor: actor.clone(),
            action: "admin_token_made",
            target: record.id.clone(),
            detail: json!({ "name": name, "scope": scope, "expires": record.expires }),
        };
        self.store
            .add_token(record.clone(), bearer::hash(&token), audit)
            .await?;
        Ok(TokenMade { record, token })
    }

    /// Who holds this admin token; `None` when nobody does (any more).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn admin_token(&self, token: &str) -> Result<Option<AdminToken>, ServiceError> {
        Ok(self.store.token(&bearer::hash(token), now()).await?)
    }

    /// All admin tokens, without the tokens themselves.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn admin_tokens(&self) -> Result<Vec<AdminToken>, ServiceError> {
        Ok(self.store.tokens().await?)
    }

    /// Withdraws an admin token.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn remove_admin_token(&self, actor: &Actor, id: &str) -> Result<(), ServiceError> {
        let audit = AuditDraft {
            actor: actor.clone(),
            action: "admin_token_removed",
            target: id.chars().take(80).collect(),
            detail: serde_json::Value::Null,
        };
        match self.store.remove_token(id.to_owned(), audit, now()).await? {
            true => Ok(()),
            false => Err(ServiceError::NoToken(id.chars().take(80).collect())),
        }
    }
}

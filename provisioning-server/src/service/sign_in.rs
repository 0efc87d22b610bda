//! People at the portal: a name and a password for a session.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use carillon_schemas::Timestamp;
use zeroize::Zeroizing;

use super::{Service, ServiceError, now};
use crate::fleet::{Actor, AuditDraft};
use crate::store::{Commit, SessionRecord};
use crate::trust::{bearer, password, throttle};

/// How long a session holds.
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 3_600);
/// How long a sign-in waits for its turn before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A session that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: String,
    /// What every form of the session carries.
    pub csrf: String,
    /// From when on it is over.
    pub expires: Timestamp,
}

/// A session just opened: the only moment that its cookie is seen. No `Debug`.
pub struct SignedIn {
    /// The value of the cookie.
    pub cookie: Zeroizing<String>,
    /// The session.
    pub session: Session,
}

/// Why someone is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The name or the password is wrong; which, is not said.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Too many wrong ones before, from this address or for this name.
    #[error("too many failed sign-ins: try again in {} s", .0.as_secs().max(1))]
    TooMany(Duration),
    /// The server.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl Session {
    /// Whether a form's token is the session's.
    pub fn csrf_matches(&self, token: &str) -> bool {
        bearer::equal(&self.csrf, token)
    }
}

impl Service {
    /// Opens a session for a name and a password.
    ///
    /// # Errors
    /// When they are wrong, or wrong too often before.
    pub async fn sign_in(
        &self,
        user: &str,
        password: &Zeroizing<String>,
        from: IpAddr,
    ) -> Result<SignedIn, SignInError> {
        let keys = [
            format!("from {}", throttle::address_key(from)),
            format!("as {}", bearer::hash(user)),
        ];
        let start = Instant::now();
        let wait = keys
            .iter()
            .filter_map(|key| self.sign_in_failures.wait(key, start))
            .max();
        if let Some(wait) = wait {
            return Err(SignInError::TooMany(wait));
        }
        let turn = tokio::time::timeout(PATIENCE, self.sign_ins.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(SignInError::TooMany(PATIENCE));
        };
        let known = self.store.admin(user).await.map_err(ServiceError::from)?;
        let is_known = known.is_some();
        let stored = known.unwrap_or_else(|| NOBODY.clone());
        let given = password.clone();
        let matches = tokio::task::spawn_blocking(move || password::matches(&given, &stored))
            .await
            .unwrap_or(false);
        if !(matches && is_known) {
            for key in &keys {
                self.sign_in_failures.failed(key, Instant::now());
            }
            tracing::warn!(%from, "a sign-in failed");
            return Err(SignInError::Wrong);
        }
        let cookie = bearer::new_secret().map_err(ServiceError::from)?;
        let csrf = bearer::new_secret().map_err(ServiceError::from)?;
        let session = Session {
            user: user.to_owned(),
            csrf: csrf.to_string(),
            expires: now().after(SESSION_LIFE),
        };
        self.commit(Commit {
            at: now(),
            audit: vec![AuditDraft {
                actor: Actor {
                    name: format!("admin:{user}"),
                    address: Some(from.to_string()),
                },
                action: "signed_in",
                target: user.to_owned(),
                detail: serde_json::Value::Null,
            }],
            ..Commit::default()
        })
        .await?;
        self.store
            .open_session(SessionRecord {
                hash: bearer::hash(&cookie),
                user: session.user.clone(),
                csrf: session.csrf.clone(),
                expires: session.expires,
            })
            .await
            .map_err(ServiceError::from)?;
        Ok(SignedIn { cookie, session })
    }

    /// The session of a cookie; `None` when there is none, or it is over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session(&self, cookie: &str) -> Result<Option<Session>, ServiceError> {
        let record = self.store.session(&bearer::hash(cookie), now()).await?;
        Ok(record.map(|record| Session {
            user: record.user,
            csrf: record.csrf,
            expires: record.expires,
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_out(&self, cookie: &str) -> Result<(), ServiceError> {
        Ok(self.store.close_session(&bearer::hash(cookie)).await?)
    }
}

/// The hash that is checked for a name that nobody has, so that the time tells nothing.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    password::generate()
        .and_then(|made| password::hash(&made))
        .unwrap_or_default()
});

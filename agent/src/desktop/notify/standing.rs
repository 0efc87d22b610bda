//! Whether notifications are shown, and why not.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::screen;

/// Whether notifications are shown. Cheap to clone: all clones are one.
#[derive(Clone, Debug)]
pub struct Standing {
    wanted: bool,
    trouble: Arc<Mutex<Option<String>>>,
}

/// The same for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyView {
    /// Whether the next call is shown.
    pub on: bool,
    /// Why not, or what went wrong with the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Standing {
    /// As the configuration wants it.
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self {
            wanted,
            trouble: Arc::default(),
        }
    }

    /// How it stands now.
    #[must_use]
    pub fn view(&self) -> NotifyView {
        if !self.wanted {
            let why = Some("off in agent.yaml".to_owned());
            return NotifyView { on: false, why };
        }
        match screen::there() {
            Ok(()) => NotifyView {
                on: true,
                why: self.lock().clone(),
            },
            Err(why) => NotifyView {
                on: false,
                why: Some(why.to_owned()),
            },
        }
    }

    /// What the last one came to.
    pub(super) fn came_to(&self, trouble: Option<String>) {
        if let Some(why) = &trouble {
            tracing::debug!("a notification was not shown: {why}");
        }
        *self.lock() = trouble;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_off_says_so() {
        let view = Standing::new(false).view();
        assert_eq!(
            (view.on, view.why.as_deref()),
            (false, Some("off in agent.yaml"))
        );
    }
}

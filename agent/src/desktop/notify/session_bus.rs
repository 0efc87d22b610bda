//! `org.freedesktop.Notifications` on the session bus (Desktop Notifications Specification 1.2).
//!
//! One connection for each notification, gone with it: an agent at rest holds none.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::oneshot;
use tokio::time::timeout;
use zbus::zvariant::{DynamicType, Value};
use zbus::{Connection, MatchRule, Message, MessageStream};

use super::Wish;
use super::notice::{Notice, escaped};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// How long the bus and the desktop may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Signals that may wait to be read.
const BACKLOG: usize = 16;
const ANSWER: &str = "answer";
const DECLINE: &str = "decline";
/// Urgencies of the specification.
const NORMAL: u8 = 1;
const CRITICAL: u8 = 2;

/// Whether there is a session bus, or why not.
pub(super) fn there() -> Result<(), &'static str> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let named = set("DBUS_SESSION_BUS_ADDRESS").is_some();
    let usual = || set("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("bus").exists());
    if named || usual() {
        Ok(())
    } else {
        Err("there is no session bus: the agent runs outside a desktop session")
    }
}

/// Shows a notification and leaves it there.
pub(super) async fn tell(notice: &Notice) -> Result<(), String> {
    let desktop = Desktop::reach().await?;
    desktop.show(notice, &[], NORMAL).await.map(drop)
}

/// Shows a call until it is over; what the user wished, if that came first.
pub(super) async fn ring(
    notice: &Notice,
    over: oneshot::Receiver<()>,
) -> Result<Option<Wish>, String> {
    let desktop = Desktop::reach().await?;
    let mut signals = desktop.signals().await?;
    let actions = [ANSWER, "Answer", DECLINE, "Decline"];
    let shown = desktop.show(notice, &actions, CRITICAL).await?;
    let wish = async {
        while let Some(Ok(signal)) = signals.next().await {
            if let Some(wish) = wish_of(&signal, shown) {
                return wish;
            }
        }
        // The bus is gone, and the notification with it.
        None
    };
    let wish = tokio::select! {
        wish = wish => wish,
        _ = over => None,
    };
    desktop.close(shown).await;
    Ok(wish)
}

/// What a signal says of the notification; `None` when it is of another, or says nothing.
#[allow(clippy::option_option)]
fn wish_of(signal: &Message, shown: u32) -> Option<Option<Wish>> {
    let member = signal.header().member()?.as_str().to_owned();
    let body = signal.body();
    match member.as_str() {
        "ActionInvoked" => match body.deserialize::<(u32, &str)>().ok()? {
            (id, ANSWER) if id == shown => Some(Some(Wish::Answer)),
            (id, DECLINE) if id == shown => Some(Some(Wish::Decline)),
            _ => None,
        },
        // Closed by the user without a word: it rings on.
        "NotificationClosed" => {
            let (id, _) = body.deserialize::<(u32, u32)>().ok()?;
            (id == shown).then_some(None)
        }
        _ => None,
    }
}

/// A connection to the desktop, and what it can do.
struct Desktop {
    bus: Connection,
    can: Vec<String>,
}

impl Desktop {
    async fn reach() -> Result<Self, String> {
        let bus = soon("the session bus", Connection::session()).await?;
        let mut desktop = Self {
            bus,
            can: Vec::new(),
        };
        let answer = desktop.ask("GetCapabilities", &()).await?;
        desktop.can = answer.body().deserialize().map_err(|e| e.to_string())?;
        Ok(desktop)
    }

    fn can(&self, what: &str) -> bool {
        self.can.iter().any(|known| known == what)
    }

    async fn show(&self, notice: &Notice, actions: &[&str], urgency: u8) -> Result<u32, String> {
        let text = if self.can("body-markup") {
            escaped(&notice.text)
        } else {
            notice.text.clone()
        };
        let actions = if self.can("actions") { actions } else { &[] };
        let hints = HashMap::from([
            ("urgency", Value::from(urgency)),
            ("category", Value::from(notice.kind)),
            // Sound is the agent's own.
            ("suppress-sound", Value::from(true)),
        ]);
        // One that matters stays until it is closed; the desktop knows how long for the others.
        let expires: i32 = if urgency == CRITICAL { 0 } else { -1 };
        let icon = "call-start";
        let body = (
            "Carillon",
            0_u32,
            icon,
            notice.title.as_str(),
            text.as_str(),
            actions,
            hints,
            expires,
        );
        let answer = self.ask("Notify", &body).await?;
        answer.body().deserialize().map_err(|e| e.to_string())
    }

    async fn close(&self, shown: u32) {
        // It may be closed already.
        let _ = self.ask("CloseNotification", &shown).await;
    }

    async fn signals(&self) -> Result<MessageStream, String> {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(NAME)
            .and_then(|rule| rule.interface(NAME))
            .and_then(|rule| rule.path(PATH))
            .map_err(|e| e.to_string())?
            .build();
        let stream = MessageStream::for_match_rule(rule, &self.bus, Some(BACKLOG));
        soon("the session bus", stream).await
    }

    async fn ask<B>(&self, method: &str, body: &B) -> Result<Message, String>
    where
        B: serde::Serialize + DynamicType,
    {
        let call = self
            .bus
            .call_method(Some(NAME), PATH, Some(NAME), method, body);
        soon("the desktop's notifications", call).await
    }
}

async fn soon<T>(
    who: &str,
    what: impl Future<Output = Result<T, zbus::Error>>,
) -> Result<T, String> {
    match timeout(PATIENCE, what).await {
        Ok(came) => came.map_err(|e| format!("{who}: {e}")),
        Err(_) => Err(format!("{who}: no answer within {PATIENCE:?}")),
    }
}

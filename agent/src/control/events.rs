//! What happened, as the local API tells it: server-sent events (WHATWG HTML §9.2), a name and a JSON object each.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::AgentEvent;

/// One event on the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    /// `call_changed`, `account_changed`, …
    pub event: String,
    /// The facts.
    pub data: Value,
}

impl Happening {
    /// The event on the wire.
    pub fn frame(&self) -> String {
        // JSON has no line end inside, so one data line holds it all.
        format!("event: {}\ndata: {}\n\n", self.event, self.data)
    }
}

/// An event as the stream tells it.
pub fn happening(event: &AgentEvent) -> Happening {
    let (name, data) = match event {
        AgentEvent::AccountChanged(account) => ("account_changed", json!(account)),
        AgentEvent::AccountRemoved(id) => ("account_removed", json!({ "id": id })),
        AgentEvent::CallChanged(call) => ("call_changed", json!(call)),
        AgentEvent::CallEnded { view, cause, text } => (
            "call_ended",
            json!({ "call": view, "cause": cause, "text": text }),
        ),
        AgentEvent::TransferRequested { call, target, by } => (
            "transfer_requested",
            json!({ "call": call, "target": target, "by": by }),
        ),
        AgentEvent::TransferProgress { call, status } => (
            "transfer_progress",
            json!({ "call": call, "status": status }),
        ),
        AgentEvent::TransferEnded {
            call,
            completed,
            text,
        } => (
            "transfer_ended",
            json!({ "call": call, "completed": completed, "text": text }),
        ),
        AgentEvent::CallTurnedAway {
            account,
            peer,
            name,
            why,
        } => (
            "call_turned_away",
            json!({ "account": account, "peer": peer, "name": name, "why": why }),
        ),
        AgentEvent::CallBarred {
            account,
            peer,
            name,
        } => (
            "call_barred",
            json!({ "account": account, "peer": peer, "name": name }),
        ),
        AgentEvent::FeaturesChanged(features) => ("features_changed", json!(features)),
        AgentEvent::MessagesWaiting {
            account,
            waiting,
            new,
        } => (
            "messages_waiting",
            json!({ "account": account, "waiting": waiting, "new": new }),
        ),
        AgentEvent::LampChanged {
            account,
            line,
            state,
        } => (
            "lamp_changed",
            json!({ "account": account, "line": line, "state": state }),
        ),
        AgentEvent::TextReceived {
            account,
            from,
            name,
            text,
        } => (
            "text_received",
            json!({ "account": account, "from": from, "name": name, "text": text }),
        ),
        AgentEvent::HookFailed { hook, why } => {
            ("hook_failed", json!({ "hook": hook, "why": why }))
        }
        AgentEvent::LinkAsked(ask) => ("link_asked", json!(ask)),
        AgentEvent::LinkSettled { id, outcome } => {
            ("link_settled", json!({ "id": id, "outcome": outcome }))
        }
        AgentEvent::TextSent {
            account,
            to,
            text,
            delivered,
        } => (
            "text_sent",
            json!({ "account": account, "to": to, "text": text, "delivered": delivered }),
        ),
        AgentEvent::HistoryChanged => ("history_changed", json!({})),
        AgentEvent::HistoryTrouble { text } => ("history_trouble", json!({ "text": text })),
        AgentEvent::ContactsChanged => ("contacts_changed", json!({})),
        AgentEvent::CheckSync => ("check_sync", json!({})),
        AgentEvent::DtmfReceived { call, digit } => {
            ("dtmf_received", json!({ "call": call, "digit": digit }))
        }
        AgentEvent::MediaTrouble { call, text } => {
            ("media_trouble", json!({ "call": call, "text": text }))
        }
        AgentEvent::ConfigApplied {
            generation,
            changes,
            took,
        } => (
            "config_applied",
            json!({
                "generation": generation,
                "changes": changes,
                "took_ms": took.as_secs_f64() * 1_000.0,
            }),
        ),
        AgentEvent::ConfigRefused { generation, reason } => (
            "config_refused",
            json!({ "generation": generation, "reason": reason }),
        ),
        AgentEvent::ConfigWarning { text } => ("config_warning", json!({ "text": text })),
        AgentEvent::ActorRestarted {
            actor,
            account,
            why,
            attempt,
            after,
        } => (
            "actor_restarted",
            json!({
                "actor": actor,
                "account": account,
                "why": why,
                "attempt": attempt,
                "after_ms": after.as_secs_f64() * 1_000.0,
            }),
        ),
        AgentEvent::ActorGivenUp {
            actor,
            account,
            why,
        } => (
            "actor_given_up",
            json!({ "actor": actor, "account": account, "why": why }),
        ),
        AgentEvent::FreshnessLost => ("freshness_lost", json!({})),
        AgentEvent::FreshnessRegained => ("freshness_regained", json!({})),
        AgentEvent::EventsMissed { count } => ("events_missed", json!({ "count": count })),
        AgentEvent::ShuttingDown => ("shutting_down", json!({})),
    };
    Happening {
        event: name.to_owned(),
        data,
    }
}

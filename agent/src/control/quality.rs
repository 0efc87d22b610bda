//! How the calls sound, told once a second to who looks: `GET /v1/quality`.
//!
//! The counters of a call change with every packet, so no event carries them. Nothing is asked while nobody looks.

use std::time::Duration;

use actix::Recipient;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use super::events::Happening;
use crate::command::QueryStatus;

/// The pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// A frame at once and then one a second, until no call stands.
pub(super) fn frames(query: Recipient<QueryStatus>) -> impl Stream<Item = String> + Send {
    stream::unfold((query, Duration::ZERO), |(query, pause)| async move {
        tokio::time::sleep(pause).await;
        let calls = query.send(QueryStatus).await.ok()?.calls;
        if calls.is_empty() {
            return None;
        }
        let data: Vec<Value> = calls
            .iter()
            .map(|call| json!({ "call": call.id, "codec": call.codec, "media": call.media }))
            .collect();
        let happening = Happening {
            event: "quality".to_owned(),
            data: json!(data),
        };
        Some((happening.frame(), (query, EVERY)))
    })
}

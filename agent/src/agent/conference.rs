//! The conference of the desk: which calls hear each other.
//!
//! The mixing is the media engine's; here stands who is in it, and that one alone is no conference.

use actix::{Context, Handler, ResponseFuture};
use carillon_schemas::status::CallState;

use super::Agent;
use super::commands::{ask, refuse};
use crate::account::Hold;
use crate::call::JoinConference;
use crate::command::{CommandError, Confer, EndConference};
use crate::view::CallView;

/// The fewest calls that make a conference.
const FEWEST: usize = 2;

impl Agent {
    /// Calls that are to be in the conference: those asked for and those that are.
    fn members(&self, asked: &[u32]) -> Result<Vec<u32>, CommandError> {
        for call in asked {
            let entry = self.calls.get(call);
            let entry = entry.ok_or(CommandError::NoSuchCall { call: *call })?;
            if entry.view.state != CallState::Established {
                return Err(CommandError::WrongState {
                    call: *call,
                    why: "it is not answered yet, so it cannot be part of a conference".to_owned(),
                });
            }
        }
        let members: Vec<u32> = self
            .calls
            .values()
            .map(|entry| &entry.view)
            .filter(|view| {
                view.conference
                    || asked.contains(&view.id)
                    || (asked.is_empty() && view.state == CallState::Established)
            })
            .map(|view| view.id)
            .collect();
        match members[..] {
            [] => Err(CommandError::NoCall {
                what: "established",
            }),
            [only] => Err(CommandError::WrongState {
                call: only,
                why: format!(
                    "a conference takes {FEWEST} calls at least; call somebody else first"
                ),
            }),
            _ => Ok(members),
        }
    }

    /// The last one of a conference is a call like any other.
    pub(super) fn close_conference_of_one(&self) {
        let mut members = self.calls.values().filter(|entry| entry.view.conference);
        if let (Some(last), None) = (members.next(), members.next()) {
            last.call.do_send(JoinConference(false));
        }
    }
}

impl Handler<Confer> for Agent {
    type Result = ResponseFuture<Result<Vec<CallView>, CommandError>>;

    fn handle(&mut self, confer: Confer, _: &mut Context<Self>) -> Self::Result {
        let members = match self.members(&confer.calls) {
            Ok(members) => members,
            Err(error) => return refuse(error),
        };
        let (mut resumed, mut joined) = (Vec::new(), Vec::new());
        for entry in members.iter().filter_map(|call| self.calls.get(call)) {
            let number = entry.view.id;
            // Only when it is asked for by name or by all: who was held in the conference stays held.
            if entry.view.on_hold && !entry.view.conference {
                let actor = format!("account {}", entry.view.account);
                let hold = false;
                resumed.push(ask(actor, &entry.account, Hold { number, hold }));
            }
            joined.push((number, entry.call.clone()));
        }
        Box::pin(async move {
            for answer in futures_util::future::join_all(resumed).await {
                answer?;
            }
            let joined = joined
                .iter()
                .map(|(number, call)| ask(format!("call {number}"), call, JoinConference(true)));
            let joined = futures_util::future::join_all(joined).await;
            joined.into_iter().collect()
        })
    }
}

impl Handler<EndConference> for Agent {
    type Result = ResponseFuture<Result<Vec<CallView>, CommandError>>;

    fn handle(&mut self, _: EndConference, _: &mut Context<Self>) -> Self::Result {
        let members = self.calls.values().filter(|entry| entry.view.conference);
        let left: Vec<_> = members
            .map(|entry| {
                let actor = format!("call {}", entry.view.id);
                ask(actor, &entry.call, JoinConference(false))
            })
            .collect();
        if left.is_empty() {
            return refuse(CommandError::NoCall { what: "conference" });
        }
        Box::pin(async move {
            let left = futures_util::future::join_all(left).await;
            // One that ended meanwhile has left as well.
            Ok(left.into_iter().filter_map(Result::ok).collect())
        })
    }
}

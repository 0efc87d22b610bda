//! Asking the peer to call somebody else (RFC 3515, RFC 5589): blind, or attended with the dialog of another call to be replaced.
//! With the focus of a conference as the peer, it asks somebody in, and the call stays (RFC 4579 §5.5).

use super::call::{Call, State};
use super::cause::{CallError, EndCause, TransferOutcome};
use super::replaces::Replaces;
use super::sipfrag;
use crate::endpoint::{CallId, Core, Event, Incoming, Reply, RequestId};
use crate::message::{HeaderName, Method, NameAddr, Uri};
use std::time::{Duration, Instant};

/// How long a transfer is followed: a ring, and what is said about it.
const LIMIT: Duration = Duration::from_secs(240);

#[derive(Debug)]
pub(super) struct Transfer {
    /// The REFER, until it is answered.
    refer: Option<RequestId>,
    /// The CSeq number of the REFER, which names the subscription (RFC 3515 §2.4.6).
    number: u32,
    /// The call whose dialog is replaced.
    pub(super) with: Option<CallId>,
    last: Option<(u16, String)>,
    until: Instant,
}

impl Transfer {
    pub(super) fn next_wake(&self) -> Instant {
        self.until
    }
}

impl Call {
    /// Sends REFER. `with` is the other call of an attended transfer and the name of its dialog.
    pub(super) fn refer(
        &mut self,
        core: &mut Core,
        now: Instant,
        target: Uri,
        with: Option<(CallId, Replaces)>,
    ) -> Result<(), CallError> {
        if self.state != State::Established || self.told.is_none() || self.transfer.is_some() {
            return Err(self.refused("transferred"));
        }
        let mut target = Uri {
            headers: None,
            ..target
        };
        if let Some((_, replaces)) = &with {
            let value = escape_header(&replaces.to_string());
            target.headers = Some(format!("Replaces={value}"));
        }
        let us = NameAddr::new(core.config.aor.address_of_record()).to_string();
        let mut number = 0;
        let refer = self.ask(core, now, Method::Refer, |request| {
            let cseq = request.headers.text(HeaderName::CSeq);
            number = cseq
                .and_then(|cseq| cseq.split(' ').next()?.parse().ok())
                .unwrap_or(0);
            let refer_to = NameAddr::new(target).to_string();
            request.headers.push(HeaderName::ReferTo, refer_to);
            request.headers.push(HeaderName::ReferredBy, us);
        });
        self.transfer = Some(Transfer {
            refer,
            number,
            with: with.map(|(call, _)| call),
            last: None,
            until: now + LIMIT,
        });
        Ok(())
    }

    pub(super) fn is_transfer(&self, id: RequestId) -> bool {
        self.transfer
            .as_ref()
            .is_some_and(|transfer| transfer.refer == Some(id))
    }

    pub(super) fn on_transfer_reply(&mut self, core: &mut Core, reply: Reply, now: Instant) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        match reply {
            Reply::Response { response, .. } if response.is_provisional() => {}
            Reply::Response {
                response,
                essentials,
                ..
            } if response.is_success() => {
                transfer.refer = None;
                transfer.number = essentials.cseq.number;
                // No news will come (RFC 4488): the peer does it, and that is all that can be known.
                let silent = response
                    .headers
                    .text(HeaderName::ReferSub)
                    .is_some_and(|value| value.trim().to_ascii_lowercase().starts_with("false"));
                if silent {
                    self.transfer_done(core, now, TransferOutcome::Unknown);
                }
            }
            Reply::Response { response, note, .. } => {
                let (status, reason) = (response.status, note.unwrap_or(response.reason));
                self.transfer_done(core, now, TransferOutcome::Refused { status, reason });
                if matches!(status, 408 | 481) {
                    let why = format!("the peer knows the call no more ({status})");
                    self.abort(core, now, status, EndCause::Failed { why });
                }
            }
            Reply::Failed { .. } | Reply::Done => {
                self.transfer_done(core, now, TransferOutcome::Unknown);
            }
        }
    }

    /// A NOTIFY within the call.
    pub(super) fn on_notify(&mut self, core: &mut Core, now: Instant, incoming: &Incoming) {
        let headers = &incoming.request.headers;
        let event = headers.text(HeaderName::Event).unwrap_or_default();
        let (package, params) = event.split_once(';').unwrap_or((&event, ""));
        if !package.trim().eq_ignore_ascii_case("refer") {
            return core.reply(now, incoming, 489);
        }
        let id = params
            .split(';')
            .find_map(|param| param.trim().strip_prefix("id="))
            .and_then(|id| id.trim().parse::<u32>().ok());
        let Some(transfer) = self.transfer.as_mut().filter(|transfer| {
            id.is_none_or(|id| id == transfer.number || transfer.refer.is_some())
        }) else {
            return core.reply(now, incoming, 481);
        };
        core.reply(now, incoming, 200);
        if let Some((status, reason)) = sipfrag::read(&incoming.request.body) {
            transfer.last = Some((status, reason.clone()));
            if status < 200 {
                core.event(Event::TransferProgress {
                    call: self.id,
                    status,
                    reason,
                });
            } else {
                let outcome = match status {
                    200..=299 => TransferOutcome::Completed,
                    _ => TransferOutcome::Refused { status, reason },
                };
                return self.transfer_done(core, now, outcome);
            }
        }
        let state = headers.text(HeaderName::SubscriptionState);
        let over = state.is_some_and(|state| {
            state
                .split(';')
                .next()
                .is_some_and(|state| state.trim().eq_ignore_ascii_case("terminated"))
        });
        if over {
            self.transfer_done(core, now, TransferOutcome::Unknown);
        }
    }

    pub(super) fn wake_transfer(&mut self, core: &mut Core, now: Instant) {
        if self
            .transfer
            .as_ref()
            .is_some_and(|transfer| transfer.until <= now)
        {
            self.transfer_done(core, now, TransferOutcome::Unknown);
        }
    }

    /// The call ends while a transfer is under way.
    pub(super) fn end_transfer(&mut self, core: &mut Core) {
        if self.transfer.take().is_some() {
            core.event(Event::TransferEnded {
                call: self.id,
                outcome: TransferOutcome::Unknown,
            });
        }
    }

    fn transfer_done(&mut self, core: &mut Core, now: Instant, outcome: TransferOutcome) {
        let Some(transfer) = self.transfer.take() else {
            return;
        };
        let completed = outcome == TransferOutcome::Completed;
        core.event(Event::TransferEnded {
            call: self.id,
            outcome,
        });
        let stays = self.leg.as_ref().is_some_and(|leg| leg.is_focus);
        if completed {
            if let Some(with) = transfer.with {
                self.news
                    .push(super::news::News::TransferredAway { of: with });
            }
            if !stays {
                self.hangup(core, now, EndCause::Transferred);
            }
        }
    }
}

/// Writes a value into the header part of a URI (RFC 3261 §19.1.1).
fn escape_header(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 16);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/?:+$".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

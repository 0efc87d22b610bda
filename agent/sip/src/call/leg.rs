//! One dialog of a call with what is agreed in it: offers and answers in their order (RFC 3264, RFC 6337), reliable provisional
//! responses taken (RFC 3262), and what the peer said it can do.

use super::body;
use crate::dialog::Dialog;
use crate::message::{HeaderName, Headers};
use crate::offer::{MediaSession, NegotiatedMedia, Refusal};
use crate::sdp::{Direction, SessionDescription};

/// Reliable provisional responses confirmed in one dialog: each costs a request.
pub const MAX_RELIABLE: u8 = 64;

pub(super) struct Leg {
    pub(super) dialog: Dialog,
    /// Offer and answer of this dialog; of a callee not before its owner gave media.
    pub(super) media: Option<MediaSession>,
    pub(super) agreed: Option<NegotiatedMedia>,
    /// What an unreliable provisional response promised: early media, and the answer should the 2xx carry none.
    preview: Option<Preview>,
    /// Whether the answer named several codecs, so that a second offer must settle one.
    pub(super) unsettled: bool,
    /// RSeq of the last reliable provisional response taken, and how many were.
    rseq: Option<u32>,
    confirmed: u8,
    /// Whether the peer takes UPDATE.
    pub(super) takes_update: bool,
    /// Whether the peer is the focus of a conference (RFC 4579).
    pub(super) is_focus: bool,
}

struct Preview {
    media: MediaSession,
    agreed: NegotiatedMedia,
    unsettled: bool,
}

impl Leg {
    pub(super) fn new(dialog: Dialog, media: Option<MediaSession>) -> Self {
        Self {
            dialog,
            media,
            agreed: None,
            preview: None,
            unsettled: false,
            rseq: None,
            confirmed: 0,
            takes_update: false,
            is_focus: false,
        }
    }

    /// Learns from any message of the peer what it can do.
    pub(super) fn note_peer(&mut self, headers: &Headers) {
        if headers.has(HeaderName::Allow) {
            self.takes_update = headers.lists(HeaderName::Allow, "UPDATE");
        }
        if let Some(contact) = headers.first_value(HeaderName::Contact) {
            let focus = contact
                .parse::<crate::message::NameAddr>()
                .is_ok_and(|contact| contact.params.has("isfocus"));
            self.is_focus = focus;
        }
    }

    /// Whether an offer of ours waits for its answer.
    pub(super) fn awaits_answer(&self) -> bool {
        self.media.as_ref().is_some_and(MediaSession::awaits_answer)
    }

    /// Takes the answer in a message to the offer that is open; `None` when there is none in it, or no offer is open.
    pub(super) fn take_answer(
        &mut self,
        headers: &Headers,
        body: &[u8],
    ) -> Option<Result<NegotiatedMedia, Refusal>> {
        if !self.awaits_answer() || body.is_empty() || !body::is_sdp(headers) {
            return None;
        }
        let media = self.media.as_mut()?;
        let answer = match SessionDescription::parse(body) {
            Ok(answer) => answer,
            Err(why) => {
                media.withdraw();
                return Some(Err(why.into()));
            }
        };
        let held = self.agreed.as_ref().is_some_and(|agreed| agreed.held);
        let agreed = media.accept(&answer).map(|mut agreed| {
            // Who is offered nothing cannot show that it holds still; only an offer of its own ends that hold.
            agreed.held |= held && !media.local().direction.sends();
            agreed
        });
        if let Ok(agreed) = &agreed {
            self.unsettled = media.shared_codecs(&answer) > 1;
            self.agreed = Some(agreed.clone());
        }
        Some(agreed)
    }

    /// Looks at the answer in an unreliable provisional response, which settles nothing yet (RFC 6337 §3.1.1).
    pub(super) fn preview(&mut self, headers: &Headers, body: &[u8]) -> Option<NegotiatedMedia> {
        let media = self.media.as_ref().filter(|media| media.awaits_answer())?;
        if body.is_empty() || !body::is_sdp(headers) {
            return None;
        }
        let mut media = media.clone();
        let answer = SessionDescription::parse(body).ok()?;
        let agreed = media.accept(&answer).ok()?;
        self.preview = Some(Preview {
            unsettled: media.shared_codecs(&answer) > 1,
            media,
            agreed: agreed.clone(),
        });
        Some(agreed)
    }

    /// Takes the preview for the answer, when there is one.
    pub(super) fn take_preview(&mut self) -> Option<NegotiatedMedia> {
        let preview = self.preview.take()?;
        self.media = Some(preview.media);
        self.unsettled = preview.unsettled;
        self.agreed = Some(preview.agreed.clone());
        Some(preview.agreed)
    }

    /// Makes an offer. `hold`: whether this side holds. A stream the peer holds already becomes inactive (RFC 3264 §8.4).
    pub(super) fn offer(&mut self, hold: bool, settle: bool) -> Option<String> {
        let held = self.agreed.as_ref().is_some_and(|agreed| agreed.held);
        let media = self.media.as_mut()?;
        media.set_direction(match (hold, held) {
            (false, _) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (true, true) => Direction::Inactive,
        });
        let offer = match &self.agreed {
            Some(agreed) if settle => media.offer_only(&agreed.codec),
            _ => media.offer(),
        };
        Some(offer.to_string())
    }

    /// Answers an offer.
    pub(super) fn answer(
        &mut self,
        hold: bool,
        offer: &SessionDescription,
    ) -> Result<(String, NegotiatedMedia), Refusal> {
        let media = self.media.as_mut().ok_or(Refusal::NoAudio)?;
        media.set_direction(if hold {
            Direction::SendOnly
        } else {
            Direction::SendRecv
        });
        let (answer, agreed) = media.answer(offer)?;
        self.agreed = Some(agreed.clone());
        self.unsettled = false;
        Ok((answer.to_string(), agreed))
    }

    pub(super) fn withdraw(&mut self) {
        if let Some(media) = &mut self.media {
            media.withdraw();
        }
    }

    /// Whether a reliable provisional response is the next in order; notes it then (RFC 3262 §4).
    pub(super) fn take_rseq(&mut self, rseq: u32) -> bool {
        let in_order = self
            .rseq
            .is_none_or(|last| last.checked_add(1) == Some(rseq));
        let next = in_order && self.confirmed < MAX_RELIABLE;
        if next {
            self.rseq = Some(rseq);
            self.confirmed += 1;
        }
        next
    }
}

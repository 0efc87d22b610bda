//! A 2xx that was taken, and the ACK to repeat when it comes again (RFC 3261 §13.2.2.4).

use super::call::Call;
use crate::dialog::Dialog;
use crate::endpoint::{Core, RequestId};
use crate::locate::NextHop;
use crate::message::{BRANCH_COOKIE, Essentials, HeaderName, Request};
use std::time::Instant;

/// How many are kept: a fork's and a re-INVITE's 2xx are repeated for 32 s at most.
const MAX_ANSWERED: usize = 32;

pub(super) struct Answered {
    tag: String,
    number: u32,
    ack: Request,
    hop: NextHop,
    branch: String,
}

impl Call {
    /// Repeats the ACK of a 2xx that came before. `false` when it is a new one.
    pub(super) fn repeat_ack(
        &self,
        core: &mut Core,
        now: Instant,
        essentials: &Essentials,
    ) -> bool {
        if essentials.cseq.method != crate::message::Method::Invite {
            return false;
        }
        let tag = essentials.to.tag().unwrap_or("");
        let known = self
            .answered
            .iter()
            .find(|answered| answered.tag == tag && answered.number == essentials.cseq.number);
        if let Some(answered) = known {
            let (ack, hop) = (answered.ack.clone(), answered.hop.clone());
            core.send_ack(now, ack, hop, &answered.branch);
        }
        known.is_some()
    }

    /// Confirms a 2xx to an INVITE of ours, with the credentials the INVITE carried (§22.1).
    pub(super) fn acknowledge(
        &mut self,
        core: &mut Core,
        now: Instant,
        dialog: &Dialog,
        invite: Option<RequestId>,
        essentials: &Essentials,
    ) {
        let number = essentials.cseq.number;
        let (mut ack, hop) = dialog.acknowledge(number);
        if let Some(sent) = invite.and_then(|invite| core.sent(invite)) {
            ack.headers.copy(HeaderName::Authorization, &sent.headers);
            ack.headers
                .copy(HeaderName::ProxyAuthorization, &sent.headers);
        }
        let branch = format!("{BRANCH_COOKIE}{}", core.random.token());
        core.send_ack(now, ack.clone(), hop.clone(), &branch);
        if self.answered.len() >= MAX_ANSWERED {
            self.answered.remove(0);
        }
        self.answered.push(Answered {
            tag: essentials.to.tag().unwrap_or("").to_owned(),
            number,
            ack,
            hop,
            branch,
        });
    }
}

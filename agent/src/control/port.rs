//! Whom the local API asks: the agent, provisioning, and the board.

use actix::{Actor, Addr, Context, Handler, Recipient};
use serde::{Deserialize, Serialize};

use super::sound::{HandlesSound, SoundPort};

#[cfg(feature = "panic-injection")]
use crate::command::InjectPanic;
use crate::command::{
    AnswerCall, FollowLink, HangupCall, HoldCall, PlaceCall, PreferAccount, QueryLinks,
    QueryStatus, QueryTrace, RestartAccount, SendDtmf, SendMessage, SettleLink, Shutdown,
    Subscribe, SwitchFeatures, TransferCall,
};
use crate::desktop::Books;
use crate::desktop::notify::{NotifyView, Standing};
use crate::event::AgentEvent;
use crate::provisioning::{LinkBoard, LinkView};
use crate::view::AgentView;

/// Everything that can be asked.
#[derive(Clone)]
pub struct AgentPort {
    pub(super) query: Recipient<QueryStatus>,
    pub(super) trace: Recipient<QueryTrace>,
    pub(super) place: Recipient<PlaceCall>,
    pub(super) answer: Recipient<AnswerCall>,
    pub(super) hangup: Recipient<HangupCall>,
    pub(super) dtmf: Recipient<SendDtmf>,
    pub(super) hold: Recipient<HoldCall>,
    pub(super) transfer: Recipient<TransferCall>,
    pub(super) restart: Recipient<RestartAccount>,
    pub(super) prefer: Recipient<PreferAccount>,
    pub(super) follow_link: Recipient<FollowLink>,
    pub(super) links: Recipient<QueryLinks>,
    pub(super) settle_link: Recipient<SettleLink>,
    pub(super) shutdown: Recipient<Shutdown>,
    pub(super) switch: Recipient<SwitchFeatures>,
    pub(super) message: Recipient<SendMessage>,
    pub(super) subscribe: Recipient<Subscribe>,
    pub(super) sound: SoundPort,
    #[cfg(feature = "panic-injection")]
    pub(super) panic: Recipient<InjectPanic>,
    pub(super) board: LinkBoard,
    pub(super) books: Books,
    /// Where changes are told.
    pub(super) tell: Recipient<AgentEvent>,
    pub(super) notifications: Option<Standing>,
}

/// `GET /v1/status`: the agent and its link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeskView {
    /// Accounts, calls, configuration.
    #[serde(flatten)]
    pub agent: AgentView,
    /// The way to the server.
    pub link: LinkView,
    /// Notifications on the user's desktop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<NotifyView>,
}

impl AgentPort {
    /// The ports of an agent.
    pub fn new<A>(agent: &Addr<A>, board: LinkBoard, books: Books) -> Self
    where
        A: Actor<Context = Context<A>>
            + Handler<QueryStatus>
            + Handler<QueryTrace>
            + Handler<PlaceCall>
            + Handler<AnswerCall>
            + Handler<HangupCall>
            + Handler<SendDtmf>
            + Handler<HoldCall>
            + Handler<TransferCall>
            + Handler<RestartAccount>
            + Handler<PreferAccount>
            + Handler<FollowLink>
            + Handler<QueryLinks>
            + Handler<SettleLink>
            + Handler<Shutdown>
            + Handler<SwitchFeatures>
            + Handler<SendMessage>
            + Handler<Subscribe>
            + Handler<AgentEvent>
            + HandlesSound
            + CanPanic,
    {
        Self {
            query: agent.clone().recipient(),
            trace: agent.clone().recipient(),
            place: agent.clone().recipient(),
            answer: agent.clone().recipient(),
            hangup: agent.clone().recipient(),
            dtmf: agent.clone().recipient(),
            hold: agent.clone().recipient(),
            transfer: agent.clone().recipient(),
            restart: agent.clone().recipient(),
            prefer: agent.clone().recipient(),
            follow_link: agent.clone().recipient(),
            links: agent.clone().recipient(),
            settle_link: agent.clone().recipient(),
            shutdown: agent.clone().recipient(),
            switch: agent.clone().recipient(),
            message: agent.clone().recipient(),
            subscribe: agent.clone().recipient(),
            sound: SoundPort::new(agent),
            #[cfg(feature = "panic-injection")]
            panic: agent.clone().recipient(),
            board,
            books,
            tell: agent.clone().recipient(),
            notifications: None,
        }
    }

    /// The same with what stands of notifications.
    #[must_use]
    pub fn with_notifications(mut self, standing: Standing) -> Self {
        self.notifications = Some(standing);
        self
    }
}

/// What an agent must handle besides, for the tests of supervision.
#[cfg(feature = "panic-injection")]
pub trait CanPanic: Handler<InjectPanic> {}
#[cfg(feature = "panic-injection")]
impl<A: Handler<InjectPanic>> CanPanic for A {}

/// Nothing.
#[cfg(not(feature = "panic-injection"))]
pub trait CanPanic {}
#[cfg(not(feature = "panic-injection"))]
impl<A> CanPanic for A {}

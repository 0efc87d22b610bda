//! Notifications on the user's desktop: a call that rings, a call that was missed, a message.
//!
//! Owns what they say and the wishes they bring back: answer or decline. It holds no connection and no thread
//! while nothing is shown. Where the system has no place for notifications it stays silent, and the status says
//! so. It makes no sound.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod notice;
#[cfg(target_os = "linux")]
mod session_bus;
mod standing;

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Actor, ActorContext as _, AsyncContext as _, Context, Handler, Recipient};
use carillon_schemas::status::{CallState, Direction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use standing::{NotifyView, Standing};

use crate::command::{AnswerCall, CallsToEnd, HangupCall, Subscribe};
use crate::event::{AgentEvent, CallCause};
use crate::view::CallView;
// What shows notifications on this system: each offers `there`, `tell` and `ring`.
#[cfg(not(target_os = "linux"))]
use elsewhere as screen;
use notice::Notice;
#[cfg(target_os = "linux")]
use session_bus as screen;

/// The most notifications that are shown, or on their way, at once; more are left out.
const MAX_SHOWN: usize = 8;

/// What the user wishes of a call that rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "no screen but Linux's can ask yet")
)]
enum Wish {
    Answer,
    Decline,
}

/// What the actor works with. Cheap to clone: a restart is made from the same.
#[derive(Clone)]
pub struct Setup {
    /// Whom to listen to.
    pub events: Recipient<Subscribe>,
    /// Who takes a call.
    pub answer: Recipient<AnswerCall>,
    /// Who declines one.
    pub hangup: Recipient<HangupCall>,
    /// Whether to show anything, and what came of it.
    pub standing: Standing,
}

/// The actor.
pub struct Notify {
    setup: Setup,
    /// Calls that ring; what each holds takes its notification away when it goes.
    ringing: BTreeMap<u32, oneshot::Sender<()>>,
    places: Arc<Semaphore>,
}

impl Notify {
    /// An actor that is not started yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            ringing: BTreeMap::new(),
            places: Arc::new(Semaphore::new(MAX_SHOWN)),
        }
    }

    fn call_changed(&mut self, call: &CallView) {
        let rings = call.direction == Direction::Incoming && call.state == CallState::Ringing;
        if !rings {
            self.ringing.remove(&call.id);
        } else if !self.ringing.contains_key(&call.id)
            && let Some(place) = self.place()
        {
            let (rings, over) = oneshot::channel();
            self.ringing.insert(call.id, rings);
            let ringing = ring(
                self.setup.clone(),
                call.id,
                Notice::ringing(call),
                over,
                place,
            );
            actix_rt::spawn(ringing);
        }
    }

    fn tell(&self, notice: Notice) {
        if let Some(place) = self.place() {
            let standing = self.setup.standing.clone();
            actix_rt::spawn(async move {
                standing.came_to(screen::tell(&notice).await.err());
                drop(place);
            });
        }
    }

    /// Room for one more, where notifications are wanted and can be.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        if !self.setup.standing.view().on {
            return None;
        }
        self.places.clone().try_acquire_owned().ok()
    }
}

/// Shows a call for as long as it rings, and carries out what the user wishes.
async fn ring(
    setup: Setup,
    call: u32,
    notice: Notice,
    over: oneshot::Receiver<()>,
    place: OwnedSemaphorePermit,
) {
    let came = screen::ring(&notice, over).await;
    drop(place);
    match came {
        // The call may be over by now: then there is nothing to do.
        Ok(Some(Wish::Answer)) => setup.answer.do_send(AnswerCall { call: Some(call) }),
        Ok(Some(Wish::Decline)) => setup.hangup.do_send(HangupCall(CallsToEnd::One(call))),
        Ok(None) => {}
        Err(why) => return setup.standing.came_to(Some(why)),
    }
    setup.standing.came_to(None);
}

impl Actor for Notify {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let subscribe = Subscribe(ctx.address().recipient());
        self.setup.events.do_send(subscribe);
    }
}

impl Handler<AgentEvent> for Notify {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Context<Self>) {
        match event {
            AgentEvent::CallChanged(call) => self.call_changed(&call),
            AgentEvent::CallEnded { view, cause, .. } => {
                self.ringing.remove(&view.id);
                if cause == CallCause::Missed {
                    self.tell(Notice::missed(&view));
                }
            }
            AgentEvent::TextReceived {
                from, name, text, ..
            } => self.tell(Notice::message(&from, name.as_deref(), &text)),
            // The end of a call may be among them.
            AgentEvent::EventsMissed { .. } => self.ringing.clear(),
            AgentEvent::ShuttingDown => ctx.stop(),
            _ => {}
        }
    }
}

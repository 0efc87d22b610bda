//! The actor that sends the status report.
//!
//! Sends soon after a change (several at once make one report), at the heartbeat when nothing changes, and
//! after growing, jittered waits when the server does not take it. One report is under way at a time. When the agent
//! leaves, one last report says how it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, MailboxError, Recipient,
    ResponseFuture, SpawnHandle, WrapFuture as _,
};
use carillon_schemas::Timestamp;
use carillon_schemas::identifier::hex;
use carillon_schemas::status::StatusAnswer;
use tokio::sync::oneshot;

use super::composer::Composer;
use super::journal::{Journal, Taken};
use crate::agent::Farewell;
use crate::command::{QueryStatus, Subscribe};
use crate::event::AgentEvent;
use crate::provisioning::link::{Link, RequestError};
use crate::provisioning::{Backoff, LinkBoard};
use crate::view::AgentView;

/// How long a change waits for others to go with it.
const GATHER: Duration = Duration::from_millis(50);
/// The most bytes of event texts in one report.
const PAGE: usize = 64 << 10;
/// The most events in the mailbox.
const MAILBOX: usize = 1_024;

/// What the actor works with. Cheap to clone: a restart is made from the same.
#[derive(Clone)]
pub struct Setup {
    /// Where provisioning shows the link.
    pub board: LinkBoard,
    /// Who knows accounts and calls.
    pub agent: Recipient<QueryStatus>,
    /// Who passes events on.
    pub events: Recipient<Subscribe>,
    /// This start of the agent.
    pub boot: Boot,
}

/// One start of the agent, as its reports name it. Outlives the actor.
#[derive(Clone, Debug)]
pub struct Boot {
    id: String,
    sequence: Arc<AtomicU64>,
}

impl Boot {
    /// A new one. Without randomness the time serves.
    pub fn new() -> Self {
        let mut id = [0; 16];
        if getrandom::fill(&mut id).is_err() {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            id = now.map_or(0, |now| now.as_nanos()).to_be_bytes();
        }
        Self {
            id: hex(&id),
            sequence: Arc::default(),
        }
    }

    fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Default for Boot {
    fn default() -> Self {
        Self::new()
    }
}

/// The actor.
pub struct Status {
    setup: Setup,
    link: Option<Arc<Link>>,
    composer: Composer,
    journal: Journal,
    failures: Backoff,
    /// The server asked for everything, again and again.
    repeats: Backoff,
    /// The next report, and whether it is one that comes although nothing changed.
    timer: Option<SpawnHandle>,
    pace: Pace,
    /// Who waits for the last report.
    farewell: Option<oneshot::Sender<()>>,
    /// The report under way is the last one.
    last: bool,
}

/// What the actor is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Nothing to tell; the heartbeat comes in its time.
    Idle,
    /// A report goes out in a moment.
    Gathering,
    /// A report is under way.
    Sending {
        /// More happened meanwhile.
        again: bool,
    },
    /// The server did not take it; the next try comes in its time.
    Resting,
}

impl Status {
    /// An actor that is not started yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            link: None,
            composer: Composer::default(),
            journal: Journal::default(),
            failures: Backoff::default(),
            repeats: Backoff::default(),
            timer: None,
            pace: Pace::Idle,
            farewell: None,
            last: false,
        }
    }

    /// Something changed.
    fn changed(&mut self, ctx: &mut Context<Self>) {
        match self.pace {
            _ if self.farewell.is_some() => {}
            Pace::Idle if self.link.is_some() => {
                self.pace = Pace::Gathering;
                self.after(GATHER, false, ctx);
            }
            Pace::Sending { .. } => self.pace = Pace::Sending { again: true },
            _ => {}
        }
    }

    fn after(&mut self, wait: Duration, heartbeat: bool, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = Some(ctx.run_later(wait, move |act, ctx| act.look(heartbeat, ctx)));
    }

    fn rest_until_heartbeat(&mut self, ctx: &mut Context<Self>) {
        self.pace = Pace::Idle;
        let heartbeat = self.setup.board.read().heartbeat;
        self.after(heartbeat, true, ctx);
    }

    /// Looks at the agent, to see what there is to tell.
    fn look(&mut self, heartbeat: bool, ctx: &mut Context<Self>) {
        self.pace = Pace::Sending { again: false };
        self.last = self.farewell.is_some();
        let view = self.setup.agent.send(QueryStatus);
        ctx.spawn(
            view.into_actor(self)
                .map(move |view, act, ctx| act.send(view, heartbeat, ctx)),
        );
    }

    fn send(
        &mut self,
        view: Result<AgentView, MailboxError>,
        heartbeat: bool,
        ctx: &mut Context<Self>,
    ) {
        let (Ok(view), Some(link)) = (view, self.link.clone()) else {
            self.farewell = None;
            return self.rest_until_heartbeat(ctx);
        };
        let (events, page) = self.journal.page(PAGE);
        let shown = self.setup.board.view();
        let Some(mut report) = self.composer.compose(&view, &shown, events, heartbeat) else {
            self.farewell = None;
            return self.rest_until_heartbeat(ctx);
        };
        report.boot.clone_from(&self.setup.boot.id);
        report.sequence = self.setup.boot.next();
        let to = link.clone();
        let sent = async move { to.report(&report).await };
        ctx.spawn(sent.into_actor(self).map(move |result, act, ctx| {
            // An answer of a server that is no longer ours says nothing.
            if act.link.as_ref().is_some_and(|now| Arc::ptr_eq(now, &link)) {
                act.sent(result, page, ctx);
            }
        }));
    }

    fn sent(
        &mut self,
        result: Result<StatusAnswer, RequestError>,
        page: Taken,
        ctx: &mut Context<Self>,
    ) {
        if self.last {
            // Whether it was taken or not: there is no time for another.
            self.farewell = None;
        }
        match result {
            Ok(answer) => {
                self.failures.reset();
                self.composer.taken(&answer);
                self.journal.taken(page);
                if self.farewell.is_some() {
                    return self.look(false, ctx);
                }
                if answer.send_all {
                    self.pace = Pace::Resting;
                    let wait = self.repeats.next(None);
                    return self.after(wait, false, ctx);
                }
                self.repeats.reset();
                let again = self.pace == Pace::Sending { again: true };
                self.rest_until_heartbeat(ctx);
                if again || page.left_some() {
                    self.changed(ctx);
                }
            }
            Err(error) => {
                let wait = self.failures.next(error.retry_after());
                tracing::warn!(
                    wait = wait.as_secs_f32(),
                    "the status report was not taken: {error}"
                );
                if self.farewell.is_some() {
                    return self.look(false, ctx);
                }
                self.pace = Pace::Resting;
                self.after(wait, false, ctx);
            }
        }
    }

    /// The board changed: perhaps it is another server.
    fn board_changed(&mut self, ctx: &mut Context<Self>) {
        let link = self.setup.board.read().link;
        let same = match (&self.link, &link) {
            (Some(ours), Some(new)) => Arc::ptr_eq(ours, new),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.link = link;
            self.composer.forget();
            self.failures.reset();
            self.pace = Pace::Idle;
        }
        self.changed(ctx);
    }

    fn watch_board(&mut self, ctx: &mut Context<Self>) {
        let mut board = self.setup.board.watch();
        let woken = async move { board.changed().await.is_ok() };
        ctx.spawn(woken.into_actor(self).map(|there, act, ctx| {
            if there {
                act.watch_board(ctx);
                act.board_changed(ctx);
            }
        }));
    }
}

impl Actor for Status {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.setup
            .events
            .do_send(Subscribe(ctx.address().recipient()));
        self.watch_board(ctx);
        self.board_changed(ctx);
    }
}

impl Handler<Farewell> for Status {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Farewell, ctx: &mut Self::Context) -> Self::Result {
        let (said, wait) = oneshot::channel();
        self.farewell = Some(said);
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        // One under way may tell less than there is to tell: the last one follows it.
        if !matches!(self.pace, Pace::Sending { .. }) {
            self.look(false, ctx);
        }
        Box::pin(async move {
            // An end of the sender without a word is an answer, too.
            let _ = wait.await;
        })
    }
}

impl Handler<AgentEvent> for Status {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Self::Context) {
        self.journal.note(&event, Timestamp::of(SystemTime::now()));
        self.changed(ctx);
    }
}

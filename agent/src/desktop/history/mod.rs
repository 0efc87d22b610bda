//! The history: calls and short messages, as a person wants to find them again.
//!
//! Owns `history.sqlite` in the state folder and the service that writes it. A database that is broken, locked
//! or on a full disk never hurts a call: what happened waits in a bounded list, and the trouble is reported.

mod entry;
mod export;
mod ledger;
mod recorder;

use std::collections::VecDeque;
use std::time::SystemTime;

use actix::{
    Actor, ActorFutureExt as _, AsyncContext as _, Context, Handler, Recipient, ResponseFuture,
    WrapFuture as _,
};
use carillon_schemas::Timestamp;

pub use entry::{Entry, Happened, Kind, MAX_NAME, MAX_TEXT, Outcome};
pub use export::{ExportError, Format, MAX_EXPORT, export};
pub use ledger::{BROKEN, FILE, Ledger, LedgerError, MAX_PAGE, MAX_SEARCH, Query};

use crate::agent::Farewell;
use crate::command::Subscribe;
use crate::event::AgentEvent;
use recorder::Recorder;

/// The most entries that wait for a disk that does not take them.
const MAX_WAITING: usize = 512;

/// What the actor works with. Cheap to clone: a restart is made from the same.
#[derive(Clone)]
pub struct Setup {
    /// Where entries go.
    pub ledger: Ledger,
    /// Where to listen.
    pub subscribe: Recipient<Subscribe>,
    /// Where to tell of changes.
    pub events: Recipient<AgentEvent>,
}

/// The actor that writes down what happens.
pub struct History {
    setup: Setup,
    recorder: Recorder,
    waiting: VecDeque<Happened>,
    /// How many are being written; the first of those that wait.
    writing: usize,
    lost: u64,
    in_trouble: bool,
}

impl History {
    /// An actor that is not started yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            recorder: Recorder::default(),
            waiting: VecDeque::new(),
            writing: 0,
            lost: 0,
            in_trouble: false,
        }
    }

    fn add(&mut self, entry: Happened) {
        if self.waiting.len() >= MAX_WAITING {
            self.lost += 1;
            return;
        }
        self.waiting.push_back(entry.bounded());
    }

    /// Writes down what waits, on a thread that ends when it is done.
    fn write(&mut self, ctx: &mut Context<Self>) {
        if self.writing > 0 || self.waiting.is_empty() {
            return;
        }
        let batch: Vec<_> = self.waiting.iter().cloned().collect();
        self.writing = batch.len();
        let ledger = self.setup.ledger.clone();
        let written = async move { ledger.run(move |ledger| ledger.append(&batch)).await };
        ctx.spawn(written.into_actor(self).map(|written, history, ctx| {
            history.written(written);
            if !history.in_trouble {
                history.write(ctx);
            }
        }));
    }

    fn written(&mut self, written: Result<(), LedgerError>) {
        let count = std::mem::take(&mut self.writing);
        if let Some(text) = self.setup.ledger.take_trouble() {
            self.tell(AgentEvent::HistoryTrouble { text });
        }
        match written {
            Ok(()) => {
                self.in_trouble = false;
                self.waiting.drain(..count.min(self.waiting.len()));
                if self.lost > 0 {
                    let lost = std::mem::take(&mut self.lost);
                    let text = format!("{lost} calls or messages are missing in the history");
                    self.tell(AgentEvent::HistoryTrouble { text });
                }
                self.tell(AgentEvent::HistoryChanged);
            }
            // They wait; the next event tries again.
            Err(error) => {
                if !std::mem::replace(&mut self.in_trouble, true) {
                    let text = error.to_string();
                    self.tell(AgentEvent::HistoryTrouble { text });
                }
            }
        }
    }

    fn tell(&self, event: AgentEvent) {
        self.setup.events.do_send(event);
    }
}

impl Actor for History {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(1_024);
        self.setup
            .subscribe
            .do_send(Subscribe(ctx.address().recipient()));
    }
}

impl Handler<AgentEvent> for History {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, ctx: &mut Context<Self>) {
        if matches!(event, AgentEvent::ConfigApplied { .. }) {
            // The time to keep may be shorter now.
            let ledger = self.setup.ledger.clone();
            let trimmed = async move { ledger.run(Ledger::trim).await };
            ctx.spawn(trimmed.into_actor(self).map(|trimmed, _, _| {
                if let Err(error) = trimmed {
                    tracing::warn!(%error, "old entries of the history stay");
                }
            }));
        }
        let now = Timestamp::of(SystemTime::now());
        if let Some(entry) = self.recorder.record(&event, now)
            && self.setup.ledger.keeps()
        {
            self.add(entry);
            self.write(ctx);
        }
    }
}

/// The calls that ended with the agent are written before it goes.
impl Handler<Farewell> for History {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Farewell, _: &mut Context<Self>) -> Self::Result {
        let under_way = self.writing > 0;
        let unwritten: Vec<_> = self.waiting.drain(..).skip(self.writing).collect();
        let ledger = self.setup.ledger.clone();
        Box::pin(async move {
            if unwritten.is_empty() && !under_way {
                return;
            }
            // Takes its turn after what is under way.
            if let Err(error) = ledger.run(move |ledger| ledger.append(&unwritten)).await {
                tracing::warn!(%error, "the last calls are missing in the history");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_folder::StateFolder;
    use actix::Addr;
    use tokio::sync::mpsc;

    struct Root(mpsc::UnboundedSender<AgentEvent>);

    impl Actor for Root {
        type Context = Context<Self>;
    }

    impl Handler<AgentEvent> for Root {
        type Result = ();

        fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
            let _ = self.0.send(event);
        }
    }

    impl Handler<Subscribe> for Root {
        type Result = ();

        fn handle(&mut self, _: Subscribe, _: &mut Context<Self>) {}
    }

    fn started(ledger: &Ledger) -> (Addr<History>, mpsc::UnboundedReceiver<AgentEvent>) {
        let (tell, told) = mpsc::unbounded_channel();
        let root = Root(tell).start();
        let setup = Setup {
            ledger: ledger.clone(),
            subscribe: root.clone().recipient(),
            events: root.recipient(),
        };
        (History::new(setup).start(), told)
    }

    fn text(number: usize) -> AgentEvent {
        AgentEvent::TextReceived {
            account: "main".parse().unwrap(),
            from: "sip:1001@pbx".into(),
            name: None,
            text: number.to_string(),
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_is_reported_once_and_what_happened_waits_within_bounds() {
        actix_rt::System::new().block_on(async {
            let temporary = tempfile::tempdir().unwrap();
            let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
            let ledger = Ledger::of(&folder);
            // In the way of the file.
            std::fs::create_dir(folder.place(FILE)).unwrap();
            let (history, mut told) = started(&ledger);
            for number in 0..MAX_WAITING + 9 {
                history.send(text(number)).await.unwrap();
            }
            let event = told.recv().await.unwrap();
            assert!(
                matches!(event, AgentEvent::HistoryTrouble { .. }),
                "{event:?}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            assert!(told.try_recv().is_err(), "reported once");
            std::fs::remove_dir(folder.place(FILE)).unwrap();
            history.send(text(9_999)).await.unwrap();
            let AgentEvent::HistoryTrouble { text } = told.recv().await.unwrap() else {
                panic!("nothing said of what is missing");
            };
            assert!(text.starts_with("10 calls or messages"), "{text}");
            assert_eq!(told.recv().await.unwrap(), AgentEvent::HistoryChanged);
            let limit = MAX_PAGE;
            let query = Query {
                limit,
                ..Query::default()
            };
            assert_eq!(ledger.page(&query).unwrap().len(), MAX_WAITING);
        });
    }

    #[test]
    fn what_waits_is_written_before_the_agent_leaves() {
        actix_rt::System::new().block_on(async {
            let temporary = tempfile::tempdir().unwrap();
            let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
            let ledger = Ledger::of(&folder);
            let (history, _told) = started(&ledger);
            for number in 0..20 {
                history.do_send(text(number));
            }
            history.send(Farewell).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let limit = MAX_PAGE;
            let found = ledger
                .page(&Query {
                    limit,
                    ..Query::default()
                })
                .unwrap();
            assert_eq!(found.len(), 20);
        });
    }
}

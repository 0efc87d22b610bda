//! Starting a child so that its parent learns how it ended.
//!
//! The child's whole context runs inside a guard that catches an unwind. Catching it there, not in tokio's
//! task, matters: actix runs `stopping` and `stopped` when a context is dropped, and that would happen in the
//! middle of the unwind, where a second panic ends the process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::{Actor, Addr, Context, Message, Recipient};
use futures_util::FutureExt;

use super::panic_note;

/// Tells a parent that a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildEnded<K> {
    /// Which child.
    pub child: K,
    /// Which start of that child, so that news of one long replaced does no harm.
    pub incarnation: u64,
    /// How it ended.
    pub ending: Ending,
}

impl<K: 'static> Message for ChildEnded<K> {
    type Result = ();
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It stopped of its own will.
    Stopped,
    /// It panicked.
    Panicked {
        /// The panic's message and place.
        note: String,
    },
    /// Its task was dropped from outside.
    Dropped,
}

/// Starts an actor as a child. However it ends, `parent` is told once.
pub fn start<A, K>(
    actor: A,
    child: K,
    incarnation: u64,
    parent: Recipient<ChildEnded<K>>,
) -> Addr<A>
where
    A: Actor<Context = Context<A>>,
    K: Send + 'static,
{
    let context = Context::new().into_future(actor);
    let addr = context.address();
    let mut tether = Tether(Some((parent, child, incarnation)));
    actix_rt::spawn(async move {
        let mut guarded = Box::pin(AssertUnwindSafe(context).catch_unwind());
        let outcome = (&mut guarded).await;
        // `stopped` runs now for an actor that panicked, and may panic in its turn.
        let farewell = catch_unwind(AssertUnwindSafe(move || drop(guarded)));
        tether.report(match outcome.and(farewell) {
            Ok(()) => Ending::Stopped,
            Err(payload) => Ending::Panicked {
                note: panic_note::take(payload.as_ref()),
            },
        });
    });
    addr
}

/// The guard that tells the parent, at the latest when the task itself is dropped.
struct Tether<K: Send + 'static>(Option<(Recipient<ChildEnded<K>>, K, u64)>);

impl<K: Send + 'static> Tether<K> {
    fn report(&mut self, ending: Ending) {
        if let Some((parent, child, incarnation)) = self.0.take() {
            parent.do_send(ChildEnded {
                child,
                incarnation,
                ending,
            });
        }
    }
}

impl<K: Send + 'static> Drop for Tether<K> {
    fn drop(&mut self) {
        self.report(Ending::Dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::{ActorContext, AsyncContext, Handler};
    use std::time::Duration;
    use tokio::sync::mpsc;

    struct Parent(mpsc::UnboundedSender<ChildEnded<u8>>);

    impl Actor for Parent {
        type Context = Context<Self>;
    }

    impl Handler<ChildEnded<u8>> for Parent {
        type Result = ();

        fn handle(&mut self, news: ChildEnded<u8>, _: &mut Context<Self>) {
            self.0.send(news).unwrap();
        }
    }

    #[derive(Default)]
    struct Kid {
        panics_when_stopped: bool,
    }

    impl Actor for Kid {
        type Context = Context<Self>;

        fn stopped(&mut self, _: &mut Context<Self>) {
            assert!(!self.panics_when_stopped, "the second panic");
        }
    }

    #[derive(Message)]
    #[rtype(result = "u8")]
    enum Ask {
        PanicInHandler,
        PanicInFuture,
        Stop,
        Answer,
    }

    impl Handler<Ask> for Kid {
        type Result = u8;

        fn handle(&mut self, ask: Ask, ctx: &mut Context<Self>) -> u8 {
            match ask {
                Ask::PanicInHandler => panic!("the first panic"),
                Ask::PanicInFuture => {
                    ctx.run_later(Duration::from_secs(1), |_, _| panic!("a late panic"));
                }
                Ask::Stop => ctx.stop(),
                Ask::Answer => {}
            }
            7
        }
    }

    /// The real actix runtime on virtual time.
    fn in_system(test: impl Future<Output = ()>) {
        let system = actix_rt::System::with_tokio_rt(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap()
        });
        system.block_on(test);
    }

    async fn ending(kid: Kid, ask: Ask) -> Ending {
        let (told, mut news) = mpsc::unbounded_channel();
        let parent = Parent(told).start();
        let sibling = start(Kid::default(), 2, 1, parent.clone().recipient());
        let kid = start(kid, 1, 9, parent.clone().recipient());
        let _ = kid.send(ask).await;
        let first = news.recv().await.unwrap();
        assert_eq!((first.child, first.incarnation), (1, 9));
        assert_eq!(sibling.send(Ask::Answer).await, Ok(7), "a sibling suffers");
        assert!(kid.send(Ask::Answer).await.is_err(), "the mailbox is open");
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(news.try_recv().is_err(), "told twice");
        first.ending
    }

    fn note(ending: Ending) -> String {
        match ending {
            Ending::Panicked { note } => note,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_panic_in_a_handler_reaches_the_parent_and_no_sibling() {
        in_system(async {
            let note = note(ending(Kid::default(), Ask::PanicInHandler).await);
            assert!(note.contains("the first panic"), "{note}");
        });
    }

    #[test]
    fn a_panic_in_a_timer_reaches_the_parent() {
        in_system(async {
            let note = note(ending(Kid::default(), Ask::PanicInFuture).await);
            assert!(note.contains("a late panic"), "{note}");
        });
    }

    #[test]
    fn a_second_panic_on_the_way_out_does_not_end_the_process() {
        in_system(async {
            let kid = Kid {
                panics_when_stopped: true,
            };
            note(ending(kid, Ask::PanicInHandler).await);
            let kid = Kid {
                panics_when_stopped: true,
            };
            let note = note(ending(kid, Ask::Stop).await);
            assert!(note.contains("the second panic"), "{note}");
        });
    }

    #[test]
    fn a_will_to_stop_is_told_as_such() {
        in_system(async {
            assert_eq!(ending(Kid::default(), Ask::Stop).await, Ending::Stopped);
        });
    }

    #[test]
    fn without_the_guard_actix_tells_nobody() {
        // The reason for this module: a plain start leaves the parent in the dark.
        in_system(async {
            let kid = Kid::default().start();
            assert!(kid.send(Ask::PanicInHandler).await.is_err());
            assert!(!kid.connected());
        });
    }
}

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

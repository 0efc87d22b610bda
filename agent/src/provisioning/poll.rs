//! One turn of the long poll: ask, judge the freshness, judge the news, ask again.
//!
//! Owns when the next turn begins. A server that answers at once with nothing new is asked at growing
//! intervals, as is one that fails or sends what is refused: no answer makes the desk ask in a tight loop.

use std::time::{Duration, Instant};

use actix::{ActorFutureExt as _, AsyncContext as _, Context, WrapFuture as _};
use carillon_schemas::config::MAX_CONFIG_BYTES;
use carillon_schemas::status::Refusal;
use carillon_schemas::trust::Freshness;

use super::actor::{Candidate, Provisioning};
use super::desk::{Stranger, newer_roots};
use super::http::LinkError;
use super::link::{News, Poll, RequestError};
use super::trust::Trust;
use crate::event::AgentEvent;

/// An answer with nothing new that comes sooner than this was not waited for.
const HASTY: Duration = Duration::from_secs(4);

/// An answer under judgement.
struct Turn {
    poll: Poll,
    /// It came sooner than the server was asked to wait, by far.
    hasty: bool,
    /// Newer roots have been asked for on its account.
    roots_asked: bool,
}

impl Provisioning {
    /// Begins a turn now.
    pub(super) fn poll(&mut self, ctx: &mut Context<Self>) {
        let Some(desk) = &self.desk else { return };
        let (link, tag, wait) = (desk.link.clone(), desk.tag(), desk.wait(self.poll_wait));
        let (era, begun) = (self.era, Instant::now());
        let last = desk.stranger.is_some();
        let asked = async move { link.poll(tag.as_deref(), wait, last).await };
        ctx.spawn(asked.into_actor(self).map(move |result, act, ctx| {
            if act.era == era {
                let hasty = begun.elapsed() < HASTY.min(wait);
                act.polled(result, hasty, ctx);
            }
        }));
    }

    /// Begins a turn after a while.
    pub(super) fn poll_after(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        let era = self.era;
        let turn = ctx.run_later(wait, move |act, ctx| {
            if act.era == era {
                act.next_turn = None;
                act.poll(ctx);
            }
        });
        self.next_turn = Some(turn);
    }

    fn polled(&mut self, result: Result<Poll, RequestError>, hasty: bool, ctx: &mut Context<Self>) {
        let Some(desk) = &mut self.desk else { return };
        desk.in_contact = result.is_ok();
        match result {
            Ok(poll) => {
                desk.failures.reset();
                self.strangers_gone();
                let turn = Turn {
                    poll,
                    hasty,
                    roots_asked: false,
                };
                self.judge(turn, ctx);
            }
            Err(error) => {
                let wait = desk.failures.next(error.retry_after());
                if let RequestError::Link(error) = &error
                    && error.is_strange()
                {
                    self.met_stranger(error);
                }
                let trouble = super::actor::bounded(error.to_string());
                tracing::warn!(
                    wait = wait.as_secs_f32(),
                    "no news from the server: {trouble}"
                );
                self.setup
                    .board
                    .change(|state| state.view.trouble = Some(trouble));
                self.poll_after(wait, ctx);
            }
        }
    }

    /// What came in a configuration's place is refused and told, once for each kind: its size may differ every time.
    fn met_stranger(&mut self, error: &LinkError) {
        let Some(desk) = &mut self.desk else { return };
        let kind = std::mem::discriminant(error);
        if desk.stranger.as_ref().is_some_and(|s| s.kind == kind) {
            return;
        }
        let reason = super::actor::bounded(format!(
            "{error} (expected was a signed configuration of at most {MAX_CONFIG_BYTES} bytes). Perhaps a sign-in page \
             or a proxy stands between this desk and the server: let the desk reach {} itself, or enrol it anew with \
             the server's right address",
            desk.link.url()
        ));
        let at = desk.now();
        desk.stranger = Some(Stranger {
            kind,
            reason: reason.clone(),
        });
        self.setup.board.change(|state| {
            // A configuration of the server's own that was refused is graver.
            let graver = |refused: &Refusal| refused.generation.is_some();
            if !state.view.refused.as_ref().is_some_and(graver) {
                state.view.refused = Some(Refusal {
                    generation: None,
                    reason: reason.clone(),
                    at,
                });
            }
        });
        self.tell(AgentEvent::ConfigRefused {
            generation: None,
            reason,
        });
    }

    /// The server itself answers again: what happened stays in the report, what stands does not.
    fn strangers_gone(&mut self) {
        let Some(stranger) = self.desk.as_mut().and_then(|desk| desk.stranger.take()) else {
            return;
        };
        self.setup.board.change(|state| {
            let refused = state.view.refused.as_ref();
            if refused.is_some_and(|refused| refused.reason == stranger.reason) {
                state.view.refused = None;
            }
        });
    }

    fn judge(&mut self, turn: Turn, ctx: &mut Context<Self>) {
        let Some(desk) = &mut self.desk else { return };
        let freshness = turn
            .poll
            .freshness
            .as_deref()
            .map(|header| desk.refresh(header));
        let mut want_roots = matches!(&freshness, Some(Err(e)) if e.may_need_newer_root());
        let verdict = turn.poll.news.as_ref().map(|news| desk.verify(&news.body));
        want_roots |= matches!(&verdict, Some(Err(e)) if e.may_need_newer_root());
        if let Some(Ok(statement)) = &freshness {
            want_roots |= statement.root_version > desk.trust.root().version;
        }
        if want_roots && !turn.roots_asked {
            return self.ask_roots(turn, ctx);
        }
        let now = desk.now();
        let holds = desk.fresh_for();
        let (trouble, newest) = match freshness {
            None => (
                Some("the server's answer has no freshness statement".into()),
                None,
            ),
            Some(Err(error)) => (Some(super::actor::bounded(error.to_string())), None),
            Some(Ok(statement)) => (None, Some(statement)),
        };
        if newest.is_some() {
            self.watch_freshness(holds, ctx);
            self.set_stale(false);
        }
        self.contact(now, trouble);
        match (turn.poll.news, verdict) {
            (Some(news), Some(Ok(config))) => {
                let runs = self.desk.as_ref().is_some_and(|desk| desk.runs(&config));
                if runs {
                    return self.nothing_new(newest, turn.hasty, ctx);
                }
                self.try_out(news, config, ctx);
            }
            (Some(news), Some(Err(refused))) => {
                self.refuse(refused.generation, news.etag, refused.to_string(), ctx);
            }
            _ => self.nothing_new(newest, turn.hasty, ctx),
        }
    }

    fn nothing_new(&mut self, newest: Option<Freshness>, hasty: bool, ctx: &mut Context<Self>) {
        let Some(desk) = &mut self.desk else { return };
        let wait = if hasty {
            desk.hasty_answers.next(None)
        } else {
            desk.hasty_answers.reset();
            Duration::ZERO
        };
        let (runs, rests) = (desk.generation(), desk.refused.is_some());
        if let Some(newest) = newest.filter(|newest| newest.generation > runs && !rests) {
            let trouble = format!(
                "the server calls generation {} the newest and hands out nothing newer than {runs}",
                newest.generation
            );
            self.setup
                .board
                .change(|state| state.view.trouble = Some(trouble));
        }
        if wait.is_zero() {
            self.poll(ctx);
        } else {
            self.poll_after(wait, ctx);
        }
    }

    /// A configuration that is believed: it must fit on the disk, then run.
    fn try_out(&mut self, news: News, config: super::Verified, ctx: &mut Context<Self>) {
        let Some(desk) = &mut self.desk else { return };
        let kept = desk
            .write_candidate(&news.body)
            .and_then(|()| desk.saw(&config));
        if let Err(error) = kept {
            let generation = Some(config.generation);
            return self.refuse(generation, news.etag, error.to_string(), ctx);
        }
        let candidate = Candidate {
            config,
            etag: news.etag,
        };
        self.try_candidate(candidate, ctx);
    }

    fn ask_roots(&mut self, mut turn: Turn, ctx: &mut Context<Self>) {
        let Some(desk) = &self.desk else { return };
        let (link, trust, era) = (desk.link.clone(), desk.trust.clone(), self.era);
        turn.roots_asked = true;
        let asked = async move { newer_roots(&link, trust).await };
        ctx.spawn(asked.into_actor(self).map(move |(trust, error), act, ctx| {
            if act.era == era {
                if let Some(error) = error {
                    tracing::error!("{error}");
                }
                act.take_root(trust);
                act.judge(turn, ctx);
            }
        }));
    }

    fn take_root(&mut self, trust: Trust) {
        let Some(desk) = &mut self.desk else { return };
        if trust == desk.trust {
            return;
        }
        let version = trust.root().version;
        match desk.adopt_root(trust) {
            Ok(()) => {
                tracing::warn!(version, "a newer trust root is in force");
                self.setup
                    .board
                    .change(|state| state.view.root_version = Some(version));
            }
            Err(error) => tracing::error!("the newer trust root is not taken: {error}"),
        }
    }
}

//! The actor of the link: owns the desk's identity at work, and what the agent is told to run.
//!
//! Only here do the server's configuration and `agent.yaml` meet, so that two changes at once cannot cross.
//! How a poll is judged stands in `poll`.

use std::path::PathBuf;
use std::time::Duration;

use actix::{
    Actor, ActorFuture, ActorFutureExt as _, AsyncContext as _, Context, Handler, Message,
    Recipient, ResponseActFuture, SpawnHandle, WrapFuture as _,
};
use carillon_schemas::status::{MAX_TEXT, Refusal};
use carillon_schemas::{Generation, Ticket, Timestamp};

use super::backoff::Backoff;
use super::board::LinkBoard;
use super::desk::{Desk, DeskError};
use super::enrol::{EnrolError, Enrolled, Options, enrol};
use super::good;
use super::http::Patience;
use super::identity::Identity;
use super::ticket_file::TicketFile;
use super::verify::Verified;
use crate::command::{Applied, ApplyConfig, ApplyError, Subscribe};
use crate::event::AgentEvent;
use crate::standalone::{self, AgentFile, Touched, Watcher, merge};
use crate::state_folder::StateFolder;
use crate::vault::VaultKind;

/// How long `agent.yaml` must lie still before it is read: an editor writes in several steps.
const SETTLE: Duration = Duration::from_millis(150);
/// What a start leaves to its accounts before the link and the watch of `agent.yaml` want the processor: a phone that
/// registers comes first.
const ACCOUNTS_FIRST: Duration = Duration::from_millis(100);
/// How long after a start nobody is called stale for want of a first answer.
const FIRST_CONTACT: Duration = Duration::from_secs(60);

/// What the actor works with. Cheap to clone: a restart is made from the same.
#[derive(Clone)]
pub struct Setup {
    /// The state folder.
    pub folder: StateFolder,
    /// `agent.yaml`; need not exist.
    pub agent_file: PathBuf,
    /// Where to show how the link stands.
    pub board: LinkBoard,
    /// Who runs configurations.
    pub apply: Recipient<ApplyConfig>,
    /// Who is told what happened.
    pub events: Recipient<AgentEvent>,
    /// Who passes hints on that there is news (`check-sync`); `None` where nobody does.
    pub hints: Option<Recipient<Subscribe>>,
    /// How long the server may take.
    pub patience: Patience,
    /// Where an installer may have left a ticket.
    pub tickets: Vec<TicketFile>,
}

/// The actor.
pub struct Provisioning {
    pub(super) setup: Setup,
    pub(super) desk: Option<Desk>,
    /// What `agent.yaml` says, and what of it runs.
    local: AgentFile,
    local_runs: AgentFile,
    watcher: Option<Watcher>,
    settling: Option<SpawnHandle>,
    pub(super) freshness_timer: Option<SpawnHandle>,
    /// The turn that waits for its time.
    pub(super) next_turn: Option<SpawnHandle>,
    pub(super) hinted: Option<std::time::Instant>,
    /// Rises with each identity: what was begun for an earlier one no longer counts.
    pub(super) era: u64,
    applying: bool,
    local_changed: bool,
    /// A candidate that came while `agent.yaml` was being applied.
    waiting: Option<Candidate>,
    openings: Backoff,
    /// Enrolments by a ticket that an installer left.
    pub(super) ticket_tries: Backoff,
    pub(super) poll_wait: Duration,
}

/// Enrol this desk.
#[derive(Message, Debug)]
#[rtype(result = "Result<Enrolled, EnrolError>")]
pub struct Enrol {
    /// With what.
    pub ticket: Ticket,
    /// Give up the identity that the desk has.
    pub replace: bool,
    /// Which vault takes the keys; `None` chooses.
    pub vault: Option<VaultKind>,
}

/// A configuration from the server on its way to run.
pub(super) struct Candidate {
    pub(super) config: Verified,
    pub(super) etag: Option<String>,
}

impl Provisioning {
    /// An actor that is not started yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            desk: None,
            local: AgentFile::default(),
            local_runs: AgentFile::default(),
            watcher: None,
            settling: None,
            freshness_timer: None,
            next_turn: None,
            hinted: None,
            era: 0,
            applying: false,
            local_changed: false,
            waiting: None,
            openings: Backoff::default(),
            ticket_tries: Backoff::default(),
            poll_wait: Duration::from_secs(240),
        }
    }

    pub(super) fn tell(&self, event: AgentEvent) {
        self.setup.events.do_send(event);
    }

    pub(super) fn warn(&self, text: String) {
        tracing::warn!("{text}");
        self.tell(AgentEvent::ConfigWarning { text });
    }

    /// Reads `agent.yaml`. A broken one changes nothing and says so once.
    fn read_local(&mut self) -> bool {
        let outcome = standalone::read(&self.setup.agent_file);
        let error = outcome.as_ref().err().map(ToString::to_string);
        let mut new = true;
        self.setup.board.change(|state| {
            new = state.view.agent_file_error != error;
            state.view.agent_file_error.clone_from(&error);
        });
        match outcome {
            Ok(file) => {
                let file = file.unwrap_or_default();
                let changed = file != self.local;
                self.local = file;
                changed
            }
            Err(error) if new => {
                tracing::error!("{error}");
                self.tell(AgentEvent::ConfigRefused {
                    generation: None,
                    reason: bounded(format!("{error}; what ran before runs on")),
                });
                false
            }
            Err(_) => false,
        }
    }

    /// Takes up the identity on the disk, if there is one, and begins anew with it.
    pub(super) fn open_desk(&mut self, ctx: &mut Context<Self>) {
        self.era += 1;
        self.desk = None;
        self.waiting = None;
        let board = &self.setup.board;
        let identity = match Identity::load(&self.setup.folder) {
            Ok(None) => {
                board.change(|state| state.link = None);
                return self.apply_first(ctx);
            }
            Ok(Some(identity)) => identity,
            Err(error) => return self.retry_opening(&error.into(), ctx),
        };
        board.change(|state| {
            state.view.desk = Some(identity.desk.clone());
            state.view.server = Some(identity.url.clone());
            state.view.trouble = None;
            state.view.refused = None;
            state.view.stale = false;
        });
        let ca_file = self.local.server.ca_file.as_deref();
        let opened = Desk::open(&self.setup.folder, identity, ca_file, self.setup.patience);
        match opened {
            Ok((desk, damaged)) => {
                self.openings.reset();
                self.setup.board.change(|state| {
                    state.link = Some(desk.link.clone());
                    state.view.root_version = Some(desk.trust.root().version);
                });
                for text in damaged {
                    let text = format!("a stored configuration is damaged and passed over: {text}");
                    self.warn(bounded(text));
                }
                if let Err(error) = good::drop_candidate(&self.setup.folder) {
                    self.warn(error.to_string());
                }
                self.watch_freshness(desk.fresh_for().max(FIRST_CONTACT), ctx);
                self.desk = Some(desk);
                self.apply_first(ctx);
            }
            Err(error) => self.retry_opening(&error, ctx),
        }
    }

    /// The keyring may still be locked, the CA file not there yet: what can run runs, and this comes again.
    fn retry_opening(&mut self, error: &DeskError, ctx: &mut Context<Self>) {
        tracing::error!("the link to the server cannot be set up: {error}");
        let trouble = bounded(error.to_string());
        self.setup.board.change(|state| {
            state.link = None;
            state.view.trouble = Some(trouble.clone());
        });
        self.apply_first(ctx);
        let (era, wait) = (self.era, self.openings.next(None));
        ctx.run_later(wait, move |act, ctx| {
            if act.era == era {
                act.open_desk(ctx);
            }
        });
    }

    /// The last good configuration and `agent.yaml`, before any network.
    fn apply_first(&mut self, ctx: &mut Context<Self>) {
        self.local_runs = self.local.clone();
        self.apply(None, ctx);
    }

    /// Has the agent run a candidate, once what is being applied has been.
    pub(super) fn try_candidate(&mut self, candidate: Candidate, ctx: &mut Context<Self>) {
        if self.applying {
            self.waiting = Some(candidate);
        } else {
            self.apply(Some(candidate), ctx);
        }
    }

    /// Has the agent run the server's part (a candidate, or what ran) and the desk's own.
    fn apply(&mut self, candidate: Option<Candidate>, ctx: &mut Context<Self>) {
        let server = match (&candidate, &self.desk) {
            (Some(candidate), _) => Some(&candidate.config),
            (None, Some(desk)) => desk.running.as_ref(),
            (None, None) => None,
        };
        let merged = merge(server, &self.local_runs);
        let wait = Duration::from_secs(merged.config.network.poll_wait().into());
        let heartbeat = Duration::from_secs(merged.config.network.heartbeat().into());
        for warning in merged.warnings {
            self.warn(warning);
        }
        self.applying = true;
        let era = self.era;
        let applied = self.setup.apply.send(ApplyConfig(merged.config));
        ctx.spawn(applied.into_actor(self).map(move |result, act, ctx| {
            act.applying = false;
            let result = result.unwrap_or(Err(ApplyError::ShuttingDown));
            if result.is_ok() {
                act.poll_wait = wait;
                act.setup.board.change(|state| state.heartbeat = heartbeat);
            }
            if act.era == era {
                act.applied(candidate, result, ctx);
            }
            if std::mem::take(&mut act.local_changed) {
                act.apply_local(ctx);
            }
        }));
    }

    fn applied(
        &mut self,
        candidate: Option<Candidate>,
        result: Result<Applied, ApplyError>,
        ctx: &mut Context<Self>,
    ) {
        match (result, candidate) {
            (Ok(_), Some(candidate)) => self.runs(candidate, ctx),
            (Ok(_), None)
                if self
                    .desk
                    .as_ref()
                    .is_some_and(|desk| desk.running.is_some()) =>
            {
                self.poll_after(ACCOUNTS_FIRST, ctx);
            }
            (Ok(_), None) => self.poll(ctx),
            (Err(ApplyError::ShuttingDown), _) => {}
            (Err(error), Some(candidate)) => {
                if let Err(error) = good::drop_candidate(&self.setup.folder) {
                    self.warn(error.to_string());
                }
                let generation = Some(candidate.config.generation);
                self.note_refusal(generation, error.to_string());
                self.rest(candidate.etag, ctx);
            }
            (Err(error), None) => {
                self.local_refused(&error);
                if self.local_runs == AgentFile::default() {
                    return self.poll(ctx);
                }
                // The desk's own part must not keep the server's from running.
                self.local_runs = AgentFile::default();
                self.apply(None, ctx);
            }
        }
    }

    /// A candidate runs: it is the last good one from now on.
    fn runs(&mut self, candidate: Candidate, ctx: &mut Context<Self>) {
        if let Some(desk) = &mut self.desk
            && let Err(error) = desk.promote(candidate.config)
        {
            self.warn(format!(
                "the configuration runs and is not kept for the next start: {error}"
            ));
        }
        self.setup.board.change(|state| state.view.refused = None);
        self.poll(ctx);
    }

    /// Reads `agent.yaml` again and runs it if it says something else.
    fn take_up_local(&mut self, ctx: &mut Context<Self>) {
        let ca_file = self.local.server.ca_file.clone();
        if !self.read_local() {
            return;
        }
        if self.local.server.ca_file == ca_file {
            self.apply_local(ctx);
        } else {
            self.open_desk(ctx);
        }
    }

    /// `agent.yaml` changed while the agent runs.
    fn apply_local(&mut self, ctx: &mut Context<Self>) {
        if self.applying {
            self.local_changed = true;
            return;
        }
        self.applying = true;
        let server = self.desk.as_ref().and_then(|desk| desk.running.as_ref());
        let (wanted, era) = (self.local.clone(), self.era);
        let merged = merge(server, &wanted);
        for warning in merged.warnings {
            self.warn(warning);
        }
        let applied = self.setup.apply.send(ApplyConfig(merged.config));
        ctx.spawn(applied.into_actor(self).map(move |result, act, ctx| {
            act.applying = false;
            match result {
                Ok(Ok(_)) => act.local_runs = wanted,
                Ok(Err(error)) => act.local_refused(&error),
                // The agent is leaving.
                Err(_) => return,
            }
            if act.era != era {
                return;
            }
            match act.waiting.take() {
                Some(candidate) => act.apply(Some(candidate), ctx),
                None if std::mem::take(&mut act.local_changed) => act.apply_local(ctx),
                None => {}
            }
        }));
    }

    fn local_refused(&mut self, error: &ApplyError) {
        let reason = bounded(format!(
            "{}: {error}; what ran before runs on",
            self.setup.agent_file.display()
        ));
        tracing::error!("{reason}");
        self.setup
            .board
            .change(|state| state.view.agent_file_error = Some(reason));
    }

    /// A configuration of the server is not believed or cannot be kept. Says so once, and asks for another one
    /// after a while.
    pub(super) fn refuse(
        &mut self,
        generation: Option<Generation>,
        etag: Option<String>,
        reason: String,
        ctx: &mut Context<Self>,
    ) {
        if let Some(reason) = self.note_refusal(generation, reason) {
            self.tell(AgentEvent::ConfigRefused { generation, reason });
        }
        self.rest(etag, ctx);
    }

    /// Shows a refusal on the board; gives the reason back when it is a new one.
    fn note_refusal(&self, generation: Option<Generation>, reason: String) -> Option<String> {
        let reason = bounded(reason);
        let at = self.desk.as_ref()?.now();
        let mut new = true;
        self.setup.board.change(|state| {
            let before = state.view.refused.as_ref();
            new = before.is_none_or(|b| b.generation != generation || b.reason != reason);
            if new {
                state.view.refused = Some(Refusal {
                    generation,
                    reason: reason.clone(),
                    at,
                });
            }
        });
        if new {
            tracing::error!(?generation, "configuration refused: {reason}");
        }
        new.then_some(reason)
    }

    /// Lets what was refused rest, and polls on after a while.
    fn rest(&mut self, etag: Option<String>, ctx: &mut Context<Self>) {
        if let Some(desk) = &mut self.desk {
            let wait = desk.refused(etag);
            self.poll_after(wait, ctx);
        }
    }

    /// One timer at the expiry of the newest freshness statement, and none else.
    pub(super) fn watch_freshness(&mut self, holds: Duration, ctx: &mut Context<Self>) {
        if let Some(timer) = self.freshness_timer.take() {
            ctx.cancel_future(timer);
        }
        self.freshness_timer = Some(ctx.run_later(holds, |act, ctx| {
            let left = act.desk.as_ref().map_or(Duration::ZERO, Desk::fresh_for);
            if left.is_zero() {
                act.set_stale(true);
            } else {
                act.watch_freshness(left, ctx);
            }
        }));
    }

    pub(super) fn set_stale(&self, stale: bool) {
        let mut changed = false;
        self.setup.board.change(|state| {
            changed = state.view.stale != stale;
            state.view.stale = stale;
        });
        if changed {
            tracing::warn!(stale, "freshness of the configuration");
            self.tell(if stale {
                AgentEvent::FreshnessLost
            } else {
                AgentEvent::FreshnessRegained
            });
        }
    }

    pub(super) fn contact(&self, at: Timestamp, trouble: Option<String>) {
        self.setup.board.change(|state| {
            state.view.last_contact = Some(at);
            state.view.trouble = trouble;
        });
    }
}

impl Actor for Provisioning {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let own = ctx.address().downgrade().recipient();
        self.setup.board.change(|state| state.enrol = Some(own));
        if let Some(hints) = &self.setup.hints {
            hints.do_send(Subscribe(ctx.address().recipient()));
        }
        self.read_local();
        self.open_desk(ctx);
        self.use_ticket_file(ctx);
        ctx.run_later(ACCOUNTS_FIRST, |act, ctx| {
            match Watcher::start(&act.setup.agent_file, ctx.address().recipient()) {
                Ok(watcher) => act.watcher = Some(watcher),
                Err(error) => act.warn(error.to_string()),
            }
            // It may have changed since it was read.
            act.take_up_local(ctx);
        });
    }
}

impl Handler<Touched> for Provisioning {
    type Result = ();

    fn handle(&mut self, _: Touched, ctx: &mut Self::Context) {
        if let Some(timer) = self.settling.take() {
            ctx.cancel_future(timer);
        }
        self.settling = Some(ctx.run_later(SETTLE, Self::take_up_local));
    }
}

impl Handler<Enrol> for Provisioning {
    type Result = ResponseActFuture<Self, Result<Enrolled, EnrolError>>;

    fn handle(&mut self, message: Enrol, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.enrolment(message).map(|result, act, ctx| {
            if result.as_ref().is_ok_and(|enrolled| !enrolled.already) {
                act.open_desk(ctx);
            }
            result
        }))
    }
}

impl Provisioning {
    /// An enrolment on its way; changes nothing here.
    pub(super) fn enrolment(
        &self,
        message: Enrol,
    ) -> impl ActorFuture<Self, Output = Result<Enrolled, EnrolError>> + use<> {
        let folder = self.setup.folder.clone();
        let ca_file = self.local.server.ca_file.clone();
        let patience = self.setup.patience;
        let enrolment = async move {
            let options = Options {
                ca_file: ca_file.as_deref(),
                replace: message.replace,
                vault: message.vault,
                patience,
            };
            enrol(&folder, &message.ticket, options).await
        };
        enrolment.into_actor(self)
    }
}

/// A reason that fits into a report.
pub(super) fn bounded(text: String) -> String {
    crate::status::bounded(&text, MAX_TEXT)
}

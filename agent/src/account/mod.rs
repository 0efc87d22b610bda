//! The actor of one SIP account: drives one `carillon-sip` endpoint over its flows.
//!
//! Owns the endpoint, its sockets, its one timer and the actors of its calls. It reads no SIP message and
//! decides nothing that RFC 3261 decides.
//!
//! Configuration never cuts a call: new credentials are set in place; an account that is replaced or removed
//! *drains*: it takes its registration back at once, refuses new calls and lives until its last call ends,
//! while its successor already registers. What only a draining account's calls can still use (a port that
//! both want) the successor gets after the last of them.
//!
//! When this actor panics, its dialogs are lost with the endpoint: no BYE can be sent, since nobody knows
//! the tags any more. Their sound stops, they are reported as ended, and the account registers anew from the
//! same port, so that a peer's BYE is answered (with 481). No other account notices.

mod arriving;
mod drive;
mod features;
mod holding;
mod identity;
mod interests;
mod lines;
mod listening;
mod messages;
mod standing;
mod switching;
mod transferring;
mod wires;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, SpawnHandle};
use carillon_media::MediaEngine;
use carillon_sip::{CallId, Endpoint, EndpointConfig, FlowId};
use rustls::ClientConfig;

use crate::agent::Agent;
use crate::call::CallSettings;
use crate::desktop::contacts::Contacts;
use crate::running::RunningAccount;
use crate::trace::Trace;

pub(crate) use features::{Kind, Switches, is_emergency};
pub(crate) use identity::endpoint_config;
#[cfg(feature = "panic-injection")]
pub(crate) use messages::Panic;
pub(crate) use messages::{
    Answer, CallBegan, CallCrashed, Drain, Hangup, Hold, Leave, NetworkChanged, Place, PressByInfo,
    SendText, SwitchesChanged, Transfer, UseCredentials, UseFeatures, UseSettings, Withdrawn,
};

use identity::credentials;
use interests::Interests;
use lines::Line;
use standing::Standing;
pub(crate) use standing::initial_status;
use wires::Wire;

/// The longest a replaced account waits for the registrar to take its registration back.
const WITHDRAW_LIMIT: Duration = Duration::from_secs(1);
/// The longest an account that leaves waits for its peers' answers.
const LEAVE_LIMIT: Duration = Duration::from_millis(1_500);

/// What an account's actor starts with.
pub(crate) struct AccountSeed {
    pub(crate) account: RunningAccount,
    pub(crate) endpoint: EndpointConfig,
    pub(crate) settings: CallSettings,
    pub(crate) engine: MediaEngine,
    /// The last number given to a call on this desk.
    pub(crate) numbers: Rc<Cell<u32>>,
    /// The port that peers last knew, and will again.
    pub(crate) last_port: Rc<Cell<Option<u16>>>,
    /// What a person switched since the agent started.
    pub(crate) switches: Rc<RefCell<Switches>>,
    pub(crate) incarnation: u64,
    pub(crate) agent: Addr<Agent>,
    pub(crate) trace: Trace,
    /// Who is known by name.
    pub(crate) contacts: Contacts,
}

/// The actor of one account.
pub(crate) struct Account {
    account: RunningAccount,
    endpoint: Endpoint,
    settings: CallSettings,
    engine: MediaEngine,
    numbers: Rc<Cell<u32>>,
    last_port: Rc<Cell<Option<u16>>>,
    incarnation: u64,
    agent: Addr<Agent>,
    trace: Trace,
    contacts: Contacts,
    wires: BTreeMap<FlowId, Wire>,
    tls: Option<Arc<ClientConfig>>,
    flow_trouble: Option<String>,
    wake: Option<(Instant, SpawnHandle)>,
    lines: BTreeMap<CallId, Line>,
    interests: Interests,
    switches: Rc<RefCell<Switches>>,
    /// When an emergency call went out last: its call-back must ring.
    rescue_called: Option<Instant>,
    standing: Standing,
    leaving: Leaving,
    withdrawn: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// Not at all.
    Stays,
    /// When the last call ended.
    AfterCalls,
    /// As soon as the peers know.
    Now,
}

impl Account {
    /// An account's actor, not yet on the air.
    ///
    /// # Errors
    /// A configuration that makes no endpoint, or no random numbers from the system.
    pub(crate) fn new(seed: AccountSeed) -> Result<Self, String> {
        let chance = getrandom::u64()
            .map_err(|error| format!("no random numbers from the system: {error}"))?;
        let endpoint = Endpoint::new(seed.endpoint, chance).map_err(|error| error.to_string())?;
        Ok(Self {
            standing: Standing::new(&seed.account),
            account: seed.account,
            endpoint,
            settings: seed.settings,
            engine: seed.engine,
            numbers: seed.numbers,
            last_port: seed.last_port,
            incarnation: seed.incarnation,
            agent: seed.agent,
            trace: seed.trace,
            contacts: seed.contacts,
            wires: BTreeMap::new(),
            tls: None,
            flow_trouble: None,
            wake: None,
            lines: BTreeMap::new(),
            interests: Interests::default(),
            switches: seed.switches,
            rescue_called: None,
            leaving: Leaving::Stays,
            withdrawn: false,
        })
    }

    fn tell_withdrawn(&mut self) {
        if !std::mem::replace(&mut self.withdrawn, true) {
            self.agent.do_send(Withdrawn {
                account: self.account.id().clone(),
                incarnation: self.incarnation,
            });
        }
    }
}

/// The time, which a test may hold still.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Actor for Account {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.endpoint.register(now());
        self.drive(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.end_all_lines();
    }
}

impl Handler<UseCredentials> for Account {
    type Result = ();

    fn handle(&mut self, UseCredentials(account): UseCredentials, ctx: &mut Context<Self>) {
        self.use_account(account);
        self.endpoint
            .set_credentials(now(), credentials(&self.account));
        self.drive(ctx);
    }
}

impl Handler<UseSettings> for Account {
    type Result = ();

    fn handle(&mut self, UseSettings(settings): UseSettings, _: &mut Context<Self>) {
        self.settings = settings;
    }
}

impl Handler<Drain> for Account {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        if self.leaving != Leaving::Stays {
            return;
        }
        self.leaving = Leaving::AfterCalls;
        if self.lines.is_empty() {
            self.leave(ctx);
            return;
        }
        if self.account.config.register {
            ctx.run_later(WITHDRAW_LIMIT, |account, _| account.tell_withdrawn());
        }
        self.endpoint.unregister(now());
        self.drive(ctx);
    }
}

impl Handler<Leave> for Account {
    type Result = ();

    fn handle(&mut self, _: Leave, ctx: &mut Context<Self>) {
        self.leave(ctx);
    }
}

impl Account {
    fn leave(&mut self, ctx: &mut Context<Self>) {
        if self.leaving == Leaving::Now {
            return;
        }
        self.leaving = Leaving::Now;
        ctx.run_later(LEAVE_LIMIT, |account, ctx| {
            tracing::debug!(account = %account.account.id(), "left without every answer");
            ctx.stop();
        });
        self.endpoint.shutdown(now());
        self.drive(ctx);
    }

    /// Leaves when it only waited for its calls to end.
    fn leave_if_drained(&mut self, ctx: &mut Context<Self>) {
        if self.leaving == Leaving::AfterCalls && self.lines.is_empty() {
            self.leave(ctx);
        }
    }
}

#[cfg(feature = "panic-injection")]
impl Handler<Panic> for Account {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("panic injected into account {}", self.account.id());
    }
}

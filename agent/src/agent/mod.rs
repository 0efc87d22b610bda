//! The root actor: owns every account and service, keeps the books, answers the commands.
//!
//! Owns the running configuration and the restart policy of all its children. It knows no SIP, no HTTP and
//! no file: accounts know SIP, services know the rest.

mod bell;
mod books;
mod child;
mod commands;
mod conference;
mod configuration;
mod departure;
mod devices;
mod features;
mod hooks;
mod links;
mod moves;
mod network;
mod preference;
mod queue;
mod seat;
mod service;
mod sound;
mod system;
mod trace;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use actix::{Actor, Addr, AsyncContext, Context};
use carillon_media::MediaEngine;
use carillon_schemas::{AccountId, Timestamp};

pub use child::Child;
pub use departure::Farewell;
pub use service::Service;
#[cfg(windows)]
pub use system::run_until;
pub use system::{SystemError, run};

use crate::account::{Account, Switches};
use crate::call::CallSettings;
use crate::desktop::Books;
use crate::desktop::links::Asks;
use crate::preferred::Preferred;
use crate::running::RunningConfig;
use crate::session::SessionPlace;
use crate::supervision::Roster;
use crate::trace::Trace;
use crate::transport::changes;

use bell::Bell;
use books::{CallEntry, Subscriber};
use devices::ChosenDevices;
use queue::Queue;
use seat::Seat;

/// The root actor.
pub struct Agent {
    instance: String,
    /// Where relative folders of a configuration stand.
    home: Option<PathBuf>,
    started: Timestamp,
    config: RunningConfig,
    trace: Trace,
    books: Books,
    settings: CallSettings,
    /// The sessions of the desk's users, and whether this is a service that has no sound of its own.
    session: SessionPlace,
    applied_at: Option<Timestamp>,
    chosen: ChosenDevices,
    bell: Bell,
    engine: MediaEngine,
    numbers: Rc<Cell<u32>>,
    seats: BTreeMap<AccountId, Seat>,
    /// What a person switched since the start; outlives the accounts' actors.
    switches: BTreeMap<AccountId, Rc<RefCell<Switches>>>,
    preferred: Preferred,
    queue: Queue,
    /// Links of web pages that wait for a person's word.
    asks: Asks,
    /// Account actors that live until their last call ends, by incarnation.
    draining: BTreeMap<u64, Addr<Account>>,
    calls: BTreeMap<u32, CallEntry>,
    roster: Roster<Child>,
    services: Vec<Service>,
    subscribers: Vec<Subscriber>,
    departing: bool,
    /// The services were asked for their last words.
    said_farewell: bool,
}

impl Agent {
    /// An agent without accounts. `instance` names this installation and never changes: the desk's id, or
    /// for a desk that was never enrolled a random text kept in the state folder. The services are started
    /// with the agent and again when they end unexpectedly.
    #[must_use]
    pub fn new(instance: impl Into<String>, services: Vec<Service>) -> Self {
        Self {
            instance: instance.into(),
            home: None,
            started: Timestamp::of(SystemTime::now()),
            config: RunningConfig::default(),
            trace: Trace::default(),
            books: Books::default(),
            settings: CallSettings::default(),
            session: SessionPlace::default(),
            applied_at: None,
            chosen: ChosenDevices::default(),
            bell: Bell::default(),
            engine: MediaEngine::new(),
            numbers: Rc::new(Cell::new(0)),
            seats: BTreeMap::new(),
            switches: BTreeMap::new(),
            preferred: Preferred::default(),
            queue: Queue::default(),
            asks: Asks::default(),
            draining: BTreeMap::new(),
            calls: BTreeMap::new(),
            roster: Roster::default(),
            services,
            subscribers: Vec::new(),
            departing: false,
            said_farewell: false,
        }
    }

    /// The same with the sound of its calls led to the sessions of users.
    #[must_use]
    pub fn with_session(mut self, session: SessionPlace) -> Self {
        self.settings.session = session.clone();
        self.session = session;
        self
    }

    /// The same agent with these contacts, phonebooks and history.
    #[must_use]
    pub fn with_books(mut self, books: Books) -> Self {
        self.books = books;
        self
    }

    /// The same with a folder of its own, in which the relative folders of a configuration stand.
    #[must_use]
    pub fn at_home_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = Some(folder.into());
        self
    }
}

/// The time, which a test may hold still.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Actor for Agent {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Children never wait for the root; what they say must not be lost.
        ctx.set_mailbox_capacity(1_024);
        ctx.add_stream(changes());
        for index in 0..self.services.len() {
            self.start_service(index, ctx);
        }
    }
}

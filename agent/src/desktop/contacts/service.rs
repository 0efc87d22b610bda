//! The service that keeps contacts and calls together: lamps as they change, and the names of callers that
//! only a phonebook or a directory knows.

use std::collections::BTreeMap;

use actix::{Actor, AsyncContext as _, Context, Handler, Recipient};

use crate::command::{NameCall, Subscribe};
use crate::desktop::Books;
use crate::event::AgentEvent;

/// The most calls of which is remembered that they were looked up.
const MAX_CALLS: usize = 12_800;

/// What the actor works with. Cheap to clone: a restart is made from the same.
#[derive(Clone)]
pub struct Setup {
    /// The books.
    pub books: Books,
    /// Where to listen.
    pub subscribe: Recipient<Subscribe>,
    /// Where to tell of changes.
    pub events: Recipient<AgentEvent>,
    /// Whom to give names.
    pub name: Recipient<NameCall>,
}

/// The actor.
pub struct ContactsService {
    setup: Setup,
    /// Calls with the far side that was looked up last: a redirected call has another.
    looked_up: BTreeMap<u32, String>,
}

impl ContactsService {
    /// An actor that is not started yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            looked_up: BTreeMap::new(),
        }
    }

    /// Looks into phonebooks, then directories, while it rings already: nobody waits for the name.
    fn look_up(&mut self, call: u32, peer: String) {
        let known = self.looked_up.get(&call);
        if known == Some(&peer) || known.is_none() && self.looked_up.len() >= MAX_CALLS {
            return;
        }
        self.looked_up.insert(call, peer.clone());
        let Books {
            phonebooks,
            directories,
            ..
        } = self.setup.books.clone();
        if phonebooks.is_empty() && directories.is_empty() {
            return;
        }
        let give = self.setup.name.clone();
        actix_rt::spawn(async move {
            let name = match phonebooks.name_of(&peer).await {
                Some(name) => Some(name),
                None => directories.name_of(&peer).await,
            };
            if let Some(name) = name {
                give.do_send(NameCall { call, peer, name });
            }
        });
    }
}

impl Actor for ContactsService {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.setup
            .subscribe
            .do_send(Subscribe(ctx.address().recipient()));
        let events = self.setup.events.clone();
        self.setup.books.phonebooks.tell(events);
    }
}

impl Handler<AgentEvent> for ContactsService {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
        let contacts = &self.setup.books.contacts;
        match event {
            AgentEvent::LampChanged {
                account,
                line,
                state,
            } => contacts.see_lamp(&account, &line, state),
            AgentEvent::AccountRemoved(account) => contacts.forget_lamps(&account),
            AgentEvent::CallChanged(view) if view.contact.is_none() => {
                self.look_up(view.id, view.peer);
            }
            AgentEvent::CallEnded { view, .. } => {
                self.looked_up.remove(&view.id);
            }
            AgentEvent::EventsMissed { .. } => self.looked_up.clear(),
            _ => {}
        }
    }
}

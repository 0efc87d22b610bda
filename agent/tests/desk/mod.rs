//! A desk in this process: a real agent with real sockets on loopback, and an ear for its events.

use std::net::UdpSocket;
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler};
use carillon_agent::agent::Agent;
use carillon_agent::command::{
    Applied, ApplyConfig, ApplyError, CommandError, PlaceCall, QueryStatus, Subscribe,
};
use carillon_agent::event::AgentEvent;
use carillon_agent::running::{Origin, RunningAccount, RunningConfig};
use carillon_agent::view::{AgentView, CallView};
use carillon_schemas::status::CallState;
use tokio::sync::mpsc;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Desk {
    pub(crate) agent: Addr<Agent>,
    events: mpsc::UnboundedReceiver<AgentEvent>,
}

struct Ear(mpsc::UnboundedSender<AgentEvent>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<AgentEvent> for Ear {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
        let _ = self.0.send(event);
    }
}

/// Runs a test on the runtime the agent has: one thread, actix.
pub(crate) fn in_system(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

impl Desk {
    pub(crate) async fn new(config: RunningConfig) -> Self {
        let agent = Agent::new("test desk", Vec::new()).start();
        let (told, events) = mpsc::unbounded_channel();
        let ear = Ear(told).start();
        agent.send(Subscribe(ear.recipient())).await.unwrap();
        let desk = Self { agent, events };
        desk.apply(config).await.unwrap();
        desk
    }

    pub(crate) async fn apply(&self, config: RunningConfig) -> Result<Applied, ApplyError> {
        self.agent.send(ApplyConfig(config)).await.unwrap()
    }

    pub(crate) async fn call(&self, account: &str, target: &str) -> Result<CallView, CommandError> {
        let place = PlaceCall {
            account: Some(account.parse().unwrap()),
            target: target.to_owned(),
        };
        self.agent.send(place).await.unwrap()
    }

    pub(crate) async fn view(&self) -> AgentView {
        self.agent.send(QueryStatus).await.unwrap()
    }

    /// The first event from now on that `pick` likes.
    pub(crate) async fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&AgentEvent) -> Option<T>,
    ) -> T {
        let search = async {
            let mut seen = Vec::new();
            while let Some(event) = self.events.recv().await {
                if let Some(found) = pick(&event) {
                    return Ok(found);
                }
                seen.push(event);
            }
            Err(seen)
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(Ok(found)) => found,
            Ok(Err(seen)) => panic!("the agent ended before: {what}; it told {seen:?}"),
            Err(_) => panic!(
                "not within {PATIENCE:?}: {what}; now {:?}",
                self.view().await
            ),
        }
    }

    /// A call that came into this state.
    pub(crate) async fn wait_call(&mut self, state: CallState) -> CallView {
        self.wait(&format!("a call {state:?}"), |event| match event {
            AgentEvent::CallChanged(view) if view.state == state => Some(view.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until a call's counters satisfy `done`.
    pub(crate) async fn wait_counters(
        &self,
        call: u32,
        done: impl Fn(&CallView) -> bool,
    ) -> CallView {
        let poll = async {
            loop {
                let view = self.view().await;
                let found = view.calls.into_iter().find(|known| known.id == call);
                match found {
                    Some(found) if done(&found) => return found,
                    Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    None => panic!("call {call} is gone"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, poll)
            .await
            .expect("the counters do not get there")
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// An account that registers nowhere and listens on a port of loopback.
pub(crate) fn peer_account(id: &str, port: u16) -> RunningAccount {
    account(serde_json::json!({
        "id": id,
        "address": format!("sip:{id}@127.0.0.1:{port}"),
        "register": false,
    }))
}

pub(crate) fn account(json: serde_json::Value) -> RunningAccount {
    RunningAccount {
        origin: Origin::Local,
        config: serde_json::from_value(json).unwrap(),
    }
}

pub(crate) fn config(accounts: Vec<RunningAccount>, input: &str, output: &str) -> RunningConfig {
    let mut config = RunningConfig {
        accounts,
        ..RunningConfig::default()
    };
    config.media.input = Some(input.to_owned());
    config.media.output = Some(output.to_owned());
    config
}

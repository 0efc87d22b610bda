//! What systemd is told of the agent (`sd_notify(3)`): that it is ready, and that it leaves.
//!
//! Owns the datagrams, which need no library. Without `$NOTIFY_SOCKET` nobody is told anything.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;

use actix::{Actor, AsyncContext as _, Context, Handler, Recipient};

use crate::command::Subscribe;
use crate::event::AgentEvent;

/// The actor; ends with the agent.
pub struct ServiceManager {
    socket: OsString,
    agent: Recipient<Subscribe>,
    ready: bool,
}

impl ServiceManager {
    /// Where the manager wants to be told, if it does.
    pub fn socket() -> Option<OsString> {
        std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
    }

    /// An actor that is not started yet.
    pub fn new(socket: OsString, agent: Recipient<Subscribe>) -> Self {
        Self {
            socket,
            agent,
            ready: false,
        }
    }

    fn tell(&self, state: &str) {
        if let Err(error) = send(&self.socket, state) {
            tracing::warn!("the service manager cannot be told {state}: {error}");
        }
    }
}

impl Actor for ServiceManager {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.agent.do_send(Subscribe(ctx.address().recipient()));
    }
}

impl Handler<AgentEvent> for ServiceManager {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
        match event {
            // A configuration that is refused is a matter for a person; the agent is up all the same.
            AgentEvent::ConfigApplied { .. } | AgentEvent::ConfigRefused { .. } if !self.ready => {
                self.ready = true;
                self.tell("READY=1");
            }
            AgentEvent::ShuttingDown => self.tell("STOPPING=1"),
            _ => {}
        }
    }
}

fn send(socket: &OsString, state: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return sender.send_to_addr(state.as_bytes(), &address).map(drop);
    }
    sender.send_to(state.as_bytes(), socket).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_manager_hears_once_that_the_agent_is_ready_and_that_it_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        actix_rt::System::new().block_on(async {
            let agent = crate::agent::Agent::new("test", vec![]).start();
            let told = ServiceManager::new(path.into(), agent.recipient()).start();
            let refused = AgentEvent::ConfigRefused {
                generation: None,
                reason: "a test".into(),
            };
            for event in [refused.clone(), refused, AgentEvent::ShuttingDown] {
                told.send(event).await.unwrap();
            }
        });
        let mut buffer = [0; 64];
        for state in ["READY=1", "STOPPING=1"] {
            let length = manager.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], state.as_bytes());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_without_a_file_is_reached_too() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("carillon-test-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        send(&format!("@{name}").into(), "READY=1").unwrap();
        let mut buffer = [0; 64];
        assert_eq!(manager.recv(&mut buffer).unwrap(), 7);
    }
}

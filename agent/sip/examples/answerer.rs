//! A phone without sound: answers every call on a UDP socket of this machine, in one thread, until standard input ends. The
//! smallest whole driver of an [`Endpoint`], and what `tests/bench/run.sh` measures calls per second with:
//! `cargo run --release -p carillon-sip --example answerer -- PEER`, where `PEER` is the address the calls come from.

use carillon_sip::{Codec, Direction, Endpoint, EndpointConfig, Event, FlowId, LocalMedia, Output};
use std::error::Error;
use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The longest sleep: how soon it notices that standard input has ended.
const LONGEST_SLEEP: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let peer = std::env::args()
        .nth(1)
        .ok_or("say where the calls come from: answerer 127.0.0.1:5060")?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let local = socket.local_addr()?;
    let mut config = EndpointConfig::new(format!("sip:answerer@{peer}").parse()?);
    config.register_expires = Duration::ZERO;
    config.max_calls = 1_000;
    // Each lasts for half a minute after its response (timers J and L).
    config.max_server_transactions = 1 << 20;
    // The caller is this phone's own proxy: nobody a stranger's ration is for.
    config.route_set = vec![format!("sip:{peer};lr").parse()?];
    let mut phone = Phone {
        endpoint: Endpoint::new(config, 1)?,
        socket,
        flow: None,
        answered: 0,
    };
    phone.endpoint.register(Instant::now());
    phone.work()?;
    println!("{{\"listens\":\"{local}\"}}");
    let owner = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let mut datagram = vec![0; 65_535];
    while !owner.is_finished() {
        let sleep = phone.endpoint.next_wake().map_or(LONGEST_SLEEP, |at| {
            at.saturating_duration_since(Instant::now())
                .clamp(Duration::from_micros(100), LONGEST_SLEEP)
        });
        phone.socket.set_read_timeout(Some(sleep))?;
        match phone.socket.recv_from(&mut datagram) {
            Ok((length, from)) => {
                if let (Some(flow), Some(bytes)) = (phone.flow, datagram.get(..length)) {
                    phone.endpoint.receive(Instant::now(), flow, from, bytes);
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused
                ) => {}
            Err(error) => return Err(error.into()),
        }
        phone.work()?;
    }
    let counts = phone.endpoint.counts();
    println!(
        "{{\"answered\":{},\"rationed\":{},\"dropped\":{},\"refused\":{}}}",
        phone.answered, counts.rationed, counts.dropped, counts.refused
    );
    Ok(())
}

struct Phone {
    endpoint: Endpoint,
    socket: UdpSocket,
    flow: Option<FlowId>,
    answered: u64,
}

impl Phone {
    /// Does what the endpoint asks for until it asks for nothing more.
    fn work(&mut self) -> Result<(), Box<dyn Error>> {
        let now = Instant::now();
        self.endpoint.wake(now);
        while let Some(output) = self.endpoint.poll_output(now) {
            match output {
                Output::Open { flow, .. } => {
                    self.flow = Some(flow);
                    self.endpoint
                        .flow_opened(now, flow, self.socket.local_addr()?);
                }
                Output::Transmit { to, bytes, .. } => {
                    // A full send buffer loses the datagram; SIP sends it again.
                    let _ = self.socket.send_to(&bytes, to);
                }
                Output::Event(Event::IncomingCall { call, .. }) => {
                    let media = LocalMedia {
                        addr: SocketAddr::new(self.socket.local_addr()?.ip(), 4_000),
                        codecs: vec![Codec::pcmu(), Codec::pcma(), Codec::telephone_event()],
                        ptime_ms: 20,
                        direction: Direction::SendRecv,
                    };
                    self.endpoint.answer(now, call, media)?;
                    self.answered += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

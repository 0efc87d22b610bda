//! A UDP relay in front of a registrar that keeps what passes, with times.
//!
//! The measurements start their clock at a spawn and stop it when the relay hands back a `200`;
//! both phones are measured through the same relay to the same registrar. Each client address gets
//! a socket of its own towards the registrar, as a NAT would give it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Fault, Outcome};

/// The most packets kept; older ones are dropped.
const KEEP: usize = 100_000;
/// The most clients served at once.
const MAX_CLIENTS: usize = 256;

/// One packet that passed.
#[derive(Debug, Clone)]
pub struct Passed {
    /// When it was handed on.
    pub at: Instant,
    /// From the client to the registrar, or back.
    pub outward: bool,
    /// The client's address.
    pub client: SocketAddr,
    /// Its bytes, as text.
    pub text: String,
}

impl Passed {
    /// Whether it is a final `200` to a REGISTER.
    pub fn is_registered(&self) -> bool {
        !self.outward
            && self.text.starts_with("SIP/2.0 200")
            && self.cseq_method() == Some("REGISTER")
    }

    /// Whether it is a REGISTER on its way out.
    pub fn is_register(&self) -> bool {
        self.outward && self.text.starts_with("REGISTER ")
    }

    fn cseq_method(&self) -> Option<&str> {
        self.text
            .lines()
            .find(|line| line.len() > 5 && line[..5].eq_ignore_ascii_case("cseq:"))
            .and_then(|line| line.split_whitespace().last())
    }
}

/// A running relay; it ends when dropped.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    passed: Arc<Mutex<Vec<Passed>>>,
    stop: Arc<AtomicBool>,
    workers: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Relay {
    /// Starts a relay on a free port of 127.0.0.1 towards `registrar_port` there.
    ///
    /// # Errors
    /// [`Fault::System`] when no socket can be had.
    pub fn start(registrar_port: u16) -> Outcome<Self> {
        let front = bind()?;
        let port = front
            .local_addr()
            .map_err(|e| Fault::system("read a socket's port", e))?
            .port();
        let relay = Self {
            port,
            passed: Arc::default(),
            stop: Arc::default(),
            workers: Arc::default(),
        };
        let registrar = SocketAddr::from((Ipv4Addr::LOCALHOST, registrar_port));
        let (passed, stop, workers) = (
            Arc::clone(&relay.passed),
            Arc::clone(&relay.stop),
            Arc::clone(&relay.workers),
        );
        let worker = std::thread::spawn(move || {
            forward(&front, registrar, &passed, &stop, &workers);
        });
        relay
            .workers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(worker);
        Ok(relay)
    }

    /// The port a phone talks to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that has passed.
    pub fn passed(&self) -> Vec<Passed> {
        self.passed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets what has passed.
    pub fn forget(&self) {
        self.passed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// Waits for a packet that `wanted` accepts.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with the first lines of what did pass.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Passed) -> bool,
    ) -> Outcome<Passed> {
        crate::patience::until(what, limit, || {
            let passed = self.passed();
            passed
                .iter()
                .find(|packet| wanted(packet))
                .cloned()
                .ok_or_else(|| {
                    passed
                        .iter()
                        .map(|packet| packet.text.lines().next().unwrap_or_default().to_owned())
                        .collect::<Vec<_>>()
                })
        })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let workers: Vec<_> = self
            .workers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        for worker in workers {
            let _ = worker.join();
        }
    }
}

fn bind() -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .map_err(|e| Fault::system("bind a UDP socket on 127.0.0.1", e))?;
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .map_err(|e| Fault::system("set a read timeout", e))?;
    Ok(socket)
}

/// Carries packets from phones to the registrar, opening a socket for each new phone.
fn forward(
    front: &UdpSocket,
    registrar: SocketAddr,
    passed: &Arc<Mutex<Vec<Passed>>>,
    stop: &Arc<AtomicBool>,
    workers: &Arc<Mutex<Vec<JoinHandle<()>>>>,
) {
    let mut clients: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut buffer = [0; 65_535];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, client)) = front.recv_from(&mut buffer) else {
            continue;
        };
        if !clients.contains_key(&client) {
            if clients.len() >= MAX_CLIENTS {
                continue;
            }
            let (Ok(back), Ok(front)) = (bind(), front.try_clone()) else {
                continue;
            };
            let Ok(reader) = back.try_clone() else {
                continue;
            };
            let (passed, stop) = (Arc::clone(passed), Arc::clone(stop));
            let worker =
                std::thread::spawn(move || carry_back(&reader, &front, client, &passed, &stop));
            workers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(worker);
            clients.insert(client, back);
        }
        if let Some(back) = clients.get(&client) {
            let _ = back.send_to(&buffer[..length], registrar);
            keep(passed, true, client, &buffer[..length]);
        }
    }
}

fn carry_back(
    reader: &UdpSocket,
    front: &UdpSocket,
    client: SocketAddr,
    passed: &Arc<Mutex<Vec<Passed>>>,
    stop: &Arc<AtomicBool>,
) {
    let mut buffer = [0; 65_535];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, _)) = reader.recv_from(&mut buffer) else {
            continue;
        };
        let _ = front.send_to(&buffer[..length], client);
        keep(passed, false, client, &buffer[..length]);
    }
}

fn keep(passed: &Mutex<Vec<Passed>>, outward: bool, client: SocketAddr, bytes: &[u8]) {
    let at = Instant::now();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);
    if passed.len() >= KEEP {
        passed.drain(..KEEP / 2);
    }
    passed.push(Passed {
        at,
        outward,
        client,
        text,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_pass_both_ways_and_are_kept() {
        let registrar = bind().unwrap();
        let relay = Relay::start(registrar.local_addr().unwrap().port()).unwrap();
        let phone = bind().unwrap();
        phone
            .send_to(
                b"REGISTER sip:x SIP/2.0\r\n\r\n",
                (Ipv4Addr::LOCALHOST, relay.port()),
            )
            .unwrap();
        let mut buffer = [0; 100];
        let (_, from) = registrar.recv_from(&mut buffer).unwrap();
        registrar
            .send_to(b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n", from)
            .unwrap();
        let (length, _) = phone.recv_from(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
        let ok = relay
            .wait_for("the 200", Duration::from_secs(2), Passed::is_registered)
            .unwrap();
        assert_eq!(ok.client, phone.local_addr().unwrap());
        assert_eq!(relay.passed().iter().filter(|p| p.is_register()).count(), 1);
    }
}

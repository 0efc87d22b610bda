//! A registrar that takes everyone: enough of RFC 3261 §10.3 to be registered at, and a diary.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// One REGISTER that came in.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) contact: String,
    pub(crate) expires: u32,
}

pub(crate) struct Registrar {
    pub(crate) address: SocketAddr,
    diary: mpsc::UnboundedReceiver<Registered>,
}

impl Registrar {
    pub(crate) async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (entry, diary) = mpsc::unbounded_channel();
        tokio::spawn(serve(socket, entry));
        Self { address, diary }
    }

    pub(crate) async fn next(&mut self) -> Registered {
        let wait = tokio::time::timeout(Duration::from_secs(20), self.diary.recv());
        wait.await.expect("nobody registers").unwrap()
    }
}

async fn serve(socket: UdpSocket, diary: mpsc::UnboundedSender<Registered>) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if !request.starts_with("REGISTER ") {
            continue;
        }
        let header = |name: &str| {
            let line = request.lines().find(|line| {
                line.split_once(':')
                    .is_some_and(|(known, _)| known.trim().eq_ignore_ascii_case(name))
            });
            line.map_or(String::new(), |line| {
                line[name.len() + 1..].trim().to_owned()
            })
        };
        let expires = header("Expires").parse().unwrap_or(3_600);
        let contact = header("Contact");
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            answer.push_str(&format!("{name}: {}\r\n", header(name)));
        }
        answer.push_str(&format!("To: {};tag=r\r\n", header("To")));
        if expires > 0 {
            answer.push_str(&format!("Contact: {contact};expires={expires}\r\n"));
        }
        answer.push_str("Content-Length: 0\r\n\r\n");
        socket.send_to(answer.as_bytes(), from).await.unwrap();
        let _ = diary.send(Registered { contact, expires });
    }
}

//! Somebody who sends INVITEs of their own making, raw as they are.

use std::net::UdpSocket;
use std::time::Duration;

/// Somebody who sends INVITEs of their own making.
pub(crate) struct Stranger {
    socket: UdpSocket,
    port: u16,
    calls: u32,
}

impl Stranger {
    pub(crate) fn new(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        let patience = Some(Duration::from_secs(1));
        socket.set_read_timeout(patience).unwrap();
        Self {
            socket,
            port,
            calls: 0,
        }
    }

    /// Calls with this display name and this address, both raw, and returns what is answered first.
    pub(crate) fn call(&mut self, name: &str, address: &str) -> u16 {
        self.calls += 1;
        let (own, number, port) = (self.socket.local_addr().unwrap(), self.calls, self.port);
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
        let invite = format!(
            "INVITE sip:main@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKs{number}\r\n\
             Max-Forwards: 70\r\nFrom: \"{name}\" <sip:{address}>;tag=s{number}\r\nTo: <sip:main@127.0.0.1:{port}>\r\n\
             Call-ID: stranger-{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:eve@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        self.socket.send(invite.as_bytes()).unwrap();
        let mut buffer = [0; 65_536];
        loop {
            // What is no SIP any more is dropped without an answer.
            let Ok(length) = self.socket.recv(&mut buffer) else {
                return 0;
            };
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
            if status > 100 && answer.contains(&format!("Call-ID: stranger-{number}\r")) {
                return status;
            }
        }
    }
}

//! What happens on a desk, as its local API tells it (`GET /v1/events`, server-sent events).

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Fault, Outcome};

/// A stream of a desk's events that stands.
#[derive(Debug)]
pub struct Events {
    stream: BufReader<TcpStream>,
}

impl Events {
    /// Listens to the agent of a state folder; returns once it has answered, so that nothing later is missed.
    ///
    /// # Errors
    /// [`Fault::System`] when the agent cannot be asked, [`Fault::Refused`] when it does not say 200.
    pub fn of(state: &Path) -> Outcome<Self> {
        let fault = |e| Fault::system("listen to the agent's events".to_owned(), e);
        let file = std::fs::read_to_string(state.join("control.json")).map_err(fault)?;
        let control: Value = serde_json::from_str(&file).unwrap_or_default();
        let text = |key: &str| control[key].as_str().unwrap_or_default().to_owned();
        let mut stream = TcpStream::connect(text("address")).map_err(fault)?;
        let request = format!(
            "GET /v1/events HTTP/1.0\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            text("address"),
            text("token")
        );
        stream.write_all(request.as_bytes()).map_err(fault)?;
        let mut events = Self {
            stream: BufReader::new(stream),
        };
        let status = events.line(Duration::from_secs(10))?;
        if status.split_whitespace().nth(1) != Some("200") {
            return Err(Fault::refused("the agent", "/v1/events", status));
        }
        while !events.line(Duration::from_secs(10))?.trim().is_empty() {}
        Ok(events)
    }

    /// When the next event of this name came.
    ///
    /// # Errors
    /// [`Fault::System`] when none comes within `limit`, or the agent is gone.
    pub fn wait(&mut self, name: &str, limit: Duration) -> Outcome<Instant> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.line(left.max(Duration::from_millis(1)))?;
            if line.trim().strip_prefix("event: ") == Some(name) {
                return Ok(Instant::now());
            }
        }
    }

    /// The facts of the next event of this name that `fits`.
    ///
    /// # Errors
    /// [`Fault::System`] when none comes within `limit`, or the agent is gone.
    pub fn wait_data(
        &mut self,
        name: &str,
        limit: Duration,
        fits: impl Fn(&Value) -> bool,
    ) -> Outcome<Value> {
        let end = Instant::now() + limit;
        loop {
            self.wait(name, end.saturating_duration_since(Instant::now()))?;
            let line = self.line(Duration::from_secs(5))?;
            let data = line.trim().strip_prefix("data: ").unwrap_or_default();
            let data: Value = serde_json::from_str(data).unwrap_or_default();
            if fits(&data) {
                return Ok(data);
            }
        }
    }

    fn line(&mut self, limit: Duration) -> Outcome<String> {
        let fault = |e| Fault::system("read the agent's events".to_owned(), e);
        self.stream
            .get_ref()
            .set_read_timeout(Some(limit))
            .map_err(fault)?;
        let mut line = String::new();
        match self.stream.read_line(&mut line).map_err(fault)? {
            0 => Err(fault(std::io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(line),
        }
    }
}

//! The command line's end of the local API: one request on one plain connection, blocking.
//!
//! HTTP/1.0, so that an answer ends with the connection and is never chunked. No runtime and no TLS is started:
//! the verbs are as fast as the agent.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use carillon_schemas::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::exit::{Exit, Failure};
use super::way::{Connection, Way};
use crate::control::Happening;
use crate::state_folder::StateError;

/// The largest answer, in bytes: 128 accounts and hundreds of calls fit many times.
const MAX_ANSWER: u64 = 16 << 20;

/// The running agent of a state folder.
pub(super) struct Client {
    ways: Vec<Way>,
}

/// The stream of events.
pub(super) struct Events(BufReader<Connection>);

impl Client {
    /// The agent of that state folder, if one says that it runs.
    pub(super) fn of(state: &Path) -> Result<Self, Failure> {
        match Way::all(state) {
            Ok(ways) if ways.is_empty() => Err(not_running(state)),
            Ok(ways) => Ok(Self { ways }),
            Err(StateError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotADirectory =>
            {
                Err(not_running(state))
            }
            Err(error) => Err(Failure::new(
                Exit::NotRunning,
                "not-running",
                error.to_string(),
            )),
        }
    }

    /// Asks for something.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask("GET", path, b"", Duration::from_secs(10))
    }

    /// Asks for something that may take its time.
    pub(super) fn get_within<T: DeserializeOwned>(
        &self,
        path: &str,
        patience: Duration,
    ) -> Result<T, Failure> {
        self.ask("GET", path, b"", patience)
    }

    /// Wants something done.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(unexpected)?;
        self.ask("POST", path, &body, patience)
    }

    /// Wants something gone.
    pub(super) fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
        patience: Duration,
    ) -> Result<T, Failure> {
        self.ask("DELETE", path, b"", patience)
    }

    /// Asks for something that goes on as it comes.
    pub(super) fn download(&self, path: &str, to: &mut impl Write) -> Result<u64, Failure> {
        let mut stream = self.send("GET", path, b"", Duration::from_secs(60))?;
        let status = read_head(&mut stream)?;
        if status != 200 {
            return Err(refused(stream));
        }
        std::io::copy(&mut stream, to).map_err(broken)
    }

    /// Listens from now on: what happens after this returns is not missed.
    pub(super) fn listen(&self) -> Result<Events, Failure> {
        let mut stream = self.send("GET", "/v1/events", b"", Duration::from_secs(10))?;
        let status = read_head(&mut stream)?;
        if status != 200 {
            return Err(refused(stream));
        }
        stream
            .get_ref()
            .set_read_timeout(None)
            .map_err(unexpected)?;
        Ok(Events(stream))
    }

    fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<T, Failure> {
        let mut stream = self.send(method, path, body, patience)?;
        let status = read_head(&mut stream)?;
        if !(200..300).contains(&status) {
            return Err(refused(stream));
        }
        let mut answer = Vec::new();
        stream
            .take(MAX_ANSWER)
            .read_to_end(&mut answer)
            .map_err(broken)?;
        // No content is a null.
        let answer = if answer.is_empty() {
            b"null"
        } else {
            answer.as_slice()
        };
        serde_json::from_slice(answer).map_err(|e| {
            let text = format!("the agent's answer cannot be read: {e} (do versions differ?)");
            Failure::new(Exit::Unexpected, "unexpected", text)
        })
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<BufReader<Connection>, Failure> {
        let (way, mut stream) = self.connect()?;
        stream
            .set_read_timeout(Some(patience))
            .map_err(unexpected)?;
        let mut request = format!(
            "{method} {path} HTTP/1.0\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            way.credentials(),
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        stream.write_all(&request).map_err(broken)?;
        Ok(BufReader::new(stream))
    }

    /// The first way that leads to somebody: a killed agent's may still be there.
    fn connect(&self) -> Result<(&Way, Connection), Failure> {
        let mut silent = Vec::new();
        for way in &self.ways {
            match way.connect() {
                Ok(stream) => return Ok((way, stream)),
                Err(error) => silent.push(format!("{}: {error}", way.shown())),
            }
        }
        let text = format!(
            "no agent answers where one said it would, at {} (start it with 'carillon run')",
            silent.join(", nor at ")
        );
        Err(Failure::new(Exit::NotRunning, "not-running", text))
    }
}

/// What comes of waiting for an event.
pub(super) enum Next {
    /// One happened.
    Event(Happening),
    /// None did, in time.
    TimeOut,
    /// The agent left.
    End,
}

impl Events {
    /// The next event; `None` when the agent leaves.
    pub(super) fn next(&mut self) -> Result<Option<Happening>, Failure> {
        match self.next_before(None)? {
            Next::Event(happening) => Ok(Some(happening)),
            Next::TimeOut | Next::End => Ok(None),
        }
    }

    /// The next event, waited for until `deadline` at the most.
    pub(super) fn next_before(&mut self, deadline: Option<Instant>) -> Result<Next, Failure> {
        let mut event = String::new();
        loop {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(Next::TimeOut);
            }
            let stream = self.0.get_ref();
            stream.set_read_timeout(left).map_err(unexpected)?;
            let mut line = String::new();
            match self.0.read_line(&mut line) {
                Ok(0) => return Ok(Next::End),
                Ok(_) => {}
                Err(error) if is_time_out(&error) && deadline.is_some() => {
                    return Ok(Next::TimeOut);
                }
                Err(error) => return Err(broken(error)),
            }
            if let Some(name) = line.strip_prefix("event: ") {
                name.trim_end().clone_into(&mut event);
            } else if let Some(data) = line.strip_prefix("data: ") {
                let data = serde_json::from_str(data).map_err(unexpected)?;
                return Ok(Next::Event(Happening { event, data }));
            }
        }
    }
}

/// A text as a part of an address (RFC 3986).
pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Reads past the head, of which only the status matters.
fn read_head(stream: &mut BufReader<Connection>) -> Result<u16, Failure> {
    let mut status = None;
    for _ in 0..64 {
        let mut line = String::new();
        stream
            .by_ref()
            .take(8 << 10)
            .read_line(&mut line)
            .map_err(broken)?;
        if status.is_none() {
            status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    status.ok_or_else(|| {
        let text = "what answers is no agent (start it with 'carillon run')";
        Failure::new(Exit::NotRunning, "not-running", text)
    })
}

fn refused(stream: BufReader<Connection>) -> Failure {
    let mut answer = Vec::new();
    let read = stream.take(MAX_ANSWER).read_to_end(&mut answer);
    match read.map(|_| serde_json::from_slice::<Problem>(&answer)) {
        // Another program has the port of an agent that is gone.
        Ok(Ok(problem)) if problem.word() == "wrong-token" => {
            Failure::new(Exit::NotRunning, "not-running", problem.detail)
        }
        Ok(Ok(problem)) => Failure::of_problem(&problem),
        Ok(Err(_)) => {
            let text = "what answers is no agent (start it with 'carillon run')";
            Failure::new(Exit::NotRunning, "not-running", text)
        }
        Err(error) => broken(error),
    }
}

fn not_running(state: &Path) -> Failure {
    let text = format!(
        "no agent runs on {} (start it with 'carillon run', or name another folder with --state)",
        state.display()
    );
    Failure::new(Exit::NotRunning, "not-running", text)
}

fn broken(error: std::io::Error) -> Failure {
    let text = if is_time_out(&error) {
        "the agent took too long to answer (its log may say why)".to_owned()
    } else {
        format!("the connection to the agent broke: {error} (is it still running?)")
    };
    Failure::new(Exit::Refused, "no-answer", text)
}

fn is_time_out(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

fn unexpected(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unexpected, "unexpected", error.to_string())
}

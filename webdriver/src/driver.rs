//! The driver's process, and plain HTTP/1.1 to it on loopback.
//!
//! Owns the process: it goes with its owner, and when the suite itself is killed (`setpriv --pdeathsig`).

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::BrowserError;

/// How long one command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// How the driver says where it listens.
const STARTED: &str = "started successfully on port ";

/// A running chromedriver.
#[derive(Debug)]
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts it with these variables beside the suite's own.
    pub(crate) fn start(environment: &[(OsString, OsString)]) -> Result<Self, BrowserError> {
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--", "chromedriver", "--port=0"])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(BrowserError::NoDriver)?;
        let said = process.stdout.take().map(BufReader::new);
        let mut driver = Self { process, port: 0 };
        // Read to its end, or the driver would wait for a reader: it says little more than this.
        let mut lines = said.into_iter().flat_map(BufRead::lines);
        driver.port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let port = line.split_once(STARTED)?.1;
                port.trim_end_matches('.').parse().ok()
            })
            .ok_or_else(|| {
                let why = "it ended without a word on where it listens";
                BrowserError::NoDriver(io::Error::other(why))
            })?;
        std::thread::spawn(move || lines.for_each(drop));
        Ok(driver)
    }

    /// Sends a command and gives the `value` of the answer.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value, BrowserError> {
        let tried = || format!("{method} {path}");
        let broken = |why: io::Error| BrowserError::Broken {
            tried: tried(),
            why,
        };
        let refused = |why: String| BrowserError::Refused {
            tried: tried(),
            why,
        };
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(broken)?;
        stream
            .set_read_timeout(Some(COMMAND_LIMIT))
            .map_err(broken)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all((head + &body).as_bytes())
            .map_err(broken)?;
        let text = response_body(&mut stream).map_err(broken)?;
        let mut answer: Value =
            serde_json::from_str(&text).map_err(|e| refused(format!("{e}: {text}")))?;
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => {
                let message = value["message"].as_str().unwrap_or_default();
                Err(refused(format!("{error}: {message}")))
            }
            None => Ok(value),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads one response; the driver keeps its connection open now and then, whatever it is asked.
fn response_body(stream: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16_384];
    loop {
        let read = stream.read(&mut chunk)?;
        bytes.extend_from_slice(&chunk[..read]);
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(head_end) = head_end else {
            if read == 0 {
                return Ok(String::new());
            }
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]);
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        let body = &bytes[head_end + 4..];
        if read == 0 || length.is_some_and(|length| body.len() >= length) {
            let end = length.map_or(body.len(), |length| length.min(body.len()));
            return Ok(String::from_utf8_lossy(&body[..end]).into_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_ends_where_its_length_says() {
        let mut whole = &b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcdIGNORED"[..];
        assert_eq!(response_body(&mut whole).unwrap(), "abcd");
        let mut cut = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"[..];
        assert_eq!(response_body(&mut cut).unwrap(), "abc");
    }
}

//! The session part: a small program in a logged-on user's session that lends the service their sound devices.
//!
//! Owns its connection to the service, made anew when the service is, and what the service may have it do: open
//! sound cards while a call needs them, and show a web page. It holds no account, no key and no token: the system
//! tells the service who it is.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use carillon_schemas::Problem;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::frame::{Frame, PROTOCOL, Word};
pub use super::sound::Devices;
use super::sound::OpenDevices;
use crate::provisioning::Backoff;

/// The longest wait before the service is looked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Frames that may wait for the service; beyond them sound is dropped.
const BACKLOG: usize = 64;
/// The most of an answer that is read, in bytes.
const MAX_ANSWER: u64 = 16 << 10;

/// Why the part does not go on trying.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Serves the service at `socket` until it refuses this user, or `is_over` says so: that is asked whenever the service was
/// looked for, since a new version of it may have come with a new version of this program.
///
/// # Errors
/// What the service said.
pub async fn run(
    socket: &Path,
    devices: Devices,
    mut is_over: impl FnMut() -> bool,
) -> Result<(), Refused> {
    let mut waits = Backoff::default();
    let mut told = String::new();
    loop {
        let attached = attach(socket).await;
        if is_over() {
            return Ok(());
        }
        match attached {
            Ok(Ok((reads, writes))) => {
                tracing::info!("attached to the service at {}", socket.display());
                waits.reset();
                told.clear();
                if let Err(error) = serve(reads, writes, devices.clone()).await {
                    tracing::warn!("the service at {} is gone: {error}", socket.display());
                }
            }
            Ok(Err(problem)) if (400..500).contains(&problem.status) && problem.status != 429 => {
                let advice = problem.advice.map(|advice| format!(" ({advice})"));
                let advice = advice.unwrap_or_default();
                return Err(Refused(format!("{}{advice}", problem.detail)));
            }
            other => {
                let why = match other {
                    Ok(Err(problem)) => problem.detail,
                    Err(error) => error.to_string(),
                    Ok(Ok(_)) => String::new(),
                };
                // Once is enough: it may be away for the night.
                if why != told {
                    tracing::warn!("no service at {}: {why}; trying again", socket.display());
                    told = why;
                }
            }
        }
        tokio::time::sleep(waits.next(None).min(LONGEST_WAIT)).await;
    }
}

#[cfg(windows)]
type Stream = tokio::net::windows::named_pipe::NamedPipeClient;
#[cfg(unix)]
type Stream = tokio::net::UnixStream;

type Halves = (BufReader<ReadHalf<Stream>>, WriteHalf<Stream>);

#[cfg(unix)]
async fn connect(socket: &Path) -> io::Result<Stream> {
    Stream::connect(socket).await
}

#[cfg(windows)]
async fn connect(pipe: &Path) -> io::Result<Stream> {
    crate::windows::pipe::connect_within_runtime(&pipe.to_string_lossy())
}

/// Asks the service to change from HTTP to frames.
async fn attach(socket: &Path) -> io::Result<Result<Halves, Box<Problem>>> {
    let (reads, mut writes) = tokio::io::split(connect(socket).await?);
    let request = format!(
        "GET /v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: {PROTOCOL}\r\n\r\n"
    );
    let asked = async {
        writes.write_all(request.as_bytes()).await?;
        let mut reads = BufReader::new(reads);
        let mut status = None;
        let mut head = (&mut reads).take(MAX_ANSWER);
        loop {
            let mut line = String::new();
            if head.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if status.is_none() {
                status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        if status == Some(101) {
            return Ok(Ok((reads, writes)));
        }
        let mut body = Vec::new();
        reads.take(MAX_ANSWER).read_to_end(&mut body).await?;
        serde_json::from_slice(&body)
            .map(|problem| Err(Box::new(problem)))
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "what answers is no agent"))
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Does what the service says until the connection ends.
async fn serve(
    mut reads: BufReader<ReadHalf<Stream>>,
    mut writes: WriteHalf<Stream>,
    devices: Devices,
) -> io::Result<()> {
    let (tell, mut told) = mpsc::channel::<Frame>(BACKLOG);
    let mut open = OpenDevices::new(devices, tell);
    let writing = async {
        while let Some(frame) = told.recv().await {
            writes.write_all(&frame.encode()).await?;
        }
        Ok(())
    };
    let reading = async {
        while let Some(frame) = Frame::read(&mut reads).await? {
            match frame {
                Frame::Word(Word::Listen { stream, device }) => open.listen(stream, &device),
                Frame::Word(Word::Speak { stream, device }) => open.speak(stream, &device),
                Frame::Word(Word::Close { stream }) => open.close(stream),
                Frame::Word(Word::OpenUrl { url }) => browse(&url),
                Frame::Sound { stream, samples } => open.play(stream, samples),
                Frame::Want { stream, samples } => open.record(stream, samples.into()),
                Frame::Word(Word::Trouble { .. }) => {}
            }
        }
        Ok(())
    };
    // The devices close with the connection, whichever half of it breaks first.
    tokio::select! {
        ended = writing => ended,
        ended = reading => ended,
    }
}

/// What knows which program opens an address.
#[cfg(unix)]
const OPENER: [&str; 1] = ["xdg-open"];
/// Calls ShellExecute with the address.
#[cfg(windows)]
const OPENER: [&str; 2] = ["rundll32.exe", "url.dll,FileProtocolHandler"];

/// Shows a page in the user's browser. A service is believed for this much only: nothing but the web is opened.
fn browse(url: &str) {
    let of_the_web = ["https://", "http://"].iter().any(|scheme| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if !of_the_web || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        tracing::warn!("the service asks for an address that is none of the web; it is not opened");
        return;
    }
    let opened = Command::new(OPENER[0])
        .args(&OPENER[1..])
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match opened {
        // Waited for, so that nothing of it stays behind.
        Ok(mut child) => drop(tokio::task::spawn_blocking(move || child.wait())),
        Err(error) => tracing::warn!("{} cannot be started: {error} (install it)", OPENER[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_is_over_leaves_and_one_that_is_not_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = folder.path().join("nobody.sock");
        let devices = Devices {
            input: None,
            output: None,
        };
        let mut looks = 0;
        let over_at_the_second = || {
            looks += 1;
            looks == 2
        };
        run(&nowhere, devices, over_at_the_second).await.unwrap();
        assert_eq!(looks, 2);
    }
}

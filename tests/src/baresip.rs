//! baresip: another phone, driven over its ctrl_tcp interface (JSON in netstrings).
//!
//! Its sound goes nowhere; the module sndfile writes what it sends and hears into its folder.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;
use crate::recording::Recording;
use crate::{Fault, Outcome, patience, ports};

/// How a baresip is set up.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The user part of its address of record.
    pub user: &'a str,
    /// Its digest password.
    pub password: &'a str,
    /// The registrar's (or a relay's) UDP port on 127.0.0.1.
    pub registrar_port: u16,
    /// Seconds between registrations; 0 does not register.
    pub register_every: u32,
    /// The tone it speaks, in Hz.
    pub tone: u32,
    /// Writes what it sends and hears into WAV files.
    pub record: bool,
    /// The name it gives itself.
    pub display_name: Option<&'a str>,
}

impl<'a> Setup<'a> {
    /// A recording phone that speaks 440 Hz.
    pub fn new(user: &'a str, password: &'a str, registrar_port: u16) -> Self {
        Self {
            user,
            password,
            registrar_port,
            register_every: 600,
            tone: 440,
            record: true,
            display_name: None,
        }
    }
}

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    process: Process,
    control: TcpStream,
    pending: Vec<u8>,
    events: Vec<Value>,
    folder: TempDir,
    ports: Ports,
    user: String,
}

/// The loopback ports of one phone.
#[derive(Debug, Clone, Copy)]
struct Ports {
    sip: u16,
    control: u16,
    /// The first of twenty.
    rtp: u16,
}

impl Baresip {
    /// Writes its folder, starts it and connects to its control port.
    ///
    /// # Errors
    /// [`Fault::Missing`] without the package, [`Fault::TooLate`] when it does not come up.
    pub fn start(setup: &Setup<'_>) -> Outcome<Self> {
        let (folder, ports) = write_folder(setup)?;
        let process = Process::start(
            "baresip",
            Path::new("baresip"),
            arguments(folder.path()),
            folder.path(),
        )?;
        Self::connect(process, folder, ports, setup.user)
    }

    /// Starts it without any wrapper, for measurements from the very start.
    ///
    /// # Errors
    /// As [`Baresip::start`].
    pub fn start_bare(setup: &Setup<'_>) -> Outcome<(Self, std::time::Instant)> {
        let (folder, ports) = write_folder(setup)?;
        let mut command = Command::new("baresip");
        command
            .args(arguments(folder.path()))
            .current_dir(folder.path());
        let at = std::time::Instant::now();
        let process = Process::adopt("baresip", command, folder.path())?;
        Ok((Self::connect(process, folder, ports, setup.user)?, at))
    }

    fn connect(mut process: Process, folder: TempDir, ports: Ports, user: &str) -> Outcome<Self> {
        let control = patience::until("baresip's control port", Duration::from_secs(10), || {
            if !process.is_running() {
                return Err(process.last_words());
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, ports.control)).map_err(|e| e.to_string())
        })?;
        control
            .set_read_timeout(Some(Duration::from_millis(20)))
            .map_err(|e| Fault::system("set a read timeout", e))?;
        Ok(Self {
            process,
            control,
            pending: Vec::new(),
            events: Vec::new(),
            folder,
            ports,
            user: user.to_owned(),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its SIP port on 127.0.0.1.
    pub fn sip_port(&self) -> u16 {
        self.ports.sip
    }

    /// The ports that its RTP and RTCP come from.
    pub fn rtp_ports(&self) -> RangeInclusive<u16> {
        self.ports.rtp..=self.ports.rtp + 19
    }

    /// Dials a SIP URI.
    ///
    /// # Errors
    /// [`Fault::Refused`] when baresip does.
    pub fn dial(&mut self, uri: &str) -> Outcome<()> {
        self.command("dial", uri).map(drop)
    }

    /// Answers the call that rings.
    ///
    /// # Errors
    /// [`Fault::Refused`] when nothing rings.
    pub fn answer(&mut self) -> Outcome<()> {
        self.command("accept", "").map(drop)
    }

    /// Hangs up the current call.
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is none.
    pub fn hang_up(&mut self) -> Outcome<()> {
        self.command("hangup", "").map(drop)
    }

    /// Holds the current call (re-INVITE with `sendonly`), or takes it back.
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is none.
    pub fn hold(&mut self, on: bool) -> Outcome<()> {
        self.command(if on { "hold" } else { "resume" }, "")
            .map(drop)
    }

    /// Asks the far side of the current call to call somebody else (REFER).
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is no call.
    pub fn transfer(&mut self, uri: &str) -> Outcome<()> {
        self.command("transfer", uri).map(drop)
    }

    /// Sends DTMF digits in the call (RFC 4733).
    ///
    /// # Errors
    /// [`Fault::Refused`] when there is no call.
    pub fn send_digits(&mut self, digits: &str) -> Outcome<()> {
        for digit in digits.chars() {
            self.command("sndcode", &digit.to_string())?;
        }
        Ok(())
    }

    /// The digits heard so far.
    pub fn heard_digits(&mut self) -> String {
        self.listen();
        self.events
            .iter()
            .filter(|event| event["type"] == "CALL_DTMF_START")
            .filter_map(|event| event["param"].as_str())
            .collect()
    }

    /// Waits for an event of this type (`REGISTER_OK`, `CALL_INCOMING`, `CALL_ESTABLISHED`,
    /// `CALL_CLOSED`, …) and takes it and all before it from the list.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with the types seen.
    pub fn wait_event(&mut self, kind: &str, limit: Duration) -> Outcome<Value> {
        let what = format!("{kind} at baresip {}", self.user);
        let at = patience::until(&what, limit, || {
            self.listen();
            self.events
                .iter()
                .position(|event| event["type"] == kind)
                .ok_or_else(|| {
                    let seen: Vec<_> = self
                        .events
                        .iter()
                        .map(|event| event["type"].clone())
                        .collect();
                    format!("{seen:?}; {}", self.process.last_words())
                })
        })?;
        let event = self.events[at].clone();
        // Digits stay: they are asked for by `heard_digits`.
        let mut index = 0;
        self.events.retain(|event| {
            index += 1;
            index > at + 1 || event["type"] == "CALL_DTMF_START"
        });
        Ok(event)
    }

    /// What it heard, once the call is over. The newest file when there were several calls.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when there is no recording.
    pub fn heard(&self) -> Outcome<Recording> {
        self.dump("-dec.wav")
    }

    /// What it sent, once the call is over.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when there is no recording.
    pub fn spoke(&self) -> Outcome<Recording> {
        self.dump("-enc.wav")
    }

    /// Ends it with its own command, so that it unregisters.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when it does not leave.
    pub fn quit(mut self) -> Outcome<()> {
        // The answer may be cut off by the end of the program itself.
        let _ = self.command("quit", "");
        self.process.wait(Duration::from_secs(10)).map(drop)
    }

    fn dump(&self, ending: &str) -> Outcome<Recording> {
        patience::until("baresip's recording", Duration::from_secs(5), || {
            let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path())
                .map_err(|e| e.to_string())?
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.to_string_lossy().ends_with(ending))
                .collect();
            files.sort_by_key(|path| path.metadata().and_then(|m| m.modified()).ok());
            let newest = files.pop().ok_or("no dump in its folder")?;
            Recording::open(&newest).map_err(|e| e.to_string())
        })
    }

    fn command(&mut self, command: &str, params: &str) -> Outcome<String> {
        let token = format!("{command}-{}", self.events.len());
        let text = json!({"command": command, "params": params, "token": token}).to_string();
        let refused =
            |answer: String| Fault::refused("baresip", format!("{command} {params}"), answer);
        self.control
            .write_all(format!("{}:{text},", text.len()).as_bytes())
            .map_err(|e| refused(e.to_string()))?;
        let answer = patience::until(
            &format!("baresip's answer to {command}"),
            Duration::from_secs(5),
            || {
                self.listen();
                self.events
                    .iter()
                    .position(|event| event["response"] == true && event["token"] == token.as_str())
                    .ok_or("no answer")
            },
        )?;
        let answer = self.events.remove(answer);
        let data = answer["data"].as_str().unwrap_or_default().to_owned();
        if answer["ok"] == true {
            Ok(data)
        } else {
            Err(refused(data))
        }
    }

    /// Reads what has come in on the control connection.
    fn listen(&mut self) {
        let mut buffer = [0; 16_384];
        loop {
            match self.control.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.pending.extend_from_slice(&buffer[..length]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        while let Some((message, used)) = netstring(&self.pending) {
            if let Ok(value) = serde_json::from_slice(message) {
                self.events.push(value);
            }
            self.pending.drain(..used);
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // baresip sends no BYE on SIGTERM; its own command does.
        if self.process.is_running() {
            let text = json!({"command": "quit"}).to_string();
            let _ = self
                .control
                .write_all(format!("{}:{text},", text.len()).as_bytes());
            let _ = self.process.wait(Duration::from_secs(2));
        }
    }
}

/// The first whole netstring of a buffer and the bytes it takes.
fn netstring(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let message = bytes.get(colon + 1..colon + 1 + length)?;
    bytes.get(colon + 1 + length)?;
    Some((message, colon + length + 2))
}

fn arguments(folder: &Path) -> [std::ffi::OsString; 3] {
    ["-4".into(), "-f".into(), folder.as_os_str().to_owned()]
}

fn write_folder(setup: &Setup<'_>) -> Outcome<(TempDir, Ports)> {
    let folder = TempDir::with_prefix("carillon-baresip-")
        .map_err(|e| Fault::system("make a folder for baresip", e))?;
    let (sip_port, control_port) = (ports::free()?, ports::free()?);
    let rtp = ports::free_run(10)?;
    let record = if setup.record {
        format!("module sndfile.so\nsnd_path {}\n", folder.path().display())
    } else {
        String::new()
    };
    let config = format!(
        "poll_method epoll\nsip_listen 127.0.0.1:{sip_port}\n\
         audio_player aubridge,{user}-speaker\naudio_source ausine,{tone}\naudio_alert aubridge,{user}-alert\n\
         ausrc_srate 48000\nausrc_channels 2\nauplay_srate 48000\nauplay_channels 2\n\
         rtp_ports {rtp}-{rtp_end}\naudio_buffer 20-160\n\
         module_path /usr/lib/baresip/modules\n\
         module g711.so\nmodule ausine.so\nmodule aubridge.so\n{record}\
         module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
         ctrl_tcp_listen 127.0.0.1:{control_port}\n",
        user = setup.user,
        tone = setup.tone,
        rtp_end = rtp + 19,
    );
    let name = setup
        .display_name
        .map_or_else(String::new, |name| format!("\"{name}\" "));
    let account = format!(
        "{name}<sip:{user}@127.0.0.1>;outbound=\"sip:127.0.0.1:{port}\";auth_user={user};auth_pass={password};\
         regint={every};audio_codecs=pcmu,pcma;answermode=manual;dtmfmode=rtpevent\n",
        user = setup.user,
        password = setup.password,
        port = setup.registrar_port,
        every = setup.register_every,
    );
    for (name, text) in [
        ("config", config.as_str()),
        ("accounts", &account),
        ("contacts", ""),
    ] {
        std::fs::write(folder.path().join(name), text)
            .map_err(|e| Fault::system(format!("write baresip's {name}"), e))?;
    }
    Ok((
        folder,
        Ports {
            sip: sip_port,
            control: control_port,
            rtp,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings_are_cut_where_they_end() {
        assert_eq!(netstring(b"5:hello,3:abc,"), Some((&b"hello"[..], 8)));
        assert_eq!(netstring(b"5:hel"), None);
        assert_eq!(netstring(b"5:hello"), None);
        assert_eq!(netstring(b""), None);
        assert_eq!(netstring(b"x:hello,"), None);
    }
}

//! Calls answered per second, and what one call takes: SIPp calls the example `answerer`, a whole SIP endpoint without sound.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::footprint::{Footprint, cpu_time};
use crate::process::Process;
use crate::{Fault, Outcome, binaries, ports};

/// Rates that are tried, in calls per second, until one is not clean.
const RATES: [u32; 10] = [
    600, 900, 1_200, 1_600, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000,
];
/// How many of a hundred thousand messages may be sent again at a rate that counts as clean.
const RETRANSMISSIONS: f64 = 0.001;
/// How many calls stand at once when their memory is read.
const STANDING: u32 = 900;

/// What the answerer can do.
#[derive(Debug, Clone, Copy)]
pub struct Answering {
    /// The highest rate at which every call succeeded and hardly a message was sent twice, in calls per second.
    pub clean_rate: u32,
    /// Calls for each second of processor time that the answerer took at that rate.
    pub calls_per_cpu_second: f64,
    /// Private memory that a standing call adds, in KiB.
    pub call_kib: f64,
}

/// Measures it; each rate lasts for `span`.
///
/// # Errors
/// [`Fault::Missing`] without SIPp or the example, [`Fault::Refused`] when not even the lowest rate is clean.
pub fn measure(span: Duration) -> Outcome<Answering> {
    let (mut clean_rate, mut calls_per_cpu_second) = (0, 0.0);
    for rate in RATES {
        let port = ports::free()?;
        let answerer = Answerer::start(port)?;
        let calls = rate * u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        let before = cpu_time(answerer.pid())?;
        let caller = Caller::start(&answerer, port, rate, calls, Duration::ZERO)?;
        let counts = caller.finish(span * 3)?;
        if !counts.is_clean(calls) {
            break;
        }
        let spent = (cpu_time(answerer.pid())? - before).as_secs_f64();
        clean_rate = rate;
        calls_per_cpu_second = f64::from(calls) / spent.max(0.01);
    }
    if clean_rate == 0 {
        return Err(Fault::refused(
            "the answerer",
            format!("{} calls per second", RATES[0]),
            "calls failed or messages were sent again; is the machine busy?",
        ));
    }
    Ok(Answering {
        clean_rate,
        calls_per_cpu_second,
        call_kib: memory_of_a_call()?,
    })
}

/// Private memory that a call adds while it stands. What is left of calls that ended is warmed up first.
fn memory_of_a_call() -> Outcome<f64> {
    let port = ports::free()?;
    let answerer = Answerer::start(port)?;
    let dirty = |answerer: &Answerer| Ok(Footprint::of(answerer.pid())?.private_dirty_kib);
    Caller::start(&answerer, port, 50, 50, Duration::ZERO)?.finish(Duration::from_secs(20))?;
    let before = dirty(&answerer)?;
    let caller = Caller::start(&answerer, port, 300, STANDING, Duration::from_secs(6))?;
    // All stand after three seconds, none has ended before six.
    std::thread::sleep(Duration::from_millis(4_500));
    let standing = dirty(&answerer)?;
    let counts = caller.finish(Duration::from_secs(30))?;
    if counts.failed > 0 {
        return Err(Fault::refused(
            "the answerer",
            format!("{STANDING} calls at once"),
            format!("{} of them failed", counts.failed),
        ));
    }
    Ok(standing.saturating_sub(before) as f64 / f64::from(STANDING))
}

/// A running `answerer`.
struct Answerer {
    child: Child,
    port: String,
    /// Closed by the drop: then it ends.
    _life: ChildStdin,
}

impl Answerer {
    fn start(peer_port: u16) -> Outcome<Self> {
        let program = binaries::example("answerer", "carillon-sip")?;
        let fault = |e| Fault::system("start the answerer", e);
        let mut child = Command::new(&program)
            .arg(format!("127.0.0.1:{peer_port}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(fault)?;
        let silent = || Fault::refused("the answerer", "its address", "it said nothing");
        let life = child.stdin.take().ok_or_else(silent)?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or_else(silent)?)
            .read_line(&mut line)
            .map_err(fault)?;
        let said: Value = serde_json::from_str(&line).map_err(|_| silent())?;
        let port = said["listens"]
            .as_str()
            .and_then(|address| address.rsplit(':').next())
            .ok_or_else(silent)?
            .to_owned();
        Ok(Self {
            child,
            port,
            _life: life,
        })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What SIPp counted.
struct Counts {
    succeeded: u32,
    failed: u32,
    retransmissions: u32,
}

impl Counts {
    fn is_clean(&self, calls: u32) -> bool {
        // INVITE and BYE from SIPp, each answered.
        let allowed = f64::from(calls) * 2.0 * RETRANSMISSIONS;
        self.failed == 0 && self.succeeded == calls && f64::from(self.retransmissions) <= allowed
    }
}

/// A SIPp that calls: its built-in caller, which hangs up after `stay`.
struct Caller {
    process: Process,
    folder: TempDir,
}

impl Caller {
    fn start(
        answerer: &Answerer,
        port: u16,
        rate: u32,
        calls: u32,
        stay: Duration,
    ) -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-answering-")
            .map_err(|e| Fault::system("make a folder for SIPp", e))?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "TERM", "--", "sipp"])
            .arg(format!("127.0.0.1:{}", answerer.port))
            .args(["-sn", "uac", "-s", "answerer", "-i", "127.0.0.1"])
            .args(["-p", &port.to_string()])
            .args(["-mp", &ports::free_run(4)?.to_string()])
            .args(["-r", &rate.to_string(), "-m", &calls.to_string()])
            .args([
                "-l",
                &calls.to_string(),
                "-d",
                &stay.as_millis().to_string(),
            ])
            .args([
                "-nostdin",
                "-trace_stat",
                "-fd",
                "1",
                "-buff_size",
                "4194304",
            ])
            .current_dir(folder.path());
        let process = Process::adopt("sipp", command, folder.path())?;
        Ok(Self { process, folder })
    }

    /// Waits for the last call.
    fn finish(mut self, limit: Duration) -> Outcome<Counts> {
        // Its exit code tells of failed calls, which the counts do too.
        self.process.wait(limit)?;
        let unreadable = || {
            Fault::refused(
                "SIPp",
                "its statistics",
                format!("there are none; it said:\n{}", self.process.last_words()),
            )
        };
        let entries = std::fs::read_dir(self.folder.path())
            .map_err(|e| Fault::system("look for SIPp's statistics", e))?;
        let text = entries
            .flatten()
            .find(|entry| entry.path().extension().is_some_and(|kind| kind == "csv"))
            .and_then(|entry| std::fs::read_to_string(entry.path()).ok())
            .ok_or_else(unreadable)?;
        let names: Vec<&str> = text.lines().next().unwrap_or_default().split(';').collect();
        let last: Vec<&str> = text.lines().last().unwrap_or_default().split(';').collect();
        let count = |name: &str| -> Outcome<u32> {
            let at = names.iter().position(|known| *known == name);
            at.and_then(|at| last.get(at)?.parse().ok())
                .ok_or_else(unreadable)
        };
        Ok(Counts {
            succeeded: count("SuccessfulCall(C)")?,
            failed: count("FailedCall(C)")?,
            retransmissions: count("Retransmissions(C)")?,
        })
    }
}

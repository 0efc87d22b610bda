//! A desk under scanners: svmap, svwar and svcrack at once against its SIP port, from a network that is not its registrar's. They
//! give up soon where they learn nothing, and begin anew; beside them SIPp floods the desk with calls to its own number.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::desk::Desk;
use crate::footprint::{Footprint, cpu_time};
use crate::kamailio::{Kamailio, World};
use crate::namespace::Namespace;
use crate::{Fault, Outcome, binaries};

const REGISTRAR: &str = "203.0.113.2";
const DESK: &str = "198.51.100.2";
const SOON: Duration = Duration::from_secs(15);

/// What the scanners brought about.
#[derive(Debug)]
pub struct Siege {
    /// Time of one core that the desk took for it, in percent.
    pub cpu_percent: f64,
    /// Resident memory before, after a first round of the scanners, and in the end, in KiB.
    pub resident_kib: [u64; 3],
    /// How often one of the scanners ran to its end or its time.
    pub rounds: usize,
    /// Datagrams that reached the desk's network.
    pub datagrams: u64,
    /// Calls that the desk knew of at any look, ringing or not.
    pub calls: usize,
    /// Whether it is registered and can be called in the end.
    pub reachable: bool,
}

/// Lets the scanners loose on a registered desk for a time.
///
/// # Errors
/// [`Fault::Missing`] without the Debian packages, and what the desk or its registrar refuses.
pub fn lay(span: Duration) -> Outcome<Siege> {
    let (home, outside, scanners) = (Namespace::new()?, Namespace::new()?, Namespace::new()?);
    outside.join(&format!("{REGISTRAR}/24"), &home, "203.0.113.7/24")?;
    scanners.join("198.51.100.66/24", &home, &format!("{DESK}/24"))?;
    let kamailio = Kamailio::start_world(&World {
        users: &[("1001", "secret"), ("1002", "secret")],
        replace: &[("127.0.0.1", REGISTRAR)],
        port: Some(5060),
        namespace: Some(&outside),
        ..World::default()
    })?;
    let besieged = desk(&home, "besieged", "1001")?;
    let friend = desk(&outside, "friend", "1002")?;
    let contact = kamailio.wait_registered("1001", SOON)?;
    kamailio.wait_registered("1002", SOON)?;
    let port = contact
        .uri
        .rsplit(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let pid = besieged
        .pid()
        .ok_or_else(|| Fault::refused("the desk", "its process id", "it does not run"))?;
    let before = Footprint::of(pid)?.rss_kib;
    let (spent, began) = (cpu_time(pid)?, Instant::now());
    let target = format!("{DESK}:{port}");
    let tools: [(&str, Vec<&str>); 4] = [
        ("svmap", vec!["-p", &port, DESK]),
        (
            "svwar",
            vec![
                "--force",
                "-m",
                "INVITE",
                "-t",
                "0.001",
                "-e",
                "1000-9999",
                "-p",
                &port,
                DESK,
            ],
        ),
        (
            "svcrack",
            vec![
                "-u", "1001", "-r", "1-99999", "-t", "0.001", "-p", &port, DESK,
            ],
        ),
        (
            "sipp",
            vec![
                "-sn",
                "uac",
                "-s",
                "1001",
                "-r",
                "200",
                "-l",
                "5000",
                "-i",
                "198.51.100.66",
                "-nostdin",
                &target,
            ],
        ),
    ];
    // All are wrapped before one runs: a script still open for writing while another thread forks cannot be run.
    let tools = tools
        .into_iter()
        .map(|(tool, args)| Ok((tool, scanners.program(Path::new(tool))?, args)))
        .collect::<Outcome<Vec<_>>>()?;
    let over = AtomicBool::new(false);
    let (rounds, calls, settled) = std::thread::scope(|scope| -> Outcome<_> {
        let running: Vec<_> = tools
            .iter()
            .map(|(tool, program, args)| {
                let over = &over;
                scope.spawn(move || keep_running(tool, program, args, over))
            })
            .collect();
        let (mut calls, mut settled) = (0, None);
        while began.elapsed() < span {
            std::thread::sleep(Duration::from_millis(500));
            let status = besieged.status()?;
            calls = calls.max(status["calls"].as_array().map_or(0, Vec::len));
            if began.elapsed() > span / 2 && settled.is_none() {
                settled = Some(Footprint::of(pid)?.rss_kib);
            }
        }
        over.store(true, Ordering::Relaxed);
        let mut rounds = 0;
        for thread in running {
            rounds += thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok((rounds, calls, settled.unwrap_or(before)))
    })?;
    let percent = (cpu_time(pid)? - spent).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let after = Footprint::of(pid)?.rss_kib;
    friend.dial(&format!("sip:1001@{REGISTRAR}"))?;
    let reachable = besieged.wait_call("ringing", SOON).is_ok();
    friend.hang_up()?;
    Ok(Siege {
        cpu_percent: percent,
        resident_kib: [before, settled, after],
        rounds,
        datagrams: datagrams(&home)?,
        calls,
        reachable,
    })
}

fn desk(network: &Namespace, name: &str, user: &str) -> Outcome<Desk> {
    let program = network.program(&binaries::agent()?)?;
    let mut desk = Desk::with_program(name, program)?;
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@{REGISTRAR}\n    password: secret\nmedia: {{input: 'null', output: 'null'}}\n"
    );
    std::fs::create_dir_all(desk.state())
        .and_then(|()| std::fs::write(desk.state().join("agent.yaml"), yaml))
        .map_err(|e| Fault::system("write agent.yaml", e))?;
    desk.run()?;
    Ok(desk)
}

/// Runs a scanner again and again; how often.
fn keep_running(tool: &str, program: &Path, args: &[&str], over: &AtomicBool) -> Outcome<usize> {
    let mut rounds = 0;
    while !over.load(Ordering::Relaxed) {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| Fault::system(format!("run {tool}"), e))?;
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let ended = child
                .try_wait()
                .map_err(|e| Fault::system(format!("wait for {tool}"), e))?;
            if ended.is_some() {
                break;
            }
            if over.load(Ordering::Relaxed) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        rounds += 1;
    }
    Ok(rounds)
}

/// UDP datagrams that came into a network so far.
fn datagrams(network: &Namespace) -> Outcome<u64> {
    let text = network.run("cat", &["/proc/net/snmp"])?;
    let mut lines = text.lines().filter(|line| line.starts_with("Udp:"));
    let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let at = names
        .split_whitespace()
        .position(|name| name == "InDatagrams");
    Ok(at
        .and_then(|at| values.split_whitespace().nth(at))
        .and_then(|value| value.parse().ok())
        .unwrap_or(0))
}

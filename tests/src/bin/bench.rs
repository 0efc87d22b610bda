//! The benchmark: one desk and baresip side by side, in one run on one machine.
//!
//! Both phones hold one UDP account at the same Kamailio, reached through the same relay, which
//! tells when a REGISTER's 200 passes. Use: `bench [--json] [--short] [--peer-only]`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use carillon_tests::Outcome;
use carillon_tests::answering::{self, Answering};
use carillon_tests::baresip::{Baresip, Setup};
use carillon_tests::crowd::{self, Crowd};
use carillon_tests::desk::Desk;
use carillon_tests::dialling;
use carillon_tests::events::Events;
use carillon_tests::footprint::{Footprint, wakeups_per_second};
use carillon_tests::kamailio::Kamailio;
use carillon_tests::relay::{Passed, Relay};
use carillon_tests::server::Server;
use carillon_tests::siege;
use carillon_tests::table::{Goal, Row, median, render};

/// How long a start may take before it counts as failed.
const START_LIMIT: Duration = Duration::from_secs(20);
/// The time both are left alone before their idle figures are read.
const SETTLE: Duration = Duration::from_secs(5);

/// How much is measured.
struct Extent {
    starts: usize,
    publishes: usize,
    idle: Duration,
    siege: Duration,
    answering: Duration,
}

/// One phone's figures.
#[derive(Default)]
struct Figures {
    idle: Option<Footprint>,
    wakeups: Option<f64>,
    start: Option<f64>,
    publish: Option<f64>,
    dial: Option<f64>,
    siege: Option<f64>,
    answering: Option<Answering>,
    crowd: Option<Crowd>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |switch: &str| args.iter().any(|arg| arg == switch);
    if let Some(odd) = args
        .iter()
        .find(|a| !["--json", "--short", "--peer-only"].contains(&a.as_str()))
    {
        eprintln!("bench: {odd:?} is no switch of mine; I know --json, --short and --peer-only");
        return ExitCode::from(2);
    }
    let extent = if has("--short") {
        Extent {
            starts: 5,
            publishes: 11,
            idle: Duration::from_secs(20),
            siege: Duration::from_secs(12),
            answering: Duration::from_secs(2),
        }
    } else {
        Extent {
            starts: 15,
            publishes: 51,
            idle: Duration::from_secs(60),
            siege: Duration::from_secs(60),
            answering: Duration::from_secs(10),
        }
    };
    match measure(&extent, has("--peer-only")) {
        Ok(rows) if has("--json") => {
            for row in &rows {
                println!("{}", serde_json::to_string(row).unwrap_or_default());
            }
            ExitCode::SUCCESS
        }
        Ok(rows) => {
            println!("{}", render(&rows, "baresip"));
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn measure(extent: &Extent, peer_only: bool) -> Outcome<Vec<Row>> {
    let kamailio = Kamailio::start(&[("1001", "one"), ("1002", "two")])?;
    let relay = Relay::start(kamailio.port())?;
    let mut setup = Setup::new("1002", "two", relay.port());
    setup.record = false;
    let ours_set_up = if peer_only {
        None
    } else {
        Some(Ours::set_up(&relay)?)
    };

    let (mut ours, mut peer) = (Figures::default(), Figures::default());
    let (mut our_starts, mut peer_starts) = (Vec::new(), Vec::new());
    let mut parts = ours_set_up;
    for _ in 0..extent.starts {
        relay.forget();
        let (phone, at) = Baresip::start_bare(&setup)?;
        peer_starts.push(registered_after(&relay, at)?);
        phone.quit()?;
        if let Some(parts) = &mut parts {
            relay.forget();
            let at = parts.desk.run_bare()?;
            our_starts.push(registered_after(&relay, at)?);
            parts.desk.wait_control()?;
            parts.desk.stop()?;
        }
    }
    ours.start = median(&our_starts);
    peer.start = median(&peer_starts);

    let (phone, _) = Baresip::start_bare(&setup)?;
    if let Some(parts) = &mut parts {
        relay.forget();
        let at = parts.desk.run_bare()?;
        registered_after(&relay, at)?;
        parts.desk.wait_control()?;
    }
    kamailio.wait_registered("1002", START_LIMIT)?;
    std::thread::sleep(SETTLE);
    let our_pid = parts.as_ref().and_then(|parts| parts.desk.pid());
    std::thread::scope(|scope| {
        let ours_idle = our_pid.map(|pid| scope.spawn(move || idle(pid, extent.idle)));
        (peer.idle, peer.wakeups) = idle_or_none(idle(phone.pid(), extent.idle));
        if let Some(measured) = ours_idle.and_then(|thread| thread.join().ok()) {
            (ours.idle, ours.wakeups) = idle_or_none(measured);
        }
    });
    if let Some(parts) = &parts {
        ours.publish = Some(parts.publish(extent.publishes)?);
    }
    if parts.is_some() {
        // The other desk must not share the cores with it.
        drop((parts, phone));
        ours.dial = dialling::to_the_wire(&relay, "1001", "one", extent.publishes)
            .inspect_err(|fault| eprintln!("bench: no figure for dial: {fault}"))
            .ok();
        ours.siege = siege::lay(extent.siege)
            .inspect_err(|fault| eprintln!("bench: no figure under scanners: {fault}"))
            .ok()
            .map(|siege| siege.cpu_percent);
        ours.crowd = crowd::gather()
            .inspect_err(|fault| eprintln!("bench: no figures of many accounts: {fault}"))
            .ok();
        ours.answering = answering::measure(extent.answering)
            .inspect_err(|fault| eprintln!("bench: no figures of calls answered: {fault}"))
            .ok();
    }
    Ok(rows(&ours, &peer))
}

/// The measured desk and its server.
struct Ours {
    server: Server,
    desk: Desk,
}

impl Ours {
    fn set_up(relay: &Relay) -> Outcome<Self> {
        let server = Server::start()?;
        let mut desk = Desk::enrolled(&server, "bench", "1001", "one", relay.port())?;
        desk.wait_account("main", "registered", START_LIMIT)?;
        desk.stop()?;
        Ok(Self { server, desk })
    }

    /// Milliseconds from the start of the admin's command until the desk has applied the change, the median of several.
    fn publish(&self, times: usize) -> Outcome<f64> {
        let mut events = Events::of(&self.desk.state())?;
        let mut spans = Vec::new();
        for round in 0..times {
            let at = Instant::now();
            // The desk may be ready before the command has ended.
            let applied = std::thread::scope(|scope| {
                let waiting = scope.spawn(|| events.wait("config_applied", START_LIMIT));
                self.server
                    .set_password("bench", "main", &format!("round-{round}"))?;
                waiting
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })?;
            spans.push(applied.saturating_duration_since(at).as_secs_f64() * 1_000.0);
        }
        Ok(median(&spans).unwrap_or_default())
    }
}

fn registered_after(relay: &Relay, start: Instant) -> Outcome<f64> {
    let ok = relay.wait_for("the 200 to a REGISTER", START_LIMIT, Passed::is_registered)?;
    Ok(ok.at.duration_since(start).as_secs_f64() * 1_000.0)
}

fn idle(pid: u32, span: Duration) -> Outcome<(Footprint, f64)> {
    let wakeups = wakeups_per_second(pid, span)?;
    Ok((Footprint::of(pid)?, wakeups))
}

fn idle_or_none(idle: Outcome<(Footprint, f64)>) -> (Option<Footprint>, Option<f64>) {
    match idle {
        Ok((footprint, wakeups)) => (Some(footprint), Some(wakeups)),
        Err(fault) => {
            eprintln!("bench: no idle figures: {fault}");
            (None, None)
        }
    }
}

fn rows(ours: &Figures, peer: &Figures) -> Vec<Row> {
    let pair = |of: fn(&Footprint) -> f64| (ours.idle.as_ref().map(of), peer.idle.as_ref().map(of));
    let row = |name: &str, unit: &str, (ours, peer): (Option<f64>, Option<f64>), goal: Goal| {
        Row::new(name, unit, ours, peer, goal)
    };
    vec![
        row(
            "idle RSS",
            "MiB",
            pair(|f| f.rss_kib as f64 / 1_024.0),
            Goal::Below(5.0),
        ),
        row(
            "idle PSS",
            "MiB",
            pair(|f| f.pss_kib as f64 / 1_024.0),
            Goal::Below(4.0),
        ),
        row(
            "peak RSS",
            "MiB",
            pair(|f| f.peak_rss_kib as f64 / 1_024.0),
            Goal::None,
        ),
        row(
            "idle private dirty",
            "MiB",
            pair(|f| f.private_dirty_kib as f64 / 1_024.0),
            Goal::None,
        ),
        row(
            "idle wake-ups",
            "1/s",
            (ours.wakeups, peer.wakeups),
            Goal::AtMost(0.1),
        ),
        row("threads", "", pair(|f| f.threads as f64), Goal::None),
        row(
            "start to REGISTER's 200",
            "ms",
            (ours.start, peer.start),
            Goal::NoMoreThanPeer,
        ),
        row(
            "publish to applied",
            "ms",
            (ours.publish, None),
            Goal::Below(50.0),
        ),
        row(
            "dial to INVITE on the wire",
            "ms",
            (ours.dial, None),
            Goal::Below(10.0),
        ),
        row(
            "CPU under scanners and a flood",
            "%",
            (ours.siege, None),
            Goal::Below(5.0),
        ),
        row(
            "an idle account more",
            "KiB",
            (ours.crowd.map(|crowd| crowd.account_kib), None),
            Goal::Below(100.0),
        ),
        row(
            "a desk with 100 accounts, RSS",
            "MiB",
            (ours.crowd.map(|crowd| crowd.rss_kib as f64 / 1_024.0), None),
            Goal::None,
        ),
        row(
            "a standing call more, no media",
            "KiB",
            (ours.answering.map(|answering| answering.call_kib), None),
            Goal::Below(50.0),
        ),
        row(
            "calls answered, no media",
            "1/s",
            (
                ours.answering
                    .map(|answering| f64::from(answering.clean_rate)),
                None,
            ),
            Goal::AtLeast(1_200.0),
        ),
        row(
            "the same for each second of processor",
            "1/s",
            (
                ours.answering
                    .map(|answering| answering.calls_per_cpu_second),
                None,
            ),
            Goal::None,
        ),
    ]
}

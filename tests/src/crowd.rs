//! A desk with a hundred accounts at one Kamailio: whether all register, and what each takes at rest.

use std::time::Duration;

use crate::desk::Desk;
use crate::footprint::Footprint;
use crate::kamailio::Kamailio;
use crate::{Fault, Outcome, patience};

/// Accounts of the crowd.
pub const ACCOUNTS: usize = 100;
/// How long all may take to register.
const REGISTERED_WITHIN: Duration = Duration::from_secs(30);
/// The agent rests this long after the last event.
const SETTLE: Duration = Duration::from_secs(6);

/// What one account more takes.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Private memory of an account, registered and idle, in KiB.
    pub account_kib: f64,
    /// Resident memory of the desk with all of them, in KiB.
    pub rss_kib: u64,
}

/// Registers one account, then all, each time with an agent of its own.
///
/// # Errors
/// [`Fault::Missing`] without Kamailio or the agent, [`Fault::TooLate`] when not all are registered in time.
pub fn gather() -> Outcome<Crowd> {
    let names: Vec<String> = (0..ACCOUNTS).map(|n| (2_000 + n).to_string()).collect();
    let users: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "secret")).collect();
    let kamailio = Kamailio::start(&users)?;
    let alone = footprint(&names[..1], kamailio.port())?;
    let all = footprint(&names, kamailio.port())?;
    let more = (ACCOUNTS - 1) as f64;
    Ok(Crowd {
        account_kib: all
            .private_dirty_kib
            .saturating_sub(alone.private_dirty_kib) as f64
            / more,
        rss_kib: all.rss_kib,
    })
}

fn footprint(names: &[String], port: u16) -> Outcome<Footprint> {
    let mut desk = Desk::new("crowd")?;
    let mut yaml = "media: {input: 'null', output: 'null'}\naccounts:\n".to_owned();
    for name in names {
        yaml.push_str(&format!(
            "  - {{id: a{name}, address: 'sip:{name}@127.0.0.1', registrar: '127.0.0.1:{port}', password: secret}}\n"
        ));
    }
    std::fs::create_dir_all(desk.state())
        .and_then(|()| std::fs::write(desk.state().join("agent.yaml"), yaml))
        .map_err(|e| Fault::system("write agent.yaml", e))?;
    desk.run()?;
    let wanted = names.len();
    patience::until("every account registered", REGISTERED_WITHIN, || {
        let status = desk.status().map_err(|e| e.to_string())?;
        let accounts = status["accounts"].as_array().map_or(&[][..], Vec::as_slice);
        let registered = accounts
            .iter()
            .filter(|account| account["state"] == "registered")
            .count();
        if registered == wanted {
            Ok(())
        } else {
            Err(format!("{registered} of {wanted}; {}", desk.last_words()))
        }
    })?;
    std::thread::sleep(SETTLE);
    let pid = desk
        .pid()
        .ok_or_else(|| Fault::refused("the desk", "its process id", "it does not run"))?;
    Footprint::of(pid)
}

//! `session`: lends the machine's service the sound of this session.

use std::path::PathBuf;

use super::exit::{Exit, Failure};
use super::run::start_log;
use super::way;
use crate::session::part::{Devices, run};
#[cfg(windows)]
use crate::windows::program_file::{Fate, ProgramFile, restart_after_update};

pub(super) fn session(socket: Option<PathBuf>, devices: Devices) -> Result<(), Failure> {
    start_log()?;
    let socket = socket.unwrap_or_else(way::of_the_machine);
    let unexpected =
        |e: std::io::Error| Failure::new(Exit::Unexpected, "unexpected", e.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(unexpected)?;
    let ended = runtime.block_on(async {
        tokio::select! {
            refused = run(&socket, devices, taken_over()) => refused
                .map_err(|refused| Failure::new(Exit::Refused, "not-attached", refused.0)),
            ended = log_off() => ended.map_err(unexpected),
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    });
    // What still waits for a sound system must not keep the session from ending.
    runtime.shutdown_background();
    ended
}

/// Whether another version of this program has taken over. On Unix the service manager sees to that.
#[cfg(unix)]
fn taken_over() -> impl FnMut() -> bool {
    || false
}

/// Whether another version of this program, which came into its place, has been started to take over, or it was uninstalled.
#[cfg(windows)]
fn taken_over() -> impl FnMut() -> bool {
    let words: Vec<String> = std::env::args().skip(1).collect();
    restart_after_update(&words);
    let mut file = ProgramFile::own()
        .inspect_err(|e| tracing::warn!("an upgrade will not be noticed: {e}"))
        .ok();
    move || {
        let Some(file) = &mut file else { return false };
        match file.fate() {
            Fate::Stands => false,
            Fate::Removed => true,
            Fate::Replaced => file
                .start_again()
                .inspect_err(|e| tracing::warn!("the new version does not start: {e}"))
                .is_ok(),
        }
    }
}

/// The session ends, as Unix tells programs.
#[cfg(unix)]
async fn log_off() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

/// The session ends, as Windows tells programs that have a console; it ends the others by itself.
#[cfg(windows)]
async fn log_off() -> std::io::Result<()> {
    tokio::signal::windows::ctrl_logoff()?.recv().await;
    Ok(())
}

//! `service`: the agent as a Windows service, for the service manager and for installers.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::arguments::ServiceVerb;
use super::exit::{Exit, Failure};
use super::print::line;
use super::run;
use crate::provisioning::identity::{Identity, IdentityError};
use crate::standalone;
use crate::state_folder::{StateError, StateFolder, service_path};
use crate::windows::program_file::make_way;
use crate::windows::service;

/// What makes the desk who it is: kept on request when the rest goes.
const IDENTITY: [&str; 6] = [
    "identity.json",
    "instance",
    "machine.key",
    "seen.json",
    "trust",
    "vault",
];

/// Says that a newer version is taking over, and for how long that is believed.
const UPGRADING: &str = "upgrading";
const UPGRADE: Duration = Duration::from_secs(600);
/// How long a service that was stopped may hold its files.
const GONE: Duration = Duration::from_secs(20);

pub(super) fn carry_out(state: Option<PathBuf>, verb: ServiceVerb) -> Result<(), Failure> {
    let named = state.clone();
    let state = state.or_else(service_path).ok_or_else(|| {
        let what = "Windows names no folder for programs' data; name the state folder with --state";
        Failure::new(Exit::Usage, "no-state-folder", what)
    })?;
    match verb {
        ServiceVerb::Run => service::run(Box::new(move |stop| {
            // The log has said why.
            run::serve(&state, stop).map_or_else(|failure| failure.exit as u32, |()| 0)
        }))
        .map_err(|e| failure(&e)),
        ServiceVerb::Install => install(named),
        ServiceVerb::Uninstall => {
            service::uninstall().map_err(|e| failure(&e))?;
            line("the service is gone; its state folder stays until 'carillon service forget'");
            Ok(())
        }
        ServiceVerb::Check { config, upgrade } => check(&state, config.as_deref(), upgrade),
        ServiceVerb::Prepare { config } => prepare(&state, config.as_deref()),
        ServiceVerb::MakeWay { program } => make_way(&program).map_err(|e| {
            let text = format!("{} stays where it is: {e}", program.display());
            Failure::new(Exit::Unexpected, "in-use", text)
        }),
        ServiceVerb::Forget { keep_identity } => forget_within(GONE, &state, keep_identity),
    }
}

fn install(state: Option<PathBuf>) -> Result<(), Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::new(Exit::Unexpected, "unexpected", e.to_string()))?;
    let mut arguments: Vec<OsString> = vec!["service".into(), "run".into()];
    if let Some(state) = state {
        arguments.splice(0..0, ["--state".into(), state.into_os_string()]);
    }
    service::install(&program, arguments).map_err(|e| failure(&e))?;
    line("the service is installed; 'sc start Carillon' starts it, and so does the machine");
    Ok(())
}

/// Whether this version can read what it is given and what the one before has left.
fn check(state: &Path, config: Option<&Path>, upgrade: bool) -> Result<(), Failure> {
    config.map_or(Ok(()), |file| checked(file).map(drop))?;
    let folder = StateFolder::at(state);
    match Identity::load(&folder) {
        Err(IdentityError::State(StateError::Io { source, .. }))
            if source.kind() == ErrorKind::PermissionDenied =>
        {
            // An installer that is not the system yet; the service itself will say so if it cannot go on.
            return Ok(());
        }
        known => known.map_err(|e| run::unusable(&e))?,
    };
    if upgrade && state.exists() {
        folder.write(UPGRADING, b"").map_err(run::state_failure)?;
    }
    Ok(())
}

/// Makes the state folder, and puts a checked `agent.yaml` into it.
fn prepare(state: &Path, config: Option<&Path>) -> Result<(), Failure> {
    service::wait_gone();
    let folder = StateFolder::open(state).map_err(run::state_failure)?;
    folder.remove(UPGRADING).map_err(run::state_failure)?;
    let Some(config) = config else {
        return Ok(());
    };
    folder
        .write("agent.yaml", &checked(config)?)
        .map_err(run::state_failure)
}

/// The text of an `agent.yaml` that an agent would take.
fn checked(config: &Path) -> Result<Vec<u8>, Failure> {
    let invalid = |text: String| Failure::new(Exit::Configuration, "configuration-invalid", text);
    standalone::read(config)
        .map_err(|e| invalid(e.to_string()))?
        .ok_or_else(|| invalid(format!("{} is not there", config.display())))?;
    fs::read(config).map_err(|e| invalid(format!("{}: {e}", config.display())))
}

/// The same with patience for a service that was just stopped and still holds its files. Blocks.
fn forget_within(patience: Duration, state: &Path, keep_identity: bool) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        match forget(state, keep_identity) {
            Err(_) if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(100)),
            other => return other,
        }
    }
}

/// Takes the state away: all of it, or all but who the desk is.
fn forget(state: &Path, keep_identity: bool) -> Result<(), Failure> {
    if is_upgrading(state) {
        return Ok(());
    }
    let entries = match fs::read_dir(state) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(not_removed(state, &e)),
    };
    // A folder that is no state folder is not ours to empty.
    if !IDENTITY.iter().any(|name| state.join(name).exists()) {
        return fs::remove_dir(state).map_err(|e| not_removed(state, &e));
    }
    for entry in entries {
        let path = entry.map_err(|e| not_removed(state, &e))?.path();
        let name = path.file_name().unwrap_or_default();
        if keep_identity && IDENTITY.iter().any(|kept| name == *kept) {
            continue;
        }
        let removed = if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(|e| not_removed(&path, &e))?;
    }
    if keep_identity {
        return Ok(());
    }
    fs::remove_dir(state).map_err(|e| not_removed(state, &e))
}

/// Whether a newer version is just taking over. Windows tells the one before; other installers (Wine's) do not.
fn is_upgrading(state: &Path) -> bool {
    let written = fs::metadata(state.join(UPGRADING)).and_then(|facts| facts.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < UPGRADE))
}

fn not_removed(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!(
        "cannot remove {}: {error} (stop the service first)",
        path.display()
    );
    Failure::new(Exit::Unexpected, "state-unusable", text)
}

fn failure(error: &service::ServiceError) -> Failure {
    let text = format!("{error} (an administrator may, from a console of one)");
    Failure::new(Exit::Refused, "service", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let state = temporary.path().join("Carillon");
        prepare(&state, None).unwrap();
        for name in ["identity.json", "vault\\desk.json", "carillon.log"] {
            fs::write(state.join(name), b"x").unwrap();
        }
        (temporary, state)
    }

    #[test]
    fn the_identity_stays_when_asked_and_goes_with_the_rest_else() {
        let (_temporary, state) = state();
        forget(&state, true).unwrap();
        assert!(state.join("identity.json").exists() && state.join("vault\\desk.json").exists());
        assert!(!state.join("carillon.log").exists() && !state.join("config").exists());
        forget(&state, false).unwrap();
        assert!(!state.exists());
        forget(&state, false).unwrap();
    }

    #[test]
    fn an_upgrade_keeps_everything_and_is_not_believed_for_ever() {
        let (_temporary, state) = state();
        fs::remove_file(state.join("identity.json")).unwrap();
        check(&state, None, true).unwrap();
        forget(&state, false).unwrap();
        assert!(state.join("carillon.log").exists());
        let old = std::time::SystemTime::now() - UPGRADE;
        let marker = fs::File::options().write(true).open(state.join(UPGRADING));
        marker.unwrap().set_modified(old).unwrap();
        forget(&state, false).unwrap();
        assert!(!state.exists());
    }

    #[test]
    fn a_state_that_this_version_cannot_read_is_not_taken_over() {
        let (_temporary, state) = state();
        assert!(check(&state, None, true).is_err());
        assert!(!state.join(UPGRADING).exists());
    }

    #[test]
    fn a_folder_that_is_no_state_folder_is_left_alone() {
        let temporary = tempfile::tempdir().unwrap();
        fs::write(temporary.path().join("letter.txt"), b"x").unwrap();
        assert!(forget(temporary.path(), false).is_err());
        assert!(temporary.path().join("letter.txt").exists());
    }

    #[test]
    fn a_broken_configuration_is_not_put_in_place() {
        let (temporary, state) = state();
        let config = temporary.path().join("given.yaml");
        fs::write(&config, b"accounts: 7\n").unwrap();
        assert!(prepare(&state, Some(&config)).is_err());
        assert!(!state.join("agent.yaml").exists());
        fs::write(&config, b"media: {input: 'null'}\n").unwrap();
        prepare(&state, Some(&config)).unwrap();
        assert!(state.join("agent.yaml").exists());
    }
}

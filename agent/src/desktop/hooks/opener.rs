//! An address opened on the desk, by what the system has for it.

use std::process::Stdio;
use std::time::Duration;

use super::program::{ProgramError, command};

/// The program that knows which program opens what.
#[cfg(not(windows))]
const OPENER: &str = "xdg-open";
/// Calls ShellExecute with the address, which holds nothing but the characters of an address.
#[cfg(windows)]
const OPENER: &str = "rundll32.exe";

/// Opens an address. It may go on to be a browser, which is left alone after `limit`.
///
/// # Errors
/// When there is nothing that opens, or it says that it did not.
pub(super) async fn open(url: &str, limit: Duration) -> Result<(), ProgramError> {
    let program = OPENER.to_owned();
    let mut command = command(&program, &arguments(url));
    let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(source) => return Err(ProgramError::NotStarted { program, source }),
    };
    match tokio::time::timeout(limit, child.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(ProgramError::Failed { program, status }),
        Ok(Err(source)) => Err(ProgramError::NotStarted { program, source }),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

#[cfg(not(windows))]
fn arguments(url: &str) -> Vec<String> {
    vec![url.to_owned()]
}

#[cfg(windows)]
fn arguments(url: &str) -> Vec<String> {
    vec!["url.dll,FileProtocolHandler".to_owned(), url.to_owned()]
}

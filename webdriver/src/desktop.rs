//! A person's desktop: a display that nobody sees, a home folder, and what its programs find in their environment.
//!
//! Owns the display's process (Xvfb). What opens which link is what the home folder says, as on any desktop.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::BrowserError;

/// A desktop. Its display goes with it.
#[derive(Debug)]
pub struct Desktop {
    display: Child,
    pub(crate) environment: Vec<(OsString, OsString)>,
}

impl Desktop {
    /// Opens a display for a person with this home folder, whose programs see these variables besides.
    ///
    /// # Errors
    /// [`BrowserError::Broken`] without Xvfb.
    pub fn open(
        home: &Path,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, BrowserError> {
        let broken = |why| BrowserError::Broken {
            tried: "starting Xvfb (Debian: xvfb)".into(),
            why,
        };
        let mut display = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--", "Xvfb", "-displayfd", "1"])
            .args(["-nolisten", "tcp", "-screen", "0", "1280x900x24"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(broken)?;
        let mut number = String::new();
        if let Some(said) = display.stdout.take() {
            BufReader::new(said)
                .read_line(&mut number)
                .map_err(broken)?;
        }
        let mut environment: Vec<_> = variables.into_iter().collect();
        environment.push(("HOME".into(), home.into()));
        environment.push(("DISPLAY".into(), format!(":{}", number.trim()).into()));
        Ok(Self {
            display,
            environment,
        })
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        let _ = self.display.kill();
        let _ = self.display.wait();
    }
}

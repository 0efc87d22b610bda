//! A desktop session without a screen: a session bus, Xvfb, and dunst, which shows notifications there.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::{Fault, Outcome, command_line, patience};

/// How long a part of the session may take to come up, and a notification to come.
const SOON: Duration = Duration::from_secs(10);
/// What dunst runs for each notification it shows.
const NOTE: &str = "#!/bin/sh\nprintf '%s: %s: %s\\n' \"$DUNST_URGENCY\" \"$DUNST_SUMMARY\" \"$DUNST_BODY\" >>\"$(dirname \"$0\")/shown\"\n";

/// A session. Its processes go with it.
#[derive(Debug)]
pub struct Desktop {
    // The daemon goes before what it lives on.
    _dunst: Process,
    _screen: Process,
    _bus: Process,
    folder: TempDir,
    variables: [String; 2],
}

impl Desktop {
    /// Starts bus, screen and dunst; whoever opens the menu of a notification there chooses `choice`.
    ///
    /// # Errors
    /// [`Fault::Missing`] without the Debian packages, [`Fault::TooLate`] when a part does not come up.
    pub fn start(choice: &str) -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-desktop-")
            .map_err(|e| Fault::system("make a folder for a desktop", e))?;
        let here = folder.path();
        let args = ["--session", "--nofork", "--print-address=1"];
        let bus = Process::start("bus", Path::new("dbus-daemon"), args, here)?;
        let address = first_line(&bus, "the session bus", |line| line.starts_with("unix:"))?;
        let args = [
            "-displayfd",
            "1",
            "-nolisten",
            "tcp",
            "-screen",
            "0",
            "640x480x24",
        ];
        let screen = Process::start("screen", Path::new("Xvfb"), args, here)?;
        let number = first_line(&screen, "Xvfb", |line| line.parse::<u32>().is_ok())?;
        let variables = [
            format!("DBUS_SESSION_BUS_ADDRESS={address}"),
            format!("DISPLAY=:{number}"),
        ];
        let note = here.join("note.sh");
        write(&note, NOTE)?;
        command_line::run(Path::new("chmod"), &["700".as_ref(), note.as_os_str()], "")?
            .success()?;
        let settings = format!(
            "[global]\n    dmenu = /bin/grep -m 1 {choice}\n    follow = none\n\
             [every]\n    summary = \"*\"\n    script = {}\n",
            note.display()
        );
        write(&here.join("dunstrc"), &settings)?;
        let args = [&variables[0], &variables[1], "dunst", "-config", "dunstrc"];
        let dunst = Process::start("dunst", Path::new("env"), args, here)?;
        let desktop = Self {
            _dunst: dunst,
            _screen: screen,
            _bus: bus,
            folder,
            variables,
        };
        patience::until("dunst", SOON, || {
            desktop.displayed().map_err(|e| e.to_string())
        })?;
        Ok(desktop)
    }

    /// What a program of this session finds in its environment.
    pub fn variables(&self) -> [&str; 2] {
        [&self.variables[0], &self.variables[1]]
    }

    /// What was shown so far, a line each: urgency, title, text.
    pub fn shown(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("shown")).unwrap_or_default()
    }

    /// Waits until a line was shown.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with what was shown.
    pub fn wait_shown(&self, line: &str) -> Outcome<()> {
        patience::until(&format!("{line:?} on the desktop"), SOON, || {
            let shown = self.shown();
            if shown.lines().any(|known| known == line) {
                Ok(())
            } else {
                Err(shown)
            }
        })
    }

    /// How many notifications are on the screen.
    ///
    /// # Errors
    /// [`Fault::Refused`] when dunst does not say.
    pub fn displayed(&self) -> Outcome<u32> {
        let said = self.ask(&["count", "displayed"])?;
        said.trim()
            .parse()
            .map_err(|_| Fault::refused("dunstctl", "count displayed", said))
    }

    /// Waits until so many notifications are on the screen.
    ///
    /// # Errors
    /// [`Fault::TooLate`] with how many there are.
    pub fn wait_displayed(&self, count: u32) -> Outcome<()> {
        patience::until(
            &format!("{count} notifications on the screen"),
            SOON,
            || match self.displayed() {
                Ok(shown) if shown == count => Ok(()),
                other => Err(format!("{other:?}")),
            },
        )
    }

    /// Opens the menu of what is shown and chooses from it.
    ///
    /// # Errors
    /// [`Fault::Refused`] when dunst does not.
    pub fn choose(&self) -> Outcome<()> {
        self.ask(&["context"]).map(drop)
    }

    fn ask(&self, words: &[&str]) -> Outcome<String> {
        let mut args = self.variables().to_vec();
        args.push("dunstctl");
        args.extend(words);
        command_line::run(Path::new("env"), &args, "")?.success()
    }
}

fn first_line(process: &Process, who: &str, is_it: fn(&str) -> bool) -> Outcome<String> {
    patience::until(who, SOON, || {
        let said = process.said();
        let line = said.lines().find(|line| is_it(line)).map(str::to_owned);
        line.ok_or(said)
    })
}

fn write(path: &Path, text: &str) -> Outcome<()> {
    std::fs::write(path, text).map_err(|e| Fault::system(format!("write {}", path.display()), e))
}

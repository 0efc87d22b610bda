//! `open`: the panel in the user's browser.
//!
//! The panel's address holds a code that lets in whoever uses it first. On a browser's command line every user of
//! the machine could read it, so the browser gets a page of the user's own, mode 0600, that leads there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::exit::{Exit, Failure};
use super::print::{self, line};
use crate::state_folder::StateFolder;

const PATIENCE: Duration = Duration::from_secs(10);
/// How soon an opener that finds no browser ends.
const QUICK_END: Duration = Duration::from_secs(2);
/// The page's name, beside the state or in the session's folder.
const PAGE: &str = "panel.html";

/// `POST /v1/panel/sessions`.
#[derive(Deserialize)]
struct Session {
    url: String,
}

pub(super) fn open(state: &Path, only_print: bool, as_json: bool) -> Result<(), Failure> {
    let session: Session = Client::of(state)?.post("/v1/panel/sessions", &json!({}), PATIENCE)?;
    if only_print {
        if as_json {
            print::json(&json!({ "url": session.url }));
        } else {
            line(&session.url);
        }
        return Ok(());
    }
    let page = write_page(state, &session.url)?;
    start(browser(&page)).map_err(|why| {
        let text = format!(
            "no browser could be opened: {why} ('carillon open --print' prints the address)"
        );
        Failure::new(Exit::Unexpected, "no-browser", text)
    })?;
    if as_json {
        print::json(&json!({ "opened": true }));
    } else {
        line("the panel opens in the browser");
    }
    Ok(())
}

/// Starts the opener, which may live as long as the browser does: only a quick end tells of a failure.
fn start(mut opener: Command) -> Result<(), String> {
    let mut opener = opener
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let begun = Instant::now();
    while begun.elapsed() < QUICK_END {
        match opener.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(status.to_string()),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    Ok(())
}

/// A page for this user alone that leads to the panel.
fn write_page(state: &Path, url: &str) -> Result<PathBuf, Failure> {
    let folder = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.is_dir());
    let folder = StateFolder::at(folder.as_deref().unwrap_or(state));
    let name = if folder.path() == state {
        PAGE.to_owned()
    } else {
        format!("carillon-{PAGE}")
    };
    folder
        .write(&name, page(url).as_bytes())
        .map_err(|error| Failure::new(Exit::Unexpected, "state-unusable", error.to_string()))?;
    Ok(folder.place(&name))
}

fn page(url: &str) -> String {
    let url: String = url
        .chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '"' => "&quot;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            c => c.to_string(),
        })
        .collect();
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Carillon</title>\n\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\">\n<p><a href=\"{url}\">Open the panel</a></p>\n"
    )
}

#[cfg(not(windows))]
fn browser(page: &Path) -> Command {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = Command::new(opener);
    command.arg(page);
    command
}

/// The shell's own handler for addresses; no command interpreter reads the argument.
#[cfg(windows)]
fn browser(page: &Path) -> Command {
    let mut command = Command::new("rundll32.exe");
    command.arg("url.dll,FileProtocolHandler").arg(page);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_leads_there_and_nowhere_else() {
        let page = page("http://127.0.0.1:1/panel/enter?a=1&b=\"><script>#C0de");
        assert!(page.contains(
            "url=http://127.0.0.1:1/panel/enter?a=1&amp;b=&quot;&gt;&lt;script&gt;#C0de\""
        ));
        assert!(!page.contains("<script>"));
    }

    #[cfg(unix)]
    #[test]
    fn an_opener_that_fails_is_told() {
        assert!(start(Command::new("false")).is_err());
        assert!(start(Command::new("/nowhere/at/all")).is_err());
        assert_eq!(start(Command::new("true")), Ok(()));
    }

    #[cfg(unix)]
    #[test]
    fn the_page_is_for_its_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(temporary.path());
        folder.write(PAGE, page("http://x/").as_bytes()).unwrap();
        let mode = folder.place(PAGE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

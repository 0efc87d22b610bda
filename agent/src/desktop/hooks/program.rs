//! A program run to its end, or to the end of its time.
//!
//! Owns the process and the group it is in: whatever it starts ends with it. What it says is read as long as it runs
//! and kept up to a bound, for the log of this desk alone.

use std::cell::RefCell;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// The most that is kept of what a program says, in bytes.
const MAX_SAID: usize = 2_048;
/// How long the rest of what it said is waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// What a program gets nothing of: what the service manager and the installer gave to the agent alone.
const WITHHELD: [&str; 5] = [
    "CREDENTIALS_DIRECTORY",
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

/// A program that did not do what it is for. Says nothing of its arguments: a caller may have written them.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProgramError {
    /// It cannot be started.
    #[error("{program} cannot be started: {source}")]
    NotStarted {
        /// Its path.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended badly.
    #[error("{program} ended with {status} (what it said is in the log of this desk)")]
    Failed {
        /// Its path.
        program: String,
        /// How.
        status: ExitStatus,
    },
    /// It ran longer than it may.
    #[error("{program} did not end within {} s and was ended with all it started", limit.as_secs())]
    TooLong {
        /// Its path.
        program: String,
        /// The limit.
        limit: Duration,
    },
}

/// Runs a program with these arguments and variables, and returns what it said.
///
/// # Errors
/// When it does not start, ends badly, or does not end in time.
pub(super) async fn run(
    argv: &[String],
    variables: Vec<(String, String)>,
    limit: Duration,
) -> Result<String, ProgramError> {
    let program = argv.first().cloned().unwrap_or_default();
    let not_started = |source| ProgramError::NotStarted {
        program: program.clone(),
        source,
    };
    let mut command = command(&program, argv.get(1..).unwrap_or_default());
    let mut child = command
        .envs(variables)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_started)?;
    let group = Group::of(&child);
    let said = RefCell::new(Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let listening = futures_util::future::join(listen(out, &said), listen(err, &said));
    let mut listening = std::pin::pin!(listening.fuse());
    let ended = {
        let waiting = std::pin::pin!(tokio::time::timeout(limit, child.wait()));
        match futures_util::future::select(waiting, &mut listening).await {
            futures_util::future::Either::Left((ended, _)) => ended,
            futures_util::future::Either::Right((_, waiting)) => waiting.await,
        }
    };
    group.end(ended.is_err());
    // What still holds the pipes is no longer of the group, and is not waited for.
    let _ = tokio::time::timeout(LAST_WORDS, &mut listening).await;
    let text = String::from_utf8_lossy(&said.borrow()).into_owned();
    let status = match ended {
        Ok(status) => status.map_err(not_started)?,
        Err(_) => {
            tracing::info!(program, "a hook took too long; it said: {}", shown(&text));
            return Err(ProgramError::TooLong { program, limit });
        }
    };
    if status.success() {
        return Ok(shown(&text));
    }
    tracing::info!(program, %status, "a hook failed; it said: {}", shown(&text));
    Err(ProgramError::Failed { program, status })
}

/// A program in a group of its own that hears nothing and knows no secret of the agent.
pub(super) fn command(program: &str, arguments: &[String]) -> Command {
    let mut command = std::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let known = name.to_string_lossy();
        if known.starts_with("CARILLON_") || WITHHELD.contains(&&*known) {
            command.env_remove(&name);
        }
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    {
        /// No console window flashes up: CREATE_NO_WINDOW.
        const NO_WINDOW: u32 = 0x0800_0000;
        std::os::windows::process::CommandExt::creation_flags(&mut command, NO_WINDOW);
    }
    Command::from(command)
}

async fn listen(pipe: Option<impl AsyncRead + Unpin>, said: &RefCell<Vec<u8>>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = [0; 1_024];
    // Read to the end: a program must not stand still because nobody listens.
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let mut said = said.borrow_mut();
        let room = MAX_SAID.saturating_sub(said.len());
        said.extend_from_slice(&buffer[..count.min(room)]);
    }
}

fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).take(500).collect()
}

/// The processes that a program is the first of. Ended when dropped: nothing outlives its hook.
struct Group {
    leader: Option<u32>,
}

impl Group {
    fn of(child: &Child) -> Self {
        Self { leader: child.id() }
    }

    /// Ends all that is left. `alive` says that the leader has not ended by itself.
    fn end(mut self, alive: bool) {
        if let Some(leader) = self.leader.take() {
            end_group(leader, alive);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader.take() {
            end_group(leader, true);
        }
    }
}

#[cfg(target_os = "linux")]
fn end_group(leader: u32, _alive: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(leader) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // No such group: all of it has ended.
        let _ = kill_process_group(leader, Signal::KILL);
    }
}

/// Windows knows no group that outlives its first process: what a program left behind when it ended by itself stays.
#[cfg(windows)]
fn end_group(leader: u32, alive: bool) {
    if alive {
        let ended = std::process::Command::new("taskkill.exe")
            .args(["/PID", &leader.to_string(), "/T", "/F"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Err(error) = ended {
            tracing::warn!(%error, "a program of a hook cannot be ended");
        }
    }
}

/// Elsewhere the program itself is killed when it is dropped, and what it started is not known.
#[cfg(not(any(target_os = "linux", windows)))]
fn end_group(_: u32, _: bool) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        actix_rt::System::new().block_on(future)
    }

    #[test]
    fn what_it_says_is_kept_up_to_a_bound_and_its_end_told() {
        block_on(async {
            let second = Duration::from_secs(10);
            let echo = argv(&["/bin/echo", "a b", "$(id)", "&calc"]);
            assert_eq!(
                run(&echo, vec![], second).await.unwrap(),
                "a b $(id) &calc "
            );
            let flood = argv(&["/usr/bin/head", "-c", "3000000", "/dev/zero"]);
            assert!(run(&flood, vec![], second).await.unwrap().len() <= 500);
            let variables = vec![("CARILLON_NAME".to_owned(), "x".to_owned())];
            let env = run(&argv(&["/usr/bin/env"]), variables, second)
                .await
                .unwrap();
            assert!(env.contains("CARILLON_NAME=x") || env.len() == 500, "{env}");
            let bad = run(&argv(&["/bin/false"]), vec![], second)
                .await
                .unwrap_err();
            assert!(bad.to_string().contains("exit status: 1"), "{bad}");
            let none = run(&argv(&["/nonexistent/program", "secret"]), vec![], second).await;
            let none = none.unwrap_err().to_string();
            assert!(
                none.contains("cannot be started") && !none.contains("secret"),
                "{none}"
            );
        });
    }

    #[test]
    fn attack_b_a_program_that_forks_and_never_ends_is_ended_with_all_it_started() {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let pids = folder.path().join("pids");
            let script = format!(
                "trap '' TERM HUP; for n in 1 2 3; do (trap '' TERM; echo $BASHPID >>{0}; while :; do sleep 1; done) & done; wait",
                pids.display()
            );
            let begun = Instant::now();
            let forks = argv(&["/bin/bash", "-c", &script]);
            let error = run(&forks, vec![], Duration::from_secs(1))
                .await
                .unwrap_err();
            assert!(matches!(error, ProgramError::TooLong { .. }), "{error}");
            assert!(
                begun.elapsed() < Duration::from_secs(8),
                "{:?}",
                begun.elapsed()
            );
            let left = || {
                let list = std::fs::read_to_string(&pids).unwrap_or_default();
                let alive = |pid: &&str| {
                    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
                    stat.is_ok_and(|stat| !stat.contains(") Z "))
                };
                (list.lines().count(), list.lines().filter(alive).count())
            };
            let until = Instant::now() + Duration::from_secs(5);
            while left().1 > 0 && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(left(), (3, 0));
        });
    }

    #[test]
    fn a_hook_that_is_given_up_ends_its_program() {
        block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let pid = folder.path().join("pid");
            let script = format!("echo $$ >{}; sleep 60", pid.display());
            let sleeper = argv(&["/bin/sh", "-c", &script]);
            let running = run(&sleeper, vec![], Duration::from_secs(60));
            let read = || std::fs::read_to_string(&pid).unwrap_or_default();
            let started = async {
                while !read().ends_with('\n') {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            tokio::select! {
                _ = running => panic!("it ended"),
                () = started => {}
            }
            let stat = format!("/proc/{}/stat", read().trim());
            for _ in 0..200 {
                match std::fs::read_to_string(&stat) {
                    Ok(text) if !text.contains(") Z ") => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    _ => return,
                }
            }
            panic!("it runs on");
        });
    }
}

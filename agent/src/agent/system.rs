//! The one runtime, and the agent in it from start to signal.
//!
//! One thread. The resolver and the sound system may make a second for a moment; a call has the media thread.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix::Context;
use futures_util::FutureExt;

use super::Agent;
use crate::command::Shutdown;
use crate::supervision::install_panic_hook;

/// Stack of the threads that wait for resolver and sound system, in bytes.
const WAITING_STACK: usize = 256 * 1024;
/// How long such a thread is kept for the next question.
const WAITING_KEPT: Duration = Duration::from_secs(1);
/// Runs an agent until it is told to shut down, by command or as the system tells programs to end: by SIGTERM, SIGINT
/// (Ctrl-C), a closed console.
///
/// `make` is called inside the runtime.
///
/// # Errors
/// What the system refused, or how the root actor itself ended unexpectedly: then a service manager should
/// start the program again.
pub fn run(make: impl FnOnce() -> Agent) -> Result<(), SystemError> {
    within_runtime(async {
        let signals = Signals::listen().map_err(SystemError::Signals)?;
        live(make, signals.next()).await
    })
}

/// The same, until `end` instead of a signal: a service has none.
///
/// # Errors
/// As [`run`].
#[cfg(windows)]
pub fn run_until(
    end: impl Future<Output = ()> + 'static,
    make: impl FnOnce() -> Agent,
) -> Result<(), SystemError> {
    within_runtime(live(make, end))
}

fn within_runtime(work: impl Future<Output = Result<(), SystemError>>) -> Result<(), SystemError> {
    install_panic_hook();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(WAITING_STACK)
        .thread_keep_alive(WAITING_KEPT)
        .max_blocking_threads(16)
        .build()
        .map_err(SystemError::Runtime)?;
    // Never dropped: a runtime that ends waits for its threads, and the resolver may hold one for half a
    // minute. The end of the process waits for nobody.
    let runtime: &'static tokio::runtime::Runtime = Box::leak(Box::new(runtime));
    actix_rt::System::with_tokio_rt(|| runtime).block_on(work)
}

async fn live(
    make: impl FnOnce() -> Agent,
    end: impl Future<Output = ()> + 'static,
) -> Result<(), SystemError> {
    let context = Context::new().into_future(make());
    let agent = context.address();
    actix_rt::spawn(async move {
        end.await;
        agent.do_send(Shutdown);
    });
    match AssertUnwindSafe(context).catch_unwind().await {
        Ok(()) => Ok(()),
        Err(_) => Err(SystemError::Root),
    }
}

/// Why the agent does not run, or runs no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// No runtime.
    #[error("the runtime cannot be made: {0}")]
    Runtime(#[source] io::Error),
    /// No signals.
    #[error("signals cannot be waited for: {0}")]
    Signals(#[source] io::Error),
    /// The root actor panicked.
    #[error("the root actor failed; the log says why. Start the agent again")]
    Root,
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What Windows tells a program with a console: Ctrl-C, Ctrl-Break, the console's close, log-off, shutdown. After
/// the last three it ends the program within seconds, whether it is done or not.
#[cfg(windows)]
struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    stop: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    logoff: tokio::signal::windows::CtrlLogoff,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::windows;
        Ok(Self {
            interrupt: windows::ctrl_c()?,
            stop: windows::ctrl_break()?,
            close: windows::ctrl_close()?,
            logoff: windows::ctrl_logoff()?,
            shutdown: windows::ctrl_shutdown()?,
        })
    }

    async fn next(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.stop.recv() => {}
            _ = self.close.recv() => {}
            _ = self.logoff.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

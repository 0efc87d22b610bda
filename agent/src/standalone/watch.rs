//! Watching `agent.yaml`.
//!
//! The folder is watched, not the file: an editor replaces the file by another of the same name. Owns the
//! watcher, whose thread sleeps in the kernel until something in the folder changes.

use std::path::{Path, PathBuf};

use actix::{Message, Recipient};
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Something happened to the file. Several of these make one edit.
#[derive(Message, Debug, Clone, Copy, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Touched;

/// A standing watch; ends when dropped.
#[derive(Debug)]
pub struct Watcher {
    _watcher: RecommendedWatcher,
}

/// Why the file cannot be watched; edits take effect at the next start.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {} for changes: {source} (edits take effect at the next start)", folder.display())]
pub struct WatchError {
    folder: PathBuf,
    source: notify::Error,
}

impl Watcher {
    /// Tells `tell` whenever the file changes, comes or goes.
    ///
    /// # Errors
    /// When the folder is not there, or the system's watches are used up.
    pub fn start(file: &Path, tell: Recipient<Touched>) -> Result<Self, WatchError> {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let fail = |source| WatchError {
            folder: folder.clone(),
            source,
        };
        let name = file.file_name().map(ToOwned::to_owned);
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let touched = match event {
                    Ok(event) => {
                        is_change(event.kind)
                            && event.paths.iter().any(|p| p.file_name() == name.as_deref())
                    }
                    // Events were lost: one may have been ours.
                    Err(_) => true,
                };
                if touched {
                    // A full mailbox has a `Touched` in it already.
                    let _ = tell.try_send(Touched);
                }
            })
            .map_err(fail)?;
        watcher
            .watch(&folder, RecursiveMode::NonRecursive)
            .map_err(fail)?;
        Ok(Self { _watcher: watcher })
    }
}

/// Reading the file is no change.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

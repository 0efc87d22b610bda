//! The file the history is kept in: an SQLite database that is open only while somebody reads or writes.
//!
//! Every job runs on a blocking thread, opens the file, does its work and closes it again: a desk that rests
//! holds no page of it. A file that is damaged or of a newer version is moved aside and begun anew.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use carillon_schemas::Timestamp;
use carillon_schemas::history::History as Retention;
use carillon_schemas::status::Direction;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, named_params};

use super::entry::{Entry, Happened, Kind, Outcome};
use crate::state_folder::StateFolder;

/// The file in the state folder.
pub const FILE: &str = "history.sqlite";
/// Where one goes that cannot be read.
pub const BROKEN: &str = "history.sqlite.broken";
/// The most entries of one answer.
pub const MAX_PAGE: u32 = 1_000;
/// The longest search, in bytes.
pub const MAX_SEARCH: usize = 256;
/// The shape of the tables.
const VERSION: i64 = 1;
/// How long to wait for another process that looks at the file.
const BUSY: Duration = Duration::from_secs(2);

/// The history of a desk. Cheap to clone; one that belongs to no folder keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    path: Option<PathBuf>,
    shared: Arc<Mutex<Shared>>,
    /// Held by the one thread that has the file open.
    turn: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    retention: Retention,
    /// Said once, then forgotten.
    trouble: Option<String>,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// In address, name or text; digits also as they are dialled.
    pub search: Option<String>,
    /// Of this kind only.
    pub kind: Option<Kind>,
    /// With this outcome only.
    pub outcome: Option<Outcome>,
    /// Older than the entry of this number.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Why the history cannot be read or written. Nothing else is hurt.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database said no.
    #[error("the history in {} cannot be {action}: {source} ({})", path.display(), advice(source))]
    Database {
        /// `read`, `written`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// The file cannot be made or moved aside.
    #[error("the history in {} cannot be begun: {source} (look at the disk and the folder's rights)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The thread that worked on it ended unexpectedly.
    #[error("the history was not reached: {0} (try again)")]
    Thread(String),
}

impl Ledger {
    /// The history in a state folder. Opens nothing.
    #[must_use]
    pub fn of(folder: &StateFolder) -> Self {
        Self {
            path: Some(folder.place(FILE)),
            shared: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Keeps entries as long as this from now on.
    pub fn keep(&self, retention: Retention) {
        self.shared().retention = retention;
    }

    /// Whether anything is kept at all.
    #[must_use]
    pub fn keeps(&self) -> bool {
        self.path.is_some() && self.shared().retention.keep_entries() > 0
    }

    /// What had to be done to go on, for a person; once.
    #[must_use]
    pub fn take_trouble(&self) -> Option<String> {
        self.shared().trouble.take()
    }

    /// Does a job of this ledger on a thread that may wait.
    ///
    /// # Errors
    /// What the job says, or that its thread ended unexpectedly.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Self) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let ledger = self.clone();
        tokio::task::spawn_blocking(move || job(&ledger))
            .await
            .unwrap_or_else(|error| Err(LedgerError::Thread(error.to_string())))
    }

    /// Writes entries down, all or none, and lets go of what is too old or too many. Blocks.
    ///
    /// # Errors
    /// When the disk is full, say.
    pub fn append(&self, entries: &[Happened]) -> Result<(), LedgerError> {
        if !self.keeps() {
            return Ok(());
        }
        self.work("written", |connection, retention| {
            let all = connection.transaction()?;
            {
                let mut insert = all.prepare(
                    "INSERT INTO entries (kind, at, account, direction, peer, name, outcome, seconds, text, folded)
                     VALUES (:kind, :at, :account, :direction, :peer, :name, :outcome, :seconds, :text, :folded)",
                )?;
                for entry in entries {
                    let entry = entry.clone().bounded();
                    insert.execute(named_params! {
                        ":kind": entry.kind.word(),
                        ":at": i64::try_from(entry.at.0).unwrap_or(i64::MAX),
                        ":account": entry.account,
                        ":direction": way(entry.direction),
                        ":peer": entry.peer,
                        ":name": entry.name,
                        ":outcome": entry.outcome.word(),
                        ":seconds": entry.seconds,
                        ":text": entry.text,
                        ":folded": folded(&entry),
                    })?;
                }
            }
            trim(&all, retention)?;
            all.commit()
        })
    }

    /// Entries, newest first. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn page(&self, query: &Query) -> Result<Vec<Entry>, LedgerError> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let search = query.search.as_deref().unwrap_or_default().trim();
        let search: String = search.chars().take(MAX_SEARCH).collect();
        self.work("read", |connection, retention| {
            let mut select = connection.prepare(
                "SELECT id, kind, at, account, direction, peer, name, outcome, seconds, text FROM entries
                 WHERE (:kind IS NULL OR kind = :kind) AND (:outcome IS NULL OR outcome = :outcome)
                   AND (:before IS NULL OR id < :before) AND at >= :since
                   AND (:search = '' OR instr(folded, :search) > 0 OR (:digits <> '' AND instr(folded, :digits) > 0))
                 ORDER BY id DESC LIMIT :limit",
            )?;
            let rows = select.query_map(
                named_params! {
                    ":kind": query.kind.map(Kind::word),
                    ":outcome": query.outcome.map(Outcome::word),
                    ":before": query.before,
                    ":since": oldest(retention),
                    ":search": search.to_lowercase(),
                    ":digits": dialled(&search).unwrap_or_default(),
                    ":limit": query.limit.clamp(1, MAX_PAGE).min(retention.keep_entries()),
                },
                entry,
            )?;
            rows.collect()
        })
    }

    /// Forgets one entry, or all; says how many. Blocks.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget(&self, id: Option<i64>) -> Result<usize, LedgerError> {
        if !self.exists() {
            return Ok(0);
        }
        self.work("written", |connection, _| {
            connection.execute(
                "DELETE FROM entries WHERE :id IS NULL OR id = :id",
                named_params! { ":id": id },
            )
        })
    }

    /// Lets go of what is too old or too many. Blocks.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn trim(&self) -> Result<(), LedgerError> {
        if !self.exists() {
            return Ok(());
        }
        self.work("written", |connection, retention| {
            trim(connection, retention)
        })
    }

    fn exists(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.exists())
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens, works, closes. A damaged file is moved aside, and the work done on a new one.
    fn work<T>(
        &self,
        action: &'static str,
        job: impl Fn(&mut Connection, &Retention) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let Some(path) = &self.path else {
            return Err(LedgerError::Thread("this desk keeps none".to_owned()));
        };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let retention = self.shared().retention;
        let done =
            |path: &Path| open(path).and_then(|mut connection| job(&mut connection, &retention));
        make_private(path).map_err(|source| LedgerError::File {
            path: path.clone(),
            source,
        })?;
        let database = |source| LedgerError::Database {
            action,
            path: path.clone(),
            source,
        };
        match done(path) {
            Err(source) if is_damaged(&source) => {
                self.set_aside(path, &source)?;
                done(path).map_err(database)
            }
            other => other.map_err(database),
        }
    }

    fn set_aside(&self, path: &Path, why: &rusqlite::Error) -> Result<(), LedgerError> {
        let file = |source| LedgerError::File {
            path: path.to_owned(),
            source,
        };
        let broken = path.with_file_name(BROKEN);
        std::fs::rename(path, &broken).map_err(file)?;
        // It belonged to the file that was moved: on a new one it would be replayed.
        let _ = std::fs::remove_file(path.with_file_name(format!("{FILE}-journal")));
        make_private(path).map_err(file)?;
        self.shared().trouble = Some(format!(
            "the history could not be read ({why}); it was moved to {} and is begun anew",
            broken.display()
        ));
        Ok(())
    }
}

/// The file with its tables; a new one is made.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // Small; nothing of it outside the file; and what is deleted is gone from the file as well.
    connection.execute_batch(
        "PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        connection.execute_batch(&format!(
            "BEGIN;
             CREATE TABLE entries (
               id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at INTEGER NOT NULL,
               account TEXT NOT NULL, direction TEXT NOT NULL, peer TEXT NOT NULL, name TEXT,
               outcome TEXT NOT NULL, seconds INTEGER NOT NULL, text TEXT, folded TEXT NOT NULL
             ) STRICT;
             PRAGMA user_version = {VERSION};
             COMMIT;"
        ))?;
    } else if version != VERSION {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_NOTADB),
            Some(format!(
                "it is of version {version}, this agent writes {VERSION}"
            )),
        ));
    }
    Ok(connection)
}

fn trim(connection: &Connection, retention: &Retention) -> rusqlite::Result<()> {
    connection.execute(
        "DELETE FROM entries WHERE at < :since OR id <= ifnull(
           (SELECT id FROM entries ORDER BY id DESC LIMIT 1 OFFSET :keep), 0)",
        named_params! { ":since": oldest(retention), ":keep": retention.keep_entries() },
    )?;
    Ok(())
}

/// The time before which nothing is kept.
fn oldest(retention: &Retention) -> i64 {
    let now = Timestamp::of(SystemTime::now()).0;
    let kept = u64::from(retention.keep_days()) * 86_400;
    i64::try_from(now.saturating_sub(kept)).unwrap_or(0)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let word = |column: &str| row.get::<_, String>(column);
    Ok(Entry {
        id: row.get("id")?,
        what: Happened {
            // The words are this program's; a file that somebody else wrote may hold any.
            kind: Kind::of(&word("kind")?).unwrap_or(Kind::Call),
            at: Timestamp(u64::try_from(row.get::<_, i64>("at")?).unwrap_or(0)),
            account: word("account")?,
            direction: match word("direction")?.as_str() {
                "outgoing" => Direction::Outgoing,
                _ => Direction::Incoming,
            },
            peer: word("peer")?,
            name: row.get("name")?,
            outcome: Outcome::of(&word("outcome")?).unwrap_or(Outcome::Failed),
            seconds: u32::try_from(row.get::<_, i64>("seconds")?).unwrap_or(0),
            text: row.get("text")?,
        },
    })
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Incoming => "incoming",
        Direction::Outgoing => "outgoing",
    }
}

/// What a search looks through.
fn folded(entry: &Happened) -> String {
    let parts = [
        Some(entry.peer.as_str()),
        entry.name.as_deref(),
        entry.text.as_deref(),
        Some(entry.account.as_str()),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    parts.join("\n").to_lowercase()
}

/// A number as it is dialled, of a search that is one: `+49 (89) 12` looks for `+498912`.
fn dialled(search: &str) -> Option<String> {
    let number = search
        .chars()
        .all(|c| c.is_ascii_digit() || " +-./()*#".contains(c));
    let dialled: String = search
        .chars()
        .filter(|c| c.is_ascii_digit() || "+*#".contains(*c))
        .collect();
    (number && !dialled.is_empty()).then_some(dialled)
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(inner, text) => {
            matches!(inner.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
                // Tables that are not ours.
                || text.as_ref().is_some_and(|text| text.contains("no such"))
        }
        rusqlite::Error::SqlInputError { .. } | rusqlite::Error::InvalidColumnType(..) => true,
        _ => false,
    }
}

fn advice(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "free some space; calls go on without it",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has it open; close that"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            "make the state folder writable for the agent"
        }
        _ => "look at the disk; calls go on without it",
    }
}

/// Makes the file, for its owner alone, if it is missing: SQLite would make it by the umask.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;

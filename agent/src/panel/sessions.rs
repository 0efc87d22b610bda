//! Who is signed in at the panel: one-time codes, and the sessions they open.
//!
//! A code comes from the local API, by one who holds its token, and opens one session within a minute. A session
//! is a cookie and a key. The cookie alone would not do: a browser sends it to every port of 127.0.0.1, so
//! another user's program could ask for it; the key lives in the page's own storage, which is bound to the port.
//! Only digests are kept.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use carillon_schemas::identifier::hex;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// How long a code may be used.
const CODE_LIFE: Duration = Duration::from_secs(60);
/// The most codes that wait; the oldest makes room.
const MAX_CODES: usize = 8;
/// How long a session is kept that nobody uses.
const IDLE: Duration = Duration::from_secs(24 * 3_600);
/// The most sessions; the one unused for longest makes room.
const MAX_SESSIONS: usize = 16;

type Hash = [u8; 32];

/// Codes and sessions. Cheap to clone: all clones are one book.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<Book>>);

/// What a page gets for its code. No `Debug`: it is the way in.
pub struct Entry {
    /// For the cookie.
    pub cookie: Zeroizing<String>,
    /// For the page's storage.
    pub key: Zeroizing<String>,
}

/// A session in use: it is not idle for as long as this lives.
pub struct Presence(Arc<Mutex<Instant>>);

#[derive(Default)]
struct Book {
    codes: Vec<(Hash, Instant)>,
    sessions: Vec<Session>,
}

struct Session {
    cookie: Hash,
    key: Hash,
    used: Arc<Mutex<Instant>>,
}

impl Sessions {
    /// A new code.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn invite(&self, now: Instant) -> Result<Zeroizing<String>, getrandom::Error> {
        let code = random()?;
        let mut book = self.book(now);
        if book.codes.len() == MAX_CODES {
            book.codes.remove(0);
        }
        book.codes.push((hash(&code), now));
        Ok(code)
    }

    /// A session for a code, which is then spent; `None` when it is no code, or one no more.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn enter(&self, code: &str, now: Instant) -> Result<Option<Entry>, getrandom::Error> {
        let entry = Entry {
            cookie: random()?,
            key: random()?,
        };
        let mut book = self.book(now);
        let given = hash(code);
        let Some(at) = book.codes.iter().position(|(code, _)| *code == given) else {
            return Ok(None);
        };
        book.codes.remove(at);
        if book.sessions.len() == MAX_SESSIONS {
            let idlest = (0..MAX_SESSIONS).min_by_key(|n| book.sessions[*n].last_use(now));
            book.sessions.remove(idlest.unwrap_or(0));
        }
        book.sessions.push(Session {
            cookie: hash(&entry.cookie),
            key: hash(&entry.key),
            used: Arc::new(Mutex::new(now)),
        });
        Ok(Some(entry))
    }

    /// The session of a cookie and a key; `None` when there is none.
    pub fn present(&self, cookie: &str, key: &str, now: Instant) -> Option<Presence> {
        let (cookie, key) = (hash(cookie), hash(key));
        let book = self.book(now);
        let session = book
            .sessions
            .iter()
            .find(|session| session.cookie == cookie && session.key == key)?;
        *unpoisoned(&session.used) = now;
        Some(Presence(Arc::clone(&session.used)))
    }

    /// Ends the session of a cookie.
    pub fn leave(&self, cookie: &str, now: Instant) {
        let cookie = hash(cookie);
        self.book(now)
            .sessions
            .retain(|session| session.cookie != cookie);
    }

    /// The book, without what has expired.
    fn book(&self, now: Instant) -> MutexGuard<'_, Book> {
        let mut book = unpoisoned(&self.0);
        book.codes
            .retain(|(_, made)| now.saturating_duration_since(*made) < CODE_LIFE);
        book.sessions
            .retain(|session| now.saturating_duration_since(session.last_use(now)) < IDLE);
        book
    }
}

impl Session {
    fn last_use(&self, now: Instant) -> Instant {
        // Held by someone beside this book: a stream of events that is listened to.
        if Arc::strong_count(&self.used) > 1 {
            return now;
        }
        *unpoisoned(&self.used)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut used = unpoisoned(&self.0);
        *used = (*used).max(Instant::now());
    }
}

/// Nothing panics while it holds one of these locks; were it so, what they guard is whole all the same.
fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// 256 random bits.
fn random() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes)?;
    Ok(Zeroizing::new(hex(&*bytes)))
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(sessions: &Sessions, now: Instant) -> Entry {
        let code = sessions.invite(now).unwrap();
        sessions.enter(&code, now).unwrap().unwrap()
    }

    fn holds(sessions: &Sessions, entry: &Entry, now: Instant) -> bool {
        sessions.present(&entry.cookie, &entry.key, now).is_some()
    }

    #[test]
    fn a_code_opens_one_session_within_a_minute() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let code = sessions.invite(now).unwrap();
        assert!(sessions.enter("guessed", now).unwrap().is_none());
        let entry = sessions.enter(&code, now).unwrap().unwrap();
        assert!(
            sessions.enter(&code, now).unwrap().is_none(),
            "a stolen code opened another session"
        );
        assert!(holds(&sessions, &entry, now));
        let late = sessions.invite(now).unwrap();
        assert!(sessions.enter(&late, now + CODE_LIFE).unwrap().is_none());
    }

    #[test]
    fn cookie_and_key_belong_together() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (one, other) = (enter(&sessions, now), enter(&sessions, now));
        assert!(sessions.present(&one.cookie, &other.key, now).is_none());
        assert!(sessions.present(&one.cookie, "", now).is_none());
        assert!(sessions.present("", &one.key, now).is_none());
        sessions.leave(&one.cookie, now);
        assert!(!holds(&sessions, &one, now));
        assert!(holds(&sessions, &other, now));
    }

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_not_while_its_events_are_listened_to() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (idle, listening) = (enter(&sessions, now), enter(&sessions, now));
        let stream = sessions.present(&listening.cookie, &listening.key, now);
        let later = now + IDLE;
        assert!(!holds(&sessions, &idle, later));
        assert!(holds(&sessions, &listening, later));
        drop(stream);
        assert!(!holds(&sessions, &listening, later + IDLE));
    }

    #[test]
    fn codes_and_sessions_are_counted() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let codes: Vec<_> = (0..=MAX_CODES)
            .map(|_| sessions.invite(now).unwrap())
            .collect();
        assert!(sessions.enter(&codes[0], now).unwrap().is_none());
        assert!(sessions.enter(&codes[1], now).unwrap().is_some());
        let first = enter(&sessions, now);
        for seconds in 1..=MAX_SESSIONS as u64 + 3 {
            enter(&sessions, now + Duration::from_secs(seconds));
        }
        assert!(!holds(&sessions, &first, now));
        assert_eq!(sessions.book(now).sessions.len(), MAX_SESSIONS);
    }
}

//! Session timers (RFC 4028): how long a session stands without a refresh, who refreshes, and when it is over.
//! Reads and writes the headers; never sends.

use crate::message::{HeaderName, Headers, Params};
use std::time::{Duration, Instant};

/// The shortest interval taken, in seconds (§4).
pub(super) const MIN_SE: u64 = 90;
/// A peer that answers with less than §4 allows is followed down to this, in seconds.
const LEAST_FOLLOWED: u64 = 10;
/// The longest interval written, in seconds.
const MAX_SE: u64 = 86_400;

/// How often one session's interval is raised: several proxies may ask for more, one after the other.
const MAX_RAISES: u8 = 4;
/// With less than this left, a refused refresh is not tried again.
const SHORTEST_WAIT: Duration = Duration::from_secs(8);

/// The interval of one session.
#[derive(Debug, Default)]
pub(super) struct SessionTimer {
    running: Option<Running>,
    /// The highest Min-SE a peer asked for.
    floor: Option<u64>,
    raises: u8,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    seconds: u64,
    /// Whether this side refreshes.
    ours: bool,
    refresh_at: Instant,
    expire_at: Instant,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Refresh,
    Expired,
}

/// `1800;refresher=uac`
struct SessionExpires {
    seconds: u64,
    refresher: Option<Refresher>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresher {
    Uac,
    Uas,
}

impl SessionTimer {
    /// Writes what a request of ours asks for. `wanted` is zero when the account wants no timer; a running one goes on.
    pub(super) fn ask(&self, wanted: Duration, headers: &mut Headers) {
        let seconds = match (self.running, wanted.as_secs()) {
            (Some(running), _) => running.seconds,
            (None, 0) => return,
            (None, wanted) => wanted,
        };
        let seconds = seconds.max(self.floor.unwrap_or(0));
        let refresher = match self.running {
            Some(running) if running.ours => ";refresher=uac",
            Some(_) => ";refresher=uas",
            None => "",
        };
        headers.push(HeaderName::SessionExpires, format!("{seconds}{refresher}"));
        if let Some(floor) = self.floor {
            headers.push(HeaderName::MinSe, floor.to_string());
        }
    }

    /// A 422 came: takes its Min-SE. `false` when it brings nothing new, so that asking again would be in vain.
    pub(super) fn raise(&mut self, headers: &Headers) -> bool {
        let Some(floor) = number(headers, HeaderName::MinSe).filter(|floor| *floor <= MAX_SE)
        else {
            return false;
        };
        let raised = self.floor.is_none_or(|known| floor > known) && self.raises < MAX_RAISES;
        self.raises += u8::from(raised);
        self.floor = Some(self.floor.unwrap_or(0).max(floor));
        raised
    }

    /// A 2xx to a request of ours came. Without Session-Expires in it, the session has no end (§7.2).
    pub(super) fn on_success(&mut self, now: Instant, headers: &Headers) {
        self.running = SessionExpires::of(headers).map(|given| {
            // A peer that leaves the choice open does not know better; who asked refreshes.
            let seconds = given.seconds.max(LEAST_FOLLOWED);
            Running::new(now, seconds, given.refresher != Some(Refresher::Uas))
        });
    }

    /// A request of the peer came and is accepted: what the 2xx says. `wanted` is zero when the account wants no timer of its own.
    ///
    /// # Errors
    /// The interval is too short for us; 422 with that Min-SE is the answer.
    pub(super) fn accept(
        &mut self,
        now: Instant,
        wanted: Duration,
        request: &Headers,
        response: &mut Headers,
    ) -> Result<(), u64> {
        Self::check(request)?;
        let supported = request.lists(HeaderName::Supported, "timer")
            || request.lists(HeaderName::Require, "timer");
        let floor = number(request, HeaderName::MinSe).unwrap_or(0).min(MAX_SE);
        let asked = SessionExpires::of(request);
        let seconds = match &asked {
            Some(asked) => asked.seconds,
            None if supported && !wanted.is_zero() => wanted.as_secs(),
            None => {
                self.running = None;
                return Ok(());
            }
        };
        let seconds = seconds.max(floor).max(MIN_SE);
        // Table 2 of §9: who knows no timer cannot refresh.
        let ours = !supported || asked.and_then(|asked| asked.refresher) == Some(Refresher::Uas);
        let refresher = if ours { "uas" } else { "uac" };
        response.push(
            HeaderName::SessionExpires,
            format!("{seconds};refresher={refresher}"),
        );
        if !ours {
            response.push(HeaderName::Require, "timer");
        }
        self.running = Some(Running::new(now, seconds, ours));
        Ok(())
    }

    /// Whether a request's interval is long enough.
    ///
    /// # Errors
    /// It is not; 422 with that Min-SE is the answer.
    pub(super) fn check(request: &Headers) -> Result<(), u64> {
        match SessionExpires::of(request) {
            Some(asked)
                if asked.seconds < MIN_SE && request.lists(HeaderName::Supported, "timer") =>
            {
                Err(MIN_SE)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        let running = self.running.as_mut()?;
        if running.expire_at <= now {
            self.running = None;
            return Some(Due::Expired);
        }
        if running.ours && running.refresh_at <= now {
            // Asked for once; what becomes of it is seen by the answer or by the end.
            running.refresh_at = running.expire_at;
            return Some(Due::Refresh);
        }
        None
    }

    /// A refresh was refused: half of what is left is waited before the next.
    pub(super) fn refresh_failed(&mut self, now: Instant) {
        if let Some(running) = &mut self.running {
            let left = running.expire_at.saturating_duration_since(now);
            if left > SHORTEST_WAIT {
                running.refresh_at = now + left / 2;
            }
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let running = self.running?;
        Some(if running.ours {
            running.refresh_at.min(running.expire_at)
        } else {
            running.expire_at
        })
    }
}

impl Running {
    fn new(now: Instant, seconds: u64, ours: bool) -> Self {
        // The end comes a little early, so that a BYE is through before the peer's own (§10).
        let margin = (seconds / 3).min(32);
        Self {
            seconds,
            ours,
            refresh_at: now + Duration::from_secs(seconds / 2),
            expire_at: now + Duration::from_secs(seconds - margin),
        }
    }
}

impl SessionExpires {
    fn of(headers: &Headers) -> Option<Self> {
        let text = headers.text(HeaderName::SessionExpires)?;
        let (seconds, params) = text.split_once(';').unwrap_or((&text, ""));
        let params = Params::parse(params).ok()?;
        let refresher = match params.get("refresher") {
            Some(name) if name.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(name) if name.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        let seconds = seconds.trim().parse::<u64>().ok()?;
        (1..=u64::from(u32::MAX))
            .contains(&seconds)
            .then_some(Self {
                seconds: seconds.min(MAX_SE),
                refresher,
            })
    }
}

fn number(headers: &Headers, name: HeaderName) -> Option<u64> {
    let text = headers.text(name)?;
    text.split(';').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Duration = Duration::from_secs(1800);

    fn headers(lines: &[(HeaderName, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.push(*name, value);
        }
        headers
    }

    fn answered(lines: &[(HeaderName, &str)], wanted: Duration) -> Result<String, u64> {
        let mut response = Headers::new();
        SessionTimer::default().accept(Instant::now(), wanted, &headers(lines), &mut response)?;
        let lines = response.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value);
            format!("{name}: {value}")
        });
        Ok(lines.collect::<Vec<_>>().join(", "))
    }

    /// Table 2 of §9, with and without Session-Expires.
    #[test]
    fn the_refresher_is_chosen_by_the_table() {
        use HeaderName::{SessionExpires, Supported};
        let ours = "Session-Expires: 120;refresher=uas";
        let theirs = "Session-Expires: 120;refresher=uac, Require: timer";
        for (lines, said) in [
            (&[(SessionExpires, "120")][..], ours),
            (&[(SessionExpires, "120;refresher=uac")], ours),
            (&[(Supported, "timer"), (SessionExpires, "120")], theirs),
            (
                &[(Supported, "timer"), (SessionExpires, "120;refresher=uac")],
                theirs,
            ),
            (
                &[(Supported, "timer"), (SessionExpires, "120;refresher=uas")],
                ours,
            ),
            (&[], ""),
        ] {
            assert_eq!(answered(lines, WANTED).unwrap(), said, "{lines:?}");
        }
        let unasked = answered(&[(Supported, "timer")], WANTED).unwrap();
        assert_eq!(
            unasked,
            "Session-Expires: 1800;refresher=uac, Require: timer"
        );
        assert_eq!(
            answered(&[(Supported, "timer")], Duration::ZERO).unwrap(),
            ""
        );
    }

    #[test]
    fn too_short_is_refused_only_from_who_can_ask_again() {
        use HeaderName::{MinSe, SessionExpires, Supported};
        let short = (SessionExpires, "60");
        assert_eq!(
            answered(&[(Supported, "timer"), short], WANTED),
            Err(MIN_SE)
        );
        let raised = answered(&[short], WANTED).unwrap();
        assert_eq!(raised, "Session-Expires: 90;refresher=uas");
        let floored = answered(&[(SessionExpires, "100"), (MinSe, "200")], WANTED).unwrap();
        assert_eq!(floored, "Session-Expires: 200;refresher=uas");
    }

    #[test]
    fn refreshes_at_half_time_and_ends_before_the_end() {
        let now = Instant::now();
        let mut timer = SessionTimer::default();
        timer.on_success(
            now,
            &headers(&[(HeaderName::SessionExpires, "120;refresher=uac")]),
        );
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(timer.next_wake(), Some(after(60)));
        assert_eq!(timer.due(after(59)), None);
        assert_eq!(timer.due(after(60)), Some(Due::Refresh));
        assert_eq!(timer.due(after(61)), None, "asked for once");
        assert_eq!(timer.next_wake(), Some(after(88)));
        assert_eq!(timer.due(after(88)), Some(Due::Expired));
        assert_eq!(timer.next_wake(), None);
        timer.on_success(
            now,
            &headers(&[(HeaderName::SessionExpires, "120;refresher=uas")]),
        );
        assert_eq!(timer.due(after(87)), None, "the peer refreshes");
        timer.on_success(now, &Headers::new());
        assert_eq!(timer.next_wake(), None, "no interval, no end");
    }

    #[test]
    fn a_422_raises_the_interval_once() {
        let mut timer = SessionTimer::default();
        assert!(!timer.raise(&Headers::new()));
        let floor = headers(&[(HeaderName::MinSe, "3600")]);
        assert!(timer.raise(&floor) && !timer.raise(&floor));
        assert!(!timer.raise(&headers(&[(HeaderName::MinSe, "999999999")])));
        let mut asked = Headers::new();
        timer.ask(WANTED, &mut asked);
        assert_eq!(
            asked,
            headers(&[
                (HeaderName::SessionExpires, "3600"),
                (HeaderName::MinSe, "3600")
            ])
        );
    }
}

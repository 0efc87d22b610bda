//! Who called lately: names that a directory told, and numbers that it does not know. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The most numbers that are remembered.
pub(super) const MAX_CALLERS: usize = 256;
/// A name is asked for anew after this long.
const KNOWN: Duration = Duration::from_secs(600);
/// A number without a name, after this long.
const UNKNOWN: Duration = Duration::from_secs(120);

/// The numbers asked for lately.
#[derive(Debug, Default)]
pub(super) struct Callers(BTreeMap<String, (Instant, Option<String>)>);

impl Callers {
    /// What was told of it: a name, or that there is none; `None` when it is to be asked for.
    pub(super) fn get(&self, number: &str, now: Instant) -> Option<Option<String>> {
        let (at, name) = self.0.get(number)?;
        let lasts = if name.is_some() { KNOWN } else { UNKNOWN };
        (now.saturating_duration_since(*at) < lasts).then(|| name.clone())
    }

    /// Remembers what was told, in the place of the oldest when there are too many.
    pub(super) fn keep(&mut self, number: &str, name: Option<String>, now: Instant) {
        if self.0.len() >= MAX_CALLERS
            && !self.0.contains_key(number)
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (at, _))| *at)
        {
            let oldest = oldest.0.clone();
            self.0.remove(&oldest);
        }
        self.0.insert(number.to_owned(), (now, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lasts_longer_than_none() {
        let (mut callers, now) = (Callers::default(), Instant::now());
        callers.keep("1001", Some("Anna".into()), now);
        callers.keep("1002", None, now);
        assert_eq!(callers.get("1001", now), Some(Some("Anna".into())));
        assert_eq!(callers.get("1002", now), Some(None));
        assert_eq!(callers.get("1003", now), None);
        assert_eq!(callers.get("1002", now + UNKNOWN), None);
        assert!(callers.get("1001", now + UNKNOWN).is_some());
        assert_eq!(callers.get("1001", now + KNOWN), None);
    }

    #[test]
    fn attack_b_many_numbers_take_no_more_room() {
        let (mut callers, now) = (Callers::default(), Instant::now());
        for number in 0..10 * MAX_CALLERS as u64 {
            callers.keep(
                &number.to_string(),
                None,
                now + Duration::from_millis(number),
            );
        }
        assert_eq!(callers.0.len(), MAX_CALLERS);
        let last = 10 * MAX_CALLERS as u64 - 1;
        let at = now + Duration::from_millis(last);
        assert_eq!(callers.get(&last.to_string(), at), Some(None));
        assert_eq!(callers.get("0", at), None);
    }
}

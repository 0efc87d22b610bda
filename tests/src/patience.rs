//! Waiting for a state of the world, with a limit. No suite asserts on speed: limits only end a hang.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Fault, Outcome};

/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `look` gives `Ok`, at most for `limit`.
///
/// # Errors
/// [`Fault::TooLate`] with the last `Err` seen, when the limit is over.
pub fn until<T, E: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T, E>,
) -> Outcome<T> {
    let end = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(seen) if Instant::now() >= end => {
                let mut seen = format!("{seen:?}");
                if seen.len() > 2_000 {
                    let cut = (0..=2_000)
                        .rev()
                        .find(|at| seen.is_char_boundary(*at))
                        .unwrap_or(0);
                    seen.truncate(cut);
                }
                return Err(Fault::TooLate {
                    what: what.to_owned(),
                    after: limit,
                    seen,
                });
            }
            Err(_) => sleep(LOOK_EVERY),
        }
    }
}

/// Looks until `look` is true, at most for `limit`.
///
/// # Errors
/// [`Fault::TooLate`] when the limit is over.
pub fn until_true(what: &str, limit: Duration, mut look: impl FnMut() -> bool) -> Outcome<()> {
    until(what, limit, || if look() { Ok(()) } else { Err("not yet") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_in_vain_tells_what_was_seen_last() {
        let fault = until::<(), _>("the moon", Duration::from_millis(30), || Err("clouds"));
        assert!(matches!(fault, Err(Fault::TooLate { seen, .. }) if seen.contains("clouds")));
    }

    #[test]
    fn a_wait_ends_with_the_first_success() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(5), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks) }
        });
        assert_eq!(found.unwrap(), 3);
    }
}

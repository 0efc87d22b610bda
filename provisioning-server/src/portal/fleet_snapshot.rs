//! The whole fleet as rows, read once for all who look at the same time.
//!
//! Each asks for a view no older than a moment; whoever comes while one is being read shares it or the next. So the
//! store is read by one at a time, however many pages and streams are open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::service::{DeskRow, Service, ServiceError};

/// The least time between two sendings of a stream.
const PACE_LEAST: Duration = Duration::from_millis(150);
/// The most time a change waits to be sent.
const PACE_MOST: Duration = Duration::from_secs(5);
/// How many times longer than a reading the pause after it is: at most a fifth of the time is spent on reading.
const PACE_FACTOR: u32 = 4;

/// The last reading.
#[derive(Default)]
pub(super) struct FleetSnapshot {
    last: Mutex<Option<Reading>>,
}

struct Reading {
    begun: Instant,
    took: Duration,
    rows: Arc<[DeskRow]>,
}

impl FleetSnapshot {
    /// All desks as they were at `since` or later, and how long to wait before asking again.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) async fn rows(
        &self,
        service: &Service,
        since: Instant,
    ) -> Result<(Arc<[DeskRow]>, Duration), ServiceError> {
        let mut last = self.last.lock().await;
        if let Some(reading) = last.as_ref().filter(|reading| reading.begun >= since) {
            return Ok((Arc::clone(&reading.rows), pace(reading.took)));
        }
        let begun = Instant::now();
        let rows: Arc<[DeskRow]> = service.desks().await?.into();
        let took = begun.elapsed();
        *last = Some(Reading {
            begun,
            took,
            rows: Arc::clone(&rows),
        });
        Ok((rows, pace(took)))
    }
}

fn pace(took: Duration) -> Duration {
    took.saturating_mul(PACE_FACTOR)
        .clamp(PACE_LEAST, PACE_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_store_is_asked_less_often() {
        assert_eq!(pace(Duration::ZERO), PACE_LEAST);
        assert_eq!(pace(Duration::from_millis(200)), Duration::from_millis(800));
        assert_eq!(pace(Duration::from_secs(60)), PACE_MOST);
    }
}

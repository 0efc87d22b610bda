//! The stream of level meters: server-sent events, ten a second, while somebody listens.
//!
//! Owns the microphone while no call has it. It is opened for the first listener's first look and closed
//! with the last.

use std::time::Duration;

use carillon_media::{AudioSource, SAMPLE_RATE};
use futures_util::Stream;
use futures_util::stream;
use serde_json::json;
use tokio::time::Instant;

use crate::command::LevelMeters;

/// Between two looks.
const PACE: Duration = Duration::from_millis(100);
/// Samples between two looks.
const SAMPLES: usize = SAMPLE_RATE as usize / 10;
/// Looks that are made up for after a delay.
const MAX_BEHIND: u32 = 5;
/// How long to wait before a microphone that cannot be opened is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// One who looks.
struct Look {
    meters: LevelMeters,
    microphone: Microphone,
    due: Instant,
}

/// The microphone while no call has it.
#[derive(Default)]
struct Microphone {
    source: Option<Box<dyn AudioSource>>,
    retry: Option<Instant>,
}

/// The levels from now on; `kept` is held as long.
pub(super) fn levels<T: Send + 'static>(
    meters: LevelMeters,
    kept: T,
) -> impl Stream<Item = String> + Send {
    let look = Look {
        meters,
        microphone: Microphone::default(),
        due: Instant::now(),
    };
    stream::unfold((look, kept), |(mut look, kept)| async move {
        let frame = look.next().await;
        Some((frame, (look, kept)))
    })
}

impl Look {
    async fn next(&mut self) -> String {
        tokio::time::sleep_until(self.due).await;
        let now = Instant::now();
        if now > self.due + PACE * MAX_BEHIND {
            self.due = now;
        }
        self.due += PACE;
        if self.meters.engine.is_running() {
            self.microphone.close();
        } else {
            self.microphone.listen(&self.meters).await;
        }
        let levels = self.meters.watch.levels();
        let data = json!({ "input": levels.input, "output": levels.output });
        format!("event: levels\ndata: {data}\n\n")
    }
}

impl Microphone {
    async fn listen(&mut self, meters: &LevelMeters) {
        if self.source.is_none() && self.retry.is_none_or(|at| Instant::now() >= at) {
            let (place, input) = (meters.place.clone(), meters.input.clone());
            let (tell, _) = tokio::sync::mpsc::channel(1);
            let opened = tokio::task::spawn_blocking(move || place.open_source(&input, &tell));
            let opened = opened.await;
            match opened {
                Ok(Ok(source)) => self.source = Some(source),
                _ => self.retry = Some(Instant::now() + RETRY),
            }
        }
        let Some(source) = &mut self.source else {
            return;
        };
        let mut frame = [0; SAMPLES / 5];
        for _ in 0..5 {
            if source.read(&mut frame).is_err() {
                self.retry = Some(Instant::now() + RETRY);
                return self.close();
            }
            meters.watch.heard(&frame);
        }
    }

    /// Closing a sound card may wait for the sound system.
    fn close(&mut self) {
        if let Some(source) = self.source.take() {
            tokio::task::spawn_blocking(move || drop(source));
        }
    }
}

impl Drop for Microphone {
    fn drop(&mut self) {
        self.close();
    }
}

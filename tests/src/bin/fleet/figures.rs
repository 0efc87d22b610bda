//! What a run of the simulator came to: how many, how long, how fast, and every error.

use std::time::{Duration, Instant};

use carillon_tests::Outcome;
use serde::Serialize;

/// The most errors printed; the rest is counted.
const SHOW_ERRORS: usize = 10;

/// All figures of a run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    stages: Vec<Stage>,
    publish: Option<Publish>,
    pub(crate) errors: Vec<String>,
}

/// Requests of one kind.
#[derive(Debug, Serialize)]
struct Stage {
    name: String,
    done: usize,
    seconds: f64,
    per_second: f64,
}

/// One publish to all.
#[derive(Debug, Serialize)]
struct Publish {
    desks: usize,
    command_ms: f64,
    all_received_ms: f64,
}

impl Figures {
    /// Books a stage that began at `since`; gives back what succeeded.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        since: Instant,
        results: Vec<Outcome<T>>,
    ) -> Vec<T> {
        let seconds = since.elapsed().as_secs_f64();
        let mut good = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Ok(value) => good.push(value),
                Err(fault) => self.errors.push(format!("{name}: {fault}")),
            }
        }
        match self.stages.iter_mut().find(|stage| stage.name == name) {
            Some(stage) => {
                stage.done += good.len();
                stage.seconds += seconds;
            }
            None => self.stages.push(Stage {
                name: name.to_owned(),
                done: good.len(),
                seconds,
                per_second: 0.0,
            }),
        }
        for stage in &mut self.stages {
            stage.per_second = stage.done as f64 / stage.seconds.max(1e-9);
        }
        good
    }

    /// Books a publish.
    pub(crate) fn published(&mut self, desks: usize, command: Duration, all: Duration) {
        let ms = |span: Duration| span.as_secs_f64() * 1_000.0;
        self.publish = Some(Publish {
            desks,
            command_ms: ms(command),
            all_received_ms: ms(all),
        });
    }

    /// Prints them, for a person or as JSON; errors go to standard error.
    pub(crate) fn print(&self, json: bool) {
        if json {
            println!("{}", serde_json::to_string(self).unwrap_or_default());
        } else {
            for stage in &self.stages {
                println!(
                    "{:<16} {:>7} in {:>7.3} s  {:>8.0} /s",
                    stage.name, stage.done, stage.seconds, stage.per_second
                );
            }
            if let Some(publish) = &self.publish {
                println!(
                    "publish to all   {:>7} desks have it {:.0} ms after the command began (it took {:.0} ms)",
                    publish.desks, publish.all_received_ms, publish.command_ms
                );
            }
            println!("errors           {:>7}", self.errors.len());
        }
        for error in self.errors.iter().take(SHOW_ERRORS) {
            eprintln!("carillon-fleet: {error}");
        }
        if self.errors.len() > SHOW_ERRORS {
            eprintln!(
                "carillon-fleet: and {} more errors",
                self.errors.len() - SHOW_ERRORS
            );
        }
    }
}

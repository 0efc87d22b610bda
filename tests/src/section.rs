//! Tells a reader what runs and how long it took.

use std::time::Instant;

/// A named stretch of a suite; its duration is printed when it ends.
#[derive(Debug)]
pub struct Section {
    name: String,
    since: Instant,
}

impl Section {
    /// Announces the stretch.
    pub fn begin(name: impl Into<String>) -> Self {
        let name = name.into();
        println!("== {name}");
        Self {
            name,
            since: Instant::now(),
        }
    }

    /// One line of what was seen, with the time since the beginning.
    pub fn note(&self, seen: impl AsRef<str>) {
        println!(
            "   {:>7.3} s  {}",
            self.since.elapsed().as_secs_f64(),
            seen.as_ref()
        );
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        let end = if std::thread::panicking() {
            "FAILED"
        } else {
            "done"
        };
        println!(
            "== {} {end} in {:.1} s",
            self.name,
            self.since.elapsed().as_secs_f64()
        );
    }
}

//! What a running process takes: memory, threads, wake-ups. Read from `/proc`, with no help of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{Fault, Outcome};

/// A process's memory and threads at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// The most it ever was, in KiB.
    pub peak_rss_kib: u64,
    /// Proportional share of resident memory in KiB.
    pub pss_kib: u64,
    /// Private dirty memory in KiB.
    pub private_dirty_kib: u64,
    /// Threads.
    pub threads: usize,
}

impl Footprint {
    /// Measures a process.
    ///
    /// # Errors
    /// [`Fault::System`] when it is gone or may not be read.
    pub fn of(pid: u32) -> Outcome<Self> {
        let path = PathBuf::from(format!("/proc/{pid}/smaps_rollup"));
        let text = std::fs::read_to_string(&path)
            .map_err(|e| Fault::system(format!("read {}", path.display()), e))?;
        let path = PathBuf::from(format!("/proc/{pid}/status"));
        let status = std::fs::read_to_string(&path)
            .map_err(|e| Fault::system(format!("read {}", path.display()), e))?;
        Ok(Self {
            rss_kib: field(&text, "Rss:"),
            peak_rss_kib: field(&status, "VmHWM:"),
            pss_kib: field(&text, "Pss:"),
            private_dirty_kib: field(&text, "Private_Dirty:"),
            threads: tasks(pid)?.len(),
        })
    }
}

/// Times per second that any thread of the process woke from a sleep of its own (voluntary context
/// switches), over `span`.
///
/// # Errors
/// [`Fault::System`] when the process is gone.
pub fn wakeups_per_second(pid: u32, span: Duration) -> Outcome<f64> {
    let before = switches(pid)?;
    let since = Instant::now();
    std::thread::sleep(span);
    let after = switches(pid)?;
    Ok(after.saturating_sub(before) as f64 / since.elapsed().as_secs_f64())
}

/// Time of any core that the process has used so far, in the kernel's ticks of 10 ms.
///
/// # Errors
/// [`Fault::System`] when the process is gone.
pub fn cpu_time(pid: u32) -> Outcome<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text =
        std::fs::read_to_string(&path).map_err(|e| Fault::system(format!("read {path}"), e))?;
    // The name of the program, in parentheses, may hold anything.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

fn switches(pid: u32) -> Outcome<u64> {
    let mut sum = 0;
    for task in tasks(pid)? {
        // A thread may end between the listing and the reading.
        let Ok(status) = std::fs::read_to_string(task.join("status")) else {
            continue;
        };
        sum += field(&status, "voluntary_ctxt_switches:");
    }
    Ok(sum)
}

fn tasks(pid: u32) -> Outcome<Vec<PathBuf>> {
    let path = format!("/proc/{pid}/task");
    let entries = std::fs::read_dir(&path).map_err(|e| Fault::system(format!("list {path}"), e))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_threads() {
        let own = Footprint::of(std::process::id()).unwrap();
        assert!(own.rss_kib >= own.pss_kib && own.pss_kib > 0, "{own:?}");
        assert!(own.threads >= 1);
        assert!(own.peak_rss_kib > 0);
    }

    #[test]
    fn a_sleeper_that_ticks_is_seen_to_wake() {
        let ticker = std::thread::spawn(|| {
            for _ in 0..40 {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let rate = wakeups_per_second(std::process::id(), Duration::from_millis(300)).unwrap();
        ticker.join().unwrap();
        assert!(rate > 10.0, "{rate}");
    }

    #[test]
    fn only_the_named_field_is_read() {
        let text = "voluntary_ctxt_switches:\t42\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(field(text, "voluntary_ctxt_switches:"), 42);
        assert_eq!(field(text, "Rss:"), 0);
    }
}

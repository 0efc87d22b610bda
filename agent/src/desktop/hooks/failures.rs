//! Failures told: the first of a hook at once, those that follow within a minute as one.

use std::collections::BTreeMap;

/// The most hooks whose failures are counted apart.
const MAX_HOOKS: usize = 128;

/// How often hooks failed since they were told of.
#[derive(Debug, Default)]
pub(super) struct Failures {
    since: BTreeMap<String, (u32, String)>,
}

impl Failures {
    /// A hook failed. Whether to tell it now, and to ask [`Failures::due`] a while later.
    pub(super) fn note(&mut self, hook: &str, why: &str) -> bool {
        if let Some((count, newest)) = self.since.get_mut(hook) {
            *count = count.saturating_add(1);
            why.clone_into(newest);
            return false;
        }
        if self.since.len() < MAX_HOOKS {
            self.since.insert(hook.to_owned(), (0, String::new()));
        }
        true
    }

    /// The while is over: what to tell of those that followed. Ask again later when there is something.
    pub(super) fn due(&mut self, hook: &str) -> Option<String> {
        match self.since.get_mut(hook) {
            Some((count, newest)) if *count > 0 => {
                let text = format!("failed {count} more times, at last: {newest}");
                *count = 0;
                Some(text)
            }
            _ => {
                self.since.remove(hook);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_failures_are_told_twice() {
        let mut failures = Failures::default();
        assert!(failures.note("hooks[0]", "a"));
        for _ in 0..1_000 {
            assert!(!failures.note("hooks[0]", "b"));
        }
        assert!(
            failures.note("hooks[1]", "c"),
            "another one is told at once"
        );
        let told = failures.due("hooks[0]").unwrap();
        assert_eq!(told, "failed 1000 more times, at last: b");
        assert_eq!(failures.due("hooks[0]"), None);
        assert!(
            failures.note("hooks[0]", "d"),
            "after a quiet while it is news"
        );
    }
}

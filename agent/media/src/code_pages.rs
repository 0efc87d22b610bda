//! The pages of code and constants that a program has read in, and how a phone at rest gives them back.
//!
//! Starting, enrolling and a call touch megabytes of code that an idle phone does not. The pages are clean
//! copies of files on disk: given back, the next use maps them again from the page cache. Never touches a
//! page that was written to, nor a mapping that could ever hold anything else.

use std::ops::Range;

/// The read-only mappings of the program and of the libraries it is linked with.
#[derive(Clone, Debug, Default)]
pub struct CodePages(Vec<Range<usize>>);

impl CodePages {
    /// Looks at the calling process. Empty on other systems than Linux, and when a second thread runs
    /// already: it might be loading or unloading a library this very moment. Call it first in `main`.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self(look())
    }

    /// Bytes that the mappings span; at most this much is given back.
    #[must_use]
    pub fn span(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// Gives the pages back of those mappings that nobody has written to. They count as resident again from their
    /// next use on. Takes a millisecond: the system counts pages.
    ///
    /// # Errors
    /// What the system refused; nothing is lost by it.
    pub fn give_back(&self) -> std::io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let clean = clean_now()?;
        let mut ours = clean.iter().filter(|pages| self.0.contains(pages));
        ours.try_for_each(give_back)
    }
}

#[cfg(target_os = "linux")]
fn look() -> Vec<Range<usize>> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    if threads != 1 {
        return Vec::new();
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter_map(file_mapping).flatten().collect()
}

#[cfg(target_os = "linux")]
fn clean_now() -> std::io::Result<Vec<Range<usize>>> {
    std::fs::read_to_string("/proc/self/smaps").map(|maps| clean_mappings(&maps))
}

#[cfg(not(target_os = "linux"))]
fn look() -> Vec<Range<usize>> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
fn clean_now() -> std::io::Result<Vec<Range<usize>>> {
    Ok(Vec::new())
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "madvise takes a plain address")]
fn give_back(pages: &Range<usize>) -> std::io::Result<()> {
    use rustix::mm::{Advice, madvise};
    let start = std::ptr::with_exposed_provenance_mut(pages.start);
    // SAFETY: the range is a whole private mapping of a file, without write permission and, a moment ago, without a
    // page that differs from the file (`clean_now`); nothing here makes such a mapping writable. It belongs to the
    // program or to a library it is linked with, so it stays what it is until the process ends: the list was made
    // while one thread ran, before anything was loaded at run time. Dropped pages come back from the file with the
    // same bytes.
    unsafe { madvise(start, pages.len(), Advice::LinuxDontNeed) }.map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn give_back(_: &Range<usize>) -> std::io::Result<()> {
    Ok(())
}

/// The private, read-only mappings of files without a page of their own, out of the text of `/proc/PID/smaps`.
#[cfg(target_os = "linux")]
fn clean_mappings(smaps: &str) -> Vec<Range<usize>> {
    let mut clean = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        if let Some(mapping) = file_mapping(line) {
            current = mapping;
        } else if line.strip_prefix("Anonymous:").map(str::trim) == Some("0 kB") {
            clean.extend(current.take());
        }
    }
    clean
}

/// `None`: the line begins no mapping. `Some(None)`: it begins one that is not to be touched.
#[cfg(target_os = "linux")]
fn file_mapping(line: &str) -> Option<Option<Range<usize>>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let permissions = words.next()?;
    // Behind offset, device and inode stands the path.
    let of_file = words.nth(3).is_some_and(|path| path.starts_with('/'));
    let read_only = permissions == "r-xp" || permissions == "r--p";
    Some((of_file && read_only && start < end).then_some(start..end))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const SMAPS: &str = "\
55d0c0000000-55d0c0100000 r--p 00000000 fe:00 17    /opt/my phone/carillon
Rss:                1024 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
55d0c0100000-55d0c0500000 r-xp 00100000 fe:00 17    /opt/my phone/carillon
Anonymous:             0 kB
55d0c0500000-55d0c0520000 r--p 00500000 fe:00 17    /opt/my phone/carillon
Anonymous:           128 kB
55d0c0520000-55d0c0530000 rw-p 00520000 fe:00 17    /opt/my phone/carillon
Anonymous:             0 kB
55d0c1000000-55d0c1100000 rw-p 00000000 00:00 0     [heap]
Anonymous:           400 kB
7f0000000000-7f0000001000 r--s 00000000 fe:00 18    /var/shared
Anonymous:             0 kB
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0     [vdso]
Anonymous:             0 kB
";

    #[test]
    fn only_clean_mappings_of_files_are_taken() {
        let taken = clean_mappings(SMAPS);
        let expected = [
            0x55d0_c000_0000..0x55d0_c010_0000,
            0x55d0_c010_0000..0x55d0_c050_0000,
        ];
        assert_eq!(taken, expected);
    }

    #[test]
    fn a_mapping_without_its_count_of_own_pages_is_not_taken() {
        let cut = SMAPS.replace("Anonymous:             0 kB\n", "");
        assert_eq!(clean_mappings(&cut), []);
        assert_eq!(
            clean_mappings("junk\n-\n1-\n-2 r-xp\n5-3 r-xp 0 0 0 /x\nAnonymous: 0 kB\n"),
            []
        );
    }

    #[test]
    fn what_was_given_back_still_runs() {
        // The harness runs threads, so the list is made as if it did not; no library is loaded here.
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let pages = CodePages(clean_mappings(&maps));
        assert!(pages.span() > 0);
        pages.give_back().unwrap();
        let sorted = {
            let mut numbers = vec![3, 1, 2];
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(sorted, [1, 2, 3]);
        pages.give_back().unwrap();
        assert!(format!("{:?}", std::time::SystemTime::now()).contains("SystemTime"));
    }
}

//! svmap, svwar and svcrack against a desk: nothing rings, nothing leaks, and the desk hardly notices.

use std::time::Duration;

use carillon_tests::section::Section;
use carillon_tests::siege;

#[test]
fn scanners_ring_nothing_and_leave_nothing() {
    let section = Section::begin("svmap, svwar and svcrack against a desk");
    let siege = siege::lay(Duration::from_secs(12)).unwrap();
    section.note(format!("{siege:?}"));
    assert!(siege.rounds >= 3, "{siege:?}");
    assert!(siege.datagrams > 1_000, "the scanners did scan: {siege:?}");
    assert_eq!(siege.calls, 0, "something rang");
    let [_, halfway, end] = siege.resident_kib;
    assert!(end < halfway + 1_024, "memory grows: {siege:?}");
    assert!(siege.reachable, "its registrar's calls do not come through");
}

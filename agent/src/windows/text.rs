//! Text as Windows takes and gives it: UTF-16 that ends with a zero.

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt as _;

/// The longest text taken from the system, in UTF-16 units.
const MAX_TEXT: usize = 4_096;

/// A text for the system. What follows a zero inside is not seen by it.
pub(super) fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// A text of the system's, up to its zero.
///
/// # Safety
/// `text` is null, or points to UTF-16 that ends with a zero or has at least [`MAX_TEXT`] units.
pub(super) unsafe fn narrow(text: *const u16) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the caller's word every unit up to the zero is there to be read.
    let units = (0..MAX_TEXT).map(|at| unsafe { *text.add(at) });
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

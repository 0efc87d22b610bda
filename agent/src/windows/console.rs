//! The console window that Windows opens for a program which was started by a click.

use windows_sys::Win32::System::Console::{FreeConsole, GetConsoleProcessList};

/// Closes the console when nobody but this program is in it: what runs on without one leaves no window standing.
pub fn leave_own() {
    let mut others = [0_u32; 2];
    // SAFETY: the list has room for as many as are named.
    let count = unsafe { GetConsoleProcessList(others.as_mut_ptr(), 2) };
    if count == 1 {
        // SAFETY: takes nothing; without a console it only says so.
        unsafe { FreeConsole() };
    }
}

//! Where programs of this machine keep what is no user's.

use std::path::PathBuf;

use super::text::narrow;

/// CSIDL_COMMON_APPDATA: `C:\ProgramData`, wherever it is.
const COMMON_APPDATA: i32 = 0x23;
/// MAX_PATH.
const LONGEST: usize = 260;

#[link(name = "shell32")]
unsafe extern "system" {
    fn SHGetFolderPathW(
        window: *const u8,
        folder: i32,
        token: *const u8,
        flags: u32,
        path: *mut u16,
    ) -> i32;
}

/// The folder, as the system has it: an environment may say anything, and that of a service says less.
pub fn path() -> Option<PathBuf> {
    let mut path = [0_u16; LONGEST + 1];
    // SAFETY: neither window nor token is needed; the buffer has the room that the call asks for.
    let answer = unsafe {
        SHGetFolderPathW(
            std::ptr::null(),
            COMMON_APPDATA,
            std::ptr::null(),
            0,
            path.as_mut_ptr(),
        )
    };
    // SAFETY: the last unit was never offered, so the text ends with a zero.
    (answer == 0).then(|| unsafe { narrow(path.as_ptr()) }.into())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_system_names_a_folder_that_is_there() {
        assert!(super::path().unwrap().is_dir());
    }
}

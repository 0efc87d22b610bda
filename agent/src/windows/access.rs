//! Who may open a folder: Windows' counterpart of modes 0700 and 0600.
//!
//! Owns the access lists of the state folder: made for its user, the system and the administrators alone, and handed
//! down to every file in it. Never opens a file.

use std::ffi::c_void;
use std::io;
use std::path::Path;

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_ALREADY_EXISTS, ERROR_SUCCESS, GENERIC_ALL, GENERIC_WRITE, HANDLE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW,
    GetNamedSecurityInfoW, SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, GetTokenInformation,
    OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID,
    SECURITY_ATTRIBUTES, SetFileSecurityW, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateDirectoryW, DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_WRITE_DATA, WRITE_DAC,
    WRITE_OWNER,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::text::{narrow, wide};

/// The system itself, its administrators, and the two names that stand for a file's own owner.
const TRUSTED: [&str; 4] = ["S-1-5-18", "S-1-5-32-544", "S-1-3-0", "S-1-3-4"];
/// The account that Carillon's service runs as: `NT AUTHORITY\LocalService`.
const SERVICE: &str = "S-1-5-19";
/// What lets someone change a folder's content or who may.
const WRITING: u32 = FILE_WRITE_DATA
    | FILE_APPEND_DATA
    | FILE_DELETE_CHILD
    | DELETE
    | WRITE_DAC
    | WRITE_OWNER
    | GENERIC_WRITE
    | GENERIC_ALL;
/// Kinds of entries that allow: plainly, or under a condition, which counts as plainly here.
const ALLOWING: [u8; 2] = [0, 9];

/// For whom a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// The user who runs this program.
    User,
    /// The service too.
    Service,
}

/// Makes a folder that its user, the system and the administrators open, and nobody else. One that is there stays as
/// it is.
///
/// # Errors
/// What the system refused.
pub fn make(folder: &Path, whom: For) -> io::Result<()> {
    let rights = Rights::only(whom)?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: rights.0,
        bInheritHandle: 0,
    };
    // SAFETY: the name ends with a zero, and the descriptor lives as long as `rights`.
    if unsafe { CreateDirectoryW(wide(folder).as_ptr(), &raw const attributes) } == 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(ERROR_ALREADY_EXISTS as i32) || !folder.is_dir() {
            return Err(error);
        }
    }
    Ok(())
}

/// Gives a folder that is there the rights of a new one.
///
/// # Errors
/// What the system refused.
pub fn close_to_others(folder: &Path, whom: For) -> io::Result<()> {
    let rights = Rights::only(whom)?;
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the name ends with a zero, and the descriptor is a whole one.
    if unsafe { SetFileSecurityW(wide(folder).as_ptr(), what, rights.0) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Who else may write in a folder: the security identifier of the first found.
///
/// # Errors
/// When the system does not tell.
pub fn other_writer(folder: &Path) -> io::Result<Option<String>> {
    let own = own_sid()?;
    let trusted = |sid: &str| sid == own || sid == SERVICE || TRUSTED.contains(&sid);
    let mut owner: PSID = std::ptr::null_mut();
    let mut list: *mut ACL = std::ptr::null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = std::ptr::null_mut();
    // SAFETY: the name ends with a zero; owner and list point into the descriptor, which is freed at the end.
    let code = unsafe {
        GetNamedSecurityInfoW(
            wide(folder).as_ptr(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &raw mut owner,
            std::ptr::null_mut(),
            &raw mut list,
            std::ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if code != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(code as i32));
    }
    let _descriptor = Rights(descriptor);
    // SAFETY: the owner stands in the descriptor.
    let owner = unsafe { text_of(owner) }?;
    if !trusted(&owner) {
        return Ok(Some(owner));
    }
    // SAFETY: null, or the list in the descriptor.
    let Some(entries) = (unsafe { list.as_ref() }) else {
        // No list at all: everyone.
        return Ok(Some("S-1-1-0".into()));
    };
    for at in 0..entries.AceCount {
        let mut entry: *mut c_void = std::ptr::null_mut();
        // SAFETY: the list is whole and has an entry of this number.
        if unsafe { GetAce(list, at.into(), &raw mut entry) } == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: every entry begins with its header.
        let header = unsafe { *entry.cast::<ACE_HEADER>() };
        if !ALLOWING.contains(&header.AceType) {
            continue;
        }
        let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: entries of these kinds hold a mask and then the identifier.
        let (mask, sid) = unsafe { ((*entry).Mask, text_of((&raw mut (*entry).SidStart).cast())?) };
        if mask & WRITING != 0 && !trusted(&sid) {
            return Ok(Some(sid));
        }
    }
    Ok(None)
}

/// Whether an identifier is this user's or the machine's own.
pub(super) fn is_trusted(sid: &str) -> io::Result<bool> {
    Ok(own_sid()? == sid || sid == SERVICE || TRUSTED.contains(&sid))
}

/// Whether this program runs as the system or as the service.
pub fn runs_as_service() -> bool {
    own_sid().is_ok_and(|sid| sid == SERVICE || sid == TRUSTED[0])
}

/// A security descriptor of the system's making.
pub(super) struct Rights(PSECURITY_DESCRIPTOR);

impl Rights {
    /// For those alone who must: full access, handed down to files and folders inside, and nothing from above.
    fn only(whom: For) -> io::Result<Self> {
        let service = match whom {
            For::User => "",
            For::Service => "(A;OICI;FA;;;LS)",
        };
        let own = own_sid()?;
        Self::of(&format!(
            "D:P(A;OICI;FA;;;{own})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA){service}"
        ))
    }

    /// A descriptor as its text has it (SDDL).
    pub(super) fn of(text: &str) -> io::Result<Self> {
        let mut descriptor: PSECURITY_DESCRIPTOR = std::ptr::null_mut();
        // SAFETY: the text ends with a zero; the descriptor is written when the call succeeds.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                wide(text).as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                std::ptr::null_mut(),
            )
        };
        if made == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(descriptor))
    }

    /// One that a call has given, to be freed.
    pub(super) fn taken(descriptor: PSECURITY_DESCRIPTOR) -> Self {
        Self(descriptor)
    }

    /// For a call that takes one; it lives as long as this.
    pub(super) fn descriptor(&self) -> PSECURITY_DESCRIPTOR {
        self.0
    }
}

impl Drop for Rights {
    fn drop(&mut self) {
        // SAFETY: both calls that make one say that it is freed like this, once.
        unsafe { LocalFree(self.0) };
    }
}

/// Who runs this program.
pub(super) fn own_sid() -> io::Result<String> {
    let mut token: HANDLE = std::ptr::null_mut();
    // SAFETY: the handle of the process needs no closing; the token's is closed below.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let sid = sid_of(token, |_| ());
    // SAFETY: opened above.
    unsafe { CloseHandle(token) };
    sid.map(|(sid, ())| sid)
}

/// The user of a token, and what `more` makes of the whole identifier.
pub(super) fn sid_of<T>(token: HANDLE, more: impl FnOnce(PSID) -> T) -> io::Result<(String, T)> {
    // A user's identifier has at most 68 bytes (SECURITY_MAX_SID_SIZE); aligned as its structure wants.
    let mut user = [0_u64; 32];
    let mut length = 0;
    // SAFETY: the buffer has the size that is named.
    let told = unsafe {
        GetTokenInformation(
            token,
            TokenUser,
            user.as_mut_ptr().cast(),
            size_of_val(&user) as u32,
            &raw mut length,
        )
    };
    if told == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call filled the buffer with this structure, and its pointer points into the same buffer.
    let sid = unsafe { (*user.as_ptr().cast::<TOKEN_USER>()).User.Sid };
    // SAFETY: the identifier is whole.
    Ok((unsafe { text_of(sid) }?, more(sid)))
}

/// # Safety
/// `sid` points to a whole security identifier.
pub(super) unsafe fn text_of(sid: PSID) -> io::Result<String> {
    let mut text = std::ptr::null_mut();
    // SAFETY: by the caller's word.
    if unsafe { ConvertSidToStringSidW(sid, &raw mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system's text ends with a zero.
    let read = unsafe { narrow(text) };
    // SAFETY: the call says that its text is freed like this.
    unsafe { LocalFree(text.cast()) };
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_is_for_nobody_else() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("state");
        make(&folder, For::Service).unwrap();
        make(&folder, For::User).unwrap();
        assert_eq!(other_writer(&folder).unwrap(), None);
        std::fs::write(folder.join("file"), b"x").unwrap();
        assert_eq!(std::fs::read(folder.join("file")).unwrap(), b"x");
    }

    #[test]
    fn a_folder_that_others_may_write_in_is_known_and_can_be_closed() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("open");
        make(&folder, For::User).unwrap();
        let everyone = Rights::of("D:P(A;OICI;FA;;;WD)").unwrap();
        let name = wide(&folder);
        // SAFETY: as in `close_to_others`.
        let set = unsafe { SetFileSecurityW(name.as_ptr(), DACL_SECURITY_INFORMATION, everyone.0) };
        assert_ne!(set, 0);
        assert_eq!(other_writer(&folder).unwrap().as_deref(), Some("S-1-1-0"));
        close_to_others(&folder, For::User).unwrap();
        assert_eq!(other_writer(&folder).unwrap(), None);
    }
}

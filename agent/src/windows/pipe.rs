//! A named pipe: who of this machine may open it, and what Windows says of who did.
//!
//! Owns the access list of the pipe and the question who is at its other end, answered by the client's own token, which is
//! lent for the length of that question. Never reads what is said.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsRawHandle as _, IntoRawHandle as _};
use std::path::Path;
use std::time::{Duration, Instant};

use carillon_schemas::identifier::hex;
use ring::digest::{SHA256, digest};
use tokio::net::windows::named_pipe::{NamedPipeClient, NamedPipeServer, ServerOptions};
use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_PIPE_BUSY, ERROR_SUCCESS, HANDLE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSidToSidW, GetSecurityInfo, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    CheckTokenMembership, LookupAccountNameW, LookupAccountSidW, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, RevertToSelf, SECURITY_ATTRIBUTES, SID_NAME_USE, TOKEN_QUERY,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_OVERLAPPED, SECURITY_IDENTIFICATION};
use windows_sys::Win32::System::Pipes::ImpersonateNamedPipeClient;
use windows_sys::Win32::System::Threading::{GetCurrentThread, OpenThreadToken};

use super::access::{Rights, is_trusted, own_sid, sid_of, text_of};
use super::text::{narrow, wide};
use crate::state_folder::service_path;

/// Where the service listens.
pub const OF_THE_MACHINE: &str = r"\\.\pipe\Carillon";
/// The most that are open at once; one of them waits for the next client.
const MOST: usize = 64;
/// What a guest may do with the pipe: read, write, and not make another end of it (0x4), which would be a trap for others.
const GUEST: u32 = 0x12_018b;
/// How long a client waits for an end that is free.
const BUSY: Duration = Duration::from_secs(2);
const SYSTEM: &str = "S-1-5-18";
const ADMINISTRATORS: &str = "S-1-5-32-544";
/// Whoever is logged on at this machine, by its screen or a remote desktop.
pub const LOGGED_ON: &str = "S-1-5-4";

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// `DOMAIN\name`.
    pub name: String,
    /// The agent's own user, the system, or an administrator whose rights are on.
    pub owner: bool,
    /// A member of the group that was asked for.
    pub member: bool,
}

/// The name of a state folder's pipe.
pub fn name_of(state: &Path) -> String {
    if service_path().as_deref() == Some(state) {
        return OF_THE_MACHINE.to_owned();
    }
    let path = state.to_string_lossy().to_lowercase();
    let short = hex(&digest(&SHA256, path.as_bytes()).as_ref()[..8]);
    format!("{OF_THE_MACHINE}-{short}")
}

/// Makes an end of the pipe for the next client. The `first` fails when somebody else has a pipe of this name.
///
/// # Errors
/// What the system refused.
pub fn make(name: &str, first: bool) -> io::Result<NamedPipeServer> {
    let own = own_sid()?;
    let rights = Rights::of(&format!(
        "O:{own}D:P(D;;GA;;;NU)(A;;GA;;;{own})(A;;GA;;;SY)(A;;GA;;;BA)(A;;{GUEST:#x};;;IU)"
    ))?;
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: rights.descriptor(),
        bInheritHandle: 0,
    };
    let mut options = ServerOptions::new();
    options
        .first_pipe_instance(first)
        .reject_remote_clients(true)
        .max_instances(MOST);
    // SAFETY: the attributes and the descriptor they point to live during the call, which copies them.
    unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast()) }
}

/// Who is at the other end, and whether they belong to a group of that name. The system tells only once something was read.
///
/// # Errors
/// What the system refused.
pub fn visitor(pipe: &NamedPipeServer, group: Option<&str>) -> io::Result<Visitor> {
    // SAFETY: the handle is an open pipe's; the thread is itself again before anything else runs on it.
    if unsafe { ImpersonateNamedPipeClient(pipe.as_raw_handle()) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let asked = lent_token(group);
    // SAFETY: takes nothing.
    if unsafe { RevertToSelf() } == 0 {
        // A thread that goes on in a guest's name must not go on.
        std::process::abort();
    }
    asked
}

/// Opens the pipe as a guest may, and makes sure that it is not a trap.
///
/// # Errors
/// When nobody listens there, or somebody who is neither this user nor the machine's.
pub fn connect(name: &str) -> io::Result<File> {
    open(name, 0)
}

/// The same for the runtime.
///
/// # Errors
/// As [`connect`].
pub fn connect_within_runtime(name: &str) -> io::Result<NamedPipeClient> {
    let handle = open(name, FILE_FLAG_OVERLAPPED)?.into_raw_handle();
    // SAFETY: an open pipe's handle, made for overlapped use, which nobody else has.
    unsafe { NamedPipeClient::from_raw_handle(handle) }
}

fn open(name: &str, flags: u32) -> io::Result<File> {
    let begun = Instant::now();
    let pipe = loop {
        // It is told who we are, and may not act in our name.
        let opened = OpenOptions::new()
            .access_mode(GUEST)
            .security_qos_flags(SECURITY_IDENTIFICATION)
            .custom_flags(flags)
            .open(name);
        match opened {
            Err(error)
                if error.raw_os_error() == Some(ERROR_PIPE_BUSY as i32)
                    && begun.elapsed() < BUSY =>
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => break other?,
        }
    };
    let owner = owner(&pipe)?;
    if !is_trusted(&owner)? {
        let text = format!("{name} belongs to {owner}, who is neither this user nor the machine");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(pipe)
}

/// Whose pipe it is.
fn owner(pipe: &File) -> io::Result<String> {
    let mut owner: PSID = std::ptr::null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = std::ptr::null_mut();
    // SAFETY: the handle is open; the owner points into the descriptor, which is freed at the end.
    let code = unsafe {
        GetSecurityInfo(
            pipe.as_raw_handle(),
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if code != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(code as i32));
    }
    let _descriptor = Rights::taken(descriptor);
    // SAFETY: the owner stands in the descriptor.
    unsafe { text_of(owner) }
}

/// Asks the token that this thread has been lent.
fn lent_token(group: Option<&str>) -> io::Result<Visitor> {
    let mut token: HANDLE = std::ptr::null_mut();
    // SAFETY: the thread's own handle needs no closing; the token's is closed below.
    if unsafe { OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, 1, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let sid = sid_of(token, |sid| account(sid));
    let asked = sid.map(|(sid, name)| Visitor {
        name: name.unwrap_or_else(|| sid.clone()),
        owner: own_sid().is_ok_and(|own| own == sid)
            || sid == SYSTEM
            || belongs(token, ADMINISTRATORS),
        member: group.is_some_and(|group| belongs(token, group)),
    });
    // SAFETY: opened above.
    unsafe { CloseHandle(token) };
    asked
}

/// `DOMAIN\name` of an identifier.
fn account(sid: PSID) -> Option<String> {
    let (mut name, mut domain) = ([0_u16; 257], [0_u16; 257]);
    let (mut name_length, mut domain_length) = (256, 256);
    let mut kind: SID_NAME_USE = 0;
    // SAFETY: the identifier is whole (`sid_of`), and the lengths are those of the buffers.
    let found = unsafe {
        LookupAccountSidW(
            std::ptr::null(),
            sid,
            name.as_mut_ptr(),
            &raw mut name_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    };
    // SAFETY: both end with a zero, since the last unit of each was never offered.
    let text = |buffer: &[u16; 257]| unsafe { narrow(buffer.as_ptr()) };
    (found != 0).then(|| format!("{}\\{}", text(&domain), text(&name)))
}

/// Whether a lent token is of a group of that name or identifier, and the membership is on.
fn belongs(token: HANDLE, group: &str) -> bool {
    let mut member = 0;
    let mut is_member = |sid: PSID| {
        // SAFETY: the token is open, and the identifier is whole.
        let asked = unsafe { CheckTokenMembership(token, sid, &raw mut member) };
        asked != 0 && member != 0
    };
    if group.starts_with("S-1-") {
        let mut sid: PSID = std::ptr::null_mut();
        // SAFETY: the text ends with a zero; the identifier is written when the call succeeds.
        if unsafe { ConvertStringSidToSidW(wide(group).as_ptr(), &raw mut sid) } == 0 {
            return false;
        }
        let found = is_member(sid);
        // SAFETY: the call says that its identifier is freed like this.
        unsafe { LocalFree(sid) };
        return found;
    }
    // An identifier has at most 68 bytes.
    let mut sid = [0_u64; 16];
    let mut domain = [0_u16; 257];
    let (mut sid_length, mut domain_length) = (size_of_val(&sid) as u32, 256);
    let mut kind: SID_NAME_USE = 0;
    // SAFETY: the name ends with a zero, and the lengths are those of the buffers.
    let found = unsafe {
        LookupAccountNameW(
            std::ptr::null(),
            wide(group).as_ptr(),
            sid.as_mut_ptr().cast(),
            &raw mut sid_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    };
    found != 0 && is_member(sid.as_mut_ptr().cast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::windows::named_pipe::ClientOptions;

    #[tokio::test]
    async fn a_name_is_taken_once() {
        let name = name_of(Path::new("C:\\some\\name"));
        let _first = make(&name, true).unwrap();
        assert!(make(&name, true).is_err(), "a second first end");
        make(&name, false).unwrap();
    }

    #[tokio::test]
    async fn the_system_says_who_connects() {
        let name = name_of(Path::new("C:\\some\\state"));
        let mut pipe = make(&name, true).unwrap();
        let mut client = ClientOptions::new().open(&name).unwrap();
        pipe.connect().await.unwrap();
        client.write_all(b"x").await.unwrap();
        assert_eq!(pipe.read_u8().await.unwrap(), b'x');
        let visitor = visitor(&pipe, Some("no such group")).unwrap();
        assert!(visitor.owner && !visitor.member, "{visitor:?}");
        assert!(visitor.name.contains('\\'), "{visitor:?}");
    }

    #[test]
    fn every_state_folder_has_a_pipe_of_its_own() {
        let one = name_of(Path::new("C:\\one"));
        assert_eq!(one, name_of(Path::new("c:\\ONE")));
        assert_ne!(one, name_of(Path::new("C:\\two")));
        assert!(one.starts_with(OF_THE_MACHINE) && one != OF_THE_MACHINE);
    }
}

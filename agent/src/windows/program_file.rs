//! The file of a running program: whether it is still the one that was started, and how another may take its place.
//!
//! Windows lets nobody write to or remove the file of a running program, but move it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::windows::io::AsRawHandle as _;
use std::os::windows::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle, MOVEFILE_DELAY_UNTIL_REBOOT,
    MoveFileExW,
};
use windows_sys::Win32::System::Recovery::{
    RESTART_NO_CRASH, RESTART_NO_HANG, RESTART_NO_REBOOT, RegisterApplicationRestart,
};
use windows_sys::Win32::System::Threading::CREATE_NO_WINDOW;

use super::text::wide;

/// How long an upgrade may leave its place empty.
const EMPTY: Duration = Duration::from_secs(60);

/// This program's own file, as it was when this program looked first.
#[derive(Debug)]
pub struct ProgramFile {
    path: PathBuf,
    id: [u32; 3],
    gone_since: Option<Instant>,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is where it was, or nobody can tell.
    Stands,
    /// Another has its place: an upgrade.
    Replaced,
    /// Its place has been empty for a while: no upgrade.
    Removed,
}

impl ProgramFile {
    /// Ours.
    ///
    /// # Errors
    /// What the system refused.
    pub fn own() -> io::Result<Self> {
        Self::at(std::env::current_exe()?)
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        Ok(Self {
            id: id(&path)?,
            path,
            gone_since: None,
        })
    }

    /// What has become of it so far.
    pub fn fate(&mut self) -> Fate {
        match id(&self.path) {
            Ok(id) if id != self.id => return Fate::Replaced,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let since = *self.gone_since.get_or_insert_with(Instant::now);
                if since.elapsed() > EMPTY {
                    return Fate::Removed;
                }
            }
            _ => self.gone_since = None,
        }
        Fate::Stands
    }

    /// Starts what is in its place now, with the words that this program was given.
    ///
    /// # Errors
    /// What the system refused.
    pub fn start_again(&self) -> io::Result<()> {
        Command::new(&self.path)
            .args(std::env::args_os().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // No console window flashes up.
            .creation_flags(CREATE_NO_WINDOW)
            .spawn()
            .map(drop)
    }
}

/// Asks Windows to start this program again with `words` when an installer had it ended to replace its file.
pub fn restart_after_update(words: &[String]) {
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let flags = RESTART_NO_CRASH | RESTART_NO_HANG | RESTART_NO_REBOOT;
    // SAFETY: the text ends with a zero and is copied.
    let answer = unsafe { RegisterApplicationRestart(wide(words.join(" ")).as_ptr(), flags) };
    if answer != 0 {
        tracing::debug!("Windows would not start this again after an update: {answer:#x}");
    }
}

/// Lets the file of a program be replaced or removed while the program runs: it moves to the folder for passing files, where
/// it runs on and is removed at the next start of the machine, and a copy takes its place. One that does not run stays.
///
/// # Errors
/// What the system refused; the file is then where it was.
pub fn make_way(program: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).open(program) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        // It runs.
        Err(_) => {}
    }
    let number = getrandom::u64().map_err(io::Error::other)?;
    let aside = std::env::temp_dir().join(format!("carillon-{number:016x}.exe"));
    fs::rename(program, &aside)?;
    if let Err(error) = fs::copy(&aside, program) {
        // Half a copy would be worse than none.
        let _ = fs::remove_file(program);
        fs::rename(&aside, program)?;
        return Err(error);
    }
    // SAFETY: the name ends with a zero; no second name means removal.
    if unsafe {
        MoveFileExW(
            wide(&aside).as_ptr(),
            std::ptr::null(),
            MOVEFILE_DELAY_UNTIL_REBOOT,
        )
    } == 0
    {
        // It is in the way of nothing there.
        tracing::debug!("{} stays: {}", aside.display(), io::Error::last_os_error());
    }
    Ok(())
}

/// What tells a file from every other on this machine, also from a copy in the same place.
fn id(path: &Path) -> io::Result<[u32; 3]> {
    let file = File::open(path)?;
    let mut facts = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is an open file's, and the structure is ours.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut facts) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok([
        facts.dwVolumeSerialNumber,
        facts.nFileIndexHigh,
        facts.nFileIndexLow,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that runs until it is ended, from a file in a folder of its own.
    fn running() -> (tempfile::TempDir, PathBuf, std::process::Child) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("waits.exe");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let child = Command::new(&program)
            .args(["--ignored", "--exact"])
            .arg("windows::program_file::tests::what_waits")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        (folder, program, child)
    }

    #[test]
    #[ignore = "the program that the others run: it does nothing for a while"]
    fn what_waits() {
        std::thread::sleep(Duration::from_secs(120));
    }

    #[test]
    fn a_running_program_makes_way_and_runs_on() {
        let (_folder, program, mut child) = running();
        let mut file = ProgramFile::at(program.clone()).unwrap();
        assert!(
            fs::remove_file(&program).is_err(),
            "a running program's file cannot be removed"
        );
        assert_eq!(file.fate(), Fate::Stands);
        make_way(&program).unwrap();
        assert_eq!(file.fate(), Fate::Replaced);
        assert!(child.try_wait().unwrap().is_none(), "it runs on");
        let now = ProgramFile::at(program.clone()).unwrap().id;
        make_way(&program).unwrap();
        assert_eq!(id(&program).unwrap(), now, "what does not run stays");
        fs::remove_file(&program).unwrap();
        make_way(&program).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn an_empty_place_is_no_upgrade_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.exe");
        fs::write(&path, b"x").unwrap();
        let mut file = ProgramFile::at(path.clone()).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(file.fate(), Fate::Stands, "an upgrade may be at work");
        file.gone_since = Instant::now().checked_sub(EMPTY * 2);
        assert_eq!(file.fate(), Fate::Removed);
    }
}

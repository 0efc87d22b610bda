//! The log of a program that has no stderr: a file in the state folder that never grows past its bound.
//!
//! Owns two files, the one that is written and the one before it. Never waits for a disk that is full: what cannot be
//! written is lost.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use crate::state_folder::{StateError, StateFolder};

const FILE: &str = "carillon.log";
const BEFORE: &str = "carillon.log.1";
/// The most bytes of one of the two.
const MAX_BYTES: u64 = 1 << 20;

/// The file, open. Cheap to clone.
#[derive(Clone)]
pub struct LogFile(Arc<Mutex<Open>>);

struct Open {
    folder: StateFolder,
    file: File,
    length: u64,
}

impl LogFile {
    /// Goes on with the file that is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(folder: &StateFolder) -> Result<Self, StateError> {
        let (file, length) = folder.append_to(FILE)?;
        Ok(Self(Arc::new(Mutex::new(Open {
            folder: folder.clone(),
            file,
            length,
        }))))
    }
}

impl<'w> MakeWriter<'w> for LogFile {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = line.len() as u64;
        if open.length > 0 && open.length + more > MAX_BYTES {
            let turned = open
                .folder
                .rename(FILE, BEFORE)
                .and_then(|()| open.folder.append_to(FILE));
            // A file that cannot be turned is full.
            let Ok((file, length)) = turned else {
                return Ok(line.len());
            };
            open.file = file;
            open.length = length;
        }
        let most = usize::try_from(MAX_BYTES).unwrap_or(usize::MAX);
        open.file.write_all(&line[..line.len().min(most)])?;
        open.length += more;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_and_a_flood_stays_within_two_files() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&temporary.path().join("state")).unwrap();
        let mut log = LogFile::open(&folder).unwrap();
        log.write_all(b"first\n").unwrap();
        drop(log);
        let mut log = LogFile::open(&folder).unwrap();
        log.write_all(b"second\n").unwrap();
        assert_eq!(
            std::fs::read(folder.place(FILE)).unwrap(),
            b"first\nsecond\n"
        );
        for _ in 0..300 {
            log.write_all(&[b'x'; 10_000]).unwrap();
        }
        for name in [FILE, BEFORE] {
            let length = std::fs::metadata(folder.place(name)).unwrap().len();
            assert!(length > 10_000 && length <= MAX_BYTES, "{name}: {length}");
        }
    }
}

//! Keys on disk: a folder of mode 0700, files of mode 0600, never overwritten.

use std::io::{Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::TrustError;

/// The largest key file that is read, in bytes.
const MAX_KEY_FILE: u64 = 64 << 10;

/// Makes a folder that only its owner enters; an existing one is narrowed to that.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), TrustError> {
    let fail = |source| TrustError::File {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(path).map_err(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(fail)?;
    }
    Ok(())
}

/// Writes a new file of mode 0600 and waits until it is on disk.
///
/// # Errors
/// When there is a file of that name already, or it cannot be written.
pub fn write_new(path: &Path, content: &[u8]) -> Result<(), TrustError> {
    let fail = |source| TrustError::File {
        path: path.to_owned(),
        source,
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(fail)?;
    file.write_all(content).map_err(fail)?;
    file.sync_all().map_err(fail)
}

/// Reads a key file.
///
/// # Errors
/// When it cannot be read or is far too large.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TrustError> {
    let fail = |source| TrustError::File {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(fail)?;
    let mut content = Zeroizing::new(Vec::new());
    file.take(MAX_KEY_FILE)
        .read_to_end(&mut content)
        .map_err(fail)?;
    Ok(content)
}

//! Where a password comes from: a file, or `-` for standard input. One line end after it is taken off.

use std::io::Read;
use std::path::Path;

use carillon_schemas::Secret;
use carillon_schemas::secret::MAX_SECRET;
use zeroize::Zeroizing;

use super::Failure;

/// Reads and checks a password.
pub(super) fn read(source: &Path) -> Result<Secret, Failure> {
    let name = if source == Path::new("-") {
        "standard input".to_owned()
    } else {
        source.display().to_string()
    };
    let fail = |why: String| {
        Failure::invalid(format!("cannot take the password from {name}: {why}"))
            .advise("give a file that holds the password alone, in one line")
    };
    let mut bytes = Zeroizing::new(Vec::new());
    // One byte above the limit and a line end tell 'too long' from 'just long enough'.
    let limit = MAX_SECRET as u64 + 3;
    let got = if source == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(source).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    got.map_err(|e| fail(e.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| fail("it is not UTF-8".into()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Secret::new(text.to_owned()).map_err(|e| fail(e.to_string()))
}

//! Where a recording goes: the file a person names, or one named after time and peer.
//!
//! A caller chooses their own name: nothing of it gets into a file's name but letters, digits and dashes.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use carillon_media::{Recorder, RecordingError, Tap};
use carillon_schemas::Timestamp;

/// Longest path that is taken, in bytes.
const MAX_PATH: usize = 1_024;
/// Most characters of a name that are kept.
const MAX_NAME: usize = 40;
/// Tries to find a name that is not taken.
const MAX_TRIES: u32 = 100;

/// A file that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// As it was asked for.
    Named(PathBuf),
    /// In this folder, beginning with this name.
    Made {
        /// The folder of recordings.
        folder: PathBuf,
        /// The name without its ending.
        name: String,
    },
}

impl Place {
    /// The file asked for; a relative one stands in `folder`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn named(asked: &str, folder: Option<&Path>) -> Result<Self, String> {
        let path = Path::new(asked);
        let wav = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("wav"));
        if asked.len() > MAX_PATH || asked.chars().any(char::is_control) || !wav {
            return Err("a recording goes to a file that ends in .wav".to_owned());
        }
        if path.components().any(|part| part == Component::ParentDir) {
            return Err("the path of a recording must not lead upwards with '..'".to_owned());
        }
        match folder {
            // An absolute path stays what it is.
            Some(folder) => Ok(Self::Named(folder.join(path))),
            None if path.is_absolute() => Ok(Self::Named(path.to_owned())),
            None => Err(NO_FOLDER.to_owned()),
        }
    }

    /// A file named after time and peer.
    ///
    /// # Errors
    /// Where there is no folder.
    pub(super) fn made(
        folder: Option<&Path>,
        at: Timestamp,
        peer: &str,
        name: Option<&str>,
    ) -> Result<Self, String> {
        let folder = folder.ok_or_else(|| NO_FOLDER.to_owned())?.to_owned();
        let time = at.to_string().replace(':', "-");
        let address = peer.split_once(':').map_or(peer, |(_, rest)| rest);
        let user = address.split(['@', ';', '?']).next().unwrap_or_default();
        let parts = [name.map(harmless), Some(harmless(user))];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .filter(|p| !p.is_empty())
            .collect();
        let who = if parts.is_empty() {
            "unknown".to_owned()
        } else {
            parts.join("-")
        };
        let name = format!("{time}-{who}");
        Ok(Self::Made { folder, name })
    }

    /// Makes the file and begins. Waits for the disk.
    pub(super) fn record(
        self,
        ended: impl Fn(RecordingError) + Clone + Send + 'static,
    ) -> Result<(Recorder, Tap), RecordingError> {
        let (folder, name) = match self {
            Self::Named(path) => return Recorder::start(&path, ended),
            Self::Made { folder, name } => (folder, name),
        };
        let mut tried = 1;
        loop {
            let again = if tried > 1 {
                format!("-{tried}")
            } else {
                String::new()
            };
            let path = folder.join(format!("{name}{again}.wav"));
            match Recorder::start(&path, ended.clone()) {
                Err(RecordingError::Create { source, .. })
                    if source.kind() == ErrorKind::AlreadyExists && tried < MAX_TRIES =>
                {
                    tried += 1;
                }
                started => return started,
            }
        }
    }
}

const NO_FOLDER: &str = "there is no folder for recordings; name one as media.recording.folder";

/// What of a stranger's text may stand in a file's name on any system.
fn harmless(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '+' {
            kept.push(c);
        } else if !kept.is_empty() && !kept.ends_with('-') {
            kept.push('-');
        }
        if kept.len() >= MAX_NAME {
            break;
        }
    }
    kept.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(peer: &str, name: Option<&str>) -> String {
        let at = Timestamp(1_795_646_641);
        match Place::made(Some(Path::new("/r")), at, peer, name).unwrap() {
            Place::Made { name, .. } => name.split_once("Z-").unwrap().1.to_owned(),
            named => panic!("{named:?}"),
        }
    }

    #[test]
    fn a_hostile_caller_names_no_file_but_in_the_folder() {
        for (peer, name, expected) in [
            ("sip:1001@pbx.example.org", Some("Ann Lee"), "Ann-Lee-1001"),
            ("sip:+4989@x;user=phone", None, "+4989"),
            (
                "sip:../../etc/passwd@x",
                Some("../../root"),
                "root-etc-passwd",
            ),
            ("sip:%00@x", Some("a\0b\nc\u{202e}d"), "a-b-c-d-00"),
            ("sip:@x", Some("CON"), "CON"),
            ("sip:x@y", Some("\u{540d}\u{524d}"), "x"),
            ("sip:@", Some("...."), "unknown"),
            ("sip:&calc|x@y", Some("$(reboot)"), "reboot-calc-x"),
        ] {
            assert_eq!(made(peer, name), expected, "{peer} {name:?}");
        }
        let long = "x".repeat(10_000);
        assert!(made(&long, Some(&long)).len() <= 2 * MAX_NAME + 1);
    }

    #[test]
    fn the_time_is_in_the_name_without_what_windows_forbids() {
        let at = Timestamp(1_795_646_641);
        let place = Place::made(Some(Path::new("/r")), at, "sip:1@x", None).unwrap();
        let Place::Made { name, .. } = place else {
            panic!("{place:?}")
        };
        assert!(name.starts_with("2026-11-25T"), "{name}");
        assert!(!name.contains([':', '/', '\\', '?', '*']), "{name}");
    }

    #[test]
    fn a_file_that_is_named_must_be_sensible() {
        let folder = Some(Path::new("/r"));
        let named = |asked| Place::named(asked, folder);
        assert_eq!(named("a/b.wav"), Ok(Place::Named("/r/a/b.wav".into())));
        assert_eq!(named("/x/b.WAV"), Ok(Place::Named("/x/b.WAV".into())));
        for bad in ["../b.wav", "a/../../b.wav", "b.mp3", "", ".wav", "b\n.wav"] {
            assert!(named(bad).is_err(), "{bad}");
        }
        assert!(
            Place::named("b.wav", None)
                .unwrap_err()
                .contains("media.recording.folder")
        );
        assert!(Place::made(None, Timestamp(0), "sip:x@y", None).is_err());
    }

    #[test]
    fn two_recordings_of_one_second_both_find_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let place = || Place::made(Some(folder.path()), Timestamp(0), "sip:x@y", None).unwrap();
        let (first, _tap) = place().record(|_| {}).unwrap();
        let (second, _tap) = place().record(|_| {}).unwrap();
        assert_ne!(first.path(), second.path());
        assert!(second.path().to_string_lossy().ends_with("-2.wav"));
    }
}

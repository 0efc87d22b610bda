//! Reading an ini file as MicroSIP and people write it: UTF-16, UTF-8 or ANSI, sections, keys, values.

use std::collections::BTreeMap;

/// The largest file, in bytes.
const MAX_BYTES: usize = 8 << 20;
/// The most keys.
const MAX_KEYS: usize = 100_000;
/// The longest value, in characters.
const MAX_VALUE: usize = 16_384;

/// An ini file: sections in the order they stand. Values may be passwords: it is never printed.
#[derive(Default, PartialEq, Eq)]
pub struct Ini {
    sections: Vec<(String, BTreeMap<String, Value>)>,
}

/// A value, and the key as it was written.
#[derive(PartialEq, Eq)]
struct Value {
    key: String,
    text: String,
}

/// A file that is no ini file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IniError {
    /// Above the limit.
    #[error("it has more than {} MB, which no settings file has (is it the right file?)", MAX_BYTES >> 20)]
    TooLarge,
    /// A NUL where text should be.
    #[error("line {line} holds a NUL: it is damaged, or no text file")]
    Nul {
        /// Where.
        line: usize,
    },
    /// UTF-16 with a byte missing.
    #[error("it is UTF-16 with half a character at its end: it was cut off")]
    Cut,
    /// No section at all.
    #[error("there is no [section] in it: it is no settings file of MicroSIP")]
    NoSection,
    /// A line that is neither section nor key.
    #[error("line {line} is neither a [section] nor key=value")]
    Line {
        /// Where.
        line: usize,
    },
    /// Too many keys, or too long a value.
    #[error(
        "line {line} is more than a settings file has (at most {MAX_KEYS} keys, {MAX_VALUE} characters each)"
    )]
    TooMuch {
        /// Where.
        line: usize,
    },
}

impl Ini {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// What is wrong with it, and where. Never a value: it may be a password.
    pub fn read(bytes: &[u8]) -> Result<Self, IniError> {
        if bytes.len() > MAX_BYTES {
            return Err(IniError::TooLarge);
        }
        let text = decoded(bytes)?;
        let mut ini = Self::default();
        let mut keys = 0;
        for (place, raw) in text.lines().enumerate() {
            let line = place + 1;
            if raw.contains('\0') {
                return Err(IniError::Nul { line });
            }
            let trimmed = raw.trim();
            if trimmed.is_empty() || trimmed.starts_with([';', '#']) {
                continue;
            }
            if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
                ini.begin(name.trim());
                continue;
            }
            let Some((key, text)) = trimmed.split_once('=') else {
                return Err(IniError::Line { line });
            };
            keys += 1;
            if keys > MAX_KEYS || text.chars().count() > MAX_VALUE {
                return Err(IniError::TooMuch { line });
            }
            let Some((_, section)) = ini.sections.last_mut() else {
                return Err(IniError::NoSection);
            };
            let key = key.trim().to_owned();
            // As Windows reads them: the first counts.
            section.entry(key.to_lowercase()).or_insert_with(|| Value {
                key,
                text: text.trim().to_owned(),
            });
        }
        if ini.sections.is_empty() {
            return Err(IniError::NoSection);
        }
        Ok(ini)
    }

    /// The names of all sections.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|(name, _)| name.as_str())
    }

    /// The keys of a section as they are written.
    pub fn keys<'a>(&'a self, section: &str) -> impl Iterator<Item = &'a str> {
        self.section(section)
            .into_iter()
            .flat_map(|keys| keys.values().map(|value| value.key.as_str()))
    }

    /// A value that is not empty, without the quotes around it. Section and key are found in any case.
    pub fn value<'a>(&'a self, section: &str, key: &str) -> Option<&'a str> {
        let text = unquoted(self.raw(section, key)?);
        Some(text).filter(|text| !text.is_empty())
    }

    /// A value as it is written.
    pub fn raw<'a>(&'a self, section: &str, key: &str) -> Option<&'a str> {
        let value = self.section(section)?.get(&key.to_lowercase())?;
        Some(value.text.as_str())
    }

    fn section(&self, name: &str) -> Option<&BTreeMap<String, Value>> {
        self.sections
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, keys)| keys)
    }

    /// Goes on with the section of that name; one that comes twice is one.
    fn begin(&mut self, name: &str) {
        let known = self
            .sections
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name));
        let section = match known {
            Some(place) => self.sections.remove(place),
            None => (name.to_owned(), BTreeMap::new()),
        };
        self.sections.push(section);
    }
}

/// Quotes around the whole of a value are not part of it.
fn unquoted(text: &str) -> &str {
    match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(inner) if !inner.contains('"') => inner,
        _ => text,
    }
}

fn decoded(bytes: &[u8]) -> Result<String, IniError> {
    let sixteen = |bytes: &[u8], of: fn([u8; 2]) -> u16| {
        if !bytes.len().is_multiple_of(2) {
            return Err(IniError::Cut);
        }
        let units: Vec<u16> = bytes.chunks_exact(2).map(|b| of([b[0], b[1]])).collect();
        Ok(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => sixteen(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => sixteen(rest, u16::from_be_bytes),
        // Without a mark, and still plain: `[`, 0.
        [b'[', 0, ..] => sixteen(bytes, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(String::from_utf8_lossy(rest).into_owned()),
        _ => Ok(match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| ansi(*byte)).collect(),
        }),
    }
}

/// Windows-1252, which 'ANSI' is in most of Europe and America.
fn ansi(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "[Settings]\r\naudioInputDevice=Köpfhörer\r\n; a comment\r\n\r\n[Account1]\r\nUserName = \"1001\"\r\nusername=second\r\nlabel=\r\n";

    fn sixteen(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn every_encoding_reads_the_same() {
        let marked = [&[0xff, 0xfe][..], &sixteen(TEXT)].concat();
        let big: Vec<u8> = std::iter::once(0xfeff)
            .chain(TEXT.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        let utf8 = [&[0xef, 0xbb, 0xbf][..], TEXT.as_bytes()].concat();
        let ansi: Vec<u8> = TEXT.chars().map(|c| c as u8).collect();
        for bytes in [
            marked,
            big,
            utf8,
            ansi,
            sixteen(TEXT),
            TEXT.as_bytes().to_vec(),
        ] {
            let ini = Ini::read(&bytes).unwrap();
            assert_eq!(ini.value("settings", "AUDIOINPUTDEVICE"), Some("Köpfhörer"));
            assert_eq!(ini.value("Account1", "username"), Some("1001"));
            assert_eq!(ini.value("Account1", "label"), None);
            assert_eq!(ini.sections().collect::<Vec<_>>(), ["Settings", "Account1"]);
            assert_eq!(
                ini.keys("account1").collect::<Vec<_>>(),
                ["label", "UserName"]
            );
        }
        assert_eq!(ansi_text(b"[a]\nb=\x80\x93"), "€“");
    }

    fn ansi_text(bytes: &[u8]) -> String {
        Ini::read(bytes)
            .unwrap()
            .value("a", "b")
            .unwrap()
            .to_owned()
    }

    #[test]
    fn what_is_no_ini_is_named_and_no_value_quoted() {
        let large = vec![b'x'; 50 << 20];
        let long = format!("[a]\npassword={}", "s".repeat(MAX_VALUE + 1));
        let many = format!("[a]\n{}", "a=1\n".repeat(MAX_KEYS + 1));
        for (bytes, why) in [
            (&large[..], "8 MB"),
            (&b""[..], "no [section]"),
            (&b"MZ\x90\x00\x03"[..], "NUL"),
            (&b"password=hunter2"[..], "no [section]"),
            (&b"[a]\nhunter2"[..], "line 2 is neither"),
            (&b"[a]\nb=1\0"[..], "line 2 holds a NUL"),
            (&b"\xff\xfe[\x00a\x00]\x00\n"[..], "cut off"),
            (long.as_bytes(), "line 2"),
            (many.as_bytes(), "at most"),
        ] {
            let error = Ini::read(bytes).err().unwrap().to_string();
            assert!(error.contains(why), "{why}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Ini::read(&bytes);
        }

        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec("[!#-~ä€]{1,20}", 1..9)) {
            let mut text = "[Settings]\n".to_owned();
            for (place, value) in values.iter().enumerate() {
                text.push_str(&format!("k{place}={value}\n"));
            }
            let ini = Ini::read(&[&[0xff, 0xfe][..], &sixteen(&text)].concat()).unwrap();
            for (place, value) in values.iter().enumerate() {
                prop_assert_eq!(ini.value("Settings", &format!("k{place}")), Some(value.as_str()));
            }
        }
    }
}

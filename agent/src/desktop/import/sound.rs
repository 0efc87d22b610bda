//! MicroSIP's sound: devices, levels, codecs, ringing, recordings.
//!
//! Its levels are percent, as ours are, up to 100: what is played and the ringing are made that much quieter. What
//! `volumeInput` means depends on two switches. With `swLevelAdjustment` MicroSIP itself makes the microphone quieter,
//! without it moves the system's own level of it, which stays where it is. `micAmplification` raises the upper half.

use carillon_schemas::media::MAX_VOLUME;

use super::convert::Source;
use super::yaml::Node;

/// The section `media`.
pub(super) fn media(source: &mut Source<'_>) -> Node {
    let (input, output) = (
        device(source, "audioInputDevice"),
        device(source, "audioOutputDevice"),
    );
    // There it rings at the system's loudspeaker unless it is told otherwise, here where calls are heard.
    let elsewhere = output.is_some().then(|| Node::word("default"));
    let ringing = section(vec![
        ("sound", ringing_sound(source)),
        ("device", device(source, "audioRingDevice").or(elsewhere)),
        ("volume", percent(source, "volumeRing").and_then(level)),
    ]);
    let folder = recording_folder(source);
    let auto = source.is_on("autoRecording").then(|| Node::word(true));
    Node::some(vec![
        ("input", input),
        ("output", output),
        ("input_volume", input_volume(source).and_then(level)),
        (
            "output_volume",
            percent(source, "volumeOutput").and_then(level),
        ),
        ("codecs", codecs(source)),
        ("ringing", ringing),
        (
            "recording",
            section(vec![("folder", folder), ("auto", auto)]),
        ),
    ])
}

/// A section within, when something is in it.
fn section(entries: Vec<(&'static str, Option<Node>)>) -> Option<Node> {
    let something = entries.iter().any(|(_, node)| node.is_some());
    something.then(|| Node::some(entries))
}

fn device(source: &mut Source<'_>, key: &str) -> Option<Node> {
    let name = source.setting(key)?.to_owned();
    if !is_line(&name) {
        source.leave("Settings", key, "it is no name of a device");
        return None;
    }
    (!name.eq_ignore_ascii_case("default")).then(|| Node::text(name))
}

/// A level that is not the usual one.
fn level(percent: u8) -> Option<Node> {
    (percent != 100).then(|| Node::word(percent))
}

fn percent(source: &mut Source<'_>, key: &str) -> Option<u8> {
    let text = source.setting(key)?;
    let percent = text.parse().ok().filter(|percent| *percent <= 100);
    if percent.is_none() {
        source.leave("Settings", key, "it is no level from 0 to 100");
    }
    percent
}

fn input_volume(source: &mut Source<'_>) -> Option<u8> {
    let percent = percent(source, "volumeInput")?;
    let raised = |from: f32, power: f32| from + (f32::from(percent) - 50.0).powf(power);
    let by_itself = source.is_on("swLevelAdjustment");
    let wanted = match (by_itself, source.is_on("micAmplification")) {
        (true, true) if percent > 50 => raised(50.0, 1.7),
        (true, _) => f32::from(percent),
        (false, true) if percent > 50 => raised(100.0, 1.68),
        (false, _) => {
            let why = "there it is the system's own level of the microphone (swLevelAdjustment is off), which stays as it is";
            source.leave("Settings", "volumeInput", why);
            return None;
        }
    };
    let most = f32::from(MAX_VOLUME);
    if wanted > most {
        let why = format!("{wanted:.0} percent there; {most} is the most here, and that is set");
        source.leave("Settings", "volumeInput", why);
    }
    // From 0 to 200.
    Some(wanted.min(most) as u8)
}

fn ringing_sound(source: &mut Source<'_>) -> Option<Node> {
    let path = source.setting("ringingSound")?.to_owned();
    let whole = path.starts_with(['/', '\\']) || path.get(1..3) == Some(":\\");
    let wave = path.to_lowercase().ends_with(".wav");
    let why = match (is_line(&path), whole, wave) {
        (true, true, true) => return Some(Node::text(path)),
        (true, false, true) => {
            "it lies beside MicroSIP's program: write its whole path as media.ringing.sound"
        }
        (true, _, false) => {
            "it is no WAV file: make one of it and write its path as media.ringing.sound"
        }
        (false, ..) => "it is no path of a file",
    };
    source.leave("Settings", "ringingSound", why);
    None
}

fn recording_folder(source: &mut Source<'_>) -> Option<Node> {
    let path = source.setting("recordingPath")?.to_owned();
    if !is_line(&path) {
        source.leave("Settings", "recordingPath", "it is no path of a folder");
        return None;
    }
    Some(Node::text(path))
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control)
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

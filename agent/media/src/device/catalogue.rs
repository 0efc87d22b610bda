//! Which sound devices there are, and the one that is meant.
//!
//! Asks the sound system anew each time; nothing of it is held between calls.

use cpal::traits::{DeviceTrait, HostTrait};

use super::error::DeviceError;

/// Longest list that is read from a sound system.
const MAX_DEVICES: usize = 256;

/// A sound device as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What a person calls it; works as [`DeviceSpec::Named`](crate::DeviceSpec).
    pub name: String,
    /// What the sound system calls it; works as [`DeviceSpec::Named`](crate::DeviceSpec) and stays
    /// the same when two devices share a name.
    pub id: String,
    /// Whether it records.
    pub input: bool,
    /// Whether it plays.
    pub output: bool,
    /// Whether it is the system's default for what it does.
    pub default: bool,
}

/// Lists the sound devices. May wait for the sound system for up to two seconds.
///
/// # Errors
/// [`DeviceError::SystemUnavailable`] when there is no sound system.
pub fn list_devices() -> Result<Vec<DeviceInfo>, DeviceError> {
    let host = host()?;
    let default_input = host.default_input_device().and_then(|device| id(&device));
    let default_output = host.default_output_device().and_then(|device| id(&device));
    let mut devices: Vec<DeviceInfo> = Vec::new();
    for device in devices_of(&host)? {
        let Some(id) = id(&device) else { continue };
        let (input, output) = (device.supports_input(), device.supports_output());
        let default = (input && default_input.as_ref() == Some(&id))
            || (output && default_output.as_ref() == Some(&id));
        devices.push(DeviceInfo {
            name: name(&device),
            id,
            input,
            output,
            default,
        });
    }
    Ok(devices)
}

/// Which way sound goes through a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Input,
    Output,
}

impl Direction {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }

    fn served_by(self, device: &cpal::Device) -> bool {
        match self {
            Self::Input => device.supports_input(),
            Self::Output => device.supports_output(),
        }
    }
}

/// The device asked for by name or identifier, or the default one.
pub(crate) fn find(
    asked: Option<&str>,
    direction: Direction,
) -> Result<(String, cpal::Device), DeviceError> {
    let host = host()?;
    let Some(asked) = asked else {
        let device = match direction {
            Direction::Input => host.default_input_device(),
            Direction::Output => host.default_output_device(),
        };
        let Some(device) = device else {
            return Err(DeviceError::NoDefault {
                direction: direction.as_str(),
                available: names(&host, direction)?,
            });
        };
        return Ok((name(&device), device));
    };
    let mut by_name = None;
    for device in devices_of(&host)? {
        if !direction.served_by(&device) {
            continue;
        }
        // An identifier is exact and beats a name, which may be shared.
        if id(&device).as_deref() == Some(asked) {
            return Ok((name(&device), device));
        }
        if by_name.is_none() && name(&device).eq_ignore_ascii_case(asked) {
            by_name = Some(device);
        }
    }
    match by_name {
        Some(device) => Ok((name(&device), device)),
        None => Err(DeviceError::Unknown {
            asked: asked.to_owned(),
            direction: direction.as_str(),
            available: names(&host, direction)?,
        }),
    }
}

/// The sound system: PulseAudio or PipeWire where one answers, else the platform's own.
fn host() -> Result<cpal::Host, DeviceError> {
    // The default host of cpal panics where not even ALSA can be had.
    let mut reasons = Vec::new();
    for id in cpal::available_hosts() {
        match cpal::host_from_id(id) {
            Ok(host) => return Ok(host),
            Err(error) => reasons.push(format!("{}: {error}", id.name())),
        }
    }
    Err(DeviceError::SystemUnavailable {
        reason: if reasons.is_empty() {
            "none was found".to_owned()
        } else {
            reasons.join(", ")
        },
    })
}

/// What PulseAudio or PipeWire calls it, where the device is theirs.
#[cfg(target_os = "linux")]
pub(crate) fn on_sound_server(device: &cpal::Device) -> Option<String> {
    let id = device.id().ok()?;
    (id.host() == cpal::HostId::PulseAudio).then(|| id.id().to_owned())
}

fn devices_of(host: &cpal::Host) -> Result<impl Iterator<Item = cpal::Device>, DeviceError> {
    let devices = host
        .devices()
        .map_err(|error| DeviceError::SystemUnavailable {
            reason: error.to_string(),
        })?;
    Ok(devices.take(MAX_DEVICES))
}

fn names(host: &cpal::Host, direction: Direction) -> Result<Vec<String>, DeviceError> {
    let devices = devices_of(host)?.filter(|device| direction.served_by(device));
    Ok(devices.map(|device| name(&device)).collect())
}

fn name(device: &cpal::Device) -> String {
    match device.description() {
        Ok(description) => description.name().to_owned(),
        Err(_) => id(device).unwrap_or_else(|| "unnamed".to_owned()),
    }
}

fn id(device: &cpal::Device) -> Option<String> {
    device.id().ok().map(|id| id.id().to_owned())
}

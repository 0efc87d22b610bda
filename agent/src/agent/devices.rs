//! The sound devices of the desk: which there are, which are used, how loud it is at them.
//!
//! What a person chooses holds until the agent ends; the configuration is not changed by it.

use actix::{ActorFutureExt, Context, Handler, MessageResult, ResponseActFuture, WrapFuture};
use carillon_media::{DeviceSpec, list_devices};
use futures_util::FutureExt;

use super::Agent;
use crate::account::UseSettings;
use crate::call::{CallSettings, MoveSound};
use crate::command::{ChooseDevices, CommandError, LevelMeters, WatchLevels};
use crate::view::{DeviceView, DevicesView};

/// Devices chosen since the start.
#[derive(Clone, Debug, Default)]
pub(super) struct ChosenDevices {
    input: Option<DeviceSpec>,
    output: Option<DeviceSpec>,
    ring: Option<DeviceSpec>,
}

impl ChosenDevices {
    /// Reads what was asked for.
    fn read(asked: &ChooseDevices) -> Result<Self, CommandError> {
        let device = |text: &Option<String>, plays: bool| {
            let Some(text) = text else { return Ok(None) };
            let spec: DeviceSpec = text.parse().map_err(|error| CommandError::BadValue {
                why: format!("{error}"),
            })?;
            if plays && matches!(spec, DeviceSpec::Tone(_) | DeviceSpec::WavLoop(_)) {
                let why =
                    format!("{spec} plays and takes nothing; name a device, wav:FILE or null");
                return Err(CommandError::BadValue { why });
            }
            Ok(Some(spec))
        };
        Ok(Self {
            input: device(&asked.input, false)?,
            output: device(&asked.output, true)?,
            ring: device(&asked.ring, true)?,
        })
    }

    /// These where they were chosen, else the settings'.
    pub(super) fn over(&self, mut settings: CallSettings) -> CallSettings {
        settings.input = self.input.clone().unwrap_or(settings.input);
        settings.output = self.output.clone().unwrap_or(settings.output);
        settings.ringing.device = self.ring.clone().or(settings.ringing.device);
        settings
    }

    fn is_none(&self) -> bool {
        self.input.is_none() && self.output.is_none() && self.ring.is_none()
    }

    fn join(&mut self, newer: Self) {
        self.input = newer.input.or(self.input.take());
        self.output = newer.output.or(self.output.take());
        self.ring = newer.ring.or(self.ring.take());
    }

    /// A name that no device has is told before anything is moved.
    fn check(&self, devices: &[DeviceView]) -> Result<(), CommandError> {
        let chosen = [
            (&self.input, true),
            (&self.output, false),
            (&self.ring, false),
        ];
        for (spec, input) in chosen {
            let Some(DeviceSpec::Named(name)) = spec else {
                continue;
            };
            let fits = |device: &&DeviceView| if input { device.input } else { device.output };
            let mut fitting = devices.iter().filter(fits);
            if !fitting.any(|d| d.id == *name || d.name.eq_ignore_ascii_case(name)) {
                let way = if input { "input" } else { "output" };
                let why = format!("there is no {way} device named '{name}'; list them first");
                return Err(CommandError::Device { why });
            }
        }
        Ok(())
    }
}

/// The devices of the system, or why they cannot be known.
async fn listed() -> Result<Vec<DeviceView>, String> {
    let listed = tokio::task::spawn_blocking(list_devices).await;
    let listed = listed.map_err(|_| "the sound system's library failed".to_owned())?;
    let devices = listed.map_err(|error| error.to_string())?;
    Ok(devices
        .into_iter()
        .map(|device| DeviceView {
            name: device.name,
            id: device.id,
            input: device.input,
            output: device.output,
            default: device.default,
        })
        .collect())
}

impl Agent {
    fn devices_view(&self, listed: Result<Vec<DeviceView>, String>) -> DevicesView {
        let (devices, trouble) = match listed {
            Ok(devices) => (devices, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let ring = self.settings.ringing.device.as_ref();
        DevicesView {
            input: self.settings.input.to_string(),
            output: self.settings.output.to_string(),
            ring: ring.unwrap_or(&self.settings.output).to_string(),
            devices,
            trouble,
        }
    }

    /// Later calls are made with the settings of now.
    pub(super) fn spread_settings(&self) {
        for account in self.seats.values().filter_map(|seat| seat.account.as_ref()) {
            account.do_send(UseSettings(self.settings.clone()));
        }
    }
}

impl Handler<ChooseDevices> for Agent {
    type Result = ResponseActFuture<Self, Result<DevicesView, CommandError>>;

    fn handle(&mut self, asked: ChooseDevices, _: &mut Context<Self>) -> Self::Result {
        let chosen = match ChosenDevices::read(&asked) {
            Ok(chosen) => chosen,
            Err(error) => return Box::pin(std::future::ready(Err(error)).into_actor(self)),
        };
        let moving = MoveSound {
            input: chosen.input.clone(),
            output: chosen.output.clone(),
        };
        let calls: Vec<_> = if moving.input.is_none() && moving.output.is_none() {
            Vec::new()
        } else {
            self.calls
                .values()
                .map(|entry| entry.call.clone())
                .collect()
        };
        // The cards of a service are those of a session, which says itself what it does not have.
        let checked = !self.settings.session.service;
        let moved = async move {
            let listed = listed().await;
            if checked {
                chosen.check(listed.as_deref().unwrap_or_default())?;
            }
            for call in calls {
                // A call that ended meanwhile needs no device.
                if let Ok(moved) = call.send(moving.clone()).await {
                    moved?;
                }
            }
            Ok::<_, CommandError>((chosen, listed))
        };
        Box::pin(moved.boxed_local().into_actor(self).map(|moved, agent, _| {
            let (chosen, listed) = moved?;
            if !chosen.is_none() {
                agent.chosen.join(chosen);
                agent.settings = agent.chosen.over(agent.settings.clone());
                agent.spread_settings();
            }
            Ok(agent.devices_view(listed))
        }))
    }
}

impl Handler<WatchLevels> for Agent {
    type Result = MessageResult<WatchLevels>;

    fn handle(&mut self, _: WatchLevels, _: &mut Context<Self>) -> Self::Result {
        MessageResult(LevelMeters {
            watch: self.engine.meter().watch(),
            engine: self.engine.clone(),
            input: self.settings.input.clone(),
            place: self.settings.session.clone(),
        })
    }
}

//! The routes for the sound of calls: mute, recording, volume, conference.

use actix::{Actor, Addr, Context, Handler, Recipient};
use carillon_schemas::Problem;
use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::api::{Answer, ask, json, no_such_route, read, refused, which_call};
use crate::command::{
    ChooseDevices, Confer, EndConference, LevelMeters, MuteCall, RecordCall, SetVolume, WatchLevels,
};

/// `POST /v1/calls/{id}/mute`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuteBody {
    /// Whether silence is sent in place of the microphone.
    pub muted: bool,
}

/// `POST /v1/calls/{id}/record`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordBody {
    /// Whether the call is recorded.
    pub on: bool,
    /// A WAV file that is not there yet; named after time and peer when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// `POST /v1/volume`, in percent, 0 to 200. What is absent stays.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeBody {
    /// Of the microphone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u8>,
    /// Of what is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u8>,
}

/// `POST /v1/conference`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConferenceBody {
    /// The calls that are to hear each other; all that are established when empty.
    #[serde(default)]
    pub calls: Vec<u32>,
}

/// `POST /v1/devices`. What is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicesBody {
    /// The microphone, written as `media.input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The loudspeaker, written as `media.output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Where it rings, written as `media.output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<String>,
}

/// What can be asked of the sound of calls.
#[derive(Clone)]
pub(super) struct SoundPort {
    mute: Recipient<MuteCall>,
    record: Recipient<RecordCall>,
    volume: Recipient<SetVolume>,
    confer: Recipient<Confer>,
    end_conference: Recipient<EndConference>,
    devices: Recipient<ChooseDevices>,
    levels: Recipient<WatchLevels>,
}

/// An actor that answers for the sound of calls.
pub trait HandlesSound:
    Handler<MuteCall>
    + Handler<RecordCall>
    + Handler<SetVolume>
    + Handler<Confer>
    + Handler<EndConference>
    + Handler<ChooseDevices>
    + Handler<WatchLevels>
{
}

impl<A> HandlesSound for A where
    A: Handler<MuteCall>
        + Handler<RecordCall>
        + Handler<SetVolume>
        + Handler<Confer>
        + Handler<EndConference>
        + Handler<ChooseDevices>
        + Handler<WatchLevels>
{
}

impl SoundPort {
    pub(super) fn new<A>(agent: &Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>> + HandlesSound,
    {
        Self {
            mute: agent.clone().recipient(),
            record: agent.clone().recipient(),
            volume: agent.clone().recipient(),
            confer: agent.clone().recipient(),
            end_conference: agent.clone().recipient(),
            devices: agent.clone().recipient(),
            levels: agent.clone().recipient(),
        }
    }
}

/// The level meters, for a stream of them.
pub(super) async fn meters(port: &SoundPort) -> Result<LevelMeters, Problem> {
    ask(&port.levels, WatchLevels).await
}

/// Answers a request for one of these routes.
pub(super) async fn answer(
    method: &Method,
    segments: &[&str],
    body: Incoming,
    port: &SoundPort,
) -> Answer {
    match (method, segments) {
        (&Method::POST, ["v1", "calls", call, "mute"]) => {
            let call = which_call(call)?;
            let MuteBody { muted } = read(body).await?;
            let done = ask(&port.mute, MuteCall { call, muted }).await?;
            json(StatusCode::OK, &done.map_err(refused)?)
        }
        (&Method::POST, ["v1", "calls", call, "record"]) => {
            let call = which_call(call)?;
            let RecordBody { on, path } = read(body).await?;
            let done = ask(&port.record, RecordCall { call, on, path }).await?;
            json(StatusCode::OK, &done.map_err(refused)?)
        }
        (&Method::GET, ["v1", "volume"]) => {
            let shown = ask(&port.volume, SetVolume::default()).await?;
            json(StatusCode::OK, &shown.map_err(refused)?)
        }
        (&Method::POST, ["v1", "volume"]) => {
            let VolumeBody { input, output } = read(body).await?;
            let done = ask(&port.volume, SetVolume { input, output }).await?;
            json(StatusCode::OK, &done.map_err(refused)?)
        }
        (&Method::GET, ["v1", "devices"]) => {
            let shown = ask(&port.devices, ChooseDevices::default()).await?;
            json(StatusCode::OK, &shown.map_err(refused)?)
        }
        (&Method::POST, ["v1", "devices"]) => {
            let DevicesBody {
                input,
                output,
                ring,
            } = read(body).await?;
            let chosen = ChooseDevices {
                input,
                output,
                ring,
            };
            let done = ask(&port.devices, chosen).await?;
            json(StatusCode::OK, &done.map_err(refused)?)
        }
        (&Method::POST, ["v1", "conference"]) => {
            let ConferenceBody { calls } = read(body).await?;
            let done = ask(&port.confer, Confer { calls }).await?;
            json(StatusCode::OK, &done.map_err(refused)?)
        }
        (&Method::DELETE, ["v1", "conference"]) => {
            let done = ask(&port.end_conference, EndConference).await?;
            json(StatusCode::OK, &done.map_err(refused)?)
        }
        _ => Err(no_such_route(method, &format!("/{}", segments.join("/")))),
    }
}

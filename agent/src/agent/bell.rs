//! What is heard outside a call's sound: ringing, call waiting, ring-back, busy.
//!
//! Owns the one sound that plays at a time. While nothing rings, no device is open and nothing runs.

use std::path::PathBuf;
use std::time::Duration;

use actix::{AsyncContext, Context};
use carillon_media::{CallTone, DeviceSpec, PlaySound, Playing};
use carillon_schemas::AccountId;
use carillon_schemas::status::{CallState, Direction};

use super::Agent;
use crate::call::CallSettings;
use crate::event::{AgentEvent, CallCause};
use crate::session::SessionPlace;
use crate::view::CallView;

/// How long the busy tone is heard.
const BUSY: Duration = Duration::from_secs(2);

/// The sound that plays.
#[derive(Default)]
pub(super) struct Bell {
    /// What rings, and for which call.
    wanted: Option<(CallTone, u32)>,
    /// Stops when it is dropped.
    playing: Option<Playing>,
}

/// What the calls that stand want to be heard, and the call that wants it.
fn wanted<'a>(calls: impl Iterator<Item = &'a CallView> + Clone) -> Option<(CallTone, u32)> {
    let mut ringing = calls
        .clone()
        .filter(|view| view.state == CallState::Ringing);
    let talking = calls
        .clone()
        .any(|view| view.state == CallState::Established && !view.on_hold);
    if let Some(incoming) = ringing
        .clone()
        .find(|view| view.direction == Direction::Incoming)
    {
        let tone = if talking {
            CallTone::Waiting
        } else {
            CallTone::Ring
        };
        return Some((tone, incoming.id));
    }
    // A far side that sends its own sound before the answer is heard instead.
    ringing
        .find(|view| view.codec.is_none() && !talking)
        .map(|view| (CallTone::Ringback, view.id))
}

/// The sound and its device; `None` where the settings want silence.
fn sound(tone: CallTone, settings: &CallSettings) -> Option<(PlaySound, DeviceSpec)> {
    let ringing = &settings.ringing;
    let alerts = matches!(tone, CallTone::Ring | CallTone::Waiting);
    if alerts && ringing.silent {
        return None;
    }
    let device = match (&ringing.device, tone) {
        (Some(device), CallTone::Ring) => device,
        // A file or nothing in a loudspeaker's place is the call's own.
        _ if !is_loudspeaker(&settings.output) => return None,
        _ => &settings.output,
    };
    if *device == DeviceSpec::Null {
        return None;
    }
    let file: Option<PathBuf> = ringing.file.clone().filter(|_| tone == CallTone::Ring);
    let sound = PlaySound {
        tone,
        file,
        volume: if alerts { ringing.volume } else { 100 },
        limit: (tone == CallTone::Busy).then_some(BUSY),
    };
    Some((sound, device.clone()))
}

fn is_loudspeaker(spec: &DeviceSpec) -> bool {
    matches!(
        spec,
        DeviceSpec::Default | DeviceSpec::Named(_) | DeviceSpec::Session(_)
    )
}

impl Agent {
    /// Brings what is heard up to date with the calls that stand.
    pub(super) fn ring(&mut self, ctx: &mut Context<Self>) {
        let wanted = wanted(self.calls.values().map(|entry| &entry.view));
        if self.bell.wanted == wanted {
            return;
        }
        self.bell = Bell::default();
        if let Some((tone, call)) = wanted {
            let account = self.calls.get(&call);
            let account = account.map(|entry| entry.view.account.clone());
            self.play(tone, call, account, ctx);
            self.bell.wanted = wanted;
        }
    }

    /// A call that was placed here ended as busy.
    pub(super) fn sound_busy(&mut self, event: &AgentEvent, ctx: &mut Context<Self>) {
        if let AgentEvent::CallEnded { view, cause, .. } = event
            && *cause == CallCause::Busy
            && view.direction == Direction::Outgoing
            && self.calls.is_empty()
        {
            self.play(CallTone::Busy, view.id, Some(view.account.clone()), ctx);
        }
    }

    fn play(
        &mut self,
        tone: CallTone,
        call: u32,
        account: Option<AccountId>,
        ctx: &mut Context<Self>,
    ) {
        let Some((sound, device)) = sound(tone, &self.settings) else {
            return;
        };
        // It rings where the call will be heard.
        let account = account.and_then(|account| self.config.account(&account));
        let place = SessionPlace {
            user: account.and_then(|account| account.config.features.session_user.clone()),
            ..self.settings.session.clone()
        };
        // What is wrong in a session is told by the call itself, once it is answered.
        let (tell, _) = tokio::sync::mpsc::channel(1);
        // A session's device is led to by this thread's runtime; a card may wait, and is opened elsewhere.
        let led = (!place.may_wait(&device)).then(|| place.open_sink(&device, &tell));
        let open = move || led.unwrap_or_else(|| place.open_sink(&device, &tell));
        let agent = ctx.address();
        let trouble = move |error: carillon_media::DeviceError| {
            let text = format!("it cannot be heard that it rings: {error}");
            agent.do_send(AgentEvent::MediaTrouble { call, text });
        };
        match Playing::start(sound, open, trouble) {
            Ok(playing) => self.bell.playing = Some(playing),
            Err(error) => tracing::warn!(%error, "it rings without a sound"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_schemas::Timestamp;

    fn call(id: u32, direction: Direction, state: CallState) -> CallView {
        CallView {
            id,
            account: "main".parse().unwrap(),
            direction,
            state,
            peer: "sip:1@x".to_owned(),
            peer_name: None,
            contact: None,
            since: Timestamp(0),
            codec: None,
            on_hold: false,
            held: false,
            muted: false,
            recording: None,
            conference: false,
            caller: None,
            media: None,
        }
    }

    #[test]
    fn each_state_has_its_sound_and_rest_has_none() {
        let incoming = call(1, Direction::Incoming, CallState::Ringing);
        let outgoing = call(2, Direction::Outgoing, CallState::Ringing);
        let calling = call(3, Direction::Outgoing, CallState::Calling);
        let talking = call(4, Direction::Incoming, CallState::Established);
        let mut held = talking.clone();
        held.on_hold = true;
        let mut early = outgoing.clone();
        early.codec = Some("PCMA".to_owned());
        for (calls, expected) in [
            (vec![], None),
            (vec![&calling], None),
            (vec![&talking], None),
            (vec![&incoming], Some((CallTone::Ring, 1))),
            (vec![&talking, &incoming], Some((CallTone::Waiting, 1))),
            (vec![&held, &incoming], Some((CallTone::Ring, 1))),
            (vec![&outgoing], Some((CallTone::Ringback, 2))),
            (vec![&early], None),
            (vec![&talking, &outgoing], None),
            (vec![&outgoing, &incoming], Some((CallTone::Ring, 1))),
        ] {
            assert_eq!(wanted(calls.iter().copied()), expected, "{calls:?}");
        }
    }

    #[test]
    fn a_sound_goes_where_it_belongs_or_nowhere() {
        let mut settings = CallSettings::default();
        let device =
            |tone, settings: &CallSettings| sound(tone, settings).map(|(_, device)| device);
        assert_eq!(device(CallTone::Ring, &settings), Some(DeviceSpec::Default));
        settings.ringing.device = Some(DeviceSpec::Named("Speaker".into()));
        settings.ringing.volume = 40;
        settings.ringing.file = Some("/x/bell.wav".into());
        let (ring, device) = sound(CallTone::Ring, &settings).unwrap();
        assert_eq!(device, DeviceSpec::Named("Speaker".into()));
        assert_eq!((ring.volume, ring.limit), (40, None));
        assert_eq!(ring.file, Some("/x/bell.wav".into()));
        let (busy, device) = sound(CallTone::Busy, &settings).unwrap();
        assert_eq!(device, DeviceSpec::Default);
        assert_eq!((busy.file, busy.limit), (None, Some(BUSY)));
        settings.ringing.silent = true;
        assert_eq!(sound(CallTone::Ring, &settings), None);
        assert_eq!(sound(CallTone::Waiting, &settings), None);
        assert!(sound(CallTone::Ringback, &settings).is_some());
        settings.output = DeviceSpec::Wav("/x/heard.wav".into());
        assert_eq!(
            sound(CallTone::Ringback, &settings),
            None,
            "not into the file"
        );
    }
}

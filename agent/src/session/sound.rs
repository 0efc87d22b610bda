//! The sound devices of the session, each open while a stream of the service needs it.
//!
//! Owns a thread per open device, since opening and closing a card may wait; it sleeps until the service sends or
//! wants sound, and ends with its stream. The service's pace is the only one: every piece of sound that is wanted
//! is recorded once, every piece that comes is played once.

use std::collections::BTreeMap;
use std::sync::mpsc as inbox;

use carillon_media::{DeviceError, DeviceSpec, open_sink, open_source};
use tokio::sync::mpsc;

use super::frame::{Frame, Word};

/// The most devices open at once.
const MAX_STREAMS: usize = 32;
/// Pieces that may wait for a device that is still opening: half a second.
const BACKLOG: usize = 25;
/// The most samples recorded at once; a call wants 160.
const MAX_WANT: usize = 4_096;

/// Which devices to open, whatever the service names.
#[derive(Debug, Clone, Default)]
pub struct Devices {
    /// The microphone.
    pub input: Option<DeviceSpec>,
    /// The loudspeaker.
    pub output: Option<DeviceSpec>,
}

/// The devices that are open.
pub(super) struct OpenDevices {
    devices: Devices,
    streams: BTreeMap<u32, inbox::SyncSender<Piece>>,
    tell: mpsc::Sender<Frame>,
}

enum Piece {
    Play(Vec<i16>),
    Record(usize),
}

impl OpenDevices {
    /// None yet; `tell` takes what is recorded.
    pub(super) fn new(devices: Devices, tell: mpsc::Sender<Frame>) -> Self {
        Self {
            devices,
            streams: BTreeMap::new(),
            tell,
        }
    }

    /// Opens a microphone for a stream.
    pub(super) fn listen(&mut self, stream: u32, device: &str) {
        match chosen(self.devices.input.as_ref(), device) {
            Some(spec) => self.start(stream, move |pieces, tell| {
                record(stream, &spec, pieces, tell)
            }),
            None => self.refuse(stream, device),
        }
    }

    /// Opens a loudspeaker for a stream.
    pub(super) fn speak(&mut self, stream: u32, device: &str) {
        match chosen(self.devices.output.as_ref(), device) {
            Some(spec) => self.start(stream, move |pieces, _| play(&spec, pieces)),
            None => self.refuse(stream, device),
        }
    }

    /// Plays sound; dropped when the device does not keep up.
    pub(super) fn play(&self, stream: u32, samples: Vec<i16>) {
        self.hand(stream, Piece::Play(samples));
    }

    /// Records sound.
    pub(super) fn record(&self, stream: u32, samples: usize) {
        self.hand(stream, Piece::Record(samples.min(MAX_WANT)));
    }

    /// Closes the device of a stream; its thread ends by itself.
    pub(super) fn close(&mut self, stream: u32) {
        self.streams.remove(&stream);
    }

    fn hand(&self, stream: u32, piece: Piece) {
        if let Some(pieces) = self.streams.get(&stream) {
            // Full or gone: the device is opening, stands still or was lost, which its thread tells.
            let _ = pieces.try_send(piece);
        }
    }

    fn refuse(&self, stream: u32, device: &str) {
        let text = format!(
            "the session part opens no {device:?} for a service: only sound cards, by name or 'default'"
        );
        self.trouble(stream, text);
    }

    fn trouble(&self, stream: u32, text: String) {
        let word = Word::Trouble { stream, text };
        // The service reads on or is gone.
        let _ = self.tell.try_send(Frame::Word(word));
    }

    fn start(
        &mut self,
        stream: u32,
        work: impl FnOnce(&inbox::Receiver<Piece>, &mpsc::Sender<Frame>) -> Result<(), DeviceError>
        + Send
        + 'static,
    ) {
        if self.streams.len() >= MAX_STREAMS {
            return self.trouble(stream, "too many devices are open already".to_owned());
        }
        let (hand, pieces) = inbox::sync_channel(BACKLOG);
        let tell = self.tell.clone();
        let begun = std::thread::Builder::new()
            .name("sound".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || {
                if let Err(error) = work(&pieces, &tell) {
                    let text = error.to_string();
                    // The service reads on or is gone.
                    let _ = tell.try_send(Frame::Word(Word::Trouble { stream, text }));
                }
            });
        match begun {
            Ok(_) => {
                self.streams.insert(stream, hand);
            }
            Err(error) => self.trouble(stream, format!("no thread for the sound: {error}")),
        }
    }
}

/// The device to open: the person's choice, else the service's, which may name sound cards and nothing else: a
/// service must not have a user's program read or write files for it.
fn chosen(own: Option<&DeviceSpec>, asked: &str) -> Option<DeviceSpec> {
    if let Some(own) = own {
        return Some(own.clone());
    }
    match asked.parse() {
        Ok(spec @ (DeviceSpec::Default | DeviceSpec::Named(_))) => Some(spec),
        _ => None,
    }
}

fn record(
    stream: u32,
    spec: &DeviceSpec,
    pieces: &inbox::Receiver<Piece>,
    tell: &mpsc::Sender<Frame>,
) -> Result<(), DeviceError> {
    let mut source = open_source(spec)?;
    // What was wanted while it opened is past.
    while pieces.try_recv().is_ok() {}
    while let Ok(piece) = pieces.recv() {
        let Piece::Record(count) = piece else {
            continue;
        };
        let mut samples = vec![0; count];
        source.read(&mut samples)?;
        // A service that does not read loses it, as a network would.
        let _ = tell.try_send(Frame::Sound { stream, samples });
    }
    Ok(())
}

fn play(spec: &DeviceSpec, pieces: &inbox::Receiver<Piece>) -> Result<(), DeviceError> {
    let mut sink = open_sink(spec)?;
    while pieces.try_recv().is_ok() {}
    while let Ok(piece) = pieces.recv() {
        if let Piece::Play(samples) = piece {
            sink.write(&samples)?;
        }
    }
    sink.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn heard(frames: &mut mpsc::Receiver<Frame>) -> Frame {
        frames.recv().await.unwrap()
    }

    #[tokio::test]
    async fn what_is_wanted_is_recorded_and_what_comes_is_played() {
        let folder = tempfile::tempdir().unwrap();
        let heard_file = folder.path().join("heard.wav");
        let devices = Devices {
            input: Some(DeviceSpec::Tone(440)),
            output: Some(DeviceSpec::Wav(heard_file.clone())),
        };
        let (tell, mut frames) = mpsc::channel(8);
        let mut open = OpenDevices::new(devices, tell);
        open.listen(1, "default");
        open.speak(2, "default");
        let recorded = loop {
            open.record(1, 160);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            if let Ok(frame) = frames.try_recv() {
                break frame;
            }
        };
        assert!(matches!(recorded, Frame::Sound { stream: 1, samples } if samples.len() == 160));
        while std::fs::metadata(&heard_file).map_or(0, |about| about.len()) <= 44 {
            open.play(2, vec![7; 8_000]);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_service_names_sound_cards_and_nothing_else() {
        let (tell, mut frames) = mpsc::channel(8);
        let mut open = OpenDevices::new(Devices::default(), tell);
        for device in [
            "wav:/home/ann/secret.wav",
            "wav-loop:x",
            "tone:440",
            "session",
        ] {
            open.speak(1, device);
            let told = heard(&mut frames).await;
            assert!(
                matches!(&told, Frame::Word(Word::Trouble { text, .. }) if text.contains("only sound cards")),
                "{told:?}"
            );
            assert!(open.streams.is_empty());
        }
    }

    #[tokio::test]
    async fn devices_are_counted_and_a_lost_one_is_told() {
        let devices = Devices {
            input: Some(DeviceSpec::Wav("/nowhere/in.wav".into())),
            output: Some(DeviceSpec::Null),
        };
        let (tell, mut frames) = mpsc::channel(8);
        let mut open = OpenDevices::new(devices, tell);
        open.listen(0, "default");
        assert!(matches!(
            heard(&mut frames).await,
            Frame::Word(Word::Trouble { stream: 0, text }) if text.contains("/nowhere/in.wav")
        ));
        for stream in 1..40 {
            open.speak(stream, "default");
        }
        assert_eq!(open.streams.len(), MAX_STREAMS);
        open.close(1);
        open.speak(99, "default");
        assert_eq!(open.streams.len(), MAX_STREAMS);
    }
}

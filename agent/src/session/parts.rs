//! The session parts that are attached to a service, and which of them a call's sound goes to.
//!
//! Owns the rule: sound of an account that names a user goes to that user's newest part; else to the newest of all,
//! and from then on only to parts of that same user. Never to two, and never on to another user. Who a user is, the
//! system says when a part connects; a part's own word counts for nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carillon_media::{FarFeed, FarSink, FarSource, FarTap, far_sink, far_source};
use tokio::sync::{Notify, mpsc};

use super::frame::{Frame, Word};

/// The most parts at once.
pub const MAX_PARTS: usize = 64;
/// Frames that may wait for a part; beyond them sound is dropped.
const BACKLOG: usize = 64;
/// The longest text of a part's trouble, in characters.
const MAX_TROUBLE: usize = 200;
/// What a call without a part has.
const NOBODY: &str = "no session part: nobody can hear this call";

/// Takes what is wrong with the sound of one call, for a person.
pub type Troubles = mpsc::Sender<String>;

/// The parts. Clones are the same.
#[derive(Clone, Default)]
pub struct SessionParts(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    last: u32,
    /// The newest last.
    parts: Vec<Part>,
    streams: BTreeMap<u32, Stream>,
}

struct Part {
    id: u32,
    user: String,
    out: mpsc::Sender<Frame>,
}

/// One way of one call's sound.
struct Stream {
    /// Whose it is; nobody's yet until it is first given to somebody.
    user: Option<String>,
    device: String,
    /// The part it is at.
    part: Option<u32>,
    end: End,
    troubles: Troubles,
}

/// The half of a device that the parts are led to.
enum End {
    Microphone(FarFeed),
    Loudspeaker(FarTap),
}

/// A part that is attached, until dropped.
pub struct Attached {
    id: u32,
    parts: SessionParts,
}

impl SessionParts {
    /// Attaches a user's part; the frames for it come out of the receiver. `None` when there are too many.
    pub fn attach(&self, user: String) -> Option<(Attached, mpsc::Receiver<Frame>)> {
        let mut state = self.lock();
        if state.parts.len() >= MAX_PARTS {
            return None;
        }
        let id = state.next();
        let (out, frames) = mpsc::channel(BACKLOG);
        state.parts.push(Part { id, user, out });
        state.settle();
        drop(state);
        let parts = self.clone();
        Some((Attached { id, parts }, frames))
    }

    /// A microphone in a session of `user`, or of whoever came last. Must be called within the runtime.
    pub fn source(&self, user: Option<&str>, device: &str, troubles: Troubles) -> FarSource {
        let wake = Arc::new(Notify::new());
        let rings = Arc::clone(&wake);
        let (source, feed) = far_source(move || rings.notify_one());
        self.begin(user, device, End::Microphone(feed), troubles, wake);
        source
    }

    /// A loudspeaker there.
    pub fn sink(&self, user: Option<&str>, device: &str, troubles: Troubles) -> FarSink {
        let wake = Arc::new(Notify::new());
        let rings = Arc::clone(&wake);
        let (sink, tap) = far_sink(move || rings.notify_one());
        self.begin(user, device, End::Loudspeaker(tap), troubles, wake);
        sink
    }

    /// Has an address opened in the browser of `user`, or of whoever came last; whether there is somebody.
    pub fn open_url(&self, user: Option<&str>, url: &str) -> bool {
        let state = self.lock();
        let word = Word::OpenUrl {
            url: url.to_owned(),
        };
        state
            .newest(user)
            .is_some_and(|part| part.out.try_send(Frame::Word(word)).is_ok())
    }

    /// Whether a part of `user`, or of anybody, is attached.
    pub fn is_there(&self, user: Option<&str>) -> bool {
        self.lock().newest(user).is_some()
    }

    fn begin(
        &self,
        user: Option<&str>,
        device: &str,
        end: End,
        troubles: Troubles,
        wake: Arc<Notify>,
    ) {
        let mut state = self.lock();
        let id = state.next();
        let stream = Stream {
            user: user.map(str::to_owned),
            device: device.to_owned(),
            part: None,
            end,
            troubles,
        };
        state.streams.insert(id, stream);
        state.settle();
        state.tell_if_alone(id);
        drop(state);
        let parts = self.clone();
        tokio::spawn(async move {
            while parts.carry(id) {
                wake.notified().await;
            }
        });
    }

    /// Carries what a stream has for its part; `false` when the stream is over.
    fn carry(&self, id: u32) -> bool {
        let mut state = self.lock();
        let Some(stream) = state.streams.get_mut(&id) else {
            return false;
        };
        let over = stream.end.is_over();
        let frame = stream.end.frame(id);
        let part = stream.part;
        if let Some(part) = part.and_then(|part| state.part(part)) {
            if over {
                // A part that does not even take this is as good as gone.
                let _ = part.out.try_send(Frame::Word(Word::Close { stream: id }));
            } else if let Some(frame) = frame {
                // A part that stands still hears the rest when it goes on.
                let _ = part.out.try_send(frame);
            }
        }
        if over {
            state.streams.remove(&id);
        }
        !over
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock; a poisoned one is as good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two of them are equal when they are the same.
impl PartialEq for SessionParts {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl std::fmt::Debug for SessionParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionParts").finish_non_exhaustive()
    }
}

impl Attached {
    /// Takes what the part says. Of a stream that is not at this part it is passed over.
    pub fn heard(&self, frame: Frame) {
        let mut state = self.parts.lock();
        match frame {
            Frame::Sound { stream, samples } => {
                if let Some(Stream {
                    end: End::Microphone(feed),
                    ..
                }) = state.stream_at(stream, self.id)
                {
                    feed.put(&samples);
                }
            }
            Frame::Word(Word::Trouble { stream, text }) => {
                if let Some(stream) = state.stream_at(stream, self.id) {
                    let text = text.chars().filter(|c| !c.is_control());
                    // One who reads none needs none.
                    let _ = stream.troubles.try_send(text.take(MAX_TROUBLE).collect());
                }
            }
            _ => {}
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut state = self.parts.lock();
        state.parts.retain(|part| part.id != self.id);
        let mut orphans = Vec::new();
        for (id, stream) in &mut state.streams {
            if stream.part == Some(self.id) {
                stream.part = None;
                orphans.push(*id);
            }
        }
        state.settle();
        for id in orphans {
            state.tell_if_alone(id);
        }
    }
}

impl State {
    fn next(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    fn part(&self, id: u32) -> Option<&Part> {
        self.parts.iter().find(|part| part.id == id)
    }

    /// A stream, if it is at that part.
    fn stream_at(&mut self, stream: u32, part: u32) -> Option<&mut Stream> {
        let stream = self.streams.get_mut(&stream);
        stream.filter(|stream| stream.part == Some(part))
    }

    fn newest(&self, user: Option<&str>) -> Option<&Part> {
        let fits = |part: &&Part| user.is_none_or(|user| same_user(user, &part.user));
        self.parts.iter().rev().find(fits)
    }

    /// Gives every stream that is nowhere to the part that the rule names, if there is one.
    fn settle(&mut self) {
        let mut streams = std::mem::take(&mut self.streams);
        for (id, stream) in &mut streams {
            if stream.part.is_some() {
                continue;
            }
            let Some(part) = self.newest(stream.user.as_deref()) else {
                continue;
            };
            let (id, device) = (*id, stream.device.clone());
            let word = match &stream.end {
                End::Microphone(_) => Word::Listen { stream: id, device },
                End::Loudspeaker(_) => Word::Speak { stream: id, device },
            };
            // A part whose frames pile up does not get another stream.
            if part.out.try_send(Frame::Word(word)).is_ok() {
                stream.part = Some(part.id);
                stream.user = Some(part.user.clone());
            }
        }
        self.streams = streams;
    }

    /// Says so when a call has nobody to hear it; a microphone goes the way of its loudspeaker.
    fn tell_if_alone(&self, id: u32) {
        if let Some(stream) = self.streams.get(&id)
            && stream.part.is_none()
            && matches!(stream.end, End::Loudspeaker(_))
        {
            // Told and not read yet is told enough.
            let _ = stream.troubles.try_send(NOBODY.to_owned());
        }
    }
}

impl End {
    fn is_over(&self) -> bool {
        match self {
            Self::Microphone(feed) => feed.is_over(),
            Self::Loudspeaker(tap) => tap.is_over(),
        }
    }

    /// What is to be carried to the part now; nothing waits for one that comes later.
    fn frame(&mut self, stream: u32) -> Option<Frame> {
        match self {
            Self::Microphone(feed) => {
                let samples = u16::try_from(feed.wanted()).unwrap_or(u16::MAX);
                (samples > 0).then_some(Frame::Want { stream, samples })
            }
            Self::Loudspeaker(tap) => {
                let samples = tap.take();
                (!samples.is_empty()).then_some(Frame::Sound { stream, samples })
            }
        }
    }
}

/// Windows names users without regard to case; elsewhere case tells them apart.
fn same_user(one: &str, other: &str) -> bool {
    if cfg!(windows) {
        one.eq_ignore_ascii_case(other)
    } else {
        one == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_media::{AudioSink as _, AudioSource as _};

    fn troubles() -> (Troubles, mpsc::Receiver<String>) {
        mpsc::channel(4)
    }

    async fn opened(frames: &mut mpsc::Receiver<Frame>) -> u32 {
        match frames.recv().await.unwrap() {
            Frame::Word(Word::Listen { stream, .. } | Word::Speak { stream, .. }) => stream,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn sound_goes_both_ways_and_a_device_is_closed_with_its_call() {
        let parts = SessionParts::default();
        let (part, mut frames) = parts.attach("ann".into()).unwrap();
        let (tell, _troubles) = troubles();
        let mut sink = parts.sink(None, "default", tell.clone());
        let mut source = parts.source(None, "default", tell);
        let (speaker, microphone) = (opened(&mut frames).await, opened(&mut frames).await);
        sink.write(&[3; 160]).unwrap();
        let played = Frame::Sound {
            stream: speaker,
            samples: vec![3; 160],
        };
        assert_eq!(frames.recv().await, Some(played));
        let mut frame = [0; 160];
        for _ in 0..4 {
            source.read(&mut frame).unwrap();
            let Some(Frame::Want { samples: 160, .. }) = frames.recv().await else {
                panic!("nothing was asked for");
            };
            part.heard(Frame::Sound {
                stream: microphone,
                samples: vec![4; 160],
            });
        }
        assert_eq!(frame, [4; 160]);
        drop(sink);
        let closed = Word::Close { stream: speaker };
        assert_eq!(frames.recv().await, Some(Frame::Word(closed)));
    }

    #[tokio::test]
    async fn a_call_is_heard_by_its_accounts_user_and_by_nobody_else() {
        let parts = SessionParts::default();
        let (_ann, mut for_ann) = parts.attach("ann".into()).unwrap();
        let (bob, mut for_bob) = parts.attach("bob".into()).unwrap();
        let (tell, _) = troubles();
        let mut sink = parts.sink(Some("ann"), "default", tell.clone());
        let stream = opened(&mut for_ann).await;
        sink.write(&[1; 160]).unwrap();
        assert!(matches!(for_ann.recv().await, Some(Frame::Sound { .. })));
        assert!(for_bob.try_recv().is_err());
        // Nor can another part speak in its place.
        let mut source = parts.source(Some("ann"), "default", tell);
        let microphone = opened(&mut for_ann).await;
        for _ in 0..4 {
            bob.heard(Frame::Sound {
                stream: microphone,
                samples: vec![9; 160],
            });
        }
        bob.heard(Frame::Word(Word::Trouble {
            stream,
            text: "gone".into(),
        }));
        let mut frame = [0; 160];
        source.read(&mut frame).unwrap();
        assert_eq!(frame, [0; 160]);
    }

    #[tokio::test]
    async fn without_a_named_user_the_newest_part_hears_and_a_standing_call_stays_with_its_user() {
        let parts = SessionParts::default();
        let (ann, mut for_ann) = parts.attach("ann".into()).unwrap();
        let (tell, mut told) = troubles();
        let mut sink = parts.sink(None, "default", tell.clone());
        opened(&mut for_ann).await;
        // Fast user switching: bob logs on while ann's call stands.
        let (_bob, mut for_bob) = parts.attach("bob".into()).unwrap();
        sink.write(&[1; 160]).unwrap();
        assert!(matches!(for_ann.recv().await, Some(Frame::Sound { .. })));
        drop(ann);
        assert_eq!(told.recv().await.as_deref(), Some(NOBODY));
        sink.write(&[1; 160]).unwrap();
        tokio::task::yield_now().await;
        assert!(for_bob.try_recv().is_err(), "it is ann's call");
        let (_again, mut for_ann) = parts.attach("ann".into()).unwrap();
        opened(&mut for_ann).await;
        sink.write(&[2; 160]).unwrap();
        // What was said while she was away is not made up for.
        let heard = for_ann.recv().await;
        assert!(matches!(heard, Some(Frame::Sound { samples, .. }) if samples == vec![2; 160]));
        let _next = parts.sink(None, "default", tell);
        opened(&mut for_ann).await;
    }

    #[tokio::test]
    async fn a_call_without_a_part_stands_and_says_so_and_a_deaf_part_stops_nothing() {
        let parts = SessionParts::default();
        let (tell, mut told) = troubles();
        let mut sink = parts.sink(None, "default", tell);
        assert_eq!(told.recv().await.as_deref(), Some(NOBODY));
        let (_part, mut frames) = parts.attach("ann".into()).unwrap();
        for _ in 0..10 * BACKLOG {
            sink.write(&[1; 160]).unwrap();
            tokio::task::yield_now().await;
        }
        let mut waiting = 0;
        while frames.try_recv().is_ok() {
            waiting += 1;
        }
        assert!(waiting <= BACKLOG, "{waiting}");
    }

    #[test]
    fn an_address_is_opened_for_its_user_and_for_nobody_else() {
        let parts = SessionParts::default();
        assert!(!parts.open_url(None, "https://crm.example/"));
        let (_ann, mut for_ann) = parts.attach("ann".into()).unwrap();
        let (_bob, mut for_bob) = parts.attach("bob".into()).unwrap();
        assert!(parts.open_url(Some("ann"), "https://crm.example/"));
        assert!(matches!(
            for_ann.try_recv(),
            Ok(Frame::Word(Word::OpenUrl { .. }))
        ));
        assert!(for_bob.try_recv().is_err());
        assert!(!parts.open_url(Some("carol"), "https://crm.example/"));
    }

    #[test]
    fn parts_are_counted_and_those_that_leave_make_room() {
        let parts = SessionParts::default();
        let mut attached: Vec<_> = (0..MAX_PARTS)
            .map(|_| parts.attach("ann".into()).unwrap())
            .collect();
        assert!(parts.attach("ann".into()).is_none());
        attached.pop();
        assert!(parts.attach("ann".into()).is_some());
        assert!(parts.is_there(Some("ann")) && !parts.is_there(Some("bob")));
    }
}

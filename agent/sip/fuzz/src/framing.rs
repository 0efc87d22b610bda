//! Bytes as a stream: cut anywhere, the same frames come out, and no more is held than one message.

use carillon_sip::message::{Frame, Framer, FramingError, MAX_MESSAGE};
use std::time::{Duration, Instant};

/// Reads the stream whole and in pieces; the first byte says how large the pieces are.
pub fn run(data: &[u8]) {
    let Some((&size, stream)) = data.split_first() else {
        return;
    };
    if stream.len() > MAX_MESSAGE {
        return;
    }
    let whole = frames(stream, stream.len().max(1));
    let pieces = frames(stream, usize::from(size) + 1);
    assert_eq!(messages(&whole.0), messages(&pieces.0));
    assert_eq!(whole.1, pieces.1);
}

fn frames(stream: &[u8], size: usize) -> (Vec<Frame>, Option<FramingError>) {
    let mut now = Instant::now();
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        if let Err(error) = framer.push(now, piece) {
            return (frames, Some(error));
        }
        loop {
            match framer.next(now) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(framer.held() <= MAX_MESSAGE);
        assert_eq!(framer.held() > 0, framer.deadline().is_some());
        now += Duration::from_millis(1).min(Duration::from_secs(30) / 70_000);
    }
    (frames, None)
}

/// Keep-alives depend on how the stream is cut; messages do not.
fn messages(frames: &[Frame]) -> Vec<&Frame> {
    frames
        .iter()
        .filter(|frame| matches!(frame, Frame::Message(_)))
        .collect()
}

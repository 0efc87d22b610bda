//! What crosses between the service and the session part: frames of a kind, a length and a body.
//!
//! Owns the form, and reads what the other side wrote with every length bounded. Sound is 16-bit PCM, mono, at 8 kHz,
//! the lower byte first; the rest is JSON.

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The name under which both sides know this form, and its version.
pub const PROTOCOL: &str = "carillon-session/1";
/// The longest body, in bytes.
pub const MAX_BODY: usize = 16 << 10;

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// Something to do, or to know.
    Word(Word),
    /// Sound of a stream: to be played there, or recorded there.
    Sound {
        /// Which stream.
        stream: u32,
        /// The sound.
        samples: Vec<i16>,
    },
    /// So much sound of a microphone is wanted.
    Want {
        /// Which stream.
        stream: u32,
        /// How many samples.
        samples: u16,
    },
}

/// What is said in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Word {
    /// To the part: open a microphone.
    Listen {
        /// As which stream.
        stream: u32,
        /// Its name, or `default`.
        device: String,
    },
    /// To the part: open a loudspeaker.
    Speak {
        /// As which stream.
        stream: u32,
        /// Its name, or `default`.
        device: String,
    },
    /// To the part: a stream is over.
    Close {
        /// Which.
        stream: u32,
    },
    /// To the part: open an address in the user's browser.
    OpenUrl {
        /// `http` or `https`.
        url: String,
    },
    /// To the service: a device does not play along.
    Trouble {
        /// Of which stream.
        stream: u32,
        /// What is wrong, for a person.
        text: String,
    },
}

const WORD: u8 = 1;
const SOUND: u8 = 2;
const WANT: u8 = 3;

impl Frame {
    /// The frame on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Word(word) => (WORD, serde_json::to_vec(word).unwrap_or_default()),
            Self::Sound { stream, samples } => {
                let mut body = stream.to_be_bytes().to_vec();
                let most = (MAX_BODY - body.len()) / 2;
                body.extend(samples.iter().take(most).flat_map(|s| s.to_le_bytes()));
                (SOUND, body)
            }
            Self::Want { stream, samples } => {
                let mut body = stream.to_be_bytes().to_vec();
                body.extend(samples.to_be_bytes());
                (WANT, body)
            }
        };
        // A body never has more than MAX_BODY bytes: texts are cut where they are made.
        let length = u16::try_from(body.len()).unwrap_or(0);
        let mut frame = vec![kind];
        frame.extend(length.to_be_bytes());
        frame.extend(body);
        frame
    }

    /// The next frame; `None` when the other side has left.
    ///
    /// # Errors
    /// When the stream breaks, or carries something else.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = [0; 3];
        match from.read_exact(&mut head).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        };
        let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
        if length > MAX_BODY {
            return Err(other("a frame is too long"));
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).await?;
        Self::decode(head[0], &body).map(Some)
    }

    fn decode(kind: u8, body: &[u8]) -> io::Result<Self> {
        if kind == WORD {
            let word = serde_json::from_slice(body);
            return word
                .map(Self::Word)
                .map_err(|_| other("a word is not known"));
        }
        let (Some(stream), rest) = (body.first_chunk::<4>(), body.get(4..).unwrap_or_default())
        else {
            return Err(other("a frame is cut"));
        };
        let stream = u32::from_be_bytes(*stream);
        match (kind, rest) {
            (SOUND, sound) => Ok(Self::Sound {
                stream,
                samples: sound
                    .chunks_exact(2)
                    .map(|sample| i16::from_le_bytes([sample[0], sample[1]]))
                    .collect(),
            }),
            (WANT, [high, low]) => Ok(Self::Want {
                stream,
                samples: u16::from_be_bytes([*high, *low]),
            }),
            _ => Err(other("a frame is of no known kind")),
        }
    }
}

fn other(why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{why}: do the versions of service and session part differ?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[tokio::test]
    async fn every_kind_goes_there_and_back() {
        let frames = [
            Frame::Word(Word::Listen {
                stream: 1,
                device: "default".into(),
            }),
            Frame::Word(Word::OpenUrl {
                url: "https://crm.example/?n=%22".into(),
            }),
            Frame::Sound {
                stream: 7,
                samples: vec![0, -1, i16::MIN, i16::MAX],
            },
            Frame::Want {
                stream: u32::MAX,
                samples: 160,
            },
        ];
        let wire: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let mut wire = wire.as_slice();
        for frame in frames {
            assert_eq!(Frame::read(&mut wire).await.unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut wire).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_above_the_limit_ends_the_stream_unread() {
        let length = u16::try_from(MAX_BODY + 1).unwrap().to_be_bytes();
        let wire = [SOUND, length[0], length[1]];
        assert!(Frame::read(&mut wire.as_slice()).await.is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mut wire = bytes.as_slice();
                while let Ok(Some(_)) = Frame::read(&mut wire).await {}
            });
        }
    }
}

//! One side of offer and answer over the life of a call (RFC 3264): one audio stream over RTP/AVP, every other stream refused.
//! Owns the session id, the version and the last description sent. Never touches a socket.

use super::media::{Codec, LocalMedia, NegotiatedMedia};
use crate::sdp::{Attribute, Direction, Media, Origin, SdpError, SessionDescription};
use std::net::SocketAddr;
use thiserror::Error;

/// The only profile spoken.
const PROFILE: &str = "RTP/AVP";

/// Why an offer or an answer was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The text cannot be read.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// No audio stream over plain RTP.
    #[error("no audio stream over RTP/AVP")]
    NoAudio,
    /// No codec both sides have.
    #[error("no codec in common; they have {theirs}, we have {ours}")]
    NoCodec {
        /// Codecs of the peer.
        theirs: String,
        /// Codecs of ours.
        ours: String,
    },
    /// No address to send to.
    #[error("the audio stream has no address")]
    NoAddress,
    /// What this side was given to offer cannot be written.
    #[error("the local media cannot be offered: {why}")]
    Local {
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Offer and answer of one call, this side.
#[derive(Debug, Clone)]
pub struct MediaSession {
    id: u64,
    version: u64,
    local: LocalMedia,
    /// The direction the owner gave; what is wanted later is never wider.
    widest: Direction,
    sent: Option<SessionDescription>,
    /// What stood before the offer that is open; to go back to when it is refused.
    before: Option<Before>,
}

#[derive(Debug, Clone)]
struct Before(Option<SessionDescription>);

impl MediaSession {
    /// Begins with what this side can do.
    ///
    /// # Errors
    /// Media without a codec, with a payload type above 127 or used twice, or with a text no SDP line can hold.
    pub fn new(id: u64, local: LocalMedia) -> Result<Self, Refusal> {
        check(&local)?;
        Ok(Self {
            id,
            version: 1,
            widest: local.direction,
            local,
            sent: None,
            before: None,
        })
    }

    /// What this side can do.
    #[must_use]
    pub fn local(&self) -> &LocalMedia {
        &self.local
    }

    /// The direction this side wants from now on, within what it was made with; goes out with the next offer or answer.
    pub fn set_direction(&mut self, direction: Direction) {
        self.local.direction = self.widest.and(direction);
    }

    /// Makes an offer. Streams refused earlier keep their place with port 0.
    pub fn offer(&mut self) -> SessionDescription {
        let codecs = self.local.codecs.clone();
        self.offer_of(&codecs)
    }

    /// Makes an offer of one codec, and `telephone-event` with it: settles what is used when an answer named several (RFC 3264 §10.2).
    pub fn offer_only(&mut self, codec: &Codec) -> SessionDescription {
        let chosen = |ours: &&Codec| ours.same_encoding(codec) || ours.is_telephone_event();
        let codecs: Vec<Codec> = self.local.codecs.iter().filter(chosen).cloned().collect();
        self.offer_of(&codecs)
    }

    /// Whether an offer of ours waits for its answer.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.before.is_some()
    }

    /// The offer that is open was refused: what was agreed before it stands (RFC 3261 §14.1).
    pub fn withdraw(&mut self) {
        if let Some(Before(sent)) = self.before.take() {
            self.sent = sent;
        }
    }

    fn offer_of(&mut self, codecs: &[Codec]) -> SessionDescription {
        let before = Before(self.sent.clone());
        let stream = self.stream(codecs, self.local.direction);
        let media = match &self.sent {
            None => vec![stream],
            Some(sent) => {
                let mut media = sent.media.clone();
                match media.iter_mut().find(|media| media.port != 0) {
                    Some(place) => *place = stream,
                    None => media.push(stream),
                }
                media
            }
        };
        let offer = self.send(media);
        self.before.get_or_insert(before);
        offer
    }

    /// Answers an offer.
    ///
    /// # Errors
    /// Nothing in the offer fits.
    pub fn answer(
        &mut self,
        offer: &SessionDescription,
    ) -> Result<(SessionDescription, NegotiatedMedia), Refusal> {
        let chosen = offer
            .media
            .iter()
            .position(is_audio)
            .ok_or(Refusal::NoAudio)?;
        let theirs = &offer.media[chosen];
        let address = offer.address_of(theirs).ok_or(Refusal::NoAddress)?;
        let (codec, dtmf) = self.choose(theirs)?;
        let direction = self
            .local
            .direction
            .and(direction_allowed(offer, theirs, address));
        let mut codecs = vec![codec.clone()];
        codecs.extend(dtmf.clone());
        let stream = self.stream(&codecs, direction);
        let media = offer
            .media
            .iter()
            .enumerate()
            .map(|(at, media)| {
                if at == chosen {
                    stream.clone()
                } else {
                    refused(media)
                }
            })
            .collect();
        let negotiated = negotiated(
            theirs,
            SocketAddr::new(address, theirs.port),
            codec,
            dtmf,
            direction,
            self.local.ptime_ms,
            !offer.direction_of(theirs).receives(),
        );
        self.before = None;
        Ok((self.send(media), negotiated))
    }

    /// Takes the peer's answer to the last offer.
    ///
    /// # Errors
    /// The stream is refused, or agrees on nothing that was offered. What was agreed before stands then.
    pub fn accept(&mut self, answer: &SessionDescription) -> Result<NegotiatedMedia, Refusal> {
        let agreed = self.read(answer);
        match &agreed {
            Ok(_) => self.before = None,
            Err(_) => self.withdraw(),
        }
        agreed
    }

    /// How many audio codecs of ours a description names. More than one in an answer leaves open which is used.
    #[must_use]
    pub fn shared_codecs(&self, description: &SessionDescription) -> usize {
        let Some(media) = description.media.iter().find(|media| is_audio(media)) else {
            return 0;
        };
        let ours = |codec: &&Codec| {
            !codec.is_telephone_event()
                && self.local.codecs.iter().any(|own| own.same_encoding(codec))
        };
        codecs_of(media).iter().filter(ours).count()
    }

    fn read(&self, answer: &SessionDescription) -> Result<NegotiatedMedia, Refusal> {
        let place = self
            .sent
            .as_ref()
            .and_then(|sent| sent.media.iter().position(|media| media.port != 0))
            .unwrap_or(0);
        let theirs = answer
            .media
            .get(place)
            .filter(|media| is_audio(media))
            .ok_or(Refusal::NoAudio)?;
        let address = answer.address_of(theirs).ok_or(Refusal::NoAddress)?;
        let (codec, dtmf) = self.choose(theirs)?;
        let direction = self
            .local
            .direction
            .and(direction_allowed(answer, theirs, address));
        // Who was offered nothing to receive says so without meaning a hold.
        let holds_in_answer =
            self.local.direction.sends() && !answer.direction_of(theirs).receives();
        Ok(negotiated(
            theirs,
            SocketAddr::new(address, theirs.port),
            codec,
            dtmf,
            direction,
            self.local.ptime_ms,
            holds_in_answer,
        ))
    }

    /// The first codec of theirs that is ours too, with their payload type, and `telephone-event` when both have it.
    fn choose(&self, theirs: &Media) -> Result<(Codec, Option<Codec>), Refusal> {
        let listed = codecs_of(theirs);
        let ours = |wanted: &Codec| {
            self.local
                .codecs
                .iter()
                .find(|codec| codec.same_encoding(wanted))
        };
        let taken = |wanted: &Codec| {
            ours(wanted).map(|own| Codec {
                payload_type: wanted.payload_type,
                ..own.clone()
            })
        };
        let Some(codec) = listed
            .iter()
            .filter(|codec| !codec.is_telephone_event())
            .find_map(taken)
        else {
            let names = |list: &[Codec]| {
                list.iter()
                    .map(|codec| codec.name.clone())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            return Err(Refusal::NoCodec {
                theirs: names(&listed),
                ours: names(&self.local.codecs),
            });
        };
        let events = || listed.iter().filter(|codec| codec.is_telephone_event());
        let dtmf = events()
            .filter(|event| event.clock_rate == codec.clock_rate)
            .find_map(taken)
            .or_else(|| events().find_map(taken));
        Ok((codec, dtmf))
    }

    fn stream(&self, codecs: &[Codec], direction: Direction) -> Media {
        let mut attributes = Vec::new();
        for codec in codecs {
            let channels = if codec.channels > 1 {
                format!("/{}", codec.channels)
            } else {
                String::new()
            };
            attributes.push(Attribute::new(
                "rtpmap",
                format!(
                    "{} {}/{}{channels}",
                    codec.payload_type, codec.name, codec.clock_rate
                ),
            ));
            if let Some(fmtp) = &codec.fmtp {
                attributes.push(Attribute::new(
                    "fmtp",
                    format!("{} {fmtp}", codec.payload_type),
                ));
            }
        }
        attributes.push(Attribute::new("ptime", self.local.ptime_ms.to_string()));
        attributes.push(Attribute::flag(direction.as_str()));
        Media {
            kind: "audio".to_owned(),
            port: self.local.addr.port(),
            protocol: PROFILE.to_owned(),
            formats: codecs
                .iter()
                .map(|codec| codec.payload_type.to_string())
                .collect(),
            connection: None,
            attributes,
        }
    }

    /// Notes a description as sent; its version rises when anything changed (RFC 3264 §8).
    fn send(&mut self, media: Vec<Media>) -> SessionDescription {
        if let Some(sent) = &self.sent
            && (sent.media != media || sent.connection != Some(self.local.addr.ip()))
        {
            self.version += 1;
        }
        let address = self.local.addr.ip();
        let origin = Origin {
            username: "-".to_owned(),
            session: self.id.to_string(),
            version: self.version.to_string(),
            address: address.to_string(),
        };
        let description = SessionDescription {
            origin,
            connection: Some(address),
            attributes: Vec::new(),
            media,
        };
        self.sent = Some(description.clone());
        description
    }
}

fn check(local: &LocalMedia) -> Result<(), Refusal> {
    let fail = |why| Err(Refusal::Local { why });
    if local.addr.port() == 0 {
        return fail("the RTP port is 0");
    }
    if local.codecs.iter().all(Codec::is_telephone_event) {
        return fail("there is no audio codec");
    }
    for (at, codec) in local.codecs.iter().enumerate() {
        if codec.payload_type > 127
            || local.codecs[..at]
                .iter()
                .any(|other| other.payload_type == codec.payload_type)
        {
            return fail("a payload type is above 127 or used twice");
        }
        let name_ok = crate::message::scan::is_token(&codec.name);
        if !name_ok
            || codec.clock_rate == 0
            || codec
                .fmtp
                .as_deref()
                .is_some_and(|fmtp| fmtp.contains(['\r', '\n', '\0']))
        {
            return fail("a codec's name, clock rate or format parameters cannot be written");
        }
    }
    Ok(())
}

/// Whether there is a stream that could be answered.
pub(crate) fn has_audio(description: &SessionDescription) -> bool {
    description.media.iter().any(is_audio)
}

fn is_audio(media: &Media) -> bool {
    media.kind == "audio" && media.port != 0 && media.protocol == PROFILE
}

fn refused(media: &Media) -> Media {
    Media {
        port: 0,
        connection: None,
        attributes: Vec::new(),
        ..media.clone()
    }
}

/// What the peer's direction leaves to us. An unspecified address is the old way to hold: nothing may be sent there.
fn direction_allowed(
    description: &SessionDescription,
    media: &Media,
    address: std::net::IpAddr,
) -> Direction {
    let allowed = description.direction_of(media).reversed();
    if address.is_unspecified() {
        allowed.and(Direction::RecvOnly)
    } else {
        allowed
    }
}

fn codecs_of(media: &Media) -> Vec<Codec> {
    let mut codecs = Vec::new();
    for format in &media.formats {
        let Some(payload_type) = format
            .parse::<u8>()
            .ok()
            .filter(|payload_type| *payload_type < 128)
        else {
            continue;
        };
        let of_type = |value: &str| {
            value
                .trim_start()
                .split_once([' ', '\t'])
                .filter(|(number, _)| *number == format)
                .map(|(_, rest)| rest.trim().to_owned())
        };
        let codec = match media.values("rtpmap").find_map(of_type) {
            Some(map) => {
                let mut parts = map.split('/');
                let name = parts.next().unwrap_or("").trim().to_owned();
                let Some(clock_rate) = parts.next().and_then(|rate| rate.trim().parse().ok())
                else {
                    continue;
                };
                let channels = parts
                    .next()
                    .and_then(|channels| channels.trim().parse().ok())
                    .unwrap_or(1);
                Codec {
                    name,
                    clock_rate,
                    channels,
                    payload_type,
                    fmtp: None,
                }
            }
            None => match payload_type {
                0 => Codec::pcmu(),
                8 => Codec::pcma(),
                9 => Codec {
                    name: "G722".to_owned(),
                    clock_rate: 8000,
                    channels: 1,
                    payload_type,
                    fmtp: None,
                },
                18 => Codec {
                    name: "G729".to_owned(),
                    clock_rate: 8000,
                    channels: 1,
                    payload_type,
                    fmtp: None,
                },
                _ => continue,
            },
        };
        codecs.push(Codec {
            fmtp: media.values("fmtp").find_map(of_type),
            ..codec
        });
    }
    codecs
}

fn negotiated(
    theirs: &Media,
    remote_rtp: SocketAddr,
    codec: Codec,
    dtmf: Option<Codec>,
    direction: Direction,
    ptime_ms: u16,
    held: bool,
) -> NegotiatedMedia {
    let rtcp_port = theirs
        .values("rtcp")
        .next()
        .and_then(|value| value.split_ascii_whitespace().next())
        .and_then(|port| port.parse().ok())
        .filter(|port| *port != 0);
    let remote_rtcp = SocketAddr::new(
        remote_rtp.ip(),
        rtcp_port.unwrap_or_else(|| remote_rtp.port().saturating_add(1)),
    );
    let number = |name| {
        theirs
            .values(name)
            .next()
            .and_then(|value| value.trim().parse::<u16>().ok())
            .filter(|value| (1..=200).contains(value))
    };
    let ptime_ms = number("ptime")
        .unwrap_or(ptime_ms)
        .min(number("maxptime").unwrap_or(u16::MAX));
    NegotiatedMedia {
        remote_rtp,
        remote_rtcp,
        codec,
        dtmf: dtmf.map(|event| event.payload_type),
        direction,
        ptime_ms,
        held: held || remote_rtp.ip().is_unspecified(),
    }
}

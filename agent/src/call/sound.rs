//! What a call needs before anything is said on the wire: RTP ports and open devices.
//!
//! They are had first, so that a device that is missing is told to the person who dials or answers, and the
//! far side never hears silence because of it.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use carillon_media::{AudioSink, AudioSource, CodecKind, Remote, SessionConfig, bind_rtp_pair};
use carillon_sip::{Direction, LocalMedia, NegotiatedMedia};
use tokio::sync::mpsc;

use super::settings::CallSettings;

/// Troubles of one call that wait to be told; what comes beyond them says the same.
pub(super) const MAX_TROUBLES: usize = 4;

/// Ports and devices of one call that is about to be.
pub(crate) struct Sound {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    pub(super) source: Box<dyn AudioSource>,
    pub(super) sink: Box<dyn AudioSink>,
    /// What is wrong with devices in a session, as it comes.
    pub(super) troubles: mpsc::Receiver<String>,
    address: SocketAddr,
}

impl Sound {
    /// Binds ports on `address` and opens the devices; where that may wait, off this thread.
    ///
    /// # Errors
    /// What was tried, and what to do.
    pub(crate) async fn open(settings: &CallSettings, address: IpAddr) -> Result<Self, String> {
        let (rtp, rtcp) =
            bind_rtp_pair(address, settings.ports.clone()).map_err(|error| error.to_string())?;
        let address = rtp.local_addr().map_err(|error| error.to_string())?;
        let (input, output) = (settings.input.clone(), settings.output.clone());
        let place = settings.session.clone();
        let waits = place.may_wait(&input) || place.may_wait(&output);
        let (tell, troubles) = mpsc::channel(MAX_TROUBLES);
        let open = move || -> Result<_, String> {
            let source = place
                .open_source(&input, &tell)
                .map_err(|error| error.to_string())?;
            let sink = place
                .open_sink(&output, &tell)
                .map_err(|error| error.to_string())?;
            Ok((source, sink))
        };
        let (source, sink) = if !waits {
            open()?
        } else {
            tokio::task::spawn_blocking(open)
                .await
                .map_err(|_| "the sound system's library failed".to_owned())??
        };
        Ok(Self {
            rtp,
            rtcp,
            source,
            sink,
            troubles,
            address,
        })
    }

    /// What this side offers or answers.
    pub(crate) fn local_media(&self, settings: &CallSettings) -> LocalMedia {
        LocalMedia {
            addr: self.address,
            codecs: settings.offered_codecs(),
            ptime_ms: settings.ptime_ms,
            direction: Direction::SendRecv,
        }
    }
}

/// What names a call's RTP stream, drawn at random once per call.
#[derive(Debug)]
pub(super) struct StreamIdentity {
    ssrc: u32,
    seed: u64,
    cname: String,
}

impl StreamIdentity {
    pub(super) fn draw() -> Result<Self, getrandom::Error> {
        let seed = getrandom::u64()?;
        Ok(Self {
            ssrc: getrandom::u32()?,
            seed,
            // RFC 7022 §4.2: a name per session that tells nothing about host or user.
            cname: format!("{:016x}", getrandom::u64()?),
        })
    }
}

/// What the media engine is told of an agreement.
///
/// # Errors
/// A codec that was not offered, so that nothing here plays it.
pub(super) fn session_of(
    media: &NegotiatedMedia,
    settings: &CallSettings,
    identity: &StreamIdentity,
) -> Result<(Remote, SessionConfig), String> {
    let codec = kind_of(&media.codec.name)
        .ok_or_else(|| format!("the codec {} was not offered", media.codec.name))?;
    let mut config = SessionConfig::new(codec, identity.ssrc, identity.seed, &identity.cname);
    config.payload_type = media.codec.payload_type;
    config.alternatives = settings
        .codecs
        .iter()
        .filter(|kind| **kind != codec)
        .map(|kind| (kind.static_payload_type(), *kind))
        .filter(|(number, _)| *number != config.payload_type && Some(*number) != media.dtmf)
        .collect();
    config.dtmf_payload_type = media.dtmf;
    config.ptime_ms = if media.ptime_ms == 10 { 10 } else { 20 };
    config.send = media.direction.sends();
    config.receive = media.direction.receives();
    config.jitter = settings.jitter;
    let remote = Remote {
        rtp: media.remote_rtp,
        rtcp: media.remote_rtcp,
        // Symmetric RTP: behind NAT, or on a host with several addresses, the sound comes from another one than
        // its SDP names. The named address wins whenever it speaks.
        latch: true,
    };
    Ok((remote, config))
}

fn kind_of(name: &str) -> Option<CodecKind> {
    if name.eq_ignore_ascii_case("PCMU") {
        Some(CodecKind::Pcmu)
    } else if name.eq_ignore_ascii_case("PCMA") {
        Some(CodecKind::Pcma)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_media::DeviceSpec;
    use carillon_sip::Codec;

    fn agreed(codec: Codec) -> NegotiatedMedia {
        NegotiatedMedia {
            remote_rtp: "192.0.2.1:4000".parse().unwrap(),
            remote_rtcp: "192.0.2.1:4001".parse().unwrap(),
            codec,
            dtmf: Some(101),
            direction: Direction::RecvOnly,
            ptime_ms: 30,
            held: false,
        }
    }

    #[test]
    fn an_agreement_becomes_a_valid_session() {
        let identity = StreamIdentity::draw().unwrap();
        let settings = CallSettings::default();
        let (remote, config) = session_of(&agreed(Codec::pcmu()), &settings, &identity).unwrap();
        assert_eq!(remote.rtp.port(), 4000);
        assert_eq!((config.codec, config.payload_type), (CodecKind::Pcmu, 0));
        assert_eq!(config.alternatives, [(8, CodecKind::Pcma)]);
        assert_eq!((config.send, config.receive), (false, true));
        assert_eq!(config.ptime_ms, 20);
        config.validate().unwrap();
    }

    #[test]
    fn a_codec_of_nobody_is_refused() {
        let identity = StreamIdentity::draw().unwrap();
        let mut codec = Codec::pcmu();
        codec.name = "L16".into();
        assert!(session_of(&agreed(codec), &CallSettings::default(), &identity).is_err());
    }

    #[tokio::test]
    async fn a_missing_file_is_told_before_anything_rings() {
        let settings = CallSettings {
            input: DeviceSpec::Wav("/nowhere/in.wav".into()),
            output: DeviceSpec::Null,
            ..CallSettings::default()
        };
        let error = Sound::open(&settings, "127.0.0.1".parse().unwrap())
            .await
            .err()
            .unwrap();
        assert!(error.contains("/nowhere/in.wav"), "{error}");
    }
}

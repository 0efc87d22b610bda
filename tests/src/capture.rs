//! A capture of loopback by tshark, and the RTP streams in it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::{Fault, Outcome, patience};

/// A running capture.
#[derive(Debug)]
pub struct Capture {
    process: Process,
    folder: TempDir,
}

/// One direction of one RTP stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// The source's SSRC as tshark prints it.
    pub ssrc: String,
    /// The port it was sent from.
    pub from: u16,
    /// The port it was sent to.
    pub to: u16,
    /// Packets seen, repeats left out.
    pub packets: u64,
    /// Sequence numbers never seen between the first and the last.
    pub lost: u64,
    /// The longest time between two packets, in seconds.
    pub longest_gap: f64,
}

impl Capture {
    /// Captures all UDP on loopback from now on. Needs root or the right to capture.
    ///
    /// # Errors
    /// [`Fault::TooLate`] when tshark does not begin, with its reason.
    pub fn start() -> Outcome<Self> {
        let folder = TempDir::with_prefix("carillon-capture-")
            .map_err(|e| Fault::system("make a folder for a capture", e))?;
        let file = folder.path().join("lo.pcap");
        let mut process = Process::start(
            "tshark",
            Path::new("tshark"),
            ["-i", "lo", "-f", "udp", "-q", "-w", &file.to_string_lossy()],
            folder.path(),
        )?;
        patience::until(
            "the beginning of the capture",
            Duration::from_secs(15),
            || {
                if !process.is_running() {
                    return Err(process.last_words());
                }
                let said = process.said();
                if said.contains("Capturing on") && file.metadata().is_ok_and(|m| m.len() > 0) {
                    Ok(())
                } else {
                    Err(said)
                }
            },
        )?;
        Ok(Self { process, folder })
    }

    /// Ends the capture and reads the RTP streams from and to these ports, known by their form
    /// alone: a capture may begin in the middle of a call.
    ///
    /// # Errors
    /// [`Fault::Refused`] when tshark cannot read its own capture.
    pub fn streams(mut self, ports: &RangeInclusive<u16>) -> Outcome<Vec<Stream>> {
        self.process.signal("INT")?;
        self.process.wait(Duration::from_secs(10))?;
        let mut command = Command::new("tshark");
        command.arg("-r").arg(self.folder.path().join("lo.pcap"));
        command.args(["--enable-heuristic", "rtp_udp"]);
        command.args(["-Y", "rtp && !rtcp", "-T", "fields"]);
        for field in [
            "frame.time_epoch",
            "udp.srcport",
            "udp.dstport",
            "rtp.ssrc",
            "rtp.seq",
        ] {
            command.args(["-e", field]);
        }
        let output = command
            .output()
            .map_err(|e| Fault::system("run tshark", e))?;
        if !output.status.success() {
            return Err(Fault::refused(
                "tshark",
                "its capture",
                String::from_utf8_lossy(&output.stderr),
            ));
        }
        let mut streams = streams(&String::from_utf8_lossy(&output.stdout));
        streams.retain(|stream| ports.contains(&stream.from) || ports.contains(&stream.to));
        Ok(streams)
    }
}

#[derive(Default)]
struct Track {
    seen: Vec<u64>,
    last_time: Option<f64>,
    longest_gap: f64,
}

fn streams(lines: &str) -> Vec<Stream> {
    let mut tracks: BTreeMap<(String, u16, u16), Track> = BTreeMap::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[time, from, to, ssrc, seq] = fields.as_slice() else {
            continue;
        };
        let (Ok(time), Ok(from), Ok(to), Ok(seq)) = (
            time.parse::<f64>(),
            from.parse(),
            to.parse(),
            seq.parse::<u64>(),
        ) else {
            continue;
        };
        let track = tracks.entry((ssrc.to_owned(), from, to)).or_default();
        if let Some(last) = track.last_time {
            track.longest_gap = track.longest_gap.max(time - last);
        }
        track.last_time = Some(time);
        track.seen.push(extend(track.seen.last().copied(), seq));
    }
    tracks
        .into_iter()
        .map(|((ssrc, from, to), mut track)| {
            track.seen.sort_unstable();
            track.seen.dedup();
            let packets = track.seen.len() as u64;
            let span = track
                .seen
                .last()
                .zip(track.seen.first())
                .map_or(0, |(last, first)| last - first + 1);
            Stream {
                ssrc,
                from,
                to,
                packets,
                lost: span - packets,
                longest_gap: track.longest_gap,
            }
        })
        .collect()
}

/// Extends a 16-bit sequence number by the turns counted so far (RFC 3550 §A.1).
fn extend(last: Option<u64>, seq: u64) -> u64 {
    let Some(last) = last else {
        return 65_536 + seq;
    };
    let base = last & !0xFFFF;
    [
        base.saturating_sub(65_536) + seq,
        base + seq,
        base + 65_536 + seq,
    ]
    .into_iter()
    .min_by_key(|candidate| candidate.abs_diff(last))
    .unwrap_or(seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_is_counted_over_the_turn_of_the_sequence() {
        let mut lines = String::new();
        for (n, seq) in [65_533_u32, 65_534, 65_535, 0, 2, 1, 4]
            .into_iter()
            .enumerate()
        {
            lines += &format!("{}\t4000\t5000\t0x01\t{seq}\n", 100.0 + n as f64 * 0.02);
        }
        let streams = streams(&lines);
        assert_eq!(streams.len(), 1);
        assert_eq!((streams[0].packets, streams[0].lost), (7, 1));
        assert!((streams[0].longest_gap - 0.02).abs() < 1e-6);
    }
}

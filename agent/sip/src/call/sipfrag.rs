//! A piece of a SIP message as the body of a NOTIFY (RFC 3420): the status line of the call that a REFER asked for.

use crate::message::reason_phrase;

/// The body's type.
pub(super) const SIPFRAG: &str = "message/sipfrag;version=2.0";
/// The longest reason phrase read.
const MAX_REASON: usize = 128;

/// Writes a status line.
pub(super) fn write(status: u16, reason: &str) -> String {
    let plain: String = reason
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_REASON)
        .collect();
    let reason = if plain.is_empty() {
        reason_phrase(status)
    } else {
        &plain
    };
    format!("SIP/2.0 {status} {reason}\r\n")
}

/// Reads the status line at the start.
pub(super) fn read(body: &[u8]) -> Option<(u16, String)> {
    let text = String::from_utf8_lossy(body);
    let line = text.trim_start().lines().next()?;
    let rest = line.strip_prefix("SIP/2.0 ")?;
    let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status: u16 = status.parse().ok()?;
    let reason = reason
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_REASON)
        .collect();
    (100..700).contains(&status).then_some((status, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_written_and_read() {
        assert_eq!(write(180, ""), "SIP/2.0 180 Ringing\r\n");
        assert_eq!(
            read(b"SIP/2.0 503 Nobody\x07 there\r\nTo: x\r\n"),
            Some((503, "Nobody there".to_owned()))
        );
        assert_eq!(read(b"\r\nSIP/2.0 200"), Some((200, String::new())));
        for bad in [
            &b""[..],
            b"HTTP/1.1 200 OK",
            b"SIP/2.0 99 x",
            b"SIP/2.0 x",
            b"\xff\xfe",
        ] {
            assert_eq!(read(bad), None);
        }
    }
}

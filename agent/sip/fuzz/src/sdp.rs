//! Bytes as a session description: what is read is printed, and what is printed is read the same.

use carillon_sip::sdp::{MAX_ATTRIBUTES, MAX_FORMATS, MAX_MEDIA, SessionDescription};

/// Reads a description and prints it.
pub fn run(data: &[u8]) {
    let Ok(description) = SessionDescription::parse(data) else {
        return;
    };
    assert!(description.media.len() <= MAX_MEDIA);
    assert!(description.attributes.len() <= MAX_ATTRIBUTES);
    for media in &description.media {
        assert!(media.formats.len() <= MAX_FORMATS && media.attributes.len() <= MAX_ATTRIBUTES);
        let _ = (
            description.address_of(media),
            description.direction_of(media),
            media.values("rtpmap").count(),
        );
    }
    let printed = description.to_string();
    let again = SessionDescription::parse(printed.as_bytes()).expect("what is printed can be read");
    assert_eq!(again, description, "{printed}");
}

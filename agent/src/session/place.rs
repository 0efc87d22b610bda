//! Where the sound of an account's calls is: at devices of this process, or in a user's session.
//!
//! Owns the choice, and opens what was chosen.

use carillon_media::{AudioSink, AudioSource, DeviceError, DeviceSpec, open_sink, open_source};

use super::parts::{SessionParts, Troubles};

/// The name by which a session's default device is asked for.
const DEFAULT: &str = "default";

/// What an account's calls open devices with. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionPlace {
    /// The session parts.
    pub parts: SessionParts,
    /// Whose sound it is; whoever's session is there when nobody is named.
    pub user: Option<String>,
    /// This process is a service: no sound card is its own, so that every card named is one of the session.
    pub service: bool,
}

impl SessionPlace {
    /// Opens a source. May wait for the sound system for up to two seconds, if it is one of this process.
    ///
    /// # Errors
    /// What was asked for, why it cannot be had, and what there is instead.
    pub fn open_source(
        &self,
        spec: &DeviceSpec,
        troubles: &Troubles,
    ) -> Result<Box<dyn AudioSource>, DeviceError> {
        match self.device(spec) {
            Some(device) => {
                let user = self.user.as_deref();
                Ok(Box::new(self.parts.source(user, device, troubles.clone())))
            }
            None => open_source(spec),
        }
    }

    /// Opens a sink. May wait in the same way.
    ///
    /// # Errors
    /// What was asked for, why it cannot be had, and what there is instead.
    pub fn open_sink(
        &self,
        spec: &DeviceSpec,
        troubles: &Troubles,
    ) -> Result<Box<dyn AudioSink>, DeviceError> {
        match self.device(spec) {
            Some(device) => {
                let user = self.user.as_deref();
                Ok(Box::new(self.parts.sink(user, device, troubles.clone())))
            }
            None => open_sink(spec),
        }
    }

    /// Has an address opened in the browser of that session; whether there is one.
    pub fn open_url(&self, url: &str) -> bool {
        self.parts.open_url(self.user.as_deref(), url)
    }

    /// Whether opening it may wait for a sound system.
    pub fn may_wait(&self, spec: &DeviceSpec) -> bool {
        let at_once = matches!(spec, DeviceSpec::Null | DeviceSpec::Tone(_));
        !at_once && self.device(spec).is_none()
    }

    /// The name of the device in the session; `None` for one of this process.
    fn device<'a>(&self, spec: &'a DeviceSpec) -> Option<&'a str> {
        match spec {
            DeviceSpec::Session(name) => Some(name.as_deref().unwrap_or(DEFAULT)),
            DeviceSpec::Default if self.service => Some(DEFAULT),
            DeviceSpec::Named(name) if self.service => Some(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_cards_are_those_of_the_session() {
        let desk = SessionPlace::default();
        let service = SessionPlace {
            service: true,
            ..SessionPlace::default()
        };
        for (text, of_desk, of_service) in [
            ("default", None, Some("default")),
            ("USB Headset", None, Some("USB Headset")),
            ("session", Some("default"), Some("default")),
            (
                "session:USB Headset",
                Some("USB Headset"),
                Some("USB Headset"),
            ),
            ("tone:440", None, None),
            ("null", None, None),
            ("wav:x.wav", None, None),
        ] {
            let spec = text.parse().unwrap();
            assert_eq!(desk.device(&spec), of_desk, "{text}");
            assert_eq!(service.device(&spec), of_service, "{text}");
        }
        assert!(!service.may_wait(&DeviceSpec::Default));
        assert!(desk.may_wait(&DeviceSpec::Default) && !desk.may_wait(&DeviceSpec::Null));
    }
}

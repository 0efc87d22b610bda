//! What a person switched on the desk since the agent started, over what the configuration says.

use carillon_schemas::features::{Features, Forward};

/// Which calls go elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Every call.
    Always,
    /// A call that finds the account busy.
    Busy,
    /// A call that nobody answers.
    NoAnswer,
}

/// Switches of one account; `None` leaves it to the configuration, an empty target turns forwarding off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Switches {
    pub(crate) do_not_disturb: Option<bool>,
    pub(crate) always: Option<String>,
    pub(crate) busy: Option<String>,
    pub(crate) no_answer: Option<String>,
}

impl Switches {
    /// The features in force.
    pub(crate) fn over(&self, features: &Features) -> Features {
        let mut forward = features.forward.clone().unwrap_or_default();
        for (switch, setting) in [
            (&self.always, &mut forward.always),
            (&self.busy, &mut forward.busy),
            (&self.no_answer, &mut forward.no_answer),
        ] {
            if let Some(target) = switch {
                *setting = Some(target.clone()).filter(|target| !target.is_empty());
            }
        }
        Features {
            do_not_disturb: self.do_not_disturb.or(features.do_not_disturb),
            forward: (forward != Forward::default()).then_some(forward),
            ..features.clone()
        }
    }

    pub(crate) fn forward(&mut self, kind: Kind, target: Option<String>) {
        let switch = match kind {
            Kind::Always => &mut self.always,
            Kind::Busy => &mut self.busy,
            Kind::NoAnswer => &mut self.no_answer,
        };
        *switch = Some(target.unwrap_or_default());
    }
}

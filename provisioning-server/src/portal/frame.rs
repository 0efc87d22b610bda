//! What stands around every page: who is signed in, where we are, and the addresses of the static files.

use super::assets;
use super::clock::Clock;

/// Who looks at the page.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    /// The admin's name.
    pub(super) name: String,
    /// The session's token against forged requests, for the page's forms.
    pub(super) csrf: String,
}

/// Which entry of the bar on top the page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Desks,
    NewDesk,
    Elsewhere,
}

/// The surroundings of a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    visitor: Option<Visitor>,
    place: Place,
    now: Clock,
}

impl Frame {
    /// Around a page for someone signed in.
    pub(super) fn new(visitor: Visitor, place: Place, now: Clock) -> Self {
        Self {
            visitor: Some(visitor),
            place,
            now,
        }
    }

    /// Around a page for anybody.
    pub(super) fn for_anybody(now: Clock) -> Self {
        Self {
            visitor: None,
            place: Place::Elsewhere,
            now,
        }
    }

    pub(super) fn visitor(&self) -> Option<&Visitor> {
        self.visitor.as_ref()
    }

    pub(super) fn csrf(&self) -> &str {
        self.visitor.as_ref().map_or("", |visitor| &visitor.csrf)
    }

    pub(super) fn at_desks(&self) -> bool {
        self.place == Place::Desks
    }

    pub(super) fn at_new_desk(&self) -> bool {
        self.place == Place::NewDesk
    }

    pub(super) fn now(&self) -> Clock {
        self.now
    }

    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub(super) fn styles(&self) -> &'static str {
        assets::styles()
    }

    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub(super) fn script(&self) -> &'static str {
        assets::script()
    }

    #[expect(clippy::unused_self, reason = "templates reach it through the frame")]
    pub(super) fn icon(&self) -> &'static str {
        assets::icon()
    }
}

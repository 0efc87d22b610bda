//! Who of this machine's users may use the local API without a token, and what a guest may ask.
//!
//! The system says who connects; the configuration says who is welcome. The agent's own user and root may do
//! everything. A guest of a machine-wide service may make calls with it and see how it stands: nothing that
//! changes who the desk is, and nothing that has the service open files or programs for them.

use carillon_schemas::Problem;
use hyper::Method;

use super::entrance::Peer;

/// Whom the configuration lets in besides the agent's own user and root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visitors {
    /// Members of this group.
    pub group: Option<String>,
    /// These, by name.
    pub users: Vec<String>,
}

/// Who is at the other end of a connection, and what that is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// The system does not say; a token has to.
    Unknown,
    /// The agent's own user, or the machine's administrator.
    Owner,
    /// A user who is let in, for what guests may ask.
    Guest(String),
    /// A user who is not.
    Stranger(String),
}

impl Visitors {
    /// What a peer is worth. Asks the system's user database, which may wait for a directory server: a caller
    /// on the runtime's thread does so elsewhere, unless [`Visitors::known`] answers.
    pub(super) fn caller(&self, peer: &Peer) -> Caller {
        if let Some(caller) = Self::known(peer) {
            return caller;
        }
        match peer {
            Peer::Unknown => Caller::Unknown,
            #[cfg(unix)]
            Peer::User { uid, gid } => {
                let name = users::name(*uid);
                let group = self.group.as_deref();
                let welcome = self.users.contains(&name)
                    || group.is_some_and(|group| users::belongs(&name, *gid, group));
                if welcome {
                    Caller::Guest(name)
                } else {
                    Caller::Stranger(name)
                }
            }
            #[cfg(windows)]
            Peer::Account(visitor) => {
                let is_named = |user: &String| user.eq_ignore_ascii_case(&visitor.name);
                let name = visitor.name.clone();
                if visitor.member || self.users.iter().any(is_named) {
                    Caller::Guest(name)
                } else {
                    Caller::Stranger(name)
                }
            }
        }
    }

    /// The same where no user database is needed for it.
    pub(super) fn known(peer: &Peer) -> Option<Caller> {
        match peer {
            Peer::Unknown => Some(Caller::Unknown),
            #[cfg(unix)]
            Peer::User { uid, .. } => {
                let own = crate::state_folder::own_user() == Some(*uid);
                (own || *uid == 0).then_some(Caller::Owner)
            }
            #[cfg(windows)]
            Peer::Account(visitor) => visitor.owner.then_some(Caller::Owner),
        }
    }
}

impl Caller {
    /// Whether this caller may ask that; a token is not looked at here.
    ///
    /// # Errors
    /// The problem document of the refusal.
    pub(super) fn may(&self, method: &Method, path: &str) -> Result<(), Problem> {
        match self {
            Self::Unknown | Self::Owner => Ok(()),
            Self::Guest(_) if open_to_guests(method, path) => Ok(()),
            Self::Guest(name) => Err(Problem::new(
                403,
                "not-for-guests",
                "Not for guests",
                format!("{name} may use this machine's agent for calls, and not for this"),
            )
            .advise("ask as root or as the user that the agent runs as")),
            Self::Stranger(name) => Err(Problem::new(
                403,
                "stranger",
                "Not let in",
                format!("the user {name} may not use this agent"),
            )
            .advise(
                "have an administrator add them to the group that control.group in agent.yaml names, or to control.users",
            )),
        }
    }
}

/// The name of the user at the other end; `None` where the system does not say. Asks the user database.
pub(super) fn user_of(peer: &Peer) -> Option<String> {
    match peer {
        Peer::Unknown => None,
        #[cfg(unix)]
        Peer::User { uid, .. } => Some(users::name(*uid)),
        #[cfg(windows)]
        Peer::Account(visitor) => Some(visitor.name.clone()),
    }
}

/// What a guest may ask; everything else is the owner's. A list of what is open, so that a new route is closed.
fn open_to_guests(method: &Method, path: &str) -> bool {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let Some(("v1", rest)) = segments.split_first().map(|(first, rest)| (*first, rest)) else {
        return false;
    };
    match *method {
        Method::GET => matches!(
            rest,
            ["status"
                | "accounts"
                | "calls"
                | "events"
                | "devices"
                | "volume"
                | "contacts"
                | "links"
                | "session"
                | "openapi.json"]
        ),
        Method::POST => matches!(
            rest,
            ["calls" | "hangup" | "conference" | "features" | "messages" | "volume" | "links"]
                | [
                    "calls",
                    _,
                    "answer" | "hangup" | "hold" | "resume" | "transfer" | "dtmf" | "mute"
                ]
                | ["links", _]
                | ["accounts", _, "use"]
        ),
        Method::DELETE => matches!(rest, ["conference"]),
        _ => false,
    }
}

/// The system's user database, NSS and its directories included.
#[cfg(unix)]
mod users {
    use std::ffi::CString;

    use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

    /// The name of a user; the number of one that has none.
    pub(super) fn name(uid: u32) -> String {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        user.map_or_else(|| uid.to_string(), |user| user.name)
    }

    /// Whether a user with that group of the moment belongs to a group of that name.
    pub(super) fn belongs(name: &str, gid: u32, group: &str) -> bool {
        let Ok(Some(group)) = Group::from_name(group) else {
            return false;
        };
        let of_database = || {
            let name = CString::new(name).ok()?;
            let groups = getgrouplist(&name, Gid::from_raw(gid)).ok()?;
            Some(groups.contains(&group.gid))
        };
        group.gid.as_raw() == gid || of_database().unwrap_or(false)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn peer(uid: u32, gid: u32) -> Peer {
        Peer::User { uid, gid }
    }

    #[test]
    fn root_and_the_agents_own_user_are_owners_and_others_are_who_the_configuration_says() {
        let own = crate::state_folder::own_user().unwrap();
        let nobody = Visitors::default();
        for owner in [0, own] {
            assert_eq!(nobody.caller(&peer(owner, 1)), Caller::Owner);
        }
        // 'daemon' is 1 on every Debian; nobody is that high.
        assert_eq!(
            nobody.caller(&peer(1, 1)),
            Caller::Stranger("daemon".into())
        );
        let listed = Visitors {
            users: vec!["daemon".into()],
            group: None,
        };
        assert_eq!(listed.caller(&peer(1, 1)), Caller::Guest("daemon".into()));
        assert_eq!(
            listed.caller(&peer(4_000_000, 4_000_000)),
            Caller::Stranger("4000000".into())
        );
        let group = Visitors {
            group: Some("audio".into()),
            users: vec![],
        };
        let audio = nix::unistd::Group::from_name("audio").unwrap().unwrap();
        let by_group = peer(1, audio.gid.as_raw());
        assert_eq!(group.caller(&by_group), Caller::Guest("daemon".into()));
        assert!(matches!(group.caller(&peer(1, 1)), Caller::Stranger(_)));
        let missing = Visitors {
            group: Some("no-such-group".into()),
            users: vec![],
        };
        assert!(matches!(missing.caller(&peer(1, 1)), Caller::Stranger(_)));
    }

    #[test]
    fn a_guest_makes_calls_and_neither_enrols_nor_looks_at_the_wire() {
        let guest = Caller::Guest("ann".into());
        for (method, path) in [
            (Method::GET, "/v1/status"),
            (Method::GET, "/v1/events"),
            (Method::GET, "/v1/session"),
            (Method::POST, "/v1/calls"),
            (Method::POST, "/v1/calls/any/answer"),
            (Method::POST, "/v1/accounts/main/use"),
        ] {
            assert_eq!(guest.may(&method, path), Ok(()), "{path}");
        }
        for (method, path) in [
            (Method::POST, "/v1/enrol"),
            (Method::GET, "/v1/trace"),
            (Method::GET, "/v1/trace/main"),
            (Method::POST, "/v1/accounts/main/restart"),
            (Method::POST, "/v1/calls/1/record"),
            (Method::POST, "/v1/devices"),
            (Method::GET, "/v1/levels"),
            (Method::POST, "/v1/shutdown"),
            (Method::POST, "/v1/panel/sessions"),
            (Method::DELETE, "/v1/history"),
            (Method::POST, "/v1/status"),
            (Method::GET, "/v2/status"),
        ] {
            let problem = guest.may(&method, path).unwrap_err();
            assert_eq!((problem.status, problem.word()), (403, "not-for-guests"));
            assert_eq!(Caller::Owner.may(&method, path), Ok(()));
        }
        let stranger = Caller::Stranger("mallory".into());
        let problem = stranger.may(&Method::GET, "/v1/status").unwrap_err();
        assert!(problem.detail.contains("mallory"), "{problem:?}");
        assert_eq!(problem.word(), "stranger");
    }
}

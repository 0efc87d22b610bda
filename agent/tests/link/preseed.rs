//! A ticket that an installer left: used at the start, gone afterwards, kept with its reason when refused.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use carillon_agent::provisioning::identity::Identity;
use carillon_agent::state_folder::StateFolder;

use crate::desk::{Desk, desk_id, enrolled, in_system, state, ticket, until};
use crate::forge::Fleet;
use crate::server::{Reply, Server};

/// A server that enrols while it is told to, and has no configuration.
fn server(fleet: &Fleet, refuses: Option<(u16, &'static str)>) -> (Server, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let (fleet, told) = (fleet.clone(), open.clone());
    let server = Server::start(move |request| {
        if request.path != "/v1/enrol" {
            return Reply::problem(404, "no-config");
        }
        match refuses {
            Some((status, word)) if !told.load(Ordering::Relaxed) => Reply::problem(status, word),
            _ => enrolled(request, &fleet, &Default::default()),
        }
    });
    (server, open)
}

fn leave(folder: &StateFolder, server: &Server, fleet: &Fleet, mode: u32) {
    let path = folder.place("ticket");
    std::fs::write(&path, &*ticket(server, fleet).encode()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_ticket_enrols_at_the_start_and_is_gone() {
    in_system(async {
        let fleet = Fleet::new();
        let (server, _) = server(&fleet, None);
        let (_temporary, folder) = state();
        leave(&folder, &server, &fleet, 0o600);
        let desk = Desk::start(&folder);
        until("it enrols", || desk.view().desk == Some(desk_id())).await;
        until("it is gone", || !folder.place("ticket").exists()).await;
        drop(desk);
        // Left again, as an upgrade would: known, and removed without asking anybody.
        let asked = server.requests("/v1/enrol").len();
        leave(&folder, &server, &fleet, 0o600);
        let _desk = Desk::start(&folder);
        until("it is gone again", || !folder.place("ticket").exists()).await;
        assert_eq!(server.requests("/v1/enrol").len(), asked);
    });
}

#[test]
fn a_ticket_waits_for_a_server_that_is_away() {
    in_system(async {
        let fleet = Fleet::new();
        let (server, open) = server(&fleet, Some((503, "away")));
        let (_temporary, folder) = state();
        leave(&folder, &server, &fleet, 0o600);
        let desk = Desk::start(&folder);
        until("it says that it waits", || {
            let trouble = desk.view().trouble.unwrap_or_default();
            trouble.contains("waits for the server")
        })
        .await;
        assert!(folder.place("ticket").exists());
        open.store(true, Ordering::Relaxed);
        until("it enrols", || desk.view().desk == Some(desk_id())).await;
        until("it is gone", || !folder.place("ticket").exists()).await;
    });
}

#[test]
fn a_ticket_that_is_refused_or_open_to_others_stays_and_says_why() {
    in_system(async {
        let fleet = Fleet::new();
        for (mode, why) in [(0o600, "was not taken"), (0o644, "chmod 600")] {
            let (server, _) = server(&fleet, Some((403, "ticket-spent")));
            let (_temporary, folder) = state();
            leave(&folder, &server, &fleet, mode);
            let desk = Desk::start(&folder);
            until("it says why", || {
                desk.view().trouble.unwrap_or_default().contains(why)
            })
            .await;
            assert!(folder.place("ticket").exists());
            assert!(Identity::load(&folder).unwrap().is_none());
            let asked = usize::from(mode == 0o600);
            assert_eq!(server.requests("/v1/enrol").len(), asked);
        }
    });
}

//! The status report of a whole agent, put together as the program does it, to a server that is choosy.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Actor as _, Addr};
use carillon_agent::agent::{Agent, Service};
use carillon_agent::command::Shutdown;
use carillon_agent::event::AgentEvent;
use carillon_agent::provisioning::{self, LinkBoard, Provisioning};
use carillon_agent::state_folder::StateFolder;
use carillon_agent::status::reporter::Boot;
use carillon_agent::status::{self, Status};
use carillon_schemas::status::{AccountState, StatusAnswer, StatusReport};

use crate::desk::{PATIENCE, desk_id, enrolled, enrolled_at, in_system, until};
use crate::forge::Fleet;
use crate::server::{Reply, Server};

fn agent(folder: &StateFolder) -> Addr<Agent> {
    let board = LinkBoard::default();
    let (link_folder, link_board) = (folder.clone(), board.clone());
    let link = Service::new("provisioning", move |agent| {
        Provisioning::new(provisioning::Setup {
            folder: link_folder.clone(),
            agent_file: link_folder.place("agent.yaml"),
            board: link_board.clone(),
            apply: agent.clone().recipient(),
            hints: Some(agent.clone().recipient()),
            events: agent.recipient(),
            patience: PATIENCE,
            tickets: vec![],
        })
    });
    let boot = Boot::new();
    let status = Service::with_last_words("status", move |agent| {
        Status::new(status::Setup {
            board: board.clone(),
            agent: agent.clone().recipient(),
            events: agent.recipient(),
            boot: boot.clone(),
        })
    });
    Agent::new("test", vec![link, status]).start()
}

#[test]
fn all_is_told_first_then_what_changed_and_a_failure_is_told_again() {
    in_system(async {
        let fleet = Fleet::new();
        let (served, reports) = (fleet.clone(), Arc::new(Mutex::new(Vec::new())));
        let taken = reports.clone();
        let server = Server::start(move |request| match request.path.as_str() {
            "/v1/enrol" => enrolled(request, &served, &Mutex::default()),
            "/v1/desk/status" => {
                let report: StatusReport = serde_json::from_slice(&request.body).unwrap();
                let mut taken = taken.lock().unwrap();
                taken.push(report);
                match taken.len() {
                    // The first is lost, the second asked for again.
                    1 => Reply::problem(503, "busy").with("retry-after", "0"),
                    n => {
                        let answer = StatusAnswer { send_all: n == 2 };
                        Reply::json(serde_json::to_vec(&answer).unwrap())
                    }
                }
            }
            _ => {
                std::thread::sleep(Duration::from_millis(500));
                let fresh = served.freshness(&desk_id(), 0, 1, 600);
                Reply::new(304, "application/json", "").with("carillon-freshness", fresh)
            }
        });
        let (_temporary, folder) = enrolled_at(&server, &fleet).await;
        let _agent = agent(&folder);
        until("three reports", || reports.lock().unwrap().len() >= 3).await;
        std::fs::write(
            folder.place("agent.yaml"),
            "accounts: [{id: own, address: 'sip:1@127.0.0.1', register: false}]",
        )
        .unwrap();
        until("the account is told", || {
            let reports = reports.lock().unwrap();
            reports
                .iter()
                .any(|r| r.accounts.as_ref().is_some_and(|a| !a.is_empty()))
        })
        .await;
        let reports = reports.lock().unwrap().clone();
        for (index, report) in reports.iter().take(3).enumerate() {
            let whole = report.agent.is_some() && report.config.is_some() && report.calls.is_some();
            assert!(whole, "report {index}: {report:?}");
        }
        let last = reports.last().unwrap();
        assert!(last.agent.is_none(), "only what changed: {last:?}");
        assert!(reports.iter().all(|report| report.boot == reports[0].boot));
        let rising = reports
            .windows(2)
            .all(|pair| pair[0].sequence < pair[1].sequence);
        assert!(rising);
    });
}

#[test]
fn a_server_that_never_has_enough_is_not_flooded() {
    in_system(async {
        let fleet = Fleet::new();
        let served = fleet.clone();
        let server = Server::start(move |request| match request.path.as_str() {
            "/v1/enrol" => enrolled(request, &served, &Mutex::default()),
            "/v1/desk/status" => Reply::json("{\"send_all\": true}"),
            _ => Reply::problem(500, "unexpected"),
        });
        let (_temporary, folder) = enrolled_at(&server, &fleet).await;
        let _agent = agent(&folder);
        until("a report", || {
            !server.requests("/v1/desk/status").is_empty()
        })
        .await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        // Without a growing wait there would be one every 50 ms.
        let reports = server.requests("/v1/desk/status").len();
        assert!(reports <= 8, "{reports} reports");
        let polls = server.requests("/v1/desk/config").len();
        assert!(polls <= 8, "{polls} polls");
    });
}

/// A server that notes reports; one that holds an event of the kind `silent_from` is left without an answer for long.
fn noting(
    fleet: &Fleet,
    reports: &Arc<Mutex<Vec<StatusReport>>>,
    silent_from: Option<&'static str>,
) -> Server {
    let (served, taken) = (fleet.clone(), reports.clone());
    Server::start(move |request| match request.path.as_str() {
        "/v1/enrol" => enrolled(request, &served, &Mutex::default()),
        "/v1/desk/status" => {
            let report: StatusReport = serde_json::from_slice(&request.body).unwrap();
            let ends = report
                .events
                .iter()
                .any(|event| Some(event.kind.as_str()) == silent_from);
            taken.lock().unwrap().push(report);
            if ends {
                std::thread::sleep(Duration::from_secs(20));
            }
            Reply::json("{}")
        }
        _ => {
            std::thread::sleep(Duration::from_millis(500));
            let fresh = served.freshness(&desk_id(), 0, 1, 600);
            Reply::new(304, "application/json", "").with("carillon-freshness", fresh)
        }
    })
}

#[test]
fn the_last_report_tells_that_the_agent_left() {
    in_system(async {
        let (fleet, reports) = (Fleet::new(), Arc::new(Mutex::new(Vec::new())));
        let server = noting(&fleet, &reports, None);
        let (_temporary, folder) = enrolled_at(&server, &fleet).await;
        std::fs::write(
            folder.place("agent.yaml"),
            "accounts: [{id: own, address: 'sip:1@127.0.0.1', register: false}]",
        )
        .unwrap();
        let agent = agent(&folder);
        let state_of = |report: &StatusReport| Some(report.accounts.as_ref()?.first()?.state);
        let reported = |state| {
            let reports = reports.lock().unwrap();
            reports.iter().any(|report| state_of(report) == Some(state))
        };
        until("the account is told", || reported(AccountState::Local)).await;
        agent.send(Shutdown).await.unwrap();
        until("the agent is gone", || !agent.connected()).await;
        let last = reports.lock().unwrap().last().cloned().unwrap();
        assert_eq!(state_of(&last), Some(AccountState::Stopped), "{last:?}");
        let reports = reports.lock().unwrap();
        let told = reports.iter().flat_map(|report| &report.events);
        let leaving = told.filter(|event| event.kind == "shutting_down").count();
        assert_eq!(leaving, 1, "{reports:?}");
    });
}

#[test]
fn a_server_that_does_not_answer_the_last_report_holds_nobody_up() {
    in_system(async {
        let (fleet, reports) = (Fleet::new(), Arc::new(Mutex::new(Vec::new())));
        let server = noting(&fleet, &reports, Some("shutting_down"));
        let (_temporary, folder) = enrolled_at(&server, &fleet).await;
        let agent = agent(&folder);
        until("a report", || !reports.lock().unwrap().is_empty()).await;
        agent.send(Shutdown).await.unwrap();
        // The server would take twenty seconds.
        let gone = until("the agent is gone", || !agent.connected());
        tokio::time::timeout(Duration::from_secs(15), gone)
            .await
            .unwrap();
    });
}

/// A hint ends the wait after a failure, once; a second one right after it changes nothing.
#[test]
fn check_sync_asks_the_server_at_once_and_no_more_often() {
    in_system(async {
        let fleet = Fleet::new();
        let served = fleet.clone();
        let server = Server::start(move |request| match request.path.as_str() {
            "/v1/enrol" => enrolled(request, &served, &Mutex::default()),
            "/v1/desk/status" => Reply::json("{}"),
            _ => Reply::problem(503, "busy").with("retry-after", "600".to_owned()),
        });
        let (_temporary, folder) = enrolled_at(&server, &fleet).await;
        let agent = agent(&folder);
        let polls = || server.requests("/v1/desk/config").len();
        until("the first poll", || polls() == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        for _ in 0..3 {
            agent.send(AgentEvent::CheckSync).await.unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        until("the poll that was hinted at", || polls() >= 2).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(polls(), 2);
    });
}

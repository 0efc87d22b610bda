//! Turns of the long poll against a server that changes its mind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use carillon_agent::event::AgentEvent;
use carillon_agent::state_folder::StateFolder;
use carillon_schemas::Timestamp;
use carillon_schemas::desk_token::Unverified;
use carillon_schemas::enrolment::DeskKeys;
use carillon_schemas::envelope::PayloadType;

use crate::desk::{Desk, desk_id, enrolled, enrolled_at, in_system, until};
use crate::forge::{Fleet, Key, envelope};
use crate::server::{Manner, Reply, Request, Server};

/// A server's mind: what it hands out.
#[derive(Clone)]
struct Mind {
    fleet: Fleet,
    /// Roots it has beyond the first.
    roots: Vec<Vec<u8>>,
    /// Generation and body; its tag is the generation.
    config: Option<(u64, Vec<u8>)>,
    freshness_seconds: u64,
    /// The generation that the freshness statement names.
    newest: u64,
    /// How far its clock is ahead of the desk's, in seconds; `Some` checks the desk token by it.
    ahead: Option<u64>,
    /// What stands in its place: every poll gets this.
    stranger: Option<Reply>,
}

struct Stage {
    mind: Arc<Mutex<Mind>>,
    keys: Arc<Mutex<Option<DeskKeys>>>,
    server: Server,
    folder: StateFolder,
    _temporary: tempfile::TempDir,
}

impl Stage {
    /// A server, and a desk that has enrolled with it.
    async fn set() -> Self {
        let mind = Arc::new(Mutex::new(Mind {
            fleet: Fleet::new(),
            roots: vec![],
            config: None,
            freshness_seconds: 600,
            newest: 0,
            ahead: None,
            stranger: None,
        }));
        let keys = Arc::new(Mutex::new(None));
        let (server_mind, server_keys) = (mind.clone(), keys.clone());
        let server = Server::start(move |request| answer(request, &server_mind, &server_keys));
        let fleet = mind.lock().unwrap().fleet.clone();
        let (temporary, folder) = enrolled_at(&server, &fleet).await;
        Self {
            mind,
            keys,
            server,
            folder,
            _temporary: temporary,
        }
    }

    fn think(&self, with: impl FnOnce(&mut Mind)) {
        with(&mut self.mind.lock().unwrap());
    }

    /// Publishes a generation with that password.
    fn publish(&self, generation: u64, password: &str) {
        let keys = self.keys.lock().unwrap().clone().unwrap();
        self.think(|mind| {
            let body = mind.fleet.config(&desk_id(), generation, &keys, password);
            mind.config = Some((generation, body));
            mind.newest = generation;
        });
    }

    async fn runs(&self, desk: &Desk, generation: u64, password: &str) {
        let wanted = (Some(generation), Some(password.to_owned()));
        until("the generation runs", || desk.told.running() == wanted).await;
    }
}

fn answer(request: &Request, mind: &Mutex<Mind>, keys: &Mutex<Option<DeskKeys>>) -> Reply {
    let now = || mind.lock().unwrap().clone();
    match request.path.as_str() {
        "/v1/enrol" => enrolled(request, &now().fleet, keys),
        "/v1/desk/config" => {
            let first = now();
            if let Some(stranger) = first.stranger {
                return stranger;
            }
            if let Some(ahead) = first.ahead {
                let server = Timestamp(Timestamp::of(std::time::SystemTime::now()).0 + ahead);
                let token = request
                    .header("authorization")
                    .unwrap()
                    .strip_prefix("Bearer ")
                    .unwrap();
                let claims = Unverified::read(token)
                    .unwrap()
                    .verify("fleet", server, |_, _| true);
                if claims.is_err() {
                    return Reply::problem(401, "token-out-of-time")
                        .with("date", http_date(server));
                }
            }
            // Holds the poll for a moment, as a server does that has nothing new.
            for _ in 0..10 {
                let mind = now();
                let tag = mind.config.as_ref().map(|(n, _)| format!("\"{n}\""));
                if tag.is_some() && request.header("if-none-match") != tag.as_deref() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let mind = now();
            let version = 1 + mind.roots.len() as u64;
            let fresh =
                mind.fleet
                    .freshness(&desk_id(), mind.newest, version, mind.freshness_seconds);
            let reply = match mind.config {
                Some((n, body)) if request.header("if-none-match") != Some(&format!("\"{n}\"")) => {
                    Reply::json(body).with("etag", format!("\"{n}\""))
                }
                _ => Reply::new(304, "application/json", ""),
            };
            reply.with("carillon-freshness", fresh)
        }
        path => {
            let version = path
                .strip_prefix("/v1/trust/roots/")
                .and_then(|v| v.parse::<usize>().ok());
            let root = version.and_then(|v| now().roots.get(v.checked_sub(2)?).cloned());
            root.map_or_else(|| Reply::problem(404, "no-such-root"), Reply::json)
        }
    }
}

/// IMF-fixdate of a day whose name nobody checks.
fn http_date(time: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = time.to_string();
    let month = MONTHS[text[5..7].parse::<usize>().unwrap() - 1];
    format!(
        "Thu, {} {month} {} {} GMT",
        &text[8..10],
        &text[..4],
        &text[11..19]
    )
}

#[test]
fn what_is_published_runs_and_is_there_after_a_restart_without_the_server() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "one");
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "one").await;
        stage.publish(2, "two");
        stage.runs(&desk, 2, "two").await;
        until("good", || stage.folder.place("config/good-2.json").exists()).await;
        assert!(desk.view().last_contact.is_some() && !desk.view().stale);
        // Whether the server is there shows at once; only then it may wait.
        let polls = stage.server.requests("/v1/desk/config");
        assert_eq!(polls[0].header("prefer"), Some("wait=0"));
        assert_eq!(polls[1].header("prefer"), Some("wait=240"));
        drop(desk);
        // Nothing in the state folder gives the password away.
        for name in [
            "config/good-1.json",
            "config/good-2.json",
            "identity.json",
            "seen.json",
        ] {
            let text = std::fs::read_to_string(stage.folder.place(name)).unwrap();
            assert!(!text.contains("two") && !text.contains("\"one\""), "{name}");
        }
        let folder = stage.folder.clone();
        drop(stage.server);
        let desk = Desk::start(&folder);
        until("the last good runs", || {
            desk.told.running() == (Some(2), Some("two".into()))
        })
        .await;
    });
}

#[test]
fn a_damaged_last_good_gives_way_to_the_one_before() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "one");
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "one").await;
        stage.publish(2, "two");
        stage.runs(&desk, 2, "two").await;
        until("good", || stage.folder.place("config/good-2.json").exists()).await;
        drop(desk);
        let newest = stage.folder.place("config/good-1.json");
        let bytes = std::fs::read(&newest).unwrap();
        std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
        let folder = stage.folder.clone();
        drop(stage.server);
        let desk = Desk::start(&folder);
        until("the one before runs", || {
            desk.told.running() == (Some(1), Some("one".into()))
        })
        .await;
        let events = desk.told.events.lock().unwrap().clone();
        let told = events.iter().any(
            |event| matches!(event, AgentEvent::ConfigWarning { text } if text.contains("good-1")),
        );
        assert!(told, "{events:?}");
    });
}

#[test]
fn what_is_refused_leaves_the_last_good_running_and_is_not_fetched_again() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(5, "good");
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 5, "good").await;
        // A stranger's signature, under the next generation's tag.
        let keys = stage.keys.lock().unwrap().clone().unwrap();
        stage.think(|mind| {
            let mut forger = mind.fleet.clone();
            forger.director = Key::new(77);
            mind.config = Some((6, forger.config(&desk_id(), 6, &keys, "evil")));
            mind.newest = 6;
        });
        until("refused", || desk.view().refused.is_some()).await;
        let reason = desk.view().refused.unwrap().reason;
        assert!(reason.contains("valid signature"), "{reason}");
        until("asked with the refused tag", || {
            let polls = stage.server.requests("/v1/desk/config");
            polls
                .iter()
                .filter(|p| p.header("if-none-match") == Some("\"6\""))
                .count()
                >= 2
        })
        .await;
        let polls = stage.server.requests("/v1/desk/config");
        let fetched = polls
            .iter()
            .filter(|p| p.header("if-none-match") == Some("\"5\""))
            .count();
        assert!(fetched <= 30, "no tight loop: {fetched}");
        assert_eq!(desk.told.running(), (Some(5), Some("good".into())));
        // A rollback is refused too, and a right one ends it.
        stage.publish(4, "old");
        stage.think(|mind| mind.newest = 6);
        until("rollback refused", || {
            desk.view()
                .refused
                .is_some_and(|r| r.reason.contains("rollback"))
        })
        .await;
        stage.publish(7, "new");
        stage.runs(&desk, 7, "new").await;
        until("the refusal is over", || desk.view().refused.is_none()).await;
    });
}

#[test]
fn what_answers_in_the_servers_place_is_refused_and_told_once() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "good");
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "good").await;
        let told = || -> Vec<String> {
            let events = desk.told.events.lock().unwrap();
            let refused = events.iter().filter_map(|event| match event {
                AgentEvent::ConfigRefused { generation, reason } => {
                    assert_eq!(*generation, None);
                    Some(reason.clone())
                }
                _ => None,
            });
            refused.collect()
        };
        let page = Reply::new(200, "text/html", "<html>Welcome to the hotel</html>");
        let elsewhere = Reply::new(302, "text/html", "").with("location", "https://hotel.example/");
        let flood = Reply::json("").manner(Manner::Flood(100 << 20));
        for (count, (stranger, words)) in [
            (page, ["text/html", "(33 bytes)"]),
            (elsewhere, ["hotel.example", "not followed"]),
            (flood, ["more than 1048576 bytes", "sign-in page"]),
        ]
        .into_iter()
        .enumerate()
        {
            stage.think(|mind| mind.stranger = Some(stranger.clone()));
            until("told", || told().len() > count).await;
            let reason = told()[count].clone();
            for word in words.into_iter().chain(["a signed configuration", "enrol"]) {
                assert!(reason.contains(word), "{word}: {reason}");
            }
            assert_eq!(
                desk.view().refused.map(|refused| refused.reason),
                Some(reason)
            );
            let polls = stage.server.requests("/v1/desk/config").len();
            until("met again", || {
                stage.server.requests("/v1/desk/config").len() > polls
            })
            .await;
            assert_eq!(told().len(), count + 1, "{:?}", told());
            assert_eq!(desk.told.running(), (Some(1), Some("good".into())));
            stage.think(|mind| mind.stranger = None);
            until("gone", || desk.view().refused.is_none()).await;
        }
        // A gateway whose server is away says so, and no configuration was sent.
        let gateway = Reply::new(502, "text/html", "<h1>Bad gateway</h1>");
        stage.think(|mind| mind.stranger = Some(gateway));
        until("trouble", || {
            desk.view().trouble.is_some_and(|t| t.contains("502"))
        })
        .await;
        assert_eq!((told().len(), desk.view().refused), (3, None));
    });
}

#[test]
fn a_configuration_that_does_not_run_is_reported_and_the_last_good_stays() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "good");
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "good").await;
        let keys = stage.keys.lock().unwrap().clone().unwrap();
        stage.think(|mind| {
            let mut config = crate::forge::config(&desk_id(), 2, &keys, "bad");
            config.media.input = Some("refuse-me".into());
            mind.config = Some((2, mind.fleet.signed_config(&config)));
            mind.newest = 2;
        });
        until("refused", || desk.view().refused.is_some()).await;
        let refused = desk.view().refused.unwrap();
        assert_eq!(refused.generation.map(|g| g.0), Some(2));
        assert!(refused.reason.contains("media.input"), "{}", refused.reason);
        assert_eq!(desk.told.running(), (Some(1), Some("good".into())));
        assert!(!stage.folder.place("config/candidate.json").exists());
    });
}

#[test]
fn a_disk_that_cannot_hold_it_is_reported_and_what_runs_stays() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "good");
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "good").await;
        // A folder stands where the new file must go: a disk that takes nothing, for whoever runs the test.
        std::fs::create_dir(stage.folder.place("config/candidate.json.new")).unwrap();
        stage.publish(2, "new");
        until("refused", || desk.view().refused.is_some()).await;
        let reason = desk.view().refused.unwrap().reason;
        assert!(reason.contains("cannot write"), "{reason}");
        assert_eq!(desk.told.running(), (Some(1), Some("good".into())));
    });
}

#[test]
fn a4_silence_makes_the_configuration_stale_and_word_makes_it_fresh() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "one");
        stage.think(|mind| mind.freshness_seconds = 1);
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "one").await;
        // The server keeps answering 'unchanged', with statements that are over.
        stage.think(|mind| mind.freshness_seconds = 0);
        until("stale", || desk.view().stale).await;
        assert_eq!(
            desk.told.running(),
            (Some(1), Some("one".into())),
            "and goes on"
        );
        stage.think(|mind| mind.freshness_seconds = 600);
        until("fresh", || !desk.view().stale).await;
        let events = desk.told.events.lock().unwrap().clone();
        assert!(events.contains(&AgentEvent::FreshnessLost));
        assert!(events.contains(&AgentEvent::FreshnessRegained));
    });
}

#[test]
fn a3_a_fast_forward_by_a_stolen_key_is_undone_by_the_next_root() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "one");
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "one").await;
        stage.publish(1 << 63, "stolen");
        stage.runs(&desk, 1 << 63, "stolen").await;
        // The director's key is replaced; the fleet goes on where it was.
        stage.think(|mind| {
            mind.fleet.director = Key::new(44);
            let payload = serde_json::to_vec(&mind.fleet.root(2)).unwrap();
            let [one, two] = &mind.fleet.roots;
            let root = envelope(PayloadType::Root, &payload, &[one, two]);
            mind.roots.push(serde_json::to_vec(&root).unwrap());
        });
        stage.publish(2, "two");
        stage.runs(&desk, 2, "two").await;
        assert_eq!(desk.view().root_version, Some(2));
        // Also after a restart, and the stolen key is worth nothing any more.
        drop(desk);
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 2, "two").await;
        stage.think(|mind| mind.fleet.director = Key::new(3));
        stage.publish(9, "stolen again");
        until("refused", || desk.view().refused.is_some()).await;
        assert_eq!(desk.told.running(), (Some(2), Some("two".into())));
    });
}

#[test]
fn a_clock_that_is_off_is_noticed_by_the_servers_date() {
    in_system(async {
        let stage = Stage::set().await;
        stage.publish(1, "one");
        stage.think(|mind| mind.ahead = Some(86_400));
        let desk = Desk::start(&stage.folder);
        stage.runs(&desk, 1, "one").await;
        let polls = stage.server.requests("/v1/desk/config");
        let tokens: std::collections::BTreeSet<_> = polls
            .iter()
            .map(|p| p.header("authorization").unwrap())
            .collect();
        assert_eq!(
            tokens.len(),
            polls.len(),
            "each request has a token of its own"
        );
    });
}

//! Configurations that a desk must not take: each is refused for its own reason, the running one
//! stays, the reason is reported, and the next good one is taken.

#![expect(
    clippy::unwrap_used,
    reason = "a suite ends where its world is not as it should be"
)]

mod impostor;
mod in_the_servers_place;

use std::time::Duration;

use carillon_schemas::config::DeskConfig;
use carillon_schemas::envelope::{Envelope, PayloadType};
use carillon_schemas::trust::Freshness;
use carillon_schemas::{DeskId, Generation};
use carillon_tests::desk::Desk;
use carillon_tests::pair::SOON;
use carillon_tests::patience;
use carillon_tests::section::Section;
use impostor::{DESK, Impostor, Key, Reply, now};
use serde_json::{Value, json};

/// A configuration with one account that registers nowhere, labelled by its generation.
fn config(desk: &str, generation: u64) -> Vec<u8> {
    let config = json!({
        "desk": desk, "name": "victim", "generation": generation, "issued": now().0,
        "accounts": [{
            "id": "main", "label": format!("label {generation}"),
            "address": "sip:victim@127.0.0.1", "register": false,
        }],
        "media": {"input": "null", "output": "null"},
        "network": {"poll_wait": 20},
    });
    // What is sent must be what the types say, or the attack would be another one.
    serde_json::from_value::<DeskConfig>(config.clone()).unwrap();
    serde_json::to_vec(&config).unwrap()
}

fn reply(generation: u64, body: Vec<u8>) -> Reply {
    Reply {
        status: 200,
        content_type: "application/json",
        generation,
        body,
        freshness: None,
    }
}

fn json_of(envelope: &Envelope) -> Vec<u8> {
    serde_json::to_vec(envelope).unwrap()
}

struct Victim {
    impostor: Impostor,
    desk: Desk,
    generation: u64,
}

impl Victim {
    fn start() -> Self {
        Self::start_with_freshness_of(300)
    }

    /// Every freshness statement holds for so many seconds.
    fn start_with_freshness_of(seconds: u64) -> Self {
        let impostor = Impostor::start();
        impostor.freshness_holds(seconds);
        let mut desk = Desk::new("victim").unwrap();
        desk.enrol(&impostor.ticket()).unwrap().success().unwrap();
        desk.run().unwrap();
        let mut victim = Self {
            impostor,
            desk,
            generation: 9,
        };
        victim.takes_the_next();
        victim
    }

    /// Publishes the next generation as it should be; the desk must run it.
    fn takes_the_next(&mut self) {
        self.generation += 1;
        self.impostor
            .publish(self.generation, &config(DESK, self.generation));
        patience::until(&format!("generation {}", self.generation), 4 * SOON, || {
            self.assert_runs()
                .map_err(|status| format!("{status}; {}", self.desk.last_words()))
        })
        .unwrap();
    }

    fn assert_runs(&self) -> Result<(), Value> {
        let status = self
            .desk
            .status()
            .map_err(|e| Value::String(e.to_string()))?;
        let label = format!("label {}", self.generation);
        if status["generation"] == self.generation
            && status["accounts"][0]["label"] == label.as_str()
        {
            Ok(())
        } else {
            Err(status)
        }
    }

    /// Sends the attack; it must be refused with a reason that holds one of `words`, and change nothing.
    fn refuses(&mut self, attack: &str, reply: Reply, words: &[&str]) {
        let section = Section::begin(attack);
        self.impostor.forget();
        self.impostor.push(reply);
        let reason = patience::until(&format!("the refusal of {attack}"), 2 * SOON, || {
            let refusals = self.impostor.refusals();
            let fits = |reason: &&String| {
                words
                    .iter()
                    .any(|word| reason.to_lowercase().contains(word))
            };
            refusals
                .iter()
                .find(fits)
                .cloned()
                .ok_or((refusals.clone(), self.desk.last_words()))
        })
        .unwrap();
        section.note(format!("said: {reason}"));
        assert_eq!(self.assert_runs(), Ok(()), "{attack} changed what runs");
        self.takes_the_next();
    }
}

#[test]
fn what_is_not_signed_as_it_must_be_is_refused() {
    let mut victim = Victim::start();
    let next = victim.generation + 1;
    let mut damaged = victim
        .impostor
        .director
        .seal(PayloadType::Config, &config(DESK, next));
    let other = victim
        .impostor
        .director
        .seal(PayloadType::Config, &config(DESK, next + 1));
    damaged.signatures.clone_from(&other.signatures);
    victim.refuses(
        "a signature of something else",
        reply(next, json_of(&damaged)),
        &["signature"],
    );

    let next = victim.generation + 1;
    let rooted = victim
        .impostor
        .root
        .seal(PayloadType::Config, &config(DESK, next));
    victim.refuses(
        "a key without the role",
        reply(next, json_of(&rooted)),
        &["signature"],
    );

    let next = victim.generation + 1;
    let stranger = Key::new(77).seal(PayloadType::Config, &config(DESK, next));
    victim.refuses(
        "a stranger's key",
        reply(next, json_of(&stranger)),
        &["signature"],
    );

    let next = victim.generation + 1;
    let mut unsigned = victim
        .impostor
        .director
        .seal(PayloadType::Config, &config(DESK, next));
    unsigned.signatures.clear();
    victim.refuses(
        "no signature",
        reply(next, json_of(&unsigned)),
        &["signature"],
    );

    let next = victim.generation + 1;
    let freshness = Freshness {
        desk: DESK.parse().unwrap(),
        generation: Generation(next),
        root_version: 1,
        issued: now(),
        expires: now().after(Duration::from_secs(60)),
    };
    let other_kind = victim.impostor.director.seal(
        PayloadType::Freshness,
        &serde_json::to_vec(&freshness).unwrap(),
    );
    victim.refuses(
        "a signed document of another kind",
        reply(next, json_of(&other_kind)),
        &["freshness"],
    );
}

#[test]
fn what_is_signed_and_not_for_this_desk_now_is_refused() {
    let mut victim = Victim::start();
    let next = victim.generation + 1;
    let other: DeskId = "fedcba9876543210fedcba9876543210".parse().unwrap();
    let others = victim
        .impostor
        .director
        .seal(PayloadType::Config, &config(other.as_str(), next));
    victim.refuses(
        "another desk's configuration",
        reply(next, json_of(&others)),
        &[other.as_str()],
    );

    let old = victim.generation - 1;
    let older = victim
        .impostor
        .director
        .seal(PayloadType::Config, &config(DESK, old));
    victim.refuses(
        "an older generation",
        reply(old, json_of(&older)),
        &["older", "rollback"],
    );

    let next = victim.generation + 1;
    let mut twice: Value = serde_json::from_slice(&config(DESK, next)).unwrap();
    twice["accounts"] = json!([twice["accounts"][0], twice["accounts"][0]]);
    let twice = victim
        .impostor
        .director
        .seal(PayloadType::Config, &serde_json::to_vec(&twice).unwrap());
    victim.refuses(
        "the same account twice",
        reply(next, json_of(&twice)),
        &["already"],
    );

    let next = victim.generation + 1;
    let mut sealed: Value = serde_json::from_slice(&config(DESK, next)).unwrap();
    sealed["accounts"][0]["password"] = json!({"enc": "AAAA", "ciphertext": "AAAA"});
    let sealed = victim
        .impostor
        .director
        .seal(PayloadType::Config, &serde_json::to_vec(&sealed).unwrap());
    victim.refuses(
        "a seal that does not open",
        reply(next, json_of(&sealed)),
        &["seal", "password", "open"],
    );
}

#[test]
fn what_is_no_configuration_at_all_is_refused() {
    let mut victim = Victim::start();
    let next = victim.generation + 1;
    victim.refuses(
        "junk",
        reply(next, vec![0xFF; 4_096]),
        &["read", "json", "envelope"],
    );

    let next = victim.generation + 1;
    let whole = json_of(
        &victim
            .impostor
            .director
            .seal(PayloadType::Config, &config(DESK, next)),
    );
    let cut = whole[..whole.len() / 2].to_vec();
    victim.refuses(
        "a cut document",
        reply(next, cut),
        &["read", "json", "envelope"],
    );

    let next = victim.generation + 1;
    let page = Reply {
        content_type: "text/html",
        ..reply(next, b"<html><body>Please sign in</body></html>".to_vec())
    };
    victim.refuses("a web page", page, &["html"]);

    let next = victim.generation + 1;
    victim.refuses(
        "100 MB",
        reply(next, vec![b' '; 100_000_000]),
        &["bytes", "large", "big"],
    );
    let pid = victim.desk.pid().unwrap();
    let footprint = carillon_tests::footprint::Footprint::of(pid).unwrap();
    assert!(
        footprint.rss_kib < 64 * 1_024,
        "the flood was kept: {footprint:?}"
    );
}

#[test]
fn an_expired_freshness_statement_counts_for_nothing_and_silence_is_noticed() {
    let section = Section::begin("freshness that runs out");
    let mut victim = Victim::start_with_freshness_of(3);
    // The poll that stands is held longer than the statement holds: silence.
    patience::until_true("the report that freshness ran out", 2 * SOON, || {
        victim.impostor.was_told_stale()
    })
    .unwrap();
    section.note("the desk says that it may be kept from news");
    assert_eq!(victim.assert_runs(), Ok(()));
    let statement = Freshness {
        desk: DESK.parse().unwrap(),
        generation: Generation(victim.generation),
        root_version: 1,
        issued: carillon_schemas::Timestamp(now().0 - 900),
        expires: carillon_schemas::Timestamp(now().0 - 600),
    };
    let payload = serde_json::to_vec(&statement).unwrap();
    let expired = victim
        .impostor
        .director
        .seal(PayloadType::Freshness, &payload);
    victim.impostor.push(Reply {
        status: 304,
        freshness: Some(expired),
        ..reply(victim.generation, Vec::new())
    });
    patience::until("word of the expired statement", 2 * SOON, || {
        let status = victim.desk.status().map_err(|e| e.to_string())?;
        match status["link"]["trouble"].as_str() {
            Some(trouble) if trouble.contains("was over at") => Ok(()),
            _ => Err(status.to_string()),
        }
    })
    .unwrap();
    assert_eq!(
        victim.desk.status().unwrap()["link"]["stale"],
        true,
        "an old statement refreshes nothing"
    );
    victim.impostor.freshness_holds(300);
    victim.takes_the_next();
    let status = victim.desk.status().unwrap();
    assert_eq!(status["link"]["stale"], false, "{status}");
}

#[test]
fn a_captive_portal_stops_nothing_and_is_named() {
    let mut victim = Victim::start();
    let page = b"<html><body>Please sign in to the hotel's network</body></html>".to_vec();
    let told = "with text/html (63 bytes)";
    victim.impostor.answer_all(Some(("text/html", page)));
    // The poll that stands ends, and the next one meets the page.
    victim.impostor.push(Reply {
        status: 304,
        ..reply(victim.generation, Vec::new())
    });
    patience::until("the page at the desk", 2 * SOON, || {
        let status = victim.desk.status().map_err(|e| e.to_string())?;
        match status["link"]["trouble"].as_str() {
            Some(trouble) if trouble.contains(told) => Ok(()),
            _ => Err(status.to_string()),
        }
    })
    .unwrap();
    assert_eq!(victim.assert_runs(), Ok(()));
    let fresh = Desk::new("fresh").unwrap();
    let ended = fresh.enrol(&victim.impostor.ticket()).unwrap();
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.to_lowercase().contains("html"), "{ended:?}");
    victim.impostor.answer_all(None);
    victim.takes_the_next();
    patience::until("the page in a report", 2 * SOON, || {
        let refusals = victim.impostor.refusals();
        let found = refusals.iter().any(|reason| reason.contains(told));
        found.then_some(()).ok_or(refusals)
    })
    .unwrap();
}

#[test]
fn a_ticket_for_another_root_does_not_enrol() {
    let impostor = Impostor::start();
    let desk = Desk::new("careful").unwrap();
    let ended = desk
        .enrol(&impostor.ticket_for_root("bm90LXRoZS1yb290"))
        .unwrap();
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stderr.contains("root"), "{ended:?}");
}

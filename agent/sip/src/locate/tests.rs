//! RFC 3263 §4 on made-up zones: which questions are asked, which servers come out, in which order.

use super::*;
use crate::endpoint::Transport::{self, Tcp, Tls, Udp, Wss};
use crate::message::Uri;
use std::collections::BTreeMap;

const ALL: [Transport; 3] = [Udp, Tcp, Tls];

/// A zone: answers by kind and name.
#[derive(Default)]
struct Zone {
    records: BTreeMap<Question, Vec<Record>>,
    asked: Vec<String>,
}

impl Zone {
    fn add(mut self, kind: RecordKind, name: &str, record: Record) -> Self {
        let name = name.to_owned();
        self.records
            .entry(Question { kind, name })
            .or_default()
            .push(record);
        self
    }

    fn naptr(self, name: &str, order: u16, preference: u16, service: &str, to: &str) -> Self {
        let flags = if service.ends_with('W') { "A" } else { "s" };
        let record = Record::Naptr {
            order,
            preference,
            flags: flags.to_owned(),
            service: service.to_owned(),
            replacement: to.to_owned(),
        };
        self.add(RecordKind::Naptr, name, record)
    }

    fn srv(self, name: &str, priority: u16, weight: u16, port: u16, target: &str) -> Self {
        let record = Record::Srv {
            priority,
            weight,
            port,
            target: target.to_owned(),
        };
        self.add(RecordKind::Srv, name, record)
    }

    fn host(self, name: &str, address: &str) -> Self {
        let record = Record::Address(address.parse().unwrap());
        self.add(RecordKind::Address, name, record)
    }

    fn find(
        &mut self,
        uri: &str,
        fixed: Option<Transport>,
        offered: &[Transport],
        seed: u64,
    ) -> Result<Vec<String>, String> {
        let hop = NextHop::of(&uri.parse::<Uri>().unwrap());
        let mut answers = Answers::new();
        self.asked.clear();
        for _ in 0..100 {
            match search(&hop, fixed, offered, &answers, seed) {
                Found::Ask(questions) => {
                    assert!(!questions.is_empty());
                    for question in questions {
                        self.asked
                            .push(format!("{:?} {}", question.kind, question.name));
                        let answer = self
                            .records
                            .get(&question)
                            .cloned()
                            .ok_or(LookupError::NoRecords);
                        assert!(answers.insert(question, answer).is_none(), "asked twice");
                    }
                }
                Found::Targets(targets) => {
                    return Ok(targets
                        .iter()
                        .map(|t| format!("{} {}", t.transport, t.address))
                        .collect());
                }
                Found::Nothing(why) => return Err(why),
            }
        }
        panic!("the search does not end");
    }

    fn auto(&mut self, uri: &str) -> Vec<String> {
        self.find(uri, None, &ALL, 1).unwrap()
    }
}

#[test]
fn numeric_hosts_and_ports_need_no_naptr() {
    let mut zone = Zone::default().host("pbx.example", "192.0.2.5");
    assert_eq!(zone.auto("sip:192.0.2.1"), ["UDP 192.0.2.1:5060"]);
    assert_eq!(
        zone.auto("sip:[2001:db8::1]:5070"),
        ["UDP [2001:db8::1]:5070"]
    );
    assert_eq!(zone.auto("sips:192.0.2.1"), ["TLS 192.0.2.1:5061"]);
    assert_eq!(
        zone.auto("sip:192.0.2.1;transport=tcp"),
        ["TCP 192.0.2.1:5060"]
    );
    assert_eq!(
        zone.auto("sips:192.0.2.1:99;transport=tcp"),
        ["TLS 192.0.2.1:99"]
    );
    assert!(zone.asked.is_empty());
    assert_eq!(zone.auto("sip:pbx.example:5080"), ["UDP 192.0.2.5:5080"]);
    assert_eq!(zone.asked, ["Address pbx.example"]);
    assert_eq!(zone.auto("sip:x;maddr=192.0.2.9"), ["UDP 192.0.2.9:5060"]);
}

#[test]
fn naptr_chooses_transports_in_the_domains_order() {
    let mut zone = Zone::default()
        .naptr("example.org", 20, 10, "SIP+D2U", "_sip._udp.example.org")
        .naptr("example.org", 10, 20, "SIP+D2T", "_sip._tcp.example.org.")
        .naptr("example.org", 10, 10, "SIPS+D2T", "_sips._tcp.example.org")
        .naptr("example.org", 1, 1, "SIP+D2S", "_sip._sctp.example.org")
        .naptr("example.org", 1, 1, "E2U+sip", "nonsense.example.org")
        .srv("_sips._tcp.example.org", 0, 0, 5061, "a.example.org")
        .srv("_sip._tcp.example.org", 0, 0, 5060, "a.example.org.")
        .srv("_sip._udp.example.org", 0, 0, 5062, "b.example.org")
        .host("a.example.org", "2001:db8::a")
        .host("a.example.org", "192.0.2.10")
        .host("b.example.org", "192.0.2.11");
    assert_eq!(
        zone.auto("sip:EXAMPLE.org"),
        [
            "TLS [2001:db8::a]:5061",
            "TLS 192.0.2.10:5061",
            "TCP [2001:db8::a]:5060",
            "TCP 192.0.2.10:5060",
            "UDP 192.0.2.11:5062",
        ]
    );
    assert_eq!(
        zone.auto("sips:example.org"),
        ["TLS [2001:db8::a]:5061", "TLS 192.0.2.10:5061"]
    );
    // A transport that is written or set decides by itself: no NAPTR (§4.1).
    assert_eq!(
        zone.auto("sip:example.org;transport=udp"),
        ["UDP 192.0.2.11:5062"]
    );
    assert!(!zone.asked.iter().any(|q| q.starts_with("Naptr")));
    assert_eq!(
        zone.find("sip:example.org", Some(Udp), &[Udp, Tcp], 1)
            .unwrap(),
        ["UDP 192.0.2.11:5062"]
    );
}

#[test]
fn without_naptr_each_transport_is_asked_for_and_without_srv_the_name_itself() {
    let mut zone = Zone::default()
        .srv("_sip._tcp.one.example", 0, 0, 5070, "h.one.example")
        .host("h.one.example", "192.0.2.20")
        .host("two.example", "192.0.2.30");
    assert_eq!(zone.auto("sip:one.example"), ["TCP 192.0.2.20:5070"]);
    assert_eq!(zone.auto("sip:two.example"), ["UDP 192.0.2.30:5060"]);
    assert_eq!(zone.auto("sips:two.example"), ["TLS 192.0.2.30:5061"]);
    let found = zone.find("sip:two.example", Some(Tls), &[Tls], 1).unwrap();
    assert_eq!(found, ["TLS 192.0.2.30:5061"]);
    let why = zone.find("sip:none.example", None, &ALL, 1).unwrap_err();
    assert_eq!(why, "none.example has no address");
}

#[test]
fn a_service_that_is_decidedly_not_offered_is_not_replaced_by_the_name() {
    let mut zone = Zone::default()
        .srv("_sip._udp.no.example", 0, 0, 0, ".")
        .host("no.example", "192.0.2.1");
    assert!(zone.find("sip:no.example", Some(Udp), &[Udp], 1).is_err());
}

#[test]
fn priority_rules_and_weight_is_a_matter_of_seeded_chance() {
    let mut zone = Zone::default();
    for (priority, weight, last) in [(20, 1, 9), (10, 10, 1), (10, 90, 2), (10, 0, 3)] {
        let host = format!("h{last}.example");
        zone = zone
            .srv("_sip._udp.w.example", priority, weight, 5060, &host)
            .host(&host, &format!("192.0.2.{last}"));
    }
    let mut firsts: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..2_000 {
        let order = zone.find("sip:w.example", Some(Udp), &[Udp], seed).unwrap();
        assert_eq!(
            order,
            zone.find("sip:w.example", Some(Udp), &[Udp], seed).unwrap()
        );
        assert_eq!(order.len(), 4);
        assert_eq!(
            order[3], "UDP 192.0.2.9:5060",
            "the lower priority comes last"
        );
        *firsts.entry(order[0].clone()).or_default() += 1;
    }
    let share = |last: u8| {
        firsts
            .get(&format!("UDP 192.0.2.{last}:5060"))
            .copied()
            .unwrap_or(0)
    };
    assert!((120..=300).contains(&share(1)), "{firsts:?}");
    assert!((1_600..=1_900).contains(&share(2)), "{firsts:?}");
    assert!((1..=60).contains(&share(3)), "{firsts:?}");
}

#[test]
fn websocket_goes_to_the_host_of_the_uri_or_of_its_naptr() {
    let mut zone = Zone::default()
        .naptr("ws.example", 1, 1, "SIPS+D2W", "edge.example")
        .host("edge.example", "192.0.2.40")
        .host("ws.example", "192.0.2.41");
    assert_eq!(
        zone.find("sip:ws.example", Some(Wss), &[Wss], 1).unwrap(),
        ["WSS 192.0.2.41:443"]
    );
    assert_eq!(
        zone.find("sip:ws.example", None, &[Udp, Wss], 1).unwrap(),
        ["WSS 192.0.2.40:443"]
    );
}

#[test]
fn what_is_not_spoken_is_refused_and_says_so() {
    let mut zone = Zone::default();
    for uri in ["sip:a.example;transport=sctp", "sip:a.example;transport=ws"] {
        let why = zone.find(uri, None, &ALL, 1).unwrap_err();
        assert!(why.contains("not spoken"), "{why}");
    }
    let why = zone
        .find("sip:192.0.2.1;transport=udp", Some(Tls), &[Tls], 1)
        .unwrap_err();
    assert!(why.contains("does not use"), "{why}");
}

#[test]
fn a_hostile_zone_costs_a_bounded_number_of_questions_and_servers() {
    let mut zone = Zone::default();
    for n in 0..200_u16 {
        zone = zone
            .naptr(
                "evil.example",
                n,
                0,
                "SIP+D2U",
                &format!("s{n}.evil.example"),
            )
            .srv(
                &format!("s{n}.evil.example"),
                0,
                0,
                5060,
                &format!("h{n}.evil.example"),
            )
            .srv(
                "_sip._udp.wide.example",
                n,
                0,
                5060,
                &format!("192.0.2.{}", n % 250),
            );
        for last in 0..50 {
            zone = zone.host(&format!("h{n}.evil.example"), &format!("198.51.100.{last}"));
        }
    }
    let found = zone.find("sip:evil.example", None, &[Udp], 1);
    assert!(zone.asked.len() <= MAX_QUESTIONS, "{}", zone.asked.len());
    assert!(found.is_err() || found.is_ok_and(|found| found.len() <= MAX_TARGETS));
    let wide = zone.find("sip:wide.example", Some(Udp), &[Udp], 1).unwrap();
    assert_eq!(wide.len(), MAX_TARGETS);
}

#[test]
fn trouble_with_the_name_servers_is_told() {
    let hop = NextHop::of(&"sip:pbx.example:5060".parse::<Uri>().unwrap());
    let question = Question {
        kind: RecordKind::Address,
        name: "pbx.example".to_owned(),
    };
    let answers = Answers::from([(question, Err(LookupError::Failed("SERVFAIL".to_owned())))]);
    assert_eq!(
        search(&hop, Some(Udp), &ALL, &answers, 1),
        Found::Nothing("pbx.example cannot be resolved: SERVFAIL".to_owned())
    );
}

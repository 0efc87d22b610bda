//! Finding the servers of a hop (RFC 3263 §4) as a pure function: from the answers known so far to the next questions, or to the
//! servers in the order they are to be tried. Never asks anybody; chance comes from a seed, so the same answers give the same order.

use super::hop::{NextHop, Wish};
use super::records::{Answer, LookupError, Question, Record, RecordKind};
use crate::endpoint::Transport;
use crate::message::Host;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

/// The most servers of one hop that are tried.
pub const MAX_TARGETS: usize = 16;
/// The most questions asked for one hop.
pub const MAX_QUESTIONS: usize = 24;

/// What is known of the names asked for.
pub(crate) type Answers = BTreeMap<Question, Answer>;

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    /// Whom the server must prove to be, where the transport can tell: the host of the URI, not what SRV made of it (RFC 5922 §4).
    pub(crate) identity: Host,
}

/// What comes of a look at the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// These must be answered first.
    Ask(Vec<Question>),
    /// The servers; never empty.
    Targets(Vec<Target>),
    /// There is none, and why.
    Nothing(String),
}

/// Looks for the servers of a hop. `fixed` is the transport of the account for hops that name none; `offered` are the transports
/// this side speaks, the preferred one first.
pub(crate) fn search(
    hop: &NextHop,
    fixed: Option<Transport>,
    offered: &[Transport],
    answers: &Answers,
    seed: u64,
) -> Found {
    let transport = match (hop.wish, fixed, hop.secure) {
        (Wish::Foreign, ..) => {
            return Found::Nothing(format!(
                "{} asks for a transport that is not spoken here",
                hop.host
            ));
        }
        (Wish::Only(transport), ..) => Some(transport),
        (Wish::Any, Some(fixed), true) if !fixed.is_secure() => Some(Transport::Tls),
        (Wish::Any, Some(fixed), _) => Some(fixed),
        (Wish::Any, None, _) => None,
    };
    if transport.is_some_and(|transport| !offered.contains(&transport)) {
        return Found::Nothing(format!(
            "{} asks for a transport that this account does not use",
            hop.host
        ));
    }
    // A WebSocket has no SRV records (RFC 7118 §8.2 leaves it to the URI).
    let direct = hop.host.ip().is_some() || hop.port.is_some() || transport == Some(Transport::Wss);
    let mut asker = Asker {
        answers,
        missing: Vec::new(),
        trouble: None,
        seed,
    };
    let mut targets = Vec::new();
    if direct {
        let transport = transport.unwrap_or(match hop.secure {
            true => Transport::Tls,
            false => Transport::Udp,
        });
        let port = hop.port.unwrap_or(transport.default_port());
        asker.addresses(&hop.host, port, transport, &hop.host, &mut targets);
    } else {
        asker.by_name(hop, transport, offered, &mut targets);
    }
    if asker.missing.is_empty() {
        targets.dedup();
        targets.truncate(MAX_TARGETS);
        if targets.is_empty() {
            return Found::Nothing(match asker.trouble {
                Some(why) => format!("{} cannot be resolved: {why}", hop.host),
                None => format!("{} has no address", hop.host),
            });
        }
        return Found::Targets(targets);
    }
    if answers.len() + asker.missing.len() > MAX_QUESTIONS {
        asker
            .missing
            .truncate(MAX_QUESTIONS.saturating_sub(answers.len()));
    }
    if asker.missing.is_empty() {
        return match targets.is_empty() {
            true => Found::Nothing(format!("{} leads from name to name", hop.host)),
            false => Found::Targets(targets),
        };
    }
    Found::Ask(asker.missing)
}

struct Asker<'a> {
    answers: &'a Answers,
    missing: Vec<Question>,
    /// The last thing that went wrong.
    trouble: Option<String>,
    seed: u64,
}

impl<'a> Asker<'a> {
    fn ask(&mut self, kind: RecordKind, name: &str) -> Option<&'a [Record]> {
        let question = Question {
            kind,
            name: name.trim_end_matches('.').to_ascii_lowercase(),
        };
        match self.answers.get(&question) {
            Some(Ok(records)) => Some(records),
            Some(Err(LookupError::NoRecords)) => Some(&[]),
            Some(Err(LookupError::Failed(why))) => {
                self.trouble = Some(why.clone());
                Some(&[])
            }
            None => {
                if !self.missing.contains(&question) {
                    self.missing.push(question);
                }
                None
            }
        }
    }

    /// NAPTR, then SRV, then the name itself (§4.1, §4.2).
    fn by_name(
        &mut self,
        hop: &NextHop,
        transport: Option<Transport>,
        offered: &[Transport],
        targets: &mut Vec<Target>,
    ) {
        let host = hop.host.to_string();
        let mut services: Vec<(Transport, String)> = Vec::new();
        match transport {
            Some(transport) => services.push((transport, service_name(transport, &host))),
            None => {
                let Some(records) = self.ask(RecordKind::Naptr, &host) else {
                    return;
                };
                services = ordered_services(records, hop.secure, offered);
                if services.is_empty() {
                    let usable = offered.iter().filter(|transport| {
                        **transport != Transport::Wss && (transport.is_secure() || !hop.secure)
                    });
                    services = usable
                        .map(|transport| (*transport, service_name(*transport, &host)))
                        .collect();
                }
            }
        }
        let mut any_service = false;
        for (transport, name) in &services {
            if *transport == Transport::Wss {
                // SIPS+D2W leads to a host (RFC 7118 §8.2).
                any_service = true;
                let host = Host::Name(name.clone());
                self.addresses(
                    &host,
                    transport.default_port(),
                    *transport,
                    &hop.host,
                    targets,
                );
                continue;
            }
            let Some(records) = self.ask(RecordKind::Srv, name) else {
                any_service = true;
                continue;
            };
            let servers = ordered_servers(records, self.seed, name);
            any_service |= records
                .iter()
                .any(|record| matches!(record, Record::Srv { .. }));
            for (target, port) in servers {
                let server = Host::parse(&target).unwrap_or(Host::Name(target));
                self.addresses(&server, port, *transport, &hop.host, targets);
            }
        }
        if !any_service {
            let transport = transport.unwrap_or(match hop.secure {
                true => Transport::Tls,
                false => *offered.first().unwrap_or(&Transport::Udp),
            });
            let port = transport.default_port();
            self.addresses(&hop.host, port, transport, &hop.host, targets);
        }
    }

    fn addresses(
        &mut self,
        host: &Host,
        port: u16,
        transport: Transport,
        identity: &Host,
        targets: &mut Vec<Target>,
    ) {
        let target = |ip| Target {
            transport,
            address: SocketAddr::new(ip, port),
            identity: identity.clone(),
        };
        if let Some(ip) = host.ip() {
            return targets.push(target(ip));
        }
        let Some(records) = self.ask(RecordKind::Address, &host.to_string()) else {
            return;
        };
        for record in records {
            if let Record::Address(ip) = record {
                targets.push(target(*ip));
            }
        }
    }
}

fn service_name(transport: Transport, host: &str) -> String {
    let prefix = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls | Transport::Wss => "_sips._tcp",
    };
    format!("{prefix}.{host}")
}

/// The services of a NAPTR answer that this side speaks, in the order the domain prefers (§4.1).
fn ordered_services(
    records: &[Record],
    secure: bool,
    offered: &[Transport],
) -> Vec<(Transport, String)> {
    let mut list: Vec<(u16, u16, Transport, &str)> = records
        .iter()
        .filter_map(|record| {
            let Record::Naptr {
                order,
                preference,
                flags,
                service,
                replacement,
            } = record
            else {
                return None;
            };
            let (transport, flag) = match service.to_ascii_uppercase().as_str() {
                "SIP+D2U" => (Transport::Udp, "s"),
                "SIP+D2T" => (Transport::Tcp, "s"),
                "SIPS+D2T" => (Transport::Tls, "s"),
                "SIPS+D2W" => (Transport::Wss, "a"),
                _ => return None,
            };
            let name = replacement.trim_end_matches('.');
            let usable = flags.eq_ignore_ascii_case(flag)
                && !name.is_empty()
                && offered.contains(&transport)
                && (transport.is_secure() || !secure);
            usable.then_some((*order, *preference, transport, name))
        })
        .collect();
    list.sort_by_key(|(order, preference, ..)| (*order, *preference));
    list.into_iter()
        .map(|(.., transport, name)| (transport, name.to_owned()))
        .collect()
}

/// Hosts and ports by priority, and within one by weighted chance (RFC 2782).
fn ordered_servers(records: &[Record], seed: u64, name: &str) -> Vec<(String, u16)> {
    let mut chance = Chance::of(seed, name);
    let mut rest: Vec<(u16, u16, u16, &str)> = records
        .iter()
        .filter_map(|record| match record {
            Record::Srv {
                priority,
                weight,
                port,
                target,
            } if !target.trim_end_matches('.').is_empty() && *port != 0 => {
                Some((*priority, *weight, *port, target.trim_end_matches('.')))
            }
            _ => None,
        })
        .collect();
    // Those of no weight come first, so that they have a small chance.
    rest.sort_by_key(|(priority, weight, port, target)| {
        (*priority, *weight != 0, (*target).to_owned(), *port)
    });
    let mut out = Vec::with_capacity(rest.len());
    while let Some((priority, ..)) = rest.first().copied() {
        let equals = rest.iter().take_while(|(p, ..)| *p == priority).count();
        let sum: u64 = rest[..equals].iter().map(|(_, w, ..)| u64::from(*w)).sum();
        let drawn = chance.up_to(sum);
        let mut running = 0;
        let at = rest[..equals]
            .iter()
            .position(|(_, weight, ..)| {
                running += u64::from(*weight);
                running >= drawn
            })
            .unwrap_or(0);
        let (_, _, port, target) = rest.remove(at);
        out.push((target.to_owned(), port));
    }
    out
}

/// Chance for one answer: the same for the same seed and name, whatever else was asked in between.
struct Chance(u64);

impl Chance {
    fn of(seed: u64, name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, name).hash(&mut hasher);
        Self(hasher.finish() | 1)
    }

    /// A number from 0 to `bound`.
    fn up_to(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % (bound + 1)
    }
}

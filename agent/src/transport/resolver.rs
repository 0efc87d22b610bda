//! The name servers' answers for the SIP endpoints (RFC 1035, RFC 2782, RFC 3403): the servers and search list of `resolv.conf`,
//! the hosts file, and for addresses that neither knows, the system's own resolver.
//!
//! One question is one or two datagrams, over TCP where the answer is cut; no thread, no task and no socket outlives it. Answers are
//! kept for as long as they say, a bounded number of them.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use carillon_sip::locate::MAX_RECORDS;
use carillon_sip::{Answer, LookupError, Question, Record, RecordKind};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::name_servers::NameServers;

/// How long one server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// How often the list of servers is gone through.
const ROUNDS: usize = 2;
/// The longest the system's own resolver may take.
const SYSTEM_LIMIT: Duration = Duration::from_secs(10);
/// The largest answer over UDP; what is larger comes over TCP.
const MAX_DATAGRAM: usize = 1_232;
/// The largest answer over TCP.
const MAX_ANSWER: usize = 16 * 1024;
/// The most answers kept.
const MAX_KEPT: usize = 64;
/// The longest an answer is kept, whatever it says.
const MAX_TTL: Duration = Duration::from_secs(3600);
/// How long it is kept that there is nothing.
const NOTHING_TTL: Duration = Duration::from_secs(10);
/// The longest chain of aliases followed.
const MAX_ALIASES: usize = 8;

thread_local! {
    static KEPT: RefCell<Vec<(Question, Answer, Instant)>> = const { RefCell::new(Vec::new()) };
}

/// Answers one question.
pub async fn resolve(question: &Question) -> Answer {
    if let Some(answer) = kept(question) {
        return answer;
    }
    let servers = NameServers::of_system();
    let (answer, ttl) = ask(&servers, question).await;
    if let Some(ttl) = ttl {
        keep(question, &answer, ttl);
    }
    answer
}

/// Forgets every answer: the network is another one.
pub fn forget() {
    KEPT.with_borrow_mut(Vec::clear);
}

async fn ask(servers: &NameServers, question: &Question) -> (Answer, Option<Duration>) {
    if question.kind != RecordKind::Address {
        return lookup(servers, question, &types_of(question.kind)).await;
    }
    let local = servers.hosts(&question.name);
    if !local.is_empty() {
        return (Ok(local.into_iter().map(Record::Address).collect()), None);
    }
    let mut found = lookup(servers, question, &types_of(question.kind)).await;
    if found.0.is_err()
        && let Ok(addresses) = system(&question.name).await
    {
        // mDNS and the like.
        found = (Ok(addresses), Some(NOTHING_TTL));
    }
    if let Ok(records) = &mut found.0 {
        by_reach(records);
    }
    found
}

/// IPv6 first where there is a way to the world over it, as RFC 6724 has it; else last.
fn by_reach(records: &mut [Record]) {
    const WORLD: SocketAddr = SocketAddr::new(
        IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        5060,
    );
    let v6_first = super::local_address_towards(Some(WORLD)).is_ok();
    records.sort_by_key(|record| match record {
        Record::Address(ip) => ip.is_ipv6() != v6_first,
        _ => false,
    });
}

fn types_of(kind: RecordKind) -> Vec<RecordType> {
    match kind {
        RecordKind::Naptr => vec![RecordType::NAPTR],
        RecordKind::Srv => vec![RecordType::SRV],
        RecordKind::Address => vec![RecordType::AAAA, RecordType::A],
    }
}

async fn lookup(
    servers: &NameServers,
    question: &Question,
    types: &[RecordType],
) -> (Answer, Option<Duration>) {
    let mut trouble = None;
    for name in servers.candidates(&question.name) {
        let mut records = Vec::new();
        let mut ttl = MAX_TTL;
        for kind in types {
            match lookup_one(servers, &name, *kind).await {
                Ok((found, lasts)) => {
                    records.extend(found);
                    ttl = ttl.min(lasts);
                }
                Err(LookupError::NoRecords) => ttl = ttl.min(NOTHING_TTL),
                Err(LookupError::Failed(why)) => trouble = Some(why),
            }
        }
        if !records.is_empty() {
            records.truncate(MAX_RECORDS);
            return (Ok(records), Some(ttl));
        }
    }
    match trouble {
        Some(why) => (Err(LookupError::Failed(why)), None),
        None => (Err(LookupError::NoRecords), Some(NOTHING_TTL)),
    }
}

async fn lookup_one(
    servers: &NameServers,
    name: &str,
    kind: RecordType,
) -> Result<(Vec<Record>, Duration), LookupError> {
    let failed = |why: String| LookupError::Failed(why);
    let wanted = Name::from_ascii(format!("{}.", name.trim_end_matches('.')))
        .map_err(|error| failed(format!("{name} is no name: {error}")))?;
    let mut trouble = "no name server is configured".to_owned();
    for _ in 0..ROUNDS {
        for server in &servers.addresses {
            match exchange(*server, &wanted, kind).await {
                Ok(answer) => match answer.metadata.response_code {
                    ResponseCode::NoError => return read(&answer, &wanted, kind),
                    ResponseCode::NXDomain => return Err(LookupError::NoRecords),
                    code => trouble = format!("{server} answers {code}"),
                },
                Err(why) => trouble = format!("{server} gives no answer about {name}: {why}"),
            }
        }
    }
    Err(failed(trouble))
}

/// One question to one server. The port and the number of the question are new each time, so that answers cannot be forged blindly.
async fn exchange(server: SocketAddr, name: &Name, kind: RecordType) -> Result<Message, String> {
    let chance = getrandom::u32().map_err(|error| error.to_string())?;
    let id = (chance >> 16) as u16;
    let mut question = Message::new(id, MessageType::Query, OpCode::Query);
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), kind));
    let bytes = question.to_vec().map_err(|error| error.to_string())?;
    let answer = timeout(ANSWER_LIMIT, over_udp(server, &question, &bytes))
        .await
        .map_err(|_| "time is out".to_owned())??;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    timeout(ANSWER_LIMIT, over_tcp(server, &question, &bytes))
        .await
        .map_err(|_| "time is out over TCP".to_owned())?
}

async fn over_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, String> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let text = |error: std::io::Error| error.to_string();
    let socket = UdpSocket::bind((any, 0)).await.map_err(text)?;
    socket.connect(server).await.map_err(text)?;
    socket.send(bytes).await.map_err(text)?;
    let mut buffer = vec![0; MAX_DATAGRAM.max(4096)];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(text)?;
        // What does not fit the question is somebody else's.
        if let Some(answer) = fitting(question, &buffer[..length]) {
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, String> {
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(server).await.map_err(text)?;
    let length = u16::try_from(bytes.len()).map_err(|_| "the question is too long")?;
    stream
        .write_all(&length.to_be_bytes())
        .await
        .map_err(text)?;
    stream.write_all(bytes).await.map_err(text)?;
    let length = usize::from(stream.read_u16().await.map_err(text)?);
    if length > MAX_ANSWER {
        return Err(format!("the answer is longer than {MAX_ANSWER} bytes"));
    }
    let mut buffer = vec![0; length];
    stream.read_exact(&mut buffer).await.map_err(text)?;
    fitting(question, &buffer).ok_or_else(|| "the answer is to another question".to_owned())
}

fn fitting(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let fits = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    fits.then_some(answer)
}

/// The records of a name, through its aliases.
fn read(
    answer: &Message,
    wanted: &Name,
    kind: RecordType,
) -> Result<(Vec<Record>, Duration), LookupError> {
    let mut owner = wanted.clone();
    let mut ttl = MAX_TTL;
    for _ in 0..=MAX_ALIASES {
        let mut alias = None;
        let mut records = Vec::new();
        for record in answer.answers.iter().filter(|record| record.name == owner) {
            if let Some(read) = record_of(&record.data).filter(|_| record.record_type() == kind) {
                records.push(read);
            } else if let RData::CNAME(name) = &record.data {
                alias = Some(name.0.clone());
            } else {
                continue;
            }
            ttl = ttl.min(Duration::from_secs(record.ttl.into()));
        }
        if !records.is_empty() {
            return Ok((records, ttl));
        }
        match alias {
            Some(alias) => owner = alias,
            None => break,
        }
    }
    Err(LookupError::NoRecords)
}

fn record_of(data: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(match data {
        RData::A(address) => Record::Address(IpAddr::V4(address.0)),
        RData::AAAA(address) => Record::Address(IpAddr::V6(address.0)),
        RData::SRV(srv) => Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: srv.target.to_ascii(),
        },
        RData::NAPTR(naptr) => Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            replacement: naptr.replacement.to_ascii(),
        },
        _ => return None,
    })
}

async fn system(name: &str) -> Result<Vec<Record>, String> {
    let question = tokio::net::lookup_host((name, 0));
    match timeout(SYSTEM_LIMIT, question).await {
        Err(_) => Err("time is out".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(found)) => {
            let mut records: Vec<Record> = Vec::new();
            for address in found {
                let record = Record::Address(address.ip());
                if records.len() < MAX_RECORDS && !records.contains(&record) {
                    records.push(record);
                }
            }
            Ok(records)
        }
    }
}

fn kept(question: &Question) -> Option<Answer> {
    let now = Instant::now();
    KEPT.with_borrow(|kept| {
        kept.iter()
            .find(|(known, _, until)| known == question && *until > now)
            .map(|(_, answer, _)| answer.clone())
    })
}

fn keep(question: &Question, answer: &Answer, ttl: Duration) {
    if ttl.is_zero() {
        return;
    }
    let now = Instant::now();
    KEPT.with_borrow_mut(|kept| {
        kept.retain(|(known, _, until)| known != question && *until > now);
        if kept.len() >= MAX_KEPT
            && let Some(first) = (0..kept.len()).min_by_key(|at| kept[*at].2)
        {
            drop(kept.swap_remove(first));
        }
        kept.push((question.clone(), answer.clone(), now + ttl));
    });
}

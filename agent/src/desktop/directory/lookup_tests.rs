//! Servers that answer as they should, and others: hanging, dripping, pouring, lying.

use super::*;
use std::time::Instant;
use tokio::net::TcpListener;

use crate::desktop::directory::ber::{OCTETS, SEQUENCE, SET, put, put_all, put_number};

/// A server that reads one request for each of its answers, and then stays.
async fn server(answers: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        for answer in answers {
            let _ = stream.read(&mut request).await;
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
        while stream.read(&mut request).await.is_ok_and(|count| count > 0) {}
    });
    format!("ldap://{address}")
}

/// A server that sends the same again and again, with a wait between.
async fn pouring(piece: Vec<u8>, wait: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while stream.write_all(&piece).await.is_ok() {
            tokio::time::sleep(wait).await;
        }
    });
    format!("ldap://{address}")
}

fn directory(url: &str, more: &str) -> Directory<Secret> {
    let yaml = format!("directories: [{{id: d, url: '{url}', base: 'dc=x', time_limit: 2{more}}}]");
    let file = crate::standalone::AgentFile::from_yaml(&yaml).unwrap();
    file.directories.into_iter().next().unwrap()
}

async fn asked(url: &str, more: &str) -> Result<Vec<Contact>, LookupError> {
    let filter = LdapFilter::parse("(cn=*)").unwrap();
    look_up(&directory(url, more), &filter).await
}

fn said(id: u32, tag: u8, inner: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = Vec::new();
    put_all(&mut message, SEQUENCE, |into| {
        put_number(into, 0x02, id);
        put_all(into, tag, inner);
    });
    message
}

fn outcome(id: u32, tag: u8, code: u32, text: &str) -> Vec<u8> {
    said(id, tag, |into| {
        put_number(into, 0x0a, code);
        put(into, OCTETS, b"");
        put(into, OCTETS, text.as_bytes());
    })
}

fn entry(id: u32, attributes: &[(&str, &[&str])]) -> Vec<u8> {
    said(id, 0x64, |into| {
        put(into, OCTETS, b"cn=somebody");
        put_all(into, SEQUENCE, |into| {
            for (name, values) in attributes {
                put_all(into, SEQUENCE, |into| {
                    put(into, OCTETS, name.as_bytes());
                    put_all(into, SET, |into| {
                        values.iter().for_each(|v| put(into, OCTETS, v.as_bytes()));
                    });
                });
            }
        });
    })
}

fn person(id: u32) -> Vec<u8> {
    entry(id, &[("cn", &["Anna"]), ("telephoneNumber", &["1001"])])
}

#[tokio::test]
async fn people_are_read_by_their_best_name_with_all_numbers() {
    let answers = [
        entry(
            1,
            &[
                ("MOBILE", &["0170 1", "0170 2"]),
                ("cn", &["second"]),
                ("displayName;lang-de", &["Berta\nBeispiel\u{202e}"]),
                ("telephonenumber", &["+49 89 1"]),
                ("userPassword", &["never shown"]),
            ],
        ),
        said(1, 0x73, |into| put(into, OCTETS, b"ldap://other")),
        entry(1, &[("cn", &["nobody reachable"])]),
        outcome(1, 0x65, 0, ""),
    ];
    let url = server(vec![answers.concat()]).await;
    let found = asked(&url, "").await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|person| (person.name.as_str(), person.number.as_str()))
        .collect();
    let name = "Berta Beispiel";
    assert_eq!(
        seen,
        [(name, "+49 89 1"), (name, "0170 1"), (name, "0170 2")]
    );
}

#[tokio::test]
async fn attack_b_a_directory_that_hangs_is_left() {
    let url = server(vec![]).await;
    let begun = Instant::now();
    assert!(matches!(
        asked(&url, "").await,
        Err(LookupError::TooSlow(2))
    ));
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn attack_b_a_directory_that_drips_is_left() {
    // One byte of a message now and then: no single read takes long.
    let url = pouring(vec![0x30], Duration::from_millis(1)).await;
    assert!(matches!(asked(&url, "").await, Err(LookupError::Broken(_))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for byte in person(1).iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let begun = Instant::now();
    assert!(matches!(
        asked(&url, "").await,
        Err(LookupError::TooSlow(2))
    ));
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn attack_b_people_without_end_are_cut_at_the_size_limit() {
    let url = pouring(person(1).repeat(100), Duration::ZERO).await;
    let found = asked(&url, ", size_limit: 7").await.unwrap();
    assert_eq!(found.len(), 1, "one person seven times: {found:?}");
    // Entries that nobody can be called by count, too.
    let url = pouring(entry(1, &[("cn", &["x"])]), Duration::ZERO).await;
    assert!(asked(&url, "").await.unwrap().is_empty());
}

#[tokio::test]
async fn attack_b_pointers_without_end_and_giants_are_refused() {
    let pointer = said(1, 0x73, |into| put(into, OCTETS, b"ldap://elsewhere"));
    let url = pouring(pointer.repeat(50), Duration::ZERO).await;
    assert!(matches!(asked(&url, "").await, Err(LookupError::TooMuch)));
    // Few entries, each as large as one may be.
    let large = "x".repeat(MAX_MESSAGE - 200);
    let url = pouring(entry(1, &[("cn", &[&large])]), Duration::ZERO).await;
    assert!(matches!(
        asked(&url, ", size_limit: 500").await,
        Err(LookupError::TooMuch)
    ));
    // Four gigabytes are announced; not one is waited for.
    let url = server(vec![vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]]).await;
    assert!(matches!(asked(&url, "").await, Err(LookupError::TooLarge)));
}

#[tokio::test]
async fn attack_b_a_referral_is_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("ldap://{}", other.local_addr().unwrap());
    let url = server(vec![outcome(1, 0x65, 10, &elsewhere)]).await;
    assert!(matches!(asked(&url, "").await, Err(LookupError::Referral)));
    let visited = tokio::time::timeout(Duration::from_millis(300), other.accept()).await;
    assert!(visited.is_err(), "somebody went there");
}

#[tokio::test]
async fn attack_b_without_tls_nothing_is_said() {
    let more = ", start_tls: true, bind_dn: 'cn=reader', password: correct horse";
    // Somebody on the way says that there is no TLS here.
    let url = server(vec![outcome(1, 0x78, 52, "not today")]).await;
    let refused = asked(&url, more).await.unwrap_err();
    assert!(matches!(refused, LookupError::NoStartTls(_)), "{refused}");
    // Or puts an answer in before TLS begins.
    let early = [outcome(1, 0x78, 0, ""), outcome(2, 0x61, 0, "")].concat();
    let url = server(vec![early]).await;
    let refused = asked(&url, more).await.unwrap_err();
    assert!(matches!(refused, LookupError::Broken(_)), "{refused}");
}

#[tokio::test]
async fn attack_b_a_name_without_a_password_is_never_sent() {
    // A server takes it for nobody and says that all is well (RFC 4513 §5.1.2).
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    let mut without = directory(&url, "");
    without.bind_dn = Some("cn=reader".into());
    let filter = LdapFilter::parse("(cn=*)").unwrap();
    let refused = look_up(&without, &filter).await.unwrap_err();
    assert!(matches!(refused, LookupError::NoPassword), "{refused}");
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(
        stream.read(&mut [0; 16]).await.unwrap(),
        0,
        "it said nothing"
    );
}

#[tokio::test]
async fn what_a_server_says_of_a_failure_is_told_on_one_line() {
    for (code, expected) in [(32, "no such base"), (50, "not allowed"), (4711, "4711")] {
        let url = server(vec![outcome(1, 0x65, code, "so\n\x1b[31mit is")]).await;
        let told = asked(&url, "").await.unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
        assert!(!told.chars().any(char::is_control), "{told:?}");
    }
    // It hangs up, and says so first.
    let url = server(vec![outcome(0, 0x78, 52, "going down")]).await;
    let told = asked(&url, "").await.unwrap_err().to_string();
    assert!(told.contains("going down"), "{told}");
    // Answers of another request, another protocol, none at all.
    for answer in [person(9), b"HTTP/1.1 400 Bad Request\r\n".to_vec()] {
        let url = server(vec![answer]).await;
        let refused = asked(&url, "").await.unwrap_err();
        assert!(matches!(refused, LookupError::Broken(_)), "{refused}");
    }
}

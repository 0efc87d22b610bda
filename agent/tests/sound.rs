//! A person's hand on the sound: mute, volume, recording, conference, devices, between desks on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod desk;
#[path = "desk/talking.rs"]
mod talking;

use std::path::{Path, PathBuf};
use std::time::Duration;

use carillon_agent::command::{
    CallKind, CallsToEnd, Confer, EndConference, HangupCall, HoldCall, MuteCall, RecordCall,
    SetVolume,
};
use carillon_agent::event::AgentEvent;
use carillon_agent::view::{CallView, VolumeView};
use carillon_schemas::status::CallState;
use desk::{Desk, config, free_port, in_system, peer_account};
use talking::{quiet, talk};

/// A desk whose microphone is this tone, and the port of its account.
async fn singing(account: &str, tone: &str) -> (Desk, u16) {
    let port = free_port();
    let accounts = vec![peer_account(account, port)];
    (Desk::new(config(accounts, tone, "null")).await, port)
}

async fn changed(desk: &mut Desk, what: &str, pick: impl Fn(&CallView) -> bool) -> CallView {
    desk.wait(what, |event| match event {
        AgentEvent::CallChanged(view) if pick(view) => Some(view.clone()),
        _ => None,
    })
    .await
}

/// Left and right of a recording.
fn sides(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let bytes = std::fs::read(path).unwrap();
    let sample = |at: &[u8]| i16::from_le_bytes([at[0], at[1]]);
    bytes[44..]
        .chunks_exact(4)
        .map(|pair| (sample(&pair[..2]), sample(&pair[2..])))
        .unzip()
}

fn loudest(samples: &[i16]) -> u16 {
    samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0)
}

#[test]
fn a_muted_and_recorded_call_shows_it_and_records_both_sides() {
    in_system(async {
        let folder = tempfile::tempdir().unwrap();
        let (mut a, _) = singing("alice", "tone:440").await;
        let (mut b, port) = singing("bob", "tone:700").await;
        let mut settings = config(vec![peer_account("alice", free_port())], "tone:440", "null");
        settings.media.recording.folder = Some(folder.path().display().to_string());
        a.apply(settings).await.unwrap();
        let bob = format!("\"x\" <sip:bob@127.0.0.1:{port}>");
        let target = bob.split(['<', '>']).nth(1).unwrap();
        let (at_a, _) = talk(&mut a, "alice", &mut b, target).await;

        let record = |on, path: Option<&str>| RecordCall {
            call: None,
            on,
            path: path.map(str::to_owned),
        };
        let view = a.agent.send(record(true, None)).await.unwrap().unwrap();
        let path = PathBuf::from(view.recording.clone().unwrap());
        assert_eq!(path.parent(), Some(folder.path()));
        assert!(path.to_string_lossy().contains("bob"), "{}", path.display());
        let again = a.agent.send(record(true, None)).await.unwrap();
        assert_eq!(again.unwrap_err().word(), "no-call", "it records already");
        changed(&mut a, "the recording", |view| view.recording.is_some()).await;
        tokio::time::sleep(Duration::from_millis(600)).await;

        let mute = |muted| MuteCall { call: None, muted };
        let muted = a.agent.send(mute(true)).await.unwrap().unwrap();
        assert!(muted.muted);
        changed(&mut a, "the mute", |view| view.muted).await;
        let before = muted.media.unwrap().packets_sent;
        a.wait_counters(at_a, |call| {
            call.media.is_some_and(|m| m.packets_sent > before + 30)
        })
        .await;
        let view = a.agent.send(record(false, None)).await.unwrap().unwrap();
        assert_eq!(view.recording, None);
        let (left, right) = sides(&path);
        assert!(loudest(&left[800..2400]) > 9_000, "our tone is on the left");
        assert!(loudest(&right[800..]) > 9_000, "theirs is on the right");
        assert_eq!(loudest(&left[left.len() - 1600..]), 0, "and then mute");

        // A file of one's own choice, an impossible one, and the end of the call.
        let bad = a.agent.send(record(true, Some("../x.wav"))).await.unwrap();
        assert_eq!(bad.unwrap_err().word(), "recording");
        let taken = a.agent.send(record(true, path.to_str())).await.unwrap();
        assert!(taken.unwrap_err().to_string().contains("not there yet"));
        a.agent
            .send(record(true, Some("own.wav")))
            .await
            .unwrap()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        a.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        let ended = a
            .wait("the end", |event| match event {
                AgentEvent::CallEnded { view, .. } => Some(view.clone()),
                _ => None,
            })
            .await;
        assert!(ended.muted);
        let own = folder.path().join("own.wav");
        assert_eq!(ended.recording.as_deref(), own.to_str());
        assert!(sides(&own).0.len() > 800);
    });
}

#[test]
fn every_call_is_recorded_where_the_configuration_says_so_and_goes_on_where_it_cannot() {
    in_system(async {
        let folder = tempfile::tempdir().unwrap();
        let (mut b, port) = quiet("bob").await;
        let bob = format!("bob@127.0.0.1:{port}");
        let mut settings = config(vec![peer_account("alice", free_port())], "tone:440", "null");
        settings.media.recording.auto = Some(true);
        settings.media.recording.folder = Some(folder.path().display().to_string());
        let mut a = Desk::new(settings.clone()).await;
        talk(&mut a, "alice", &mut b, &bob).await;
        changed(&mut a, "the recording", |view| view.recording.is_some()).await;
        a.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        b.wait("the end", |event| {
            matches!(event, AgentEvent::CallEnded { .. }).then_some(())
        })
        .await;

        // A file in the folder's place.
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        settings.media.recording.folder = Some(file.display().to_string());
        a.apply(settings).await.unwrap();
        let (at_a, _) = talk(&mut a, "alice", &mut b, &bob).await;
        let text = a
            .wait("the trouble", |event| match event {
                AgentEvent::MediaTrouble { call, text } if *call == at_a => Some(text.clone()),
                _ => None,
            })
            .await;
        assert!(text.contains("cannot be made"), "{text}");
        a.wait_counters(at_a, |call| {
            call.media.is_some_and(|m| m.packets_sent > 20) && call.recording.is_none()
        })
        .await;
    });
}

#[test]
fn volume_is_set_by_a_person_and_by_a_configuration() {
    in_system(async {
        let (a, _) = quiet("alice").await;
        let set = |input, output| a.agent.send(SetVolume { input, output });
        let shown = |input, output| VolumeView { input, output };
        assert_eq!(set(None, None).await.unwrap(), Ok(shown(100, 100)));
        assert_eq!(set(Some(30), None).await.unwrap(), Ok(shown(30, 100)));
        let error = set(None, Some(201)).await.unwrap().unwrap_err();
        assert_eq!(error.word(), "bad-value");
        let mut settings = config(vec![peer_account("alice", free_port())], "null", "null");
        a.apply(settings.clone()).await.unwrap();
        assert_eq!(
            set(None, None).await.unwrap(),
            Ok(shown(30, 100)),
            "untouched"
        );
        settings.media.output_volume = Some(150);
        a.apply(settings.clone()).await.unwrap();
        assert_eq!(set(None, None).await.unwrap(), Ok(shown(100, 150)));
        settings.media.output_volume = Some(201);
        assert!(a.apply(settings).await.is_err());
    });
}

#[test]
fn a_conference_grows_shrinks_and_ends() {
    in_system(async {
        let (mut a, _) = quiet("alice").await;
        let (mut b, at_b) = singing("bob", "tone:700").await;
        let (mut c, at_c) = singing("carol", "tone:900").await;
        let alone = a.agent.send(Confer { calls: vec![] }).await.unwrap();
        assert_eq!(alone.unwrap_err().word(), "no-call");
        let (to_b, _) = talk(&mut a, "alice", &mut b, &format!("bob@127.0.0.1:{at_b}")).await;
        let one = a.agent.send(Confer { calls: vec![to_b] }).await.unwrap();
        assert_eq!(one.unwrap_err().word(), "wrong-state");
        let hold = HoldCall {
            call: Some(to_b),
            hold: true,
        };
        a.agent.send(hold).await.unwrap().unwrap();
        let (to_c, _) = talk(&mut a, "alice", &mut c, &format!("carol@127.0.0.1:{at_c}")).await;
        let missing = a
            .agent
            .send(Confer {
                calls: vec![to_b, 77],
            })
            .await
            .unwrap();
        assert_eq!(missing.unwrap_err().word(), "no-such-call");

        let members = a
            .agent
            .send(Confer { calls: vec![] })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(members.len(), 2);
        for member in &members {
            assert!(member.conference && !member.on_hold, "{member:?}");
        }
        let left = a.agent.send(EndConference).await.unwrap().unwrap();
        assert!(left.iter().all(|view| !view.conference));
        assert_eq!(
            a.agent
                .send(EndConference)
                .await
                .unwrap()
                .unwrap_err()
                .word(),
            "no-call"
        );

        let both = vec![to_b, to_c];
        a.agent.send(Confer { calls: both }).await.unwrap().unwrap();
        b.agent
            .send(HangupCall(CallsToEnd::Every(CallKind::All)))
            .await
            .unwrap()
            .unwrap();
        let last = a.wait_counters(to_c, |call| !call.conference).await;
        assert_eq!(last.state, CallState::Established);
    });
}

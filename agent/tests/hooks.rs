//! Hooks of an agent in this process, with real programs: none delays what the agent is there for.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Context, Handler};
use carillon_agent::agent::{Agent, Service};
use carillon_agent::command::{ApplyConfig, QueryStatus, Shutdown, Subscribe};
use carillon_agent::desktop::hooks::{Hooks, Setup};
use carillon_agent::event::AgentEvent;
use carillon_agent::running::{RunningConfig, RunningHook};
use carillon_schemas::hook::{Hook, HookEvent};
use tokio::sync::mpsc;

struct Ear(mpsc::UnboundedSender<AgentEvent>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<AgentEvent> for Ear {
    type Result = ();

    fn handle(&mut self, event: AgentEvent, _: &mut Context<Self>) {
        let _ = self.0.send(event);
    }
}

fn in_system(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

/// An agent with these hooks on short messages, and what it tells.
async fn agent(
    runs: &[Vec<String>],
    timeout: u16,
) -> (Addr<Agent>, mpsc::UnboundedReceiver<AgentEvent>) {
    let service = Service::with_last_words("hooks", |agent: Addr<Agent>| {
        Hooks::new(Setup {
            assignment: agent.clone().recipient(),
            subscribe: agent.clone().recipient(),
            events: agent.recipient(),
        })
    });
    let agent = Agent::new("test desk", vec![service]).start();
    let (told, events) = mpsc::unbounded_channel();
    let ear = Ear(told).start();
    agent.send(Subscribe(ear.recipient())).await.unwrap();
    let hooks = runs.iter().enumerate().map(|(index, run)| RunningHook {
        name: format!("hooks[{index}]"),
        hook: Hook {
            timeout: Some(timeout),
            ..Hook::running(HookEvent::Message, run.clone())
        },
        key: None,
    });
    let config = RunningConfig {
        hooks: hooks.collect(),
        ..RunningConfig::default()
    };
    agent.send(ApplyConfig(config)).await.unwrap().unwrap();
    // The hooks' actor asks for its hooks when it hears of the configuration.
    tokio::time::sleep(Duration::from_millis(100)).await;
    (agent, events)
}

fn message() -> AgentEvent {
    AgentEvent::TextReceived {
        account: "main".parse().unwrap(),
        from: "sip:eve@evil.example".into(),
        name: None,
        text: "x".into(),
    }
}

/// Written by another process: a child that another test starts meanwhile must not hold it open, or it would not run.
fn script(folder: &Path, text: &str) -> String {
    let path = folder.join("program").display().to_string();
    let write = r##"printf '%s\n' '#!/bin/sh' "$1" >"$0" && chmod 755 "$0""##;
    let written = std::process::Command::new("/bin/sh")
        .args(["-c", write, &path, text])
        .status()
        .unwrap();
    assert!(written.success());
    path
}

/// How many processes of that program we have started run now. Not their own children: a shell's
/// looks like the shell until it has become what it runs.
fn running(program: &str) -> usize {
    let ours = format!("PPid:\t{}\n", std::process::id());
    let runs = |entry: &std::fs::DirEntry| {
        let read = |name| std::fs::read(entry.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&read("cmdline")).contains(program)
            && String::from_utf8_lossy(&read("status")).contains(&ours)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter(runs).count()
}

#[test]
fn attack_b_ten_thousand_events_in_a_second_run_a_few_programs_and_delay_nothing() {
    in_system(async {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "echo x >>\"${0%/*}/ran\"; sleep 0.2");
        let (agent, mut events) = agent(&[vec![program.clone()]], 10).await;
        let begun = Instant::now();
        let (mut slowest, mut most) = (Duration::ZERO, 0);
        for round in 0..100 {
            for _ in 0..100 {
                agent.do_send(message());
            }
            let asked = Instant::now();
            agent.send(QueryStatus).await.unwrap();
            slowest = slowest.max(asked.elapsed());
            if round % 10 == 0 {
                most = most.max(running(&program));
            }
        }
        let took = begun.elapsed();
        assert!(
            slowest < Duration::from_secs(1),
            "asked for {slowest:?} in {took:?}"
        );
        // Those that wait run, and no more.
        let deadline = Instant::now() + Duration::from_secs(30);
        let ran = || {
            let text = std::fs::read_to_string(folder.path().join("ran"));
            text.map_or(0, |text| text.lines().count())
        };
        let mut last = 0;
        while Instant::now() < deadline && (running(&program) > 0 || ran() != last) {
            last = ran();
            most = most.max(running(&program));
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        assert!(most <= 8, "{most} programs at once");
        assert!((8..1_000).contains(&ran()), "{} programs ran", ran());
        let mut failures = 0;
        while let Ok(event) = events.try_recv() {
            if let AgentEvent::HookFailed { why, .. } = event {
                assert!(why.contains("too many hooks"), "{why}");
                failures += 1;
            }
        }
        assert_eq!(
            failures, 1,
            "told once, the rest in one line a minute later"
        );
    });
}

#[test]
fn a_hook_that_hangs_is_told_and_the_next_runs_all_the_same() {
    in_system(async {
        let folder = tempfile::tempdir().unwrap();
        let hang = script(folder.path(), "sleep 60");
        let done = folder.path().join("done").display().to_string();
        let touch = vec!["/usr/bin/touch".to_owned(), done.clone()];
        let (agent, mut events) = agent(&[vec![hang.clone()], touch], 1).await;
        agent.do_send(message());
        let failed = async {
            loop {
                if let Some(AgentEvent::HookFailed { hook, why }) = events.recv().await {
                    return (hook, why);
                }
            }
        };
        let (hook, why) = tokio::time::timeout(Duration::from_secs(20), failed)
            .await
            .unwrap();
        assert_eq!(hook, "hooks[0]");
        assert!(why.contains("did not end within 1 s"), "{why}");
        assert!(Path::new(&done).exists());
        assert_eq!(running(&hang), 0);
    });
}

#[test]
fn an_agent_that_leaves_ends_what_its_hooks_run() {
    in_system(async {
        let folder = tempfile::tempdir().unwrap();
        let hang = script(folder.path(), "sleep 60");
        let (agent, _events) = agent(&[vec![hang.clone()]], 60).await;
        agent.do_send(message());
        let until = Instant::now() + Duration::from_secs(20);
        while running(&hang) == 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(running(&hang) > 0, "it never ran");
        agent.do_send(Shutdown);
        while running(&hang) > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(running(&hang), 0);
    });
}

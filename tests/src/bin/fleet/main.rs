//! `carillon-fleet`: a fleet of desks that enrol, pull and report, all real but their sound.
//!
//! Each desk has P-256 keys of its own, signs a token for every request, and believes nothing that
//! is not signed. Knows the wire (`carillon-schemas`) and neither agent nor server. Prints figures
//! and ends with exit code 1 on any error.

mod desk;
mod figures;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carillon_schemas::{Generation, Ticket};
use carillon_tests::https::pinned_client;
use carillon_tests::{Fault, Outcome};
use clap::Parser;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use desk::Desk;
use figures::Figures;

/// A fleet of simulated desks against one server.
#[derive(Debug, Parser)]
#[command(name = "carillon-fleet")]
struct Args {
    /// A ticket that may be used as often as there are desks.
    #[arg(long)]
    ticket: String,
    /// How many desks.
    #[arg(long, default_value_t = 1_000)]
    desks: usize,
    /// How many enrolments and pulls may stand at once.
    #[arg(long, default_value_t = 48)]
    at_once: usize,
    /// How many reports may stand at once; the server gathers reports before it answers them.
    #[arg(long, default_value_t = 1_000)]
    reports_at_once: usize,
    /// How many status reports each desk sends.
    #[arg(long, default_value_t = 10)]
    reports: u64,
    /// A shell command that publishes a new configuration to all desks, run while all of them wait.
    #[arg(long)]
    publish: Option<String>,
    /// Prints the figures as one JSON object.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("carillon-fleet: cannot start a runtime: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(simulate(&args)) {
        Ok(figures) => {
            figures.print(args.json);
            if figures.errors.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(fault) => {
            eprintln!("carillon-fleet: {fault}");
            ExitCode::FAILURE
        }
    }
}

async fn simulate(args: &Args) -> Outcome<Figures> {
    let ticket: Ticket = args
        .ticket
        .parse()
        .map_err(|e| Fault::refused("the simulator", "the ticket", format!("{e}")))?;
    let pin = ticket.tls_pin.clone().ok_or_else(|| {
        Fault::refused(
            "the simulator",
            "the ticket",
            "it pins no key: use a server with a certificate of its own make",
        )
    })?;
    let client = pinned_client(&pin, Duration::from_secs(120))?;
    let mut figures = Figures::default();

    let at = Instant::now();
    let enrolments = each(args.at_once, (0..args.desks).collect(), |number| {
        let (client, ticket) = (client.clone(), &ticket);
        async move { Desk::enrol(client, ticket, number).await }
    })
    .await;
    let mut desks = figures.take("enrolments", at, enrolments);

    for round in ["first pulls", "second pulls"] {
        let at = Instant::now();
        let pulled = each(args.at_once, desks, |mut desk| async move {
            desk.pull(Duration::ZERO).await?;
            Ok(desk)
        })
        .await;
        desks = figures.take(round, at, pulled);
    }

    for report in 0..args.reports {
        let at = Instant::now();
        let reported = each(args.reports_at_once, desks, |mut desk| async move {
            desk.report(report).await?;
            Ok(desk)
        })
        .await;
        desks = figures.take("status reports", at, reported);
    }

    if let Some(command) = &args.publish {
        publish(command, desks, &mut figures).await?;
    }
    Ok(figures)
}

/// Runs the command while all desks wait, and takes the time until the last has the news.
async fn publish(command: &str, desks: Vec<Desk>, figures: &mut Figures) -> Outcome<()> {
    let count = desks.len();
    let waiting: Vec<_> = desks
        .into_iter()
        .map(|mut desk| {
            tokio::spawn(async move {
                let had = desk.generation();
                let end = Instant::now() + Duration::from_secs(60);
                while desk.generation() <= had && Instant::now() < end {
                    desk.pull(Duration::from_secs(30)).await?;
                }
                if desk.generation() > had {
                    Ok(Instant::now())
                } else {
                    Err(missed(&desk, had))
                }
            })
        })
        .collect();
    // All polls must stand before the publish; the server needs a moment to take the last of them.
    tokio::time::sleep(Duration::from_secs(2).max(Duration::from_millis(count as u64 * 2))).await;
    let at = Instant::now();
    let output = tokio::process::Command::new("sh")
        .args(["-c", command])
        .output()
        .await
        .map_err(|e| Fault::system("run the publish command", e))?;
    let published = at.elapsed();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Fault::refused("the publish command", command, said));
    }
    let mut last = at;
    for task in waiting {
        match task.await {
            Ok(Ok(when)) => last = last.max(when),
            Ok(Err(fault)) => figures.errors.push(fault.to_string()),
            Err(e) => figures.errors.push(e.to_string()),
        }
    }
    figures.published(count, published, last.duration_since(at));
    Ok(())
}

fn missed(desk: &Desk, had: Generation) -> Fault {
    Fault::TooLate {
        what: format!("news for desk {}", desk.id()),
        after: Duration::from_secs(60),
        seen: format!("generation {had}"),
    }
}

/// Does `work` for every item, at most `at_once` at a time, all of them tasks of their own.
async fn each<I, T, F>(at_once: usize, items: Vec<I>, work: impl Fn(I) -> F) -> Vec<Outcome<T>>
where
    F: Future<Output = Outcome<T>>,
{
    let permits = Arc::new(Semaphore::new(at_once.max(1)));
    let running: FuturesUnordered<_> = items
        .into_iter()
        .map(|item| {
            let permits = Arc::clone(&permits);
            let work = work(item);
            async move {
                // The semaphore is never closed.
                let _permit = permits.acquire().await;
                work.await
            }
        })
        .collect();
    running.collect().await
}

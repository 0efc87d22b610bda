//! What the server tells Prometheus: text format 0.0.4, base units, every series from zero, nobody's name or number.
//!
//! Counted here is what this process did; what the fleet does is summed in the store when asked.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::service::{Service, ServiceError};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How a request of a desk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was given something, or what it sent was taken.
    Ok,
    /// Nothing was new.
    Unchanged,
    /// It was refused.
    Refused,
    /// The server was busy or failed.
    Failed,
}

const OUTCOMES: [(Outcome, &str); 4] = [
    (Outcome::Ok, "ok"),
    (Outcome::Unchanged, "unchanged"),
    (Outcome::Refused, "refused"),
    (Outcome::Failed, "failed"),
];

/// Counters of one server.
#[derive(Debug, Default)]
pub struct Metrics {
    config_fetch: [AtomicU64; 4],
    enrolments: [AtomicU64; 4],
    status_reports: [AtomicU64; 4],
}

impl Outcome {
    /// The outcome that an HTTP status stands for.
    pub fn of_status(status: u16) -> Self {
        match status {
            304 => Self::Unchanged,
            ..400 => Self::Ok,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }
}

impl Metrics {
    /// Counts an answer to a desk that pulled its configuration.
    pub fn config_fetched(&self, outcome: Outcome) {
        count(&self.config_fetch, outcome);
    }

    /// Counts an enrolment.
    pub fn enrolled(&self, outcome: Outcome) {
        count(&self.enrolments, outcome);
    }

    /// Counts a status report.
    pub fn reported(&self, outcome: Outcome) {
        count(&self.status_reports, outcome);
    }

    /// All of it as text.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn text(&self, service: &Service) -> Result<String, ServiceError> {
        let totals = service.totals().await?;
        let mut out = String::new();
        family(
            &mut out,
            "carillon_build_info",
            "gauge",
            "The running version.",
            [(format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1)],
        );
        family(
            &mut out,
            "carillon_desks",
            "gauge",
            "Desks by state.",
            totals
                .desks
                .iter()
                .map(|(state, desks)| (format!("{{state=\"{state}\"}}"), *desks)),
        );
        let registrations = [
            ("registered", totals.registered),
            ("registering", totals.registering),
            ("failed", totals.failed),
            ("other", totals.other),
        ];
        family(
            &mut out,
            "carillon_sip_registrations",
            "gauge",
            "SIP accounts by the state that their desks reported last.",
            registrations.map(|(state, n)| (format!("{{state=\"{state}\"}}"), n)),
        );
        family(
            &mut out,
            "carillon_calls_active",
            "gauge",
            "Calls that stand, as reported.",
            [(String::new(), totals.calls)],
        );
        let waiting = service.push().waiting() as u64;
        family(
            &mut out,
            "carillon_waiting_polls",
            "gauge",
            "Desks' polls that wait here.",
            [(String::new(), waiting)],
        );
        for (name, help, counters) in [
            (
                "carillon_config_fetch_total",
                "Answers to desks that pulled their configuration.",
                &self.config_fetch,
            ),
            ("carillon_enrolments_total", "Enrolments.", &self.enrolments),
            (
                "carillon_status_reports_total",
                "Status reports.",
                &self.status_reports,
            ),
        ] {
            let series = OUTCOMES.iter().zip(counters).map(|((_, word), counter)| {
                (
                    format!("{{result=\"{word}\"}}"),
                    counter.load(Ordering::Relaxed),
                )
            });
            family(&mut out, name, "counter", help, series);
        }
        Ok(out)
    }
}

fn count(counters: &[AtomicU64; 4], outcome: Outcome) {
    for ((known, _), counter) in OUTCOMES.iter().zip(counters) {
        if *known == outcome {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    series: impl IntoIterator<Item = (String, u64)>,
) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in series {
        let _ = writeln!(out, "{name}{labels} {value}");
    }
}

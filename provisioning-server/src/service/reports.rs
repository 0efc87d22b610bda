//! Status reports: gathered, written in one transaction at most every 100 ms, acknowledged after it.
//!
//! A report that comes alone is written at once. The queue is bounded; when it is full the desk is told to come again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carillon_schemas::DeskId;
use carillon_schemas::status::{StatusAnswer, StatusReport};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::changes::Changes;
use super::{Service, ServiceError, now};
use crate::fleet::standing::check_report;
use crate::store::{Received, Store, StoreError};

/// The most reports that wait to be written.
const QUEUE: usize = 8_192;
/// The most reports in one transaction.
const BATCH: usize = 2_048;
/// The least time between two transactions.
const PACE: Duration = Duration::from_millis(100);

/// Reports on their way to the store.
pub(super) struct ReportQueue {
    sender: mpsc::Sender<Job>,
    writer: Mutex<Option<JoinHandle<()>>>,
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

struct Job {
    desk: DeskId,
    report: StatusReport,
    done: oneshot::Sender<Result<Received, Arc<StoreError>>>,
}

impl ReportQueue {
    pub(super) fn start(store: Arc<dyn Store>, changes: Arc<Changes>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        Self {
            sender,
            writer: Mutex::new(Some(tokio::spawn(write(store, changes, receiver, stopped)))),
            stop: Mutex::new(Some(stop)),
        }
    }

    /// Writes what waits, and takes no more.
    pub(super) async fn close(&self) {
        let take =
            |place: &Mutex<Option<_>>| place.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(take(&self.stop));
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // It ends by itself once told; a panic in it has been logged.
            let _ = writer.await;
        }
    }
}

impl Service {
    /// Takes a desk's report; comes back when it is stored.
    ///
    /// # Errors
    /// When it is out of bounds, or the queue is full.
    pub async fn report(
        &self,
        desk: &DeskId,
        report: StatusReport,
    ) -> Result<StatusAnswer, ServiceError> {
        check_report(&report)?;
        let busy = || ServiceError::Busy {
            what: "too many reports wait to be written",
            seconds: 5,
        };
        let (done, received) = oneshot::channel();
        self.reports
            .sender
            .try_send(Job {
                desk: desk.clone(),
                report,
                done,
            })
            .map_err(|_| busy())?;
        match received.await {
            Ok(Ok(Received::Taken { send_all })) => Ok(StatusAnswer { send_all }),
            Ok(Ok(Received::Old)) => Ok(StatusAnswer { send_all: false }),
            Ok(Ok(Received::NoDesk)) => Err(ServiceError::DeskUnknown(desk.clone())),
            Ok(Err(error)) => Err(StoreError::Database(error.to_string()).into()),
            Err(_) => Err(busy()),
        }
    }
}

async fn write(
    store: Arc<dyn Store>,
    changes: Arc<Changes>,
    mut receiver: mpsc::Receiver<Job>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut jobs = Vec::new();
    let mut next = Instant::now();
    loop {
        tokio::select! {
            biased;
            count = receiver.recv_many(&mut jobs, BATCH) => {
                if count == 0 {
                    return;
                }
            }
            _ = &mut stopped, if !receiver.is_closed() => {
                receiver.close();
                continue;
            }
        }
        if !receiver.is_closed() {
            tokio::time::sleep_until(next).await;
        }
        while jobs.len() < BATCH {
            let Ok(job) = receiver.try_recv() else { break };
            jobs.push(job);
        }
        next = Instant::now() + PACE;
        let (reports, done): (Vec<_>, Vec<_>) = jobs
            .drain(..)
            .map(|job| ((job.desk, job.report), job.done))
            .unzip();
        let desks: BTreeSet<DeskId> = reports.iter().map(|(desk, _)| desk.clone()).collect();
        let outcome = store.take_reports(reports, now()).await.map_err(Arc::new);
        // A desk that gave up waiting reports again.
        match outcome {
            Ok(received) => {
                for (done, received) in done.into_iter().zip(received) {
                    let _ = done.send(Ok(received));
                }
                for desk in desks {
                    changes.tell(&desk);
                }
            }
            Err(error) => {
                tracing::error!(%error, "status reports could not be written");
                for done in done {
                    let _ = done.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}

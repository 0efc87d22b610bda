//! The agent as a Windows service: what the service control manager asks, and what it is told.
//!
//! Owns the service's name, its registration and its states. Never knows what runs in it: that is handed in as one
//! piece of work, which ends when [`Stop`] says so.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use windows_service::service::{
    ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept,
    ServiceErrorControl, ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod,
    ServiceInfo, ServiceStartType, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult, ServiceStatusHandle,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};

/// The service's name; the MSI gives it the same.
pub const NAME: &str = "Carillon";
/// What people read in the list of services.
const TITLE: &str = "Carillon softphone";
/// The account it runs as, which may do less than any user.
const ACCOUNT: &str = "NT AUTHORITY\\LocalService";
/// How long the end may take: accounts say good-bye to their registrars.
const ENDING: Duration = Duration::from_secs(15);
/// How long a service that failed stays down, each time.
const RESTARTS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];
/// A service that ran this long is forgiven its failures.
const FORGIVEN: Duration = Duration::from_secs(24 * 60 * 60);
/// How long to wait for a service to stop before it is deleted.
const STOPPING: Duration = Duration::from_secs(30);

/// How long a service that is deleted may still be there, stopped.
const REPAIRED: Duration = Duration::from_secs(2);

/// Told once when the service is to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Waits for it.
    pub async fn asked(self) {
        self.0.notified().await;
    }
}

/// What the service does, until `Stop`; the number is its exit code.
pub type Work = Box<dyn FnOnce(Stop) -> u32 + Send>;

/// The service manager did not do it.
#[derive(Debug, thiserror::Error)]
#[error("the service manager cannot {action} the service {NAME}: {why}")]
pub struct ServiceError {
    action: &'static str,
    why: String,
}

/// The system calls back with nothing of ours, so the work waits here.
static WORK: Mutex<Option<Work>> = Mutex::new(None);

define_windows_service!(service_main, serve);

/// Runs the work as the service. Only the service manager can start a program that does this.
///
/// # Errors
/// When somebody else started it.
pub fn run(work: Work) -> Result<(), ServiceError> {
    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
    service_dispatcher::start(NAME, service_main).map_err(|e| failed("run", &e))
}

/// Registers the service: it starts with the machine and again after a failure.
///
/// # Errors
/// When it stands already, or this user may not.
pub fn install(program: &Path, arguments: Vec<OsString>) -> Result<(), ServiceError> {
    let manager = manager(ServiceManagerAccess::CREATE_SERVICE)?;
    let service = manager
        .create_service(
            &ServiceInfo {
                name: NAME.into(),
                display_name: TITLE.into(),
                service_type: ServiceType::OWN_PROCESS,
                start_type: ServiceStartType::AutoStart,
                error_control: ServiceErrorControl::Normal,
                executable_path: program.to_owned(),
                launch_arguments: arguments,
                dependencies: Vec::new(),
                account_name: Some(ACCOUNT.into()),
                account_password: None,
            },
            ServiceAccess::CHANGE_CONFIG | ServiceAccess::START,
        )
        .map_err(|e| failed("install", &e))?;
    let restart = |delay| ServiceAction {
        action_type: ServiceActionType::Restart,
        delay,
    };
    service
        .update_failure_actions(ServiceFailureActions {
            reset_period: ServiceFailureResetPeriod::After(FORGIVEN),
            reboot_msg: None,
            command: None,
            actions: Some(RESTARTS.map(restart).to_vec()),
        })
        .and_then(|()| service.set_failure_actions_on_non_crash_failures(true))
        .map_err(|e| failed("set the restarts of", &e))
}

/// Stops the service and takes its registration away. Blocks for at most half a minute.
///
/// # Errors
/// When there is none, or this user may not.
pub fn uninstall() -> Result<(), ServiceError> {
    let manager = manager(ServiceManagerAccess::CONNECT)?;
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service = manager
        .open_service(NAME, access)
        .map_err(|e| failed("find", &e))?;
    // One that does not run cannot be stopped.
    let _ = service.stop();
    let begun = Instant::now();
    while begun.elapsed() < STOPPING
        && service
            .query_status()
            .is_ok_and(|status| status.current_state != ServiceState::Stopped)
    {
        std::thread::sleep(Duration::from_millis(100));
    }
    service.delete().map_err(|e| failed("uninstall", &e))
}

/// Waits until a service that was stopped or deleted has let go of everything, so that another can take its place. Blocks
/// for at most half a minute, and not at all where there is none.
pub fn wait_gone() {
    let begun = Instant::now();
    let mut at_rest = None;
    while begun.elapsed() < STOPPING {
        let Ok(manager) = manager(ServiceManagerAccess::CONNECT) else {
            return;
        };
        let Ok(service) = manager.open_service(NAME, ServiceAccess::QUERY_STATUS) else {
            return;
        };
        let stopped = service
            .query_status()
            .is_ok_and(|status| status.current_state == ServiceState::Stopped);
        // One that stays, stopped, is not being deleted: it is repaired.
        let since = *at_rest.get_or_insert_with(Instant::now);
        if !stopped {
            at_rest = None;
        } else if since.elapsed() > REPAIRED {
            return;
        }
        drop(service);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, ServiceError> {
    ServiceManager::local_computer(None::<&str>, access).map_err(|e| failed("be reached for", &e))
}

fn failed(action: &'static str, error: &windows_service::Error) -> ServiceError {
    // The library's own text hides what the system said.
    let why = match error {
        windows_service::Error::Winapi(system) => system.to_string(),
        other => other.to_string(),
    };
    ServiceError { action, why }
}

/// The service's own thread, from the system's first call to its last.
fn serve(_: Vec<OsString>) {
    let Some(work) = WORK.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        return;
    };
    let stop = Stop::default();
    let asked = stop.0.clone();
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            asked.notify_one();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let Ok(system) = service_control_handler::register(NAME, handler) else {
        return;
    };
    tell(&system, ServiceState::Running, ServiceExitCode::NO_ERROR);
    let code = work(stop);
    let code = match code {
        0 => ServiceExitCode::NO_ERROR,
        // Anything else makes the service manager start it again.
        code => ServiceExitCode::ServiceSpecific(code),
    };
    tell(&system, ServiceState::Stopped, code);
}

fn tell(system: &ServiceStatusHandle, state: ServiceState, exit_code: ServiceExitCode) {
    let controls_accepted = if state == ServiceState::Running {
        ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN
    } else {
        ServiceControlAccept::empty()
    };
    let told = system.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted,
        exit_code,
        checkpoint: 0,
        wait_hint: ENDING,
        process_id: None,
    });
    if let Err(error) = told {
        tracing::error!(?state, %error, "the service manager was not told");
    }
}

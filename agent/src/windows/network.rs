//! What Windows says of addresses, routes and sleep: it calls from threads of its own, and nobody looks by the clock.

use std::ffi::c_void;
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::mpsc;
use windows_sys::Win32::Foundation::{ERROR_SUCCESS, HANDLE};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    MIB_IPFORWARD_ROW2, MIB_NOTIFICATION_TYPE, MIB_UNICASTIPADDRESS_ROW, NotifyRouteChange2,
    NotifyUnicastIpAddressChange,
};
use windows_sys::Win32::Networking::WinSock::AF_UNSPEC;
use windows_sys::Win32::System::Power::{
    DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS, PowerRegisterSuspendResumeNotification,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{DEVICE_NOTIFY_CALLBACK, PBT_APMRESUMEAUTOMATIC};

use crate::transport::Change;

/// Changes come in bursts: an interface, its addresses, its routes. They are told once they have settled.
const SETTLED: Duration = Duration::from_millis(700);
/// The longest a burst is waited out.
const BURST: usize = 16;
/// Changes that wait to be told; more of the same say nothing new.
const WAITING: usize = 16;

type Told = mpsc::Sender<Change>;

/// What happens to the network from now on.
///
/// The system is told once, for as long as the process lives: its calls hold on to the channel for good.
pub fn changes() -> impl Stream<Item = Change> {
    let (tell, told) = mpsc::channel(WAITING);
    listen(Box::leak(Box::new(tell)));
    futures_util::stream::unfold(told, |mut told| async move {
        let change = told.recv().await?;
        if change == Change::Network && settled(&mut told).await == Change::Slept {
            return Some((Change::Slept, told));
        }
        Some((change, told))
    })
}

/// Waits a burst out. A machine that slept within it is worth more than its addresses.
async fn settled(told: &mut mpsc::Receiver<Change>) -> Change {
    let mut worst = Change::Network;
    for _ in 0..BURST {
        tokio::time::sleep(SETTLED).await;
        let mut more = false;
        while let Ok(change) = told.try_recv() {
            more = true;
            if change == Change::Slept {
                worst = change;
            }
        }
        if !more {
            break;
        }
    }
    worst
}

fn listen(tell: &'static Told) {
    let context: *const c_void = std::ptr::from_ref(tell).cast();
    let mut handle: HANDLE = std::ptr::null_mut();
    // SAFETY: the callback takes the context for what it is, a channel that is never dropped and takes messages
    // from any thread; the handle is written before the call returns.
    let addresses = unsafe {
        NotifyUnicastIpAddressChange(AF_UNSPEC, Some(on_address), context, false, &raw mut handle)
    };
    // SAFETY: the same.
    let routes =
        unsafe { NotifyRouteChange2(AF_UNSPEC, Some(on_route), context, false, &raw mut handle) };
    let subscription: &'static _ = Box::leak(Box::new(DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS {
        Callback: Some(on_power),
        Context: context.cast_mut(),
    }));
    let mut registration = std::ptr::null_mut();
    // SAFETY: the subscription is never dropped, and the callback takes its context as above.
    let power = unsafe {
        PowerRegisterSuspendResumeNotification(
            DEVICE_NOTIFY_CALLBACK,
            std::ptr::from_ref(subscription).cast_mut().cast(),
            &raw mut registration,
        )
    };
    for (what, code) in [
        ("addresses", addresses),
        ("routes", routes),
        ("sleep", power),
    ] {
        if code != ERROR_SUCCESS {
            tracing::warn!(
                what,
                code,
                "Windows tells of no changes; accounts register anew when their flows fail"
            );
        }
    }
}

/// # Safety
/// `context` is the channel given to [`listen`].
unsafe fn tell(context: *const c_void, change: Change) {
    // SAFETY: by the caller's word.
    if let Some(tell) = unsafe { context.cast::<Told>().as_ref() } {
        // Full: the same waits to be told already. Closed: the agent ends.
        let _ = tell.try_send(change);
    }
}

unsafe extern "system" fn on_address(
    context: *const c_void,
    _: *const MIB_UNICASTIPADDRESS_ROW,
    _: MIB_NOTIFICATION_TYPE,
) {
    // SAFETY: registered with this context.
    unsafe { tell(context, Change::Network) }
}

unsafe extern "system" fn on_route(
    context: *const c_void,
    _: *const MIB_IPFORWARD_ROW2,
    _: MIB_NOTIFICATION_TYPE,
) {
    // SAFETY: registered with this context.
    unsafe { tell(context, Change::Network) }
}

unsafe extern "system" fn on_power(context: *const c_void, event: u32, _: *const c_void) -> u32 {
    if event == PBT_APMRESUMEAUTOMATIC {
        // SAFETY: registered with this context.
        unsafe { tell(context, Change::Slept) }
    }
    ERROR_SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;

    fn leaked() -> (*const c_void, mpsc::Receiver<Change>) {
        let (tell, told) = mpsc::channel::<Change>(WAITING);
        (std::ptr::from_ref(Box::leak(Box::new(tell))).cast(), told)
    }

    #[tokio::test]
    async fn what_the_system_calls_is_told_and_a_flood_is_bounded() {
        let (context, mut told) = leaked();
        for _ in 0..10_000 {
            // SAFETY: the context is a channel that is never dropped.
            unsafe { on_address(context, std::ptr::null(), 0) }
        }
        assert_eq!(told.len(), WAITING);
        assert_eq!(told.recv().await, Some(Change::Network));
    }

    #[tokio::test(start_paused = true)]
    async fn a_resume_within_a_burst_is_what_counts() {
        let (context, mut told) = leaked();
        // SAFETY: as above.
        unsafe { on_power(context, PBT_APMRESUMEAUTOMATIC, std::ptr::null()) };
        assert_eq!(settled(&mut told).await, Change::Slept);
    }

    #[tokio::test]
    async fn a_watch_is_silent_while_nothing_happens() {
        let mut changes = std::pin::pin!(changes());
        let silent = tokio::time::timeout(Duration::from_millis(200), changes.next()).await;
        assert!(silent.is_err() || matches!(silent, Ok(Some(Change::Network))));
    }
}

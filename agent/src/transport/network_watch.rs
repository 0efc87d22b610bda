//! Notices that the network changed or that the machine slept, without ever waking up to look.
//!
//! Addresses and routes are told by the kernel over netlink (rtnetlink(7)). Of sleep tells a timer that is never due but is
//! cancelled when the clock is set (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`), as the kernel does on resume; whether it was a
//! resume and no hand at the clock, the time shows that `CLOCK_BOOTTIME` gained on `CLOCK_MONOTONIC`, which stands still in sleep.
//! Windows calls by itself (`windows::network`). On other systems nothing is noticed here; accounts then register anew
//! when their flows fail or their time is over.

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Addresses or routes are others, or were for a moment.
    Network,
    /// The machine slept.
    Slept,
}

#[cfg(target_os = "linux")]
pub use linux::changes;

#[cfg(windows)]
pub use crate::windows::network::changes;

/// What happens to the network; nothing is known of it on this system.
#[cfg(not(any(target_os = "linux", windows)))]
pub fn changes() -> impl futures_util::Stream<Item = Change> {
    futures_util::stream::pending()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::unix::net::UnixDatagram as AnyDescriptor;
    use std::time::Duration;

    use futures_util::Stream;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    use rustix::time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
    };
    use tokio::io::Interest;
    use tokio::net::UnixDatagram;

    use super::Change;

    /// Multicast groups of rtnetlink(7): IPv4 and IPv6 addresses and routes.
    const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;
    /// Changes come in bursts: an interface, its addresses, its routes. They are told once they have settled.
    const SETTLED: Duration = Duration::from_millis(700);
    /// The longest a burst is waited out.
    const BURST: usize = 16;
    /// What sleep gains on a clock that stands still in it, at the least.
    const SLEEP: i64 = 1;
    /// ENOBUFS.
    const NO_BUFFERS: i32 = rustix::io::Errno::NOBUFS.raw_os_error();
    /// A time that does not come: the year 2286.
    const NEVER: i64 = 9_999_999_999;

    /// What happens to the network from now on. Ends when the kernel gives no socket or takes it back.
    pub fn changes() -> impl Stream<Item = Change> {
        let watch = Watch::open()
            .inspect_err(|error| tracing::warn!(%error, "the network cannot be watched"))
            .ok();
        futures_util::stream::unfold(watch, |watch| async move {
            let mut watch = watch?;
            let change = watch
                .next()
                .await
                .inspect_err(|error| tracing::warn!(%error, "the network is no longer watched"))
                .ok()?;
            Some((change, Some(watch)))
        })
    }

    /// Both descriptors in a type that the runtime waits on; of its own, only the reading of the first is used.
    struct Watch {
        netlink: UnixDatagram,
        clock: UnixDatagram,
        slept: i64,
    }

    impl Watch {
        fn open() -> io::Result<Self> {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let netlink =
                rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
            rustix::net::bind(&netlink, &SocketAddrNetlink::new(0, GROUPS))?;
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let clock = rustix::time::timerfd_create(TimerfdClockId::Realtime, flags)?;
            arm(&clock)?;
            Ok(Self {
                netlink: UnixDatagram::from_std(AnyDescriptor::from(netlink))?,
                clock: UnixDatagram::from_std(AnyDescriptor::from(clock))?,
                slept: slept(),
            })
        }

        async fn next(&mut self) -> io::Result<Change> {
            loop {
                tokio::select! {
                    ready = self.netlink.readable() => {
                        ready?;
                        if drain(&self.netlink)? {
                            self.settle().await?;
                            return Ok(Change::Network);
                        }
                    }
                    ready = self.clock.readable() => {
                        ready?;
                        arm(&self.clock)?;
                        // Armed, it is not readable any more, which the runtime cannot see by itself.
                        let unread = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
                        let _ = self.clock.try_io(Interest::READABLE, unread);
                        let before = std::mem::replace(&mut self.slept, slept());
                        if self.slept - before >= SLEEP {
                            return Ok(Change::Slept);
                        }
                    }
                }
            }
        }

        async fn settle(&mut self) -> io::Result<()> {
            for _ in 0..BURST {
                tokio::time::sleep(SETTLED).await;
                if !drain(&self.netlink)? {
                    break;
                }
            }
            Ok(())
        }
    }

    /// Reads what the kernel says, unread: that it says something is enough. `false` when it said nothing.
    fn drain(netlink: &UnixDatagram) -> io::Result<bool> {
        let mut buffer = [0_u8; 512];
        let mut said = false;
        loop {
            match netlink.try_recv(&mut buffer) {
                Ok(_) => said = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(said),
                // More was said than the socket holds.
                Err(error) if error.raw_os_error() == Some(NO_BUFFERS) => said = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Arms the clock anew, which also takes back that it was cancelled.
    fn arm(clock: impl std::os::fd::AsFd) -> io::Result<()> {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let never = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: NEVER,
                tv_nsec: 0,
            },
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        match rustix::time::timerfd_settime(clock, flags, &never) {
            Ok(_) | Err(rustix::io::Errno::CANCELED) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Seconds slept since the machine started.
    fn slept() -> i64 {
        let seconds = |clock| rustix::time::clock_gettime(clock).tv_sec;
        seconds(ClockId::Boottime) - seconds(ClockId::Monotonic)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn a_watch_opens_and_is_silent_while_nothing_happens() {
            let mut watch = Watch::open().unwrap();
            assert!(!drain(&watch.netlink).unwrap());
            arm(&watch.clock).unwrap();
            let silent = tokio::time::timeout(Duration::from_millis(200), watch.next()).await;
            // Other programs may change routes meanwhile; then the change is told.
            assert!(silent.is_err() || matches!(silent, Ok(Ok(Change::Network))));
        }
    }
}

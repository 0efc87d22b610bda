//! The name servers and the search list of the adapters that are up, asked for anew each time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use windows_sys::Win32::Foundation::{ERROR_BUFFER_OVERFLOW, ERROR_SUCCESS};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_FRIENDLY_NAME, GAA_FLAG_SKIP_MULTICAST,
    GAA_FLAG_SKIP_UNICAST, GetAdaptersAddresses, IP_ADAPTER_ADDRESSES_LH,
};
use windows_sys::Win32::NetworkManagement::Ndis::IfOperStatusUp;
use windows_sys::Win32::Networking::WinSock::{
    AF_INET, AF_INET6, AF_UNSPEC, SOCKADDR_IN, SOCKADDR_IN6, SOCKET_ADDRESS,
};

use super::text::narrow;

/// The most adapters looked at, and servers of one.
const MAX_LISTED: usize = 64;
/// How often the system may say that the list has grown meanwhile.
const TRIES: usize = 4;
/// The largest list taken, in bytes.
const MAX_LIST: u32 = 1 << 20;
/// What Windows names where no IPv6 server is set: fec0:0:0:ffff::1 to 3, which nobody has.
const PLACEHOLDER: u16 = 0xfec0;

/// What one machine asks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Servers; those of the adapter with the lowest metric first.
    pub servers: Vec<IpAddr>,
    /// Suffixes for short names, in the same order.
    pub search: Vec<String>,
}

/// What the adapters say; nothing when the system does not tell.
pub fn told() -> Told {
    let Some(list) = adapters() else {
        return Told::default();
    };
    let mut found = Vec::new();
    let mut next: *const IP_ADAPTER_ADDRESSES_LH = list.as_ptr().cast();
    for _ in 0..MAX_LISTED {
        // SAFETY: null, or an entry in `list`, which the system filled and which lives until the end of this function.
        let Some(adapter) = (unsafe { next.as_ref() }) else {
            break;
        };
        next = adapter.Next;
        if adapter.OperStatus == IfOperStatusUp {
            // SAFETY: the suffix stands in the same list and ends with a zero.
            let suffix = unsafe { narrow(adapter.DnsSuffix) };
            found.push((adapter.Ipv4Metric, servers(adapter), suffix));
        }
    }
    found.sort_by_key(|(metric, ..)| *metric);
    let mut told = Told::default();
    for (_, servers, suffix) in found {
        for server in servers {
            if !told.servers.contains(&server) {
                told.servers.push(server);
            }
        }
        if !suffix.is_empty() && !told.search.contains(&suffix) {
            told.search.push(suffix);
        }
    }
    told
}

/// The system's list of adapters, in a buffer aligned for it.
fn adapters() -> Option<Vec<u64>> {
    let flags = GAA_FLAG_SKIP_UNICAST
        | GAA_FLAG_SKIP_ANYCAST
        | GAA_FLAG_SKIP_MULTICAST
        | GAA_FLAG_SKIP_FRIENDLY_NAME;
    let mut bytes: u32 = 16 << 10;
    for _ in 0..TRIES {
        let mut list = vec![0_u64; bytes.min(MAX_LIST).div_ceil(8) as usize];
        // SAFETY: the buffer has `bytes` bytes, or the call says how many it needs and writes nothing.
        let answer = unsafe {
            GetAdaptersAddresses(
                AF_UNSPEC.into(),
                flags,
                std::ptr::null(),
                list.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        match answer {
            ERROR_SUCCESS => return Some(list),
            ERROR_BUFFER_OVERFLOW if bytes <= MAX_LIST => {}
            _ => return None,
        }
    }
    None
}

fn servers(adapter: &IP_ADAPTER_ADDRESSES_LH) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut next = adapter.FirstDnsServerAddress;
    for _ in 0..MAX_LISTED {
        // SAFETY: null, or an entry of the list that `adapter` stands in.
        let Some(entry) = (unsafe { next.as_ref() }) else {
            break;
        };
        next = entry.Next;
        found.extend(address(&entry.Address).filter(asked));
    }
    found
}

/// Whether a server can be asked without knowing the interface it is behind.
fn asked(server: &IpAddr) -> bool {
    match server {
        IpAddr::V4(_) => true,
        IpAddr::V6(ip) => !ip.is_unicast_link_local() && ip.segments()[0] != PLACEHOLDER,
    }
}

fn address(told: &SOCKET_ADDRESS) -> Option<IpAddr> {
    let length = usize::try_from(told.iSockaddrLength).ok()?;
    // SAFETY: the system's pointer to a socket address in its list, null excluded.
    let family = unsafe { told.lpSockaddr.as_ref() }?.sa_family;
    if family == AF_INET && length >= size_of::<SOCKADDR_IN>() {
        // SAFETY: family and length say that it is this structure; every bit pattern of the union is a number.
        let bits = unsafe {
            (*told.lpSockaddr.cast::<SOCKADDR_IN>())
                .sin_addr
                .S_un
                .S_addr
        };
        return Some(Ipv4Addr::from_bits(u32::from_be(bits)).into());
    }
    if family == AF_INET6 && length >= size_of::<SOCKADDR_IN6>() {
        // SAFETY: as above.
        let bytes = unsafe { (*told.lpSockaddr.cast::<SOCKADDR_IN6>()).sin6_addr.u.Byte };
        return Some(Ipv6Addr::from(bytes).into());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_list_is_read() {
        let told = told();
        assert!(told.servers.iter().all(asked), "{told:?}");
        assert!(adapters().is_some());
    }

    #[test]
    fn placeholders_and_servers_behind_an_interface_are_not_asked() {
        for (server, is_asked) in [
            ("192.0.2.53", true),
            ("2001:db8::53", true),
            ("fec0:0:0:ffff::1", false),
            ("fe80::1", false),
        ] {
            assert_eq!(asked(&server.parse().unwrap()), is_asked, "{server}");
        }
    }
}

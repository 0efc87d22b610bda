//! How long a person's `carillon dial` takes until the INVITE is on the wire.

use std::time::{Duration, Instant};

use crate::desk::Desk;
use crate::relay::{Passed, Relay};
use crate::table::median;
use crate::{Fault, Outcome};

/// How long anything on loopback may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(20);

/// Milliseconds from the start of the program until its INVITE passes the relay, the median of several.
///
/// The desk registers as `user` through the relay; its calls ring nobody, and have no sound card to wait for.
///
/// # Errors
/// What the desk refuses.
pub fn to_the_wire(relay: &Relay, user: &str, password: &str, times: usize) -> Outcome<f64> {
    let port = relay.port();
    let yaml = format!(
        "accounts:\n  - id: main\n    address: sip:{user}@127.0.0.1\n    password: {password}\n    registrar: 127.0.0.1:{port}\n    \
         outbound_proxy: 127.0.0.1:{port}\nmedia:\n  input: \"null\"\n  output: \"null\"\n"
    );
    let mut desk = Desk::alone("dialling", &yaml)?;
    desk.run()?;
    desk.wait_account("main", "registered", LIMIT)?;
    let mut spans = Vec::new();
    for _ in 0..times {
        relay.forget();
        let at = Instant::now();
        desk.cli(&["dial", "1999"])?.success()?;
        let invite = relay.wait_for("the INVITE", LIMIT, is_invite)?;
        spans.push(invite.at.saturating_duration_since(at).as_secs_f64() * 1_000.0);
        desk.wait_no_call(LIMIT)?;
    }
    median(&spans).ok_or_else(|| Fault::refused("the benchmark", "dial", "nothing was measured"))
}

fn is_invite(packet: &Passed) -> bool {
    packet.outward && packet.text.starts_with("INVITE ")
}

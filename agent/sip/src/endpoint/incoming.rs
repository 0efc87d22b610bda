//! A request that came in and must be answered within its transaction.

use super::output::FlowId;
use crate::message::{Essentials, Request};
use crate::transaction::ServerKey;
use std::net::SocketAddr;

/// One request with what is needed to answer it.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) request: Request,
    pub(crate) essentials: Essentials,
    pub(crate) key: ServerKey,
    pub(crate) flow: FlowId,
    /// Where it came from.
    pub(crate) source: SocketAddr,
    /// Where responses go.
    pub(crate) reply_to: SocketAddr,
}

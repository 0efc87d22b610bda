//! The root actor.

/// The root actor: owns every account and service.
pub struct Agent;

impl actix::Actor for Agent {
    type Context = actix::Context<Self>;
}

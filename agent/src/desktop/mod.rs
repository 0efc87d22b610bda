//! What the agent does on the desk around it: programs and pages when something happens.

pub mod hooks;

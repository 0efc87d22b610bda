//! What the agent does on the desk around it: programs and pages when something happens, links that are clicked.

pub mod hooks;
pub mod links;

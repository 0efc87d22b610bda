//! The provisioning server: signs each desk's configuration, hands it over the moment it changes, shows the fleet.
//!
//! [`fleet`] is the domain, pure; [`trust`] holds the keys; [`store`] is the only place with SQL; [`push`] knows who
//! waits for what. [`service`] joins the four into use cases, and [`desk_api`], [`admin_api`] and [`portal`] are three
//! faces of it. It knows nothing of the agent but the documents of `carillon-schemas`.

pub mod admin_api;
pub mod cli;
pub mod data_folder;
pub mod desk_api;
pub mod fleet;
pub mod founding;
pub mod metrics;
pub mod portal;
pub mod problem_answer;
pub mod push;
pub mod request_body;
pub mod server;
pub mod service;
pub mod store;
pub mod trust;

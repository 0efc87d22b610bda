//! Enrolling at the start by the ticket that an installer left.
//!
//! Owns when it is tried, tried again and given up. A ticket that was used is removed; one that was refused stays
//! where it is, and the board says why.

use actix::{ActorFutureExt as _, AsyncContext as _, Context};
use carillon_schemas::Ticket;

use super::actor::{Enrol, Provisioning, bounded};
use super::enrol::{EnrolError, Enrolled};
use super::ticket_file::TicketFile;
use crate::vault::VaultKind;

impl Provisioning {
    /// Looks for a ticket, and enrols with the first there is.
    pub(super) fn use_ticket_file(&mut self, ctx: &mut Context<Self>) {
        for file in self.setup.tickets.clone() {
            match file.read() {
                Ok(None) => {}
                Ok(Some(ticket)) => return self.enrol_from(file, ticket, ctx),
                Err(error) => return self.ticket_waits(error.to_string()),
            }
        }
    }

    fn enrol_from(&mut self, file: TicketFile, ticket: Ticket, ctx: &mut Context<Self>) {
        let vault = match VaultKind::from_environment() {
            Ok(vault) => vault,
            Err(error) => return self.ticket_waits(error.to_string()),
        };
        let enrolment = self.enrolment(Enrol {
            ticket,
            replace: false,
            vault,
        });
        ctx.spawn(enrolment.map(move |result, act, ctx| act.enrolled_from(&file, result, ctx)));
    }

    fn enrolled_from(
        &mut self,
        file: &TicketFile,
        result: Result<Enrolled, EnrolError>,
        ctx: &mut Context<Self>,
    ) {
        match result {
            Ok(enrolled) => {
                if let Err(error) = file.used() {
                    self.warn(format!("{error}; it is used and opens nothing any more"));
                }
                if !enrolled.already {
                    tracing::info!(desk = %enrolled.desk, server = enrolled.server, "enrolled by the ticket that was left");
                    self.open_desk(ctx);
                }
            }
            Err(error @ EnrolError::AlreadyEnrolled { .. }) => {
                let path = file.path().display();
                self.warn(bounded(format!("the ticket {path} is not used: {error}")));
            }
            Err(error) if error.word() == "server-unreachable" => {
                let wait = self.ticket_tries.next(None);
                let path = file.path().display();
                self.ticket_waits(format!("the ticket {path} waits for the server: {error}"));
                ctx.run_later(wait, |act, ctx| act.use_ticket_file(ctx));
            }
            Err(error) => {
                let path = file.path().display();
                self.ticket_waits(format!("the ticket {path} was not taken: {error}"));
            }
        }
    }

    /// Shows why a ticket is still there.
    fn ticket_waits(&self, why: String) {
        let why = bounded(why);
        tracing::error!("{why}");
        if self.desk.is_none() {
            self.setup
                .board
                .change(|state| state.view.trouble = Some(why));
        }
    }
}

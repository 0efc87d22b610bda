//! `GET /desks`: the list of desks.

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::clock::Clock;
use super::fleet_snapshot::FleetSnapshot;
use super::frame::{Frame, Place};
use super::list_query::ListQuery;
use super::list_view::{ListPage, ListView};
use super::page;
use super::session::SignedIn;
use super::trouble::Trouble;
use crate::service::Service;

/// Shows the page of the list that the query asks for.
pub(super) async fn show(
    request: HttpRequest,
    service: Data<Service>,
    fleet: Data<FleetSnapshot>,
) -> Result<HttpResponse, Trouble> {
    let signed_in = SignedIn::for_page(&request, &service).await?;
    let (rows, _) = fleet.rows(&service, Instant::now()).await?;
    let now = Clock::now();
    let list = ListView::of(&rows, ListQuery::read(request.query_string()), now.time());
    let frame = Frame::new(signed_in.visitor(), Place::Desks, now);
    page(
        StatusCode::OK,
        &ListPage {
            frame: &frame,
            list: &list,
            now,
        },
    )
}

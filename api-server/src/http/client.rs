//! Where a request comes from, for the log, the audit and throttling.

use super::RequestId;
use crate::auth::caller::Who;
use crate::state::App;
use crate::store::audit::By;
use actix_web::dev::ServiceRequest;
use actix_web::{HttpMessage, HttpRequest};
use std::net::IpAddr;

/// The address of a request's client, kept with the request by the edge.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Finds out the address, as far as the proxies in between are trusted.
    pub fn find(request: &ServiceRequest) -> Option<Self> {
        let peer = request.peer_addr()?.ip();
        let client = request.app_data::<App>().map(|app| app.trusted_proxies.client(peer, request.headers()));
        Some(ClientAddress(client.unwrap_or(peer)))
    }
}

/// The address of a request's client.
pub fn address(request: &HttpRequest) -> Option<IpAddr> {
    request.extensions().get::<ClientAddress>().map(|client| client.0)
}

/// Who does something by this request.
pub fn by(request: &HttpRequest, who: Option<&Who>) -> By {
    By {
        actor: who.map(|who| who.identity.account),
        address: address(request).map(|address| address.to_string()),
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()),
        ..By::default()
    }
}

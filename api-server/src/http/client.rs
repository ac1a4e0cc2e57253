//! Where a request comes from, for the audit and for throttling.

use super::RequestId;
use crate::auth::caller::Who;
use crate::store::audit::By;
use actix_web::{HttpMessage, HttpRequest};
use std::net::IpAddr;

/// Who does something by this request.
pub fn by(request: &HttpRequest, who: Option<&Who>) -> By {
    By {
        actor: who.map(|who| who.identity.account),
        address: request.peer_addr().map(|address| address.ip().to_string()),
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()),
    }
}

/// The network that a request comes from: the address or, of IPv6, its first 64 bits, for whoever has one
/// address there has all of them.
pub fn network(request: &HttpRequest) -> String {
    request.peer_addr().map_or_else(|| "unknown".into(), |address| network_of(address.ip()))
}

fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:x}", u128::from(address) >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_ipv6_are_one_network() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
    }
}

//! The proxies in front of the server: from these alone it is believed where a request comes from.

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Addresses and networks of proxies that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads a list of addresses and networks, comma separated: `10.0.0.5, 192.168.0.0/16, fd00::/8`.
    ///
    /// # Errors
    /// A sentence that names what is neither.
    pub fn parse(list: &str) -> Result<Self, String> {
        let network = |text: &str| {
            let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            address.ok().or_else(|| text.parse::<IpNet>().ok())
        };
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(|part| {
            network(part).ok_or_else(|| format!("{part} is no address or network such as 10.0.0.5 or 192.168.0.0/16"))
        });
        networks.collect::<Result<_, _>>().map(TrustedProxies)
    }

    /// The address of the client that a request comes from. `peer` is who opened the connection.
    ///
    /// Each proxy adds the address that called it on the right, so the lists are read from the right, as long as who
    /// added an entry is trusted. An entry that is no address ends the way. Where a request has both headers they must
    /// lead to the same client: a proxy that writes one of them lets pass what a client wrote into the other. If they
    /// do not, only the peer is certain.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusts(peer) {
            return peer;
        }
        let forwarded = self.walk(peer, &entries(headers, &FORWARDED, forwarded_for));
        let x_forwarded_for = self.walk(peer, &entries(headers, &X_FORWARDED_FOR, address));
        match (forwarded, x_forwarded_for) {
            (Some(client), None) | (None, Some(client)) => client,
            (Some(one), Some(other)) if one == other => one,
            _ => peer,
        }
    }

    fn walk(&self, peer: IpAddr, hops: &[Option<IpAddr>]) -> Option<IpAddr> {
        if hops.is_empty() {
            return None;
        }
        let mut client = peer;
        for hop in hops.iter().rev() {
            match hop {
                Some(hop) if self.trusts(client) => client = *hop,
                _ => break,
            }
        }
        Some(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The entries of a header, of all its lines, each read by `read`.
fn entries(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl Fn(&str) -> Option<IpAddr> + Copy,
) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(name).map(|line| line.to_str().unwrap_or_default());
    // A comma within quotes cuts an entry in pieces that are no address: what is right of it is read anyway.
    lines.flat_map(|line| line.split(',').map(read)).collect()
}

/// The address in an element of `Forwarded`, such as `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let node = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, node)| node).next();
    address(node?)
}

/// An address, perhaps with a port, perhaps in quotes and brackets.
fn address(node: &str) -> Option<IpAddr> {
    let node = node.trim().trim_matches('"');
    let bracketed = node.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let plain = bracketed.unwrap_or(node).parse::<IpAddr>().ok();
    let with_port = || node.rsplit_once(':').and_then(|(address, _)| address.parse::<Ipv4Addr>().ok()).map(IpAddr::V4);
    plain.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn client(proxies: &str, peer: &str, headers: &[(HeaderName, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        TrustedProxies::parse(proxies).unwrap().client(peer.parse().unwrap(), &map).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let header = [(X_FORWARDED_FOR, "9.9.9.9")];
        assert_eq!(client("", "10.0.0.1", &header), "10.0.0.1");
        assert_eq!(client("10.0.0.2", "10.0.0.1", &header), "10.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &header), "9.9.9.9");
        assert_eq!(client("10.0.0.1", "::ffff:10.0.0.1", &header), "9.9.9.9");
        assert_eq!(client("10.0.0.1", "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_lists_are_read_from_the_right_as_far_as_they_are_trusted() {
        let through = |value| client("10.0.0.0/8,fd00::/8", "10.0.0.1", &[(X_FORWARDED_FOR, value)]);
        assert_eq!(through("1.1.1.1, 9.9.9.9"), "9.9.9.9", "what the client wrote itself is not believed");
        assert_eq!(through("1.1.1.1, 9.9.9.9, 10.0.0.2"), "9.9.9.9");
        assert_eq!(through("1.1.1.1, unknown, 10.0.0.2"), "10.0.0.2");
        assert_eq!(through("10.0.0.3, fd00::2"), "10.0.0.3");
        assert_eq!(through("9.9.9.9:4711"), "9.9.9.9");
        assert_eq!(through("2001:db8::1"), "2001:db8::1");
        assert_eq!(through(""), "10.0.0.1");
        let lines = [(X_FORWARDED_FOR, "1.1.1.1"), (X_FORWARDED_FOR, "9.9.9.9")];
        assert_eq!(client("10.0.0.1", "10.0.0.1", &lines), "9.9.9.9");
    }

    #[test]
    fn forwarded_is_read_as_its_standard_writes_it() {
        let through = |value| client("10.0.0.0/8", "10.0.0.1", &[(FORWARDED, value)]);
        assert_eq!(through("for=1.1.1.1, For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.1"), "2001:db8::1");
        assert_eq!(through("for=9.9.9.9:4711, for=10.0.0.2"), "9.9.9.9");
        assert_eq!(through("proto=https;for=\"9.9.9.9\""), "9.9.9.9");
        for hidden in ["for=_hidden", "for=unknown", "proto=https", "for=\"1.1.1.1"] {
            let expected = if hidden.contains("1.1.1.1") { "1.1.1.1" } else { "10.0.0.1" };
            assert_eq!(through(hidden), expected, "{hidden}");
        }
    }

    #[test]
    fn two_headers_that_disagree_say_nothing() {
        let both = |one, other| client("10.0.0.1", "10.0.0.1", &[(FORWARDED, one), (X_FORWARDED_FOR, other)]);
        assert_eq!(both("for=9.9.9.9", "9.9.9.9"), "9.9.9.9");
        assert_eq!(both("for=1.1.1.1", "9.9.9.9"), "10.0.0.1");
    }

    #[test]
    fn what_is_no_network_is_named() {
        for list in ["10.0.0.0/33", "proxy.example.vn", "10.0.0.1 10.0.0.2"] {
            assert!(TrustedProxies::parse(list).unwrap_err().contains(list), "{list}");
        }
    }
}

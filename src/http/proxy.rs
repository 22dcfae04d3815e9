//! Which address a request comes from, when there are proxies before the gateway.
//!
//! # Design
//! A header is text that anybody can send, so it counts only when the peer itself is a trusted proxy, and then from right to
//! left: each hop wrote at the end who it got the request from, and the first address that is not a trusted proxy is the
//! client's. What stands to the left of it is the client's own text. Afterwards the headers are gone, so that nothing
//! behind the edge can take them for a fact; of the other forwarding headers (host, scheme) none is ever used, because
//! `public_url` is a setting.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName};

use crate::config::{Forwarding, Proxies};

/// All of them; the first two are the ones that can count.
const HEADERS: [&str; 8] = [
    "x-forwarded-for",
    "forwarded",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-real-ip",
    "x-client-cert",
];

/// Hops that are looked at; no chain of proxies is as long.
const HOPS: usize = 16;

/// The client's address. Takes the headers away.
pub(super) fn client(proxies: &Proxies, peer: IpAddr, headers: &mut HeaderMap) -> IpAddr {
    let address = if proxies.trusts(peer) {
        behind(proxies, peer, headers)
    } else {
        peer
    };
    for name in HEADERS {
        headers.remove(HeaderName::from_static(name));
    }
    address.to_canonical()
}

fn behind(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let name = match proxies.header {
        Forwarding::XForwardedFor => "x-forwarded-for",
        Forwarding::Forwarded => "forwarded",
    };
    // Lines of one name are one list (RFC 9110 §5.3). What is not text is an entry that says nothing.
    let lines: Vec<&str> = headers
        .get_all(name)
        .iter()
        .map(|line| line.to_str().unwrap_or(""))
        .collect();
    let entries = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(HOPS);
    let mut last = peer;
    for entry in entries {
        let told = match proxies.header {
            Forwarding::XForwardedFor => address(entry),
            Forwarding::Forwarded => forwarded(entry),
        };
        // A trusted hop that does not say (`unknown`, an obfuscated name) is as far as it can be followed.
        let Some(told) = told else { return last };
        last = told;
        if !proxies.trusts(told) {
            break;
        }
    }
    last
}

/// `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711` or `2001:db8::1`
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, port) = rest.split_once(']')?;
        let fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return inner.parse().ok().filter(|address: &IpAddr| fine && address.is_ipv6());
    }
    let (host, port) = text.split_once(':')?;
    host.parse()
        .ok()
        .filter(|address: &IpAddr| is_port(port) && address.is_ipv4())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

/// The `for` of one element (RFC 7239 §4).
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut found = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let value = found.next().filter(|_| found.next().is_none())?;
    address(value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(header: Forwarding, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let proxies = Proxies {
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let address = client(&proxies, peer.parse().unwrap(), &mut headers);
        assert!(headers.is_empty(), "nothing behind the edge sees them: {headers:?}");
        address.to_string()
    }

    #[test]
    fn a_stranger_cannot_say_where_it_comes_from() {
        let lies = [
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
            ("x-real-ip", "192.0.2.1"),
        ];
        assert_eq!(resolve(Forwarding::XForwardedFor, "203.0.113.9", &lies), "203.0.113.9");
        assert_eq!(resolve(Forwarding::Forwarded, "203.0.113.9", &lies), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_what_the_client_sent_through_it_is_not() {
        for (lines, address) in [
            (&[][..], "10.0.0.1"),
            (&["203.0.113.9"], "203.0.113.9"),
            (&["192.0.2.1, 203.0.113.9"], "203.0.113.9"),
            (&["192.0.2.1, 203.0.113.9, 10.9.9.9"], "203.0.113.9"),
            (&["192.0.2.1", "203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::9]:4711"], "2001:db8::9"),
            (&["2001:db8::9, fd00::1"], "2001:db8::9"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["unknown"], "10.0.0.1"),
            (&["192.0.2.1, garbage, 10.0.0.2"], "10.0.0.2"),
            (&[""], "10.0.0.1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(
                resolve(Forwarding::XForwardedFor, "10.0.0.1", &lines),
                address,
                "{lines:?}"
            );
        }
    }

    #[test]
    fn the_standard_header_counts_where_it_is_the_one_that_is_set() {
        for (line, address) in [
            ("for=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"),
            ("For=\"[2001:db8::9]:4711\"", "2001:db8::9"),
            ("for=192.0.2.1, for=203.0.113.9", "203.0.113.9"),
            ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("for=192.0.2.1;for=203.0.113.9", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            let lines = [("forwarded", line), ("x-forwarded-for", "198.51.100.1")];
            assert_eq!(resolve(Forwarding::Forwarded, "10.0.0.1", &lines), address, "{line}");
        }
    }

    #[test]
    fn a_long_chain_is_followed_so_far_and_no_further() {
        let chain = vec!["10.0.0.2"; 5_000].join(",");
        assert_eq!(
            resolve(Forwarding::XForwardedFor, "10.0.0.1", &[("x-forwarded-for", &chain)]),
            "10.0.0.2"
        );
    }
}

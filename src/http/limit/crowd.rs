//! How many connections one network has open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::network;
use crate::config::Front;

/// Counts connections; holds only networks that have one.
#[derive(Clone, Debug)]
pub(in crate::http) struct Crowd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    front: Front,
    open: Mutex<HashMap<IpAddr, u32>>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(in crate::http) struct Guest(Option<(Arc<Inner>, IpAddr)>);

impl Crowd {
    pub(in crate::http) fn new(front: Front) -> Self {
        let open = Mutex::default();
        Self(Arc::new(Inner { front, open }))
    }

    /// `None`: the network has as many as it may. Proxies that are trusted bring the connections of many.
    pub(in crate::http) fn admit(&self, peer: IpAddr) -> Option<Guest> {
        let front = &self.0.front;
        if front.proxies.trusts(peer) {
            return Some(Guest(None));
        }
        let network = network(peer);
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(network).or_default();
        if *count >= front.limits.connections {
            return None;
        }
        *count += 1;
        Some(Guest(Some((Arc::clone(&self.0), network))))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let Some((crowd, network)) = &self.0 else { return };
        let mut open = crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                open.remove(network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NetworkLimits, Proxies};

    #[test]
    fn f6_a_network_has_so_many_connections_and_a_trusted_proxy_as_many_as_it_likes() {
        let crowd = Crowd::new(Front {
            proxies: Proxies {
                trusted: vec!["10.0.0.1".parse::<IpAddr>().unwrap().into()],
                ..Proxies::default()
            },
            limits: NetworkLimits {
                connections: 2,
                ..NetworkLimits::default()
            },
            ..Front::default()
        });
        let admit = |peer: &str| crowd.admit(peer.parse().unwrap());
        let first = admit("2001:db8::1").unwrap();
        let second = admit("2001:db8::2").unwrap();
        assert!(admit("2001:db8::3").is_none(), "the same /64");
        let other = admit("2001:db8:0:1::1").unwrap();
        drop(first);
        let third = admit("2001:db8::3").unwrap();
        let proxies: Vec<_> = (0..10).map(|_| admit("10.0.0.1").unwrap()).collect();
        drop((second, third, other, proxies));
        assert!(crowd.0.open.lock().unwrap().is_empty(), "nothing is kept");
    }
}

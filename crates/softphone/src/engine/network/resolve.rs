//! From the servers of a profile to addresses, in the order in which they are tried.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use softphone_api::{Account, AddressFamily, ServerAddress, Transport};

use super::super::phone::{Route, host_port};
use super::{srv, watch};

/// A system's resolver may take half a minute to say that nobody answers; names that it does not know by then are left out.
const PATIENCE: Duration = Duration::from_secs(3);
/// Addresses of one name that are tried.
const MOST: usize = 8;

/// A server at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hop {
    /// `host:port` of the server, by name where it has one.
    pub(crate) label: String,
    pub(crate) route: Route,
}

impl Hop {
    /// `host` and `port` as the profile has them, and where the next hop is.
    pub(crate) fn new(
        transport: Transport,
        host: &str,
        port: u16,
        label: String,
        at: SocketAddr,
        behind: Option<String>,
    ) -> Self {
        // For TLS the name stands in the route, because pjlib verifies what it finds there. Else the address does: pjlib would
        // look the name up again, and wait for the answer.
        let by_name = transport == Transport::Tls && host.parse::<IpAddr>().is_err();
        let (name, port) = if by_name { (host.to_owned(), port) } else { (at.ip().to_string(), at.port()) };
        let first = uri(&name, port, transport);
        Self { label, route: Route { first, behind, name, port, at } }
    }
}

/// `sip:host:port;transport=…;lr`; no port where it is 0.
fn uri(host: &str, port: u16, transport: Transport) -> String {
    let transport = match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
    };
    let host = if port == 0 { bracketed(host) } else { host_port(host, port, port) };
    format!("sip:{host};transport={transport};lr")
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

/// What a look-up found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) hops: Vec<Hop>,
    /// Names without an address.
    pub(crate) unknown: Vec<String>,
}

/// What has to be known of an account to find its servers.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    servers: Vec<ServerAddress>,
    proxy: Option<ServerAddress>,
    transport: Transport,
    family: AddressFamily,
}

impl From<&Account> for Wanted {
    fn from(account: &Account) -> Self {
        let first = ServerAddress { host: account.server.clone(), port: account.port };
        Self {
            servers: std::iter::once(first).chain(account.backup_servers.iter().cloned()).collect(),
            proxy: account.outbound_proxy.clone(),
            transport: account.transport,
            family: account.address_family,
        }
    }
}

impl Wanted {
    /// Whom packets go to: the proxy, or the servers.
    fn next_hops(&self) -> Vec<&ServerAddress> {
        self.proxy.as_ref().map_or_else(|| self.servers.iter().collect(), |proxy| vec![proxy])
    }

    /// Without asking anybody, when there is no name among them.
    pub(crate) fn known(&self) -> Option<Found> {
        let places = self.next_hops().into_iter().map(|server| {
            let ip = literal(&server.host)?;
            Some((server.clone(), vec![self.place(server, ip)]))
        });
        Some(self.hops(&places.collect::<Option<_>>()?))
    }

    /// Asks, each name in a thread of its own, so that none waits for another's nameserver. `tell` is called once, within
    /// some seconds.
    pub(crate) fn look_up(self, tell: impl FnOnce(Found) + Send + 'static) {
        let work = move || {
            let (send, answers) = channel();
            let servers: Vec<ServerAddress> = self.next_hops().into_iter().cloned().collect();
            let count = servers.len();
            for server in servers {
                let (wanted, send) = (self.clone(), send.clone());
                let asked = server.clone();
                // When no thread can be made the name stays unknown, which is said.
                let _ = std::thread::Builder::new().name("name".into()).stack_size(1 << 17).spawn(move || {
                    let places = wanted.places(&asked);
                    let _ = send.send((asked, places));
                });
            }
            drop(send);
            let end = Instant::now() + PATIENCE;
            let mut places = BTreeMap::new();
            while places.len() < count {
                let Ok((server, found)) = answers.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                    break;
                };
                places.insert(server, found);
            }
            tell(self.hops(&places));
        };
        if let Err(e) = std::thread::Builder::new().name("names".into()).stack_size(1 << 17).spawn(work) {
            tracing::error!("servers cannot be looked up: {e}");
        }
    }

    fn place(&self, server: &ServerAddress, ip: IpAddr) -> Place {
        let port = if server.port == 0 { usual_port(self.transport) } else { server.port };
        Place { label: host_port(&server.host, port, port), at: SocketAddr::new(ip, port) }
    }

    fn places(&self, server: &ServerAddress) -> Vec<Place> {
        if let Some(ip) = literal(&server.host) {
            return vec![self.place(server, ip)];
        }
        if server.port == 0 {
            let random = |below: u32| {
                let mut bytes = [0; 4];
                // Without randomness the first of equals is taken.
                let _ = getrandom::fill(&mut bytes);
                u32::from_be_bytes(bytes) % below
            };
            let records = srv::ordered(srv::look_up(&service(&server.host, self.transport)), random);
            if !records.is_empty() {
                return records
                    .iter()
                    .flat_map(|record| {
                        addresses(&record.target, self.family).into_iter().map(|ip| Place {
                            label: host_port(&record.target, record.port, record.port),
                            at: SocketAddr::new(ip, record.port),
                        })
                    })
                    .collect();
            }
        }
        addresses(&server.host, self.family).into_iter().map(|ip| self.place(server, ip)).collect()
    }

    fn hops(&self, places: &BTreeMap<ServerAddress, Vec<Place>>) -> Found {
        let mut hops: Vec<Hop> = Vec::new();
        let mut unknown = Vec::new();
        let mut add = |hop: Hop| {
            if !hops.contains(&hop) {
                hops.push(hop);
            }
        };
        let of = |server: &ServerAddress| places.get(server).map_or(&[][..], Vec::as_slice);
        match &self.proxy {
            None => {
                for server in &self.servers {
                    for place in of(server) {
                        add(Hop::new(self.transport, &server.host, server.port, place.label.clone(), place.at, None));
                    }
                }
            }
            Some(proxy) => {
                for server in &self.servers {
                    let label = host_port(&server.host, server.port, usual_port(self.transport));
                    let behind = uri(&server.host, server.port, self.transport);
                    for place in of(proxy) {
                        add(Hop::new(
                            self.transport,
                            &proxy.host,
                            proxy.port,
                            label.clone(),
                            place.at,
                            Some(behind.clone()),
                        ));
                    }
                }
            }
        }
        for server in self.next_hops() {
            if of(server).is_empty() {
                unknown.push(server.host.clone());
            }
        }
        Found { hops, unknown }
    }
}

/// An address of a server, and what it is called.
#[derive(Debug, Clone)]
struct Place {
    label: String,
    at: SocketAddr,
}

pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn usual_port(transport: Transport) -> u16 {
    if transport == Transport::Tls { 5061 } else { 5060 }
}

/// RFC 3263, 4.1: the transport is the profile's, so no NAPTR is asked for.
fn service(domain: &str, transport: Transport) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
    };
    format!("{service}.{}", domain.trim_end_matches('.'))
}

/// By the system, in the system's order (RFC 6724), without those that no way leads to, unless none leads anywhere.
fn addresses(host: &str, family: AddressFamily) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    for at in (host.trim_end_matches('.'), 0).to_socket_addrs().into_iter().flatten() {
        let wanted = match family {
            AddressFamily::Any => true,
            AddressFamily::Ipv4 => at.is_ipv4(),
            AddressFamily::Ipv6 => at.is_ipv6(),
        };
        if wanted && !found.contains(&at.ip()) && found.len() < MOST {
            found.push(at.ip());
        }
    }
    let reachable: Vec<IpAddr> =
        found.iter().copied().filter(|ip| watch::near_end(SocketAddr::new(*ip, 5060)).is_some()).collect();
    if reachable.is_empty() { found } else { reachable }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(servers: &[(&str, u16)], proxy: Option<(&str, u16)>, transport: Transport) -> Wanted {
        let address = |(host, port): (&str, u16)| ServerAddress { host: host.to_owned(), port };
        Wanted {
            servers: servers.iter().copied().map(address).collect(),
            proxy: proxy.map(address),
            transport,
            family: AddressFamily::Any,
        }
    }

    fn shown(found: &Found) -> Vec<String> {
        found
            .hops
            .iter()
            .map(|h| {
                let behind = h.route.behind.as_ref().map(|b| format!(" then {b}")).unwrap_or_default();
                format!("{} at {} by {}{behind}", h.label, h.route.at, h.route.first)
            })
            .collect()
    }

    #[test]
    fn addresses_need_no_look_up() {
        let two = wanted(&[("10.0.0.1", 5070), ("::1", 0), ("10.0.0.1", 5070)], None, Transport::Tcp);
        assert_eq!(
            shown(&two.known().unwrap()),
            [
                "10.0.0.1:5070 at 10.0.0.1:5070 by sip:10.0.0.1:5070;transport=tcp;lr",
                "[::1]:5060 at [::1]:5060 by sip:[::1]:5060;transport=tcp;lr",
            ]
        );
        assert!(wanted(&[("10.0.0.1", 5060), ("pbx", 5060)], None, Transport::Udp).known().is_none());
    }

    #[test]
    fn a_proxy_is_where_everything_goes() {
        let proxied = wanted(&[("pbx.example", 0), ("backup.example", 5062)], Some(("10.0.0.9", 0)), Transport::Tls);
        assert_eq!(
            shown(&proxied.known().unwrap()),
            [
                "pbx.example:5061 at 10.0.0.9:5061 by sip:10.0.0.9:5061;transport=tls;lr then sip:pbx.example;transport=tls;lr",
                "backup.example:5062 at 10.0.0.9:5061 by sip:10.0.0.9:5061;transport=tls;lr then sip:backup.example:5062;transport=tls;lr",
            ]
        );
    }

    #[test]
    fn tls_is_verified_by_the_name_of_the_profile() {
        // The name in the route is what pjlib compares the certificate with, whatever SRV and A have led to.
        let hop = Hop::new(
            Transport::Tls,
            "pbx.example",
            0,
            "sip2.example:5063".into(),
            "10.0.0.2:5063".parse().unwrap(),
            None,
        );
        assert_eq!(hop.route.first, "sip:pbx.example;transport=tls;lr");
        assert_eq!((hop.route.name.as_str(), hop.route.port), ("pbx.example", 0));
        // Without TLS the address stands there, so that nobody looks it up again.
        let hop = Hop::new(
            Transport::Udp,
            "pbx.example",
            5060,
            "pbx.example:5060".into(),
            "10.0.0.2:5060".parse().unwrap(),
            None,
        );
        assert_eq!(hop.route.first, "sip:10.0.0.2:5060;transport=udp;lr");
    }

    #[test]
    fn names_are_looked_up_beside_the_engine() {
        let (send, found) = channel();
        wanted(&[("localhost", 5060), ("nobody.invalid", 5060), ("127.0.0.1", 5062)], None, Transport::Udp)
            .look_up(move |found| send.send(found).unwrap());
        let found = found.recv_timeout(PATIENCE * 2).unwrap();
        assert!(found.hops.iter().any(|h| h.label == "localhost:5060"), "{found:?}");
        assert_eq!(found.hops.last().unwrap().label, "127.0.0.1:5062");
        assert_eq!(found.unknown, ["nobody.invalid"]);
    }

    #[test]
    fn services() {
        for (transport, service_name) in
            [(Transport::Udp, "_sip._udp.a.b"), (Transport::Tcp, "_sip._tcp.a.b"), (Transport::Tls, "_sips._tcp.a.b")]
        {
            assert_eq!(service("a.b.", transport), service_name);
        }
    }
}

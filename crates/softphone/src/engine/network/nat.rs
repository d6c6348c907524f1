//! Which STUN and TURN servers answer. pjlib asks them when the sound of a call is made, looks their names up in the thread
//! that dials, and waits ten seconds and more for one that is silent: so it is told only of those that have just answered, by
//! their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use softphone_api::{Nat, ServerAddress, Transport, Turn};

use super::super::phone::host_port;
use super::resolve::literal;

/// How often they are asked when all have answered, and when one has not.
const EVERY: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(10);
/// For the answer of one address; a question over UDP is asked three times in it.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// For all of them. The system's resolver may take half a minute to say that it knows nothing.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(5);
/// Of RFC 8489; TLS has one of its own.
const USUAL_PORT: u16 = 3478;
const USUAL_TLS_PORT: u16 = 5349;

/// A STUN or TURN server, and how it is spoken with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Helper {
    server: ServerAddress,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Udp,
    Tcp,
    Tls,
}

impl Helper {
    fn stun(server: &ServerAddress) -> Self {
        Self { server: server.clone(), way: Way::Udp }
    }

    fn turn(turn: &Turn) -> Self {
        let way = match turn.transport {
            Transport::Udp => Way::Udp,
            Transport::Tcp => Way::Tcp,
            Transport::Tls => Way::Tls,
        };
        Self { server: turn.server.clone(), way }
    }

    fn port(&self) -> u16 {
        match (self.server.port, self.way) {
            (0, Way::Tls) => USUAL_TLS_PORT,
            (0, _) => USUAL_PORT,
            (port, _) => port,
        }
    }

    /// The first of its addresses that answers.
    fn find(&self) -> Option<SocketAddr> {
        let places: Vec<SocketAddr> = match literal(&self.server.host) {
            Some(ip) => vec![SocketAddr::new(ip, self.port())],
            None => (self.server.host.as_str(), self.port()).to_socket_addrs().ok()?.take(4).collect(),
        };
        places.into_iter().find(|at| match self.way {
            Way::Udp => answers_udp(*at).unwrap_or(false),
            Way::Tcp => answers_tcp(*at).unwrap_or(false),
            // Whom it belongs to is verified when it is used.
            Way::Tls => TcpStream::connect_timeout(at, PATIENCE).is_ok(),
        })
    }
}

/// A binding request (RFC 8489, 5): any server of either kind answers it, if only by refusing.
fn question() -> std::io::Result<[u8; 20]> {
    let mut message = [0; 20];
    message[1] = 1;
    message[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
    getrandom::fill(&mut message[8..]).map_err(std::io::Error::other)?;
    Ok(message)
}

fn is_answer(question: &[u8; 20], message: &[u8]) -> bool {
    message.len() >= 20 && message[0] == 1 && matches!(message[1], 0x01 | 0x11) && message[4..20] == question[4..]
}

fn answers_udp(at: SocketAddr) -> std::io::Result<bool> {
    let any = if at.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(at)?;
    let question = question()?;
    let mut message = [0; 1500];
    for wait in [PATIENCE / 6, PATIENCE / 3, PATIENCE / 2] {
        socket.send(&question)?;
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut message) {
                Ok(length) if is_answer(&question, &message[..length]) => return Ok(true),
                Ok(_) => {}
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => break,
                // Nobody is there, as yet.
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => break,
                Err(e) => return Err(e),
            }
        }
    }
    Ok(false)
}

fn answers_tcp(at: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = question()?;
    stream.write_all(&question)?;
    let mut message = [0; 20];
    stream.read_exact(&mut message)?;
    Ok(is_answer(&question, &message))
}

/// Those that answered, each with the address it answered from.
pub(crate) type Living = BTreeMap<Helper, SocketAddr>;

/// The servers of all accounts, and what is known of them.
#[derive(Debug, Default)]
pub(crate) struct Helpers {
    wanted: BTreeSet<Helper>,
    living: Living,
    /// Which question is under way.
    pub(crate) asked: Option<u64>,
    ask_at: Option<Instant>,
    /// STUN servers that pjlib knows.
    pub(crate) told: Vec<SocketAddr>,
}

impl Helpers {
    /// What the accounts name. What is known of one that stays is kept until it is asked again, at once.
    pub(crate) fn want<'a>(&mut self, of_accounts: impl Iterator<Item = &'a Nat>) {
        self.wanted = of_accounts
            .flat_map(|nat| nat.stun_servers.iter().map(Helper::stun).chain(nat.turn.as_ref().map(Helper::turn)))
            .collect();
        self.living.retain(|helper, _| self.wanted.contains(helper));
        self.ask_at = (!self.wanted.is_empty()).then(Instant::now);
    }

    /// Soon, as on another network.
    pub(crate) fn ask_now(&mut self) {
        self.ask_at = self.ask_at.map(|at| at.min(Instant::now()));
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }

    /// Asks all at the same time, each in a thread of its own. `tell` is called once, within some seconds.
    pub(crate) fn ask(&mut self, number: u64, tell: impl FnOnce(Living) + Send + 'static) {
        self.asked = Some(number);
        self.ask_at = Some(Instant::now() + EVERY);
        let (send, answers) = channel();
        for helper in self.wanted.clone() {
            let send = send.clone();
            // When no thread can be made it counts as silent.
            let _ = std::thread::Builder::new().name("helper".into()).stack_size(1 << 17).spawn(move || {
                let at = helper.find();
                let _ = send.send((helper, at));
            });
        }
        drop(send);
        let work = move || {
            let end = Instant::now() + PATIENCE_IN_ALL;
            let mut living = Living::new();
            while let Ok((helper, at)) = answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                living.extend(at.map(|at| (helper, at)));
            }
            tell(living);
        };
        if let Err(e) = std::thread::Builder::new().name("helpers".into()).stack_size(1 << 17).spawn(work) {
            tracing::error!("STUN and TURN servers cannot be asked: {e}");
        }
    }

    /// What came of it; whether that is news.
    pub(crate) fn answered(&mut self, number: u64, living: Living) -> bool {
        if self.asked != Some(number) {
            return false;
        }
        self.asked = None;
        let all = self.wanted.iter().all(|helper| living.contains_key(helper));
        self.ask_at = Some(Instant::now() + if all { EVERY } else { AGAIN });
        for helper in &self.wanted {
            let label = host_port(&helper.server.host, helper.port(), helper.port());
            match (self.living.get(helper), living.get(helper)) {
                (None, Some(at)) => tracing::info!("{label} ({:?}, {at}) helps through NAT", helper.way),
                (Some(_), None) => tracing::warn!("{label} ({:?}) does not answer any more", helper.way),
                _ => {}
            }
        }
        let news = self.living != living;
        self.living = living;
        news
    }

    /// Addresses of the STUN servers that answer, in the order of the profile.
    pub(crate) fn stun<'a>(&self, of_accounts: impl Iterator<Item = &'a Nat>) -> Vec<SocketAddr> {
        let mut all = Vec::new();
        for server in of_accounts.flat_map(|nat| &nat.stun_servers) {
            if let Some(at) = self.living.get(&Helper::stun(server)).filter(|at| !all.contains(*at)) {
                all.push(*at);
            }
        }
        all
    }

    /// `host:port` of the TURN server, if it answers: by name where a certificate has to name it.
    pub(crate) fn turn(&self, turn: &Turn) -> Option<String> {
        let helper = Helper::turn(turn);
        let at = self.living.get(&helper)?;
        Some(match helper.way {
            Way::Tls => host_port(&helper.server.host, helper.port(), helper.port()),
            Way::Udp | Way::Tcp => at.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn at(server: SocketAddr) -> ServerAddress {
        ServerAddress { host: server.ip().to_string(), port: server.port() }
    }

    fn turn(server: SocketAddr, transport: Transport) -> Nat {
        let turn = serde_json::json!({"server": at(server), "transport": transport, "user": "u", "password": "p"});
        serde_json::from_value(serde_json::json!({"ice": true, "turn": turn})).unwrap()
    }

    fn stun(servers: &[SocketAddr]) -> Nat {
        Nat { stun_servers: servers.iter().map(|s| at(*s)).collect(), ..Nat::default() }
    }

    /// What a server makes of a question.
    fn answer(to: &[u8], changed: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut message = to.to_vec();
        message[0] = 1;
        message[1] = 1;
        changed(&mut message);
        message
    }

    fn over_udp(changed: impl Fn(&mut Vec<u8>) + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let here = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut message = [0; 100];
            while let Ok((length, from)) = socket.recv_from(&mut message) {
                socket.send_to(&answer(&message[..length], &changed), from).unwrap();
            }
        });
        here
    }

    fn asked(helpers: &mut Helpers) -> bool {
        let (send, told) = channel();
        helpers.ask(7, move |living| send.send(living).unwrap());
        let living = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(!helpers.answered(6, Living::new()), "a late answer to an earlier question");
        helpers.answered(7, living)
    }

    #[test]
    fn only_those_that_answer_are_used() {
        let lives = over_udp(|_| {});
        let refuses = over_udp(|m| m[1] = 0x11);
        let lies = over_udp(|m| m[10] ^= 1);
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let nat = stun(&[silent.local_addr().unwrap(), lies, refuses, lives]);
        let mut helpers = Helpers::default();
        helpers.want([&nat].into_iter());
        assert!(helpers.deadline().is_some_and(|at| at <= Instant::now()), "they are asked at once");
        assert_eq!(helpers.stun([&nat].into_iter()), []);
        assert!(asked(&mut helpers));
        assert_eq!(helpers.stun([&nat].into_iter()), [refuses, lives]);
        assert!(helpers.deadline().is_some_and(|at| at <= Instant::now() + AGAIN), "the silent ones are asked again");
        assert!(!asked(&mut helpers), "nothing is new");

        helpers.want(std::iter::empty());
        assert_eq!((helpers.stun([&nat].into_iter()), helpers.deadline()), (vec![], None));
    }

    #[test]
    fn a_turn_server_is_used_by_address_or_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut message = [0; 20];
                if stream.read_exact(&mut message).is_ok() {
                    stream.write_all(&answer(&message, |_| {})).unwrap();
                }
            }
        });
        let mut tls = turn(here, Transport::Tls);
        let named = tls.turn.as_mut().unwrap();
        named.server.host = "localhost".into();
        let all = [turn(over_udp(|_| {}), Transport::Udp), turn(here, Transport::Tcp), tls];
        let mut helpers = Helpers::default();
        helpers.want(all.iter());
        assert!(asked(&mut helpers));
        let used: Vec<_> = all.iter().map(|nat| helpers.turn(nat.turn.as_ref().unwrap())).collect();
        let udp = all[0].turn.as_ref().unwrap().server.port;
        let wanted = [format!("127.0.0.1:{udp}"), here.to_string(), format!("localhost:{}", here.port())];
        assert_eq!(used, wanted.map(Some));
        assert!(helpers.deadline().is_some_and(|at| at > Instant::now() + AGAIN), "all is well");
    }

    #[test]
    fn ports_that_nobody_wrote() {
        let nowhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let ports = [Transport::Udp, Transport::Tcp, Transport::Tls]
            .map(|transport| Helper::turn(turn(nowhere, transport).turn.as_ref().unwrap()).port());
        assert_eq!(ports, [3478, 3478, 5349]);
    }
}

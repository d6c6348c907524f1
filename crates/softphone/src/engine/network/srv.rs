//! DNS SRV (RFC 2782): the system's resolver gives addresses only, so the servers of a service are asked for here.
//!
//! Over UDP from a fresh port with a random number each time, so that nobody who is not on the way can answer in between;
//! over TCP when the answer is cut off.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

/// One server of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) target: String,
}

/// How long one nameserver may take.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// More servers than anybody names; an answer must not make the list endless.
const MOST: usize = 16;

/// Asks the system's nameservers, one after the other. Nothing: there are none, or no such name, or nobody answers.
pub(super) fn look_up(name: &str) -> Vec<Record> {
    for server in nameservers() {
        match ask(SocketAddr::new(server, 53), name) {
            Ok(records) => return records,
            Err(e) => tracing::debug!("a nameserver did not answer: {e}"),
        }
    }
    Vec::new()
}

/// The system's, or those of a file that a test names. Untried on macOS. On Windows there is no such file: servers of a service are not looked up there, and a name is taken for
/// that of the server.
fn nameservers() -> Vec<IpAddr> {
    let path = std::env::var("LINEDESK_RESOLV_CONF").unwrap_or_else(|_| "/etc/resolv.conf".to_owned());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    listed(&text)
}

fn listed(resolv_conf: &str) -> Vec<IpAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        // A link-local address has its interface behind a %; std does not take that.
        .filter_map(|rest| rest.trim().parse().ok())
        .take(3)
        .collect()
}

fn ask(server: SocketAddr, name: &str) -> Result<Vec<Record>, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|e| text(&e))?;
    let id = u16::from_be_bytes(id);
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Name::new(name).map_err(|e| text(&e))?;
    query.questions.push(Question::new(asked.clone(), QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN), false));
    let query = query.build_bytes_vec().map_err(|e| text(&e))?;

    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(|e| text(&e))?;
    socket.connect(server).map_err(|e| text(&e))?;
    socket.send(&query).map_err(|e| text(&e))?;
    let end = Instant::now() + PATIENCE;
    let mut buffer = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("no answer in time".to_owned());
        }
        socket.set_read_timeout(Some(left)).map_err(|e| text(&e))?;
        let length = socket.recv(&mut buffer).map_err(|e| text(&e))?;
        match read(&buffer[..length], id, &asked) {
            // Somebody else's, or not to be read: the true one may still come.
            None => {}
            Some(Answer::CutOff) => {
                let whole = over_tcp(server, &query).map_err(|e| text(&e))?;
                return match read(&whole, id, &asked) {
                    Some(Answer::Records(records)) => Ok(records),
                    _ => Err("the answer over TCP cannot be read".to_owned()),
                };
            }
            Some(Answer::Failure) => return Err("the nameserver has failed".to_owned()),
            Some(Answer::Records(records)) => return Ok(records),
        }
    }
}

fn over_tcp(server: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&u16::try_from(query.len()).unwrap_or(0).to_be_bytes())?;
    stream.write_all(query)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut whole = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut whole)?;
    Ok(whole)
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Records(Vec<Record>),
    CutOff,
    Failure,
}

fn read(bytes: &[u8], id: u16, asked: &Name<'_>) -> Option<Answer> {
    let answer = Packet::parse(bytes).ok()?;
    let of_ours = answer.id() == id
        && answer.has_flags(PacketFlag::RESPONSE)
        && answer.questions.first().is_some_and(|q| same(&q.qname, asked));
    if !of_ours {
        return None;
    }
    if answer.has_flags(PacketFlag::TRUNCATION) {
        return Some(Answer::CutOff);
    }
    match answer.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Some(Answer::Records(Vec::new())),
        _ => return Some(Answer::Failure),
    }
    let records = answer.answers.iter().filter_map(|record| match &record.rdata {
        RData::SRV(srv) => {
            Some(Record { priority: srv.priority, weight: srv.weight, port: srv.port, target: srv.target.to_string() })
        }
        _ => None,
    });
    Some(Answer::Records(records.take(MOST).collect()))
}

fn same(one: &Name<'_>, other: &Name<'_>) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

/// The order of RFC 2782: by priority; within one, each next by lot, with a chance as great as its weight. `random` gives a
/// number below its argument.
pub(super) fn ordered(mut records: Vec<Record>, mut random: impl FnMut(u32) -> u32) -> Vec<Record> {
    // "." says that the service is not there at all.
    records.retain(|record| !record.target.is_empty() && record.target != ".");
    // Those without weight come first within a priority, so that they have a small chance too.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut order = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let group = records.iter().take_while(|record| record.priority == priority).count();
        let sum: u32 = records[..group].iter().map(|record| u32::from(record.weight)).sum();
        let lot = random(sum + 1);
        let mut running = 0;
        let chosen = records[..group]
            .iter()
            .position(|record| {
                running += u32::from(record.weight);
                running >= lot
            })
            .unwrap_or(0);
        order.push(records.remove(chosen));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, target: &str) -> Record {
        Record { priority, weight, port: 5060, target: target.to_owned() }
    }

    #[test]
    fn priorities_first_then_by_weight() {
        let records =
            || vec![record(20, 0, "backup"), record(10, 60, "big"), record(10, 20, "small"), record(10, 0, "none")];
        let names = |records: Vec<Record>| records.into_iter().map(|r| r.target).collect::<Vec<_>>().join(" ");
        for (lot, order) in [(0, "none small big backup"), (15, "small big none backup"), (70, "big small none backup")]
        {
            assert_eq!(names(ordered(records(), |below| lot.min(below - 1))), order, "{lot}");
        }
        assert_eq!(names(ordered(vec![record(0, 0, ".")], |_| 0)), "");
        // By weight, over all lots of the first draw: 60 of 81.
        let big = (0..81).filter(|lot| ordered(records(), |below| (*lot).min(below - 1))[0].target == "big").count();
        assert_eq!(big, 60);
    }

    #[test]
    fn nameservers_of_resolv_conf() {
        let text = "# made by hand\nsearch example.org\nnameserver 10.0.0.1\nnameserver  fe80::1%eth0\n nameserver\t::1\noptions edns0\n";
        assert_eq!(listed(text), [IpAddr::from([10, 0, 0, 1]), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }

    /// Answers as a nameserver does, over UDP and TCP on one port.
    fn answer(query: &[u8], records: &[Record], flags: PacketFlag) -> Vec<u8> {
        let mut reply = Packet::parse(query).unwrap().into_reply();
        reply.set_flags(flags);
        let name = reply.questions[0].qname.clone();
        for r in records {
            let srv = simple_dns::rdata::SRV {
                priority: r.priority,
                weight: r.weight,
                port: r.port,
                target: Name::new(&r.target).unwrap(),
            };
            reply.answers.push(simple_dns::ResourceRecord::new(name.clone(), CLASS::IN, 60, RData::SRV(srv)));
        }
        reply.build_bytes_vec_compressed().unwrap()
    }

    #[test]
    fn asks_over_udp_and_over_tcp_when_cut_off() {
        let records = [record(10, 5, "sip1.example.org"), record(20, 0, "sip2.example.org")];
        for cut_off in [false, true] {
            let (udp, tcp) = loop {
                let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
                if let Ok(tcp) = std::net::TcpListener::bind(udp.local_addr().unwrap()) {
                    break (udp, tcp);
                }
            };
            let at = udp.local_addr().unwrap();
            let given = records.clone();
            std::thread::spawn(move || {
                let mut query = [0; 512];
                let (length, from) = udp.recv_from(&mut query).unwrap();
                // First a liar who does not know the number.
                let mut wrong = answer(&query[..length], &[record(0, 0, "liar.example.org")], PacketFlag::empty());
                wrong[0] ^= 1;
                udp.send_to(&wrong, from).unwrap();
                let flags = if cut_off { PacketFlag::TRUNCATION } else { PacketFlag::empty() };
                let said = if cut_off { vec![] } else { given.to_vec() };
                udp.send_to(&answer(&query[..length], &said, flags), from).unwrap();
                if cut_off {
                    let (mut stream, _) = tcp.accept().unwrap();
                    let mut asked = [0; 512];
                    let length = stream.read(&mut asked).unwrap();
                    let length = if length == 2 { 2 + stream.read(&mut asked[2..]).unwrap() } else { length };
                    let whole = answer(&asked[2..length], &given, PacketFlag::empty());
                    stream.write_all(&u16::try_from(whole.len()).unwrap().to_be_bytes()).unwrap();
                    stream.write_all(&whole).unwrap();
                }
            });
            assert_eq!(ask(at, "_sip._udp.example.org").unwrap(), records, "cut off: {cut_off}");
        }
    }
}

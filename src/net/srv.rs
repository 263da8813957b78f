//! Finds the servers of a mail domain by SRV records (RFC 6186): the query, the answer, and the
//! order to try them in. No I/O.

use simple_dns::rdata::RData;
use simple_dns::{
    CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE,
};

/// The most records of one answer that are read; no domain has as many servers.
const RECORDS_MAX: usize = 64;

const ALIASES_MAX: usize = 8;

/// The longest domain, in octets, that leaves room for the name of the service (RFC 1035 §2.3.4).
const DOMAIN_MAX: usize = 240;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SrvService {
    Pop3s,
    /// Cleartext at first; STLS is to follow.
    Pop3,
}

impl SrvService {
    fn label(self) -> &'static str {
        match self {
            Self::Pop3s => "_pop3s",
            Self::Pop3 => "_pop3",
        }
    }

    /// The name of its records (RFC 6186 §3.3).
    pub(crate) fn name(self, domain: &str) -> String {
        format!("{}._tcp.{domain}", self.label())
    }

    /// The SRV-ID that a certificate may have (RFC 4985 §2): no `_tcp` in it.
    pub(crate) fn srv_id(self, domain: &str) -> String {
        format!("{}.{domain}", self.label())
    }
}

/// One server of a service (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The lowest comes first.
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    /// The host name: lower case, no dot at the end.
    pub(crate) target: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DnsAnswer {
    /// There are servers: at least one, as the answer lists them.
    Records(Vec<Record>),
    /// The domain says that it does not offer this service (RFC 2782: target `.`).
    NotOffered,
    Nothing,
    /// There is more than fits into the packet: ask again over TCP.
    Truncated,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    /// It answers a different question: wait for the right one.
    #[error("it answers a different question")]
    NotOurs,
    #[error("its answer is an error: {0}")]
    Refused(String),
    #[error("its answer can't be read: {0}")]
    Broken(String),
}

/// The domain of a mail address, lower case, no dot at the end.
///
/// Errors: what is wrong with it, as a sentence.
pub(crate) fn domain(address: &str) -> Result<String, String> {
    let Some((_, domain)) = address.rsplit_once('@') else {
        return Err(format!("`{address}` has no `@DOMAIN`"));
    };
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    if !domain.is_ascii() {
        return Err(format!(
            "`{domain}` is not ASCII; write it as DNS does, starting with `xn--`"
        ));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
    };
    let is_address = domain.bytes().all(|o| o.is_ascii_digit() || o == b'.');
    if is_address || domain.len() > DOMAIN_MAX || !domain.split('.').all(is_label) {
        return Err(format!("`{domain}` is not a domain name"));
    }
    Ok(domain.to_ascii_lowercase())
}

/// The octets of a query for the SRV records of `name`, without the length that TCP puts first.
pub(crate) fn query(id: u16, name: &str) -> Result<Vec<u8>, String> {
    let fail = |error: simple_dns::SimpleDnsError| format!("`{name}`: {error}");
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(
        Name::new(name).map_err(fail)?,
        QTYPE::TYPE(TYPE::SRV),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet.build_bytes_vec().map_err(fail)
}

/// Reads the answer to the query with this `id` for this `name`, without the length that TCP puts
/// first.
///
/// Errors: it is not the answer, or none that can be used.
pub(crate) fn read(octets: &[u8], id: u16, name: &str) -> Result<DnsAnswer, AnswerError> {
    // RFC 1035 §4.1.1: the id, then the flags, QR and TC among them.
    let [high, low, flags, _, ..] = octets else {
        return Err(AnswerError::NotOurs);
    };
    if u16::from_be_bytes([*high, *low]) != id || flags & 0x80 == 0 {
        return Err(AnswerError::NotOurs);
    }
    let is_truncated = flags & 0x02 != 0;
    let packet = match Packet::parse(octets) {
        // What was cut off may be in the middle of a record.
        Err(_) if is_truncated => return Ok(DnsAnswer::Truncated),
        Err(error) => return Err(AnswerError::Broken(error.to_string())),
        Ok(packet) => packet,
    };
    match packet.questions.as_slice() {
        [question]
            if is_same(&question.qname, name) && question.qtype == QTYPE::TYPE(TYPE::SRV) => {}
        // A server that can't read a question need not repeat it.
        [] if packet.rcode() != RCODE::NoError => {}
        _ => return Err(AnswerError::NotOurs),
    }
    match packet.rcode() {
        RCODE::NoError if is_truncated => Ok(DnsAnswer::Truncated),
        RCODE::NoError => servers(&packet.answers, name),
        RCODE::NameError => Ok(DnsAnswer::Nothing),
        RCODE::ServerFailure => Err(AnswerError::Refused("it failed (SERVFAIL)".to_owned())),
        RCODE::Refused => Err(AnswerError::Refused("it refused (REFUSED)".to_owned())),
        RCODE::FormatError => Err(AnswerError::Refused(
            "it can't read the query (FORMERR)".to_owned(),
        )),
        RCODE::NotImplemented => Err(AnswerError::Refused(
            "it does not support the query (NOTIMP)".to_owned(),
        )),
        other => Err(AnswerError::Refused(format!("{other:?}"))),
    }
}

fn servers(records: &[ResourceRecord<'_>], name: &str) -> Result<DnsAnswer, AnswerError> {
    let records = records
        .iter()
        .filter(|record| record.class == CLASS::IN)
        .take(RECORDS_MAX);
    let mut owner = name.to_owned();
    let mut hops = 0;
    while let Some(alias) = records.clone().find_map(|record| match &record.rdata {
        RData::CNAME(alias) if is_same(&record.name, &owner) => Some(&alias.0),
        _ => None,
    }) {
        hops += 1;
        if hops > ALIASES_MAX {
            return Err(AnswerError::Broken(
                "its CNAME records lead nowhere, or form a loop".to_owned(),
            ));
        }
        owner = text(alias);
    }
    let mut found = Vec::new();
    let (mut is_refused, mut is_odd) = (false, false);
    for record in records {
        let RData::SRV(srv) = &record.rdata else {
            continue;
        };
        if !is_same(&record.name, &owner) {
            continue;
        }
        let target = text(&srv.target);
        // RFC 2782: a target of `.` means that the service is decidedly not available.
        if target.is_empty() {
            is_refused = true;
        } else if is_host(&srv.target) && srv.port != 0 {
            found.push(Record {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target,
            });
        } else {
            is_odd = true;
        }
    }
    match (found.is_empty(), is_refused, is_odd) {
        (false, ..) => Ok(DnsAnswer::Records(found)),
        (true, true, _) => Ok(DnsAnswer::NotOffered),
        (true, false, true) => Err(AnswerError::Broken(
            "none of its targets is a host name with a port".to_owned(),
        )),
        (true, false, false) => Ok(DnsAnswer::Nothing),
    }
}

/// Whether a name may be a host's. An address is not one (RFC 2782: the target is a name with
/// address records).
fn is_host(name: &Name<'_>) -> bool {
    let is_number = |label: &[u8]| label.iter().all(u8::is_ascii_digit);
    name.is_valid_hostname() && !name.as_bytes().last().is_some_and(is_number)
}

/// A name as text: lower case, no dot at the end; nothing for the root.
fn text(name: &Name<'_>) -> String {
    name.to_string().to_ascii_lowercase()
}

fn is_same(name: &Name<'_>, other: &str) -> bool {
    text(name).eq_ignore_ascii_case(other)
}

/// The records in the order to try them: by priority, and by chance and weight within one (RFC
/// 2782).
///
/// `chance(n)` gives a number from 0 to `n`, both included.
pub(crate) fn order(mut records: Vec<Record>, chance: &mut dyn FnMut(u32) -> u32) -> Vec<Record> {
    // RFC 2782: those of weight 0 come first, so that they have a small chance.
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let alike = records.iter().filter(|record| record.priority == priority);
        let total = alike.map(|record| u32::from(record.weight)).sum();
        let wanted = chance(total);
        let mut sum = 0;
        let chosen = records.iter().position(|record| {
            sum += u32::from(record.weight);
            sum >= wanted
        });
        ordered.push(records.remove(chosen.unwrap_or(0)));
    }
    ordered
}

/// Whether a host is the domain, or in it.
pub(crate) fn is_within(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.strip_suffix(&domain.to_ascii_lowercase())
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests;

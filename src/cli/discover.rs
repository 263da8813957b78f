//! Finds the server of a mail address where no host was given (RFC 6186).

use std::io::BufRead;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::exit::Exit;
use crate::base::say;
use crate::net::dns;
use crate::net::srv::{self, DnsAnswer, Record, SrvService};
use crate::net::target::Target;
use crate::net::upstream_proxy::Proxy;
use crate::transcript::event::Event;

#[derive(Debug)]
pub(super) struct Search<'a> {
    /// The mail address; the user's text.
    pub(super) address: &'a str,
    pub(super) services: &'a [SrvService],
    /// The DNS servers; None: those of the system.
    pub(super) dns: Option<SocketAddr>,
    pub(super) wait: Duration,
    pub(super) proxy: Option<&'a Proxy>,
    pub(super) has_person: bool,
    /// The name that the certificate must be for, whatever DNS says (`--tls-name`).
    pub(super) tls_name: Option<&'a str>,
}

#[derive(Debug)]
pub(super) struct DomainServers {
    pub(super) target: Target,
    pub(super) user: Option<String>,
    pub(super) spares: Vec<Target>,
    pub(super) event: Option<Event>,
    /// What the certificate may be for.
    pub(super) names: Vec<String>,
    /// STLS is to follow.
    pub(super) is_stls: bool,
}

/// Looks for the servers, and reports what was found and what it is worth.
///
/// Returns None when the person does not want it.
pub(super) fn find(search: &Search<'_>) -> Result<Option<DomainServers>, Error> {
    let domain = srv::domain(search.address).map_err(|why| {
        Error::usage(format!("no HOST, and none can be looked up: {why}")).with_hint(HINT)
    })?;
    let servers = match search.dns {
        Some(server) => vec![server],
        None if search.proxy.is_some() => {
            return Err(
                Error::usage("looking up the server would bypass the proxy").with_hint(
                    "give HOST, or --dns ADDRESS to query that DNS server through the proxy",
                ),
            );
        }
        None => dns::servers()?,
    };
    let mut refused = Vec::new();
    for service in search.services {
        let name = service.name(&domain);
        let answer = dns::ask(&servers, &name, search.wait, search.proxy)?;
        match answer {
            DnsAnswer::Records(records) => {
                let ordered = srv::order(records, &mut dns::chance);
                if let [first, ..] = ordered.as_slice() {
                    return Ok(choose(search, *service, &domain, first, &ordered));
                }
            }
            DnsAnswer::NotOffered => refused.push(*service),
            DnsAnswer::Nothing | DnsAnswer::Truncated => {}
        }
    }
    let asked: Vec<String> = search
        .services
        .iter()
        .map(|service| format!("`{}`", service.name(&domain)))
        .collect();
    let what = if refused.is_empty() {
        format!("DNS has no SRV record {}", asked.join(" or "))
    } else {
        let ways: Vec<&str> = refused.iter().map(|service| way(*service)).collect();
        format!(
            "`{domain}` says in DNS that it does not offer {} (SRV target `.`)",
            ways.join(" or ")
        )
    };
    Err(Error::usage(what)
        .with_hint(HINT)
        .with_exit(Exit::NoConnection))
}

const HINT: &str = "give HOST: ask the mail provider for it, or try `pop.DOMAIN` or `mail.DOMAIN`";

fn way(service: SrvService) -> &'static str {
    match service {
        SrvService::Pop3s => "POP3 over TLS",
        SrvService::Pop3 => "POP3",
    }
}

/// Reports what was found, and asks where the domain can't vouch for it.
fn choose(
    search: &Search<'_>,
    service: SrvService,
    domain: &str,
    first: &Record,
    records: &[Record],
) -> Option<DomainServers> {
    let of_record = |record: &Record| Target {
        host: record.target.clone(),
        port: record.port,
        is_tls: service == SrvService::Pop3s,
    };
    let targets: Vec<Target> = records.iter().map(of_record).collect();
    let target = of_record(first);
    let name = service.name(domain);
    let start = match service {
        SrvService::Pop3s => "TLS from the first octet",
        SrvService::Pop3 => "cleartext at first, then STLS",
    };
    let why = match targets.len() {
        1 => start.to_owned(),
        count => format!("{start}; the first of {count} by priority and weight"),
    };
    say::note(&format!("{target}, by {name} SRV: {why}"));
    // RFC 6186 §6, RFC 7817 §3: the domain that was asked for vouches for the server, by a DNS-ID
    // or an SRV-ID.
    let mut names = vec![domain.to_owned(), service.srv_id(domain)];
    // DNS is not signed, but a server in the domain is what the domain's owner has a certificate
    // for.
    let is_within = |target: &&Target| srv::is_within(&target.host, domain);
    let outside = targets.iter().find(|target| !is_within(target));
    if let Some(outside) = outside.filter(|_| search.has_person)
        && !may_leave(outside, domain)
    {
        return None;
    }
    // Where there is no one to ask, only the domain's own word counts.
    let meant = targets
        .iter()
        .filter(|target| search.has_person || is_within(target));
    names.extend(meant.map(|target| target.host.clone()));
    names.dedup();
    let shown: Vec<String> = match search.tls_name {
        Some(name) => vec![format!("`{name}`")],
        None => names.iter().map(|name| format!("`{name}`")).collect(),
    };
    say::note(&format!(
        "DNS was queried without DNSSEC, so the certificate must be for {}",
        shown.join(" or ")
    ));
    Some(DomainServers {
        event: Some(Event::Found {
            server: target.to_string(),
            name: name.to_string(),
            priority: first.priority,
            weight: first.weight,
        }),
        user: None,
        spares: targets.into_iter().skip(1).collect(),
        target,
        names,
        is_stls: service == SrvService::Pop3,
    })
}

/// RFC 6186 §6: a server outside the domain is to be confirmed.
fn may_leave(outside: &Target, domain: &str) -> bool {
    say::warning(&format!(
        "`{}` is outside `{domain}`: the DNS answer is not signed, so an attacker may have forged it",
        outside.host
    ));
    say::question(&format!("connect to `{}`? [y/N] ", outside.host));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && answer.trim().to_ascii_lowercase().starts_with('y')
}

//! The host's name and its addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::words::span;
use crate::check::{Finding, Obstacle, Subject};
use crate::transport::{Route, Settings, TransportError};

/// So many addresses are tried; nobody has more.
const MOST_ADDRESSES: usize = 16;

/// How long an address has, where the user says nothing shorter.
const PATIENCE: Duration = Duration::from_secs(5);

type Attempt = (SocketAddr, Result<Duration, TransportError>);

pub(super) fn name(subject: &Subject) -> Result<Finding, Obstacle> {
    let Settings {
        endpoint, proxy, ..
    } = &subject.settings().transport;
    let host = proxy.as_ref().map_or(endpoint.host(), |it| it.host());
    if host.parse::<IpAddr>().is_ok() {
        return Ok(Finding::holds_as(format!("{host}{}", whose(subject))));
    }
    let (addresses, took) = match route(subject).resolve(subject.until()) {
        Ok(found) => found,
        Err(error) => {
            return Ok(Finding::deviates(error.to_string()).remedy(
                "is the name spelt right? `getent hosts NAME` shows what this machine knows: \
                 DNS, a VPN, /etc/hosts",
            ));
        }
    };
    let n_v6 = addresses.iter().filter(|it| it.is_ipv6()).count();
    let families = match (addresses.len() - n_v6, n_v6) {
        (_, 0) => "IPv4",
        (0, _) => "IPv6",
        (_, _) => "IPv4 and IPv6",
    };
    let (found, took) = (list(&addresses), span(took));
    let whose = whose(subject);
    Ok(Finding::holds_as(format!(
        "{found} ({families}{whose}), found in {took}"
    )))
}

pub(super) fn connection(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut failures = Vec::new();
    for (address, outcome) in attempts(subject)? {
        match outcome {
            Ok(took) => {
                let (address, took) = (address.ip(), span(took));
                let whose = whose(subject);
                return Ok(Finding::holds_as(format!("{address}{whose} in {took}")));
            }
            Err(error) => failures.push(error),
        }
    }
    let remedy = match failures.first() {
        Some(TransportError::Connect { .. }) => {
            "is the server running, and does it listen on this address and port \
             (`ss -ltn` on its machine)?"
        }
        Some(TransportError::Proxy { .. }) => {
            "-x names the proxy, else HTTPS_PROXY and its like; NO_PROXY=HOST goes without"
        }
        _ => {
            "a firewall that drops everything looks like this: is the port open to this machine? \
             does it take a VPN or a proxy (-x)?"
        }
    };
    let failures: Vec<_> = failures.iter().map(TransportError::to_string).collect();
    Ok(match failures.as_slice() {
        [] => Finding::deviates("no address answered in time"),
        failures => Finding::deviates(failures.join("; ")),
    }
    .remedy(remedy))
}

pub(super) fn every(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut taken = Vec::new();
    let mut failures = Vec::new();
    for (address, outcome) in attempts(subject)? {
        match outcome {
            Ok(_) => taken.push(address),
            Err(error) => failures.push((address, error)),
        }
    }
    let is_loopback = subject.settings().transport.endpoint.is_loopback();
    Ok(judged(&taken, &failures, is_loopback))
}

fn judged(
    taken: &[SocketAddr],
    failures: &[(SocketAddr, TransportError)],
    is_loopback: bool,
) -> Finding {
    if failures.is_empty() && taken.len() < 2 {
        return Finding::holds_as("it has one");
    }
    if failures.is_empty() {
        return Finding::holds_as(format!("all {} do", taken.len()));
    }
    let told: Vec<_> = failures
        .iter()
        .map(|(_, error)| error.to_string())
        .collect();
    let seen = format!("{} does, but: {}", list(taken), told.join("; "));
    if is_loopback && !taken.is_empty() {
        // Many a server under development listens on one of the two.
        return Finding::holds_as(seen);
    }
    let is_v6 = failures.iter().all(|(address, _)| address.is_ipv6());
    Finding::deviates(seen).remedy(if is_v6 {
        "have the server listen on IPv6 as well (nginx: listen [::]:443 ssl;), or take the AAAA \
         record out of DNS: some clients wait long for it"
    } else {
        "take the address out of DNS, or mend the machine behind it: some clients go there first"
    })
}

/// All at a time, in the order in which they end; those that do not end are left out.
fn attempts(subject: &Subject) -> Result<impl Iterator<Item = Attempt> + use<>, Obstacle> {
    let (addresses, _) = route(subject).resolve(subject.until())?;
    let addresses: BTreeSet<SocketAddr> = addresses.into_iter().take(MOST_ADDRESSES).collect();
    let patience = subject.settings().transport.connect_timeout.min(PATIENCE);
    let until = (Instant::now() + patience).min(subject.until());
    let (sender, receiver): (_, Receiver<Attempt>) = channel();
    for address in addresses {
        let (route, sender) = (route(subject), sender.clone());
        // Without a thread the sender is dropped, and the address is left out.
        let _ = thread::Builder::new()
            .name("bayeux-check-address".to_owned())
            .spawn(move || sender.send((address, route.connect(address, until))));
    }
    let grace = Duration::from_millis(500);
    Ok(std::iter::from_fn(move || {
        let left = (until + grace).saturating_duration_since(Instant::now());
        receiver.recv_timeout(left).ok()
    }))
}

pub(super) fn route(subject: &Subject) -> Route {
    Route::new(subject.settings().transport.clone())
}

fn whose(subject: &Subject) -> &'static str {
    match subject.settings().transport.proxy {
        Some(_) => ", the proxy's",
        None => "",
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    let addresses: BTreeSet<_> = addresses.iter().map(SocketAddr::ip).collect();
    match addresses.len() {
        0 => "none".to_owned(),
        _ => addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_does_not_answer_is_told_but_on_loopback() {
        let taken = ["192.0.2.1:80".parse().unwrap()];
        let silent: SocketAddr = "[2001:db8::1]:80".parse().unwrap();
        let error = TransportError::ConnectTimeout {
            addresses: vec![silent],
            after: PATIENCE,
        };
        let failures = [(silent, error)];
        let found = judged(&taken, &failures, false);
        assert!(
            !found.holds && found.seen.contains("[2001:db8::1]:80"),
            "{found:?}"
        );
        assert!(found.remedy.is_some_and(|it| it.contains("AAAA")));
        assert!(judged(&taken, &failures, true).holds);
        assert!(judged(&taken, &[], false).holds);
    }
}

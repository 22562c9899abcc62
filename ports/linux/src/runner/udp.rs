//! A UDP forwarder as configured.

use linecard::forward::udp::{Endpoint, Network, UdpForwarder, UdpRule};
use linecard::packet::PortId;
use linecard::wire::MacAddr;

use super::MAX_RULES;
use crate::config::{self, Pattern};
use crate::error::Error;

/// The forwarder of these rules, between ports of these Ethernet addresses.
pub(crate) fn udp_forwarder(
    rules: &[config::UdpRule],
    macs: &[MacAddr],
) -> Result<UdpForwarder<MAX_RULES>, Error> {
    let mut forwarder = UdpForwarder::new();
    for rule in rules {
        forwarder
            .add(self::rule(rule, macs))
            .map_err(|error| Error::Forwarder {
                forwarder: "udp",
                source: error.into(),
            })?;
    }
    Ok(forwarder)
}

fn rule(rule: &config::UdpRule, macs: &[MacAddr]) -> UdpRule {
    let own = macs.get(rule.to).copied();
    UdpRule {
        from: rule.from.map(|port| PortId(port as u16)),
        source: endpoint(rule.source),
        destination: endpoint(rule.destination),
        new_destination_mac: rule.macs.map(|(to, _)| to),
        new_source_mac: rule.macs.and_then(|(_, from)| from.or(own)),
        new_source: rule.new_source.address,
        new_destination: rule.new_destination.address,
        new_source_port: rule.new_source.port,
        new_destination_port: rule.new_destination.port,
        ..UdpRule::to(PortId(rule.to as u16))
    }
}

fn endpoint(pattern: Pattern) -> Endpoint {
    Endpoint {
        network: pattern
            .network
            .and_then(|network| Network::new(network.address, network.prefix)),
        port: pattern.port,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_carried_over_whole() {
        let mac = |last| MacAddr([2, 0, 0, 0, 0, last]);
        let text = config::UdpRule {
            from: Some(0),
            source: Pattern::default(),
            destination: "192.0.2.0/24:53".parse().unwrap(),
            to: 1,
            new_source: config::Endpoint::default(),
            new_destination: "198.51.100.1:5353".parse().unwrap(),
            macs: Some((mac(9), None)),
        };
        let rule = rule(&text, &[mac(1), mac(2)]);
        assert_eq!(rule.from, Some(PortId(0)));
        assert_eq!(rule.source, Endpoint::ANY);
        assert_eq!(rule.destination.port, Some(53));
        assert!(rule.destination.network.is_some());
        assert_eq!(rule.to, PortId(1));
        assert_eq!(rule.new_destination_mac, Some(mac(9)));
        assert_eq!(rule.new_source_mac, Some(mac(2)), "the outgoing port's");
        assert_eq!(rule.new_destination, Some([198, 51, 100, 1].into()));
        assert_eq!(rule.new_destination_port, Some(5353));
        assert_eq!((rule.new_source, rule.new_source_port), (None, None));
    }
}

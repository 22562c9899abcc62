//! Which interfaces could be AF_XDP ports, and how well: asked of the kernel, nothing is changed.

use std::fs;

use linecard_af_xdp::{Interface, XdpFeatures};

use super::{Finding, State};
use crate::affinity;

/// The interfaces of these names; without names, every Ethernet interface that there is.
pub(super) fn findings(names: &[String]) -> Vec<Finding> {
    if !names.is_empty() {
        return names.iter().map(|name| finding(name)).collect();
    }
    let mut all: Vec<String> = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    all.sort();
    all.iter()
        .filter(|name| Interface::find(name).is_ok_and(|interface| is_ordinary(&interface)))
        .map(|name| finding(name))
        .collect()
}

/// The loopback says that it carries Ethernet, and nobody means it as a port.
fn is_ordinary(interface: &Interface) -> bool {
    interface.is_ethernet() && interface.name() != "lo"
}

fn finding(name: &str) -> Finding {
    let interface = match Interface::find(name) {
        Ok(interface) => interface,
        Err(error) => {
            return Finding {
                what: name.to_owned().into(),
                state: State::Bad,
                found: error.to_string(),
                advice: None,
            };
        }
    };
    let native = interface
        .xdp_features()
        .is_some_and(|features| features.contains(XdpFeatures::BASIC | XdpFeatures::REDIRECT));
    let (state, advice) = judge(&interface, native);
    Finding {
        what: name.to_owned().into(),
        state,
        found: describe(&interface, native),
        advice,
    }
}

fn judge(interface: &Interface, native: bool) -> (State, Option<String>) {
    let name = interface.name();
    if !interface.is_ethernet() {
        return (State::Bad, Some("choose an Ethernet interface".into()));
    }
    if interface.has_program() {
        let advice = format!(
            "an XDP program is attached: stop whoever holds it, or `ip link set {name} xdp off`"
        );
        return (State::Bad, Some(advice));
    }
    if interface.mtu() as usize > LARGEST_MTU {
        let advice = format!("`ip link set {name} mtu {LARGEST_MTU}`, or `--frame-size 4096`");
        return (State::Fair, Some(advice));
    }
    if !interface.is_up() {
        return (State::Fair, Some(format!("`ip link set {name} up`")));
    }
    if !interface.has_carrier() {
        return (
            State::Fair,
            Some("the other end is down or not there".into()),
        );
    }
    if !native && interface.merges_segments() == Some(true) {
        let advice = format!("`ethtool -K {name} gro off`, or packets merged by GRO are lost");
        return (State::Fair, Some(advice));
    }
    let state = if native { State::Good } else { State::Fair };
    (state, None)
}

fn describe(interface: &Interface, native: bool) -> String {
    let mut text = match interface.driver() {
        "" => "no driver".to_owned(),
        driver => driver.to_owned(),
    };
    let queues = match interface.queues() {
        1 => "1 queue".to_owned(),
        queues => format!("{queues} queues"),
    };
    text.push_str(&format!(", {queues}, MTU {}", interface.mtu()));
    match interface.xdp_features() {
        None => text.push_str(", the kernel does not say what its XDP can do"),
        Some(_) if !native => text.push_str(", generic XDP only"),
        Some(features) if features.contains(XdpFeatures::ZERO_COPY) => {
            text.push_str(", native XDP, zero-copy");
        }
        Some(_) => text.push_str(", native XDP, copy mode"),
    }
    if interface.leaves_checksums(native) {
        text.push_str(", checksums from local senders are finished here");
    }
    if let Some(node) = affinity::interface_node(interface.name())
        && affinity::nodes().len() > 1
    {
        text.push_str(&format!(", NUMA node {node}"));
    }
    text
}

/// The largest MTU whose packets fit the frames of the default pool: 2,048 bytes, less 256 in front
/// (`XDP_PACKET_HEADROOM`) and an Ethernet header with a tag.
const LARGEST_MTU: usize = 2_048 - 256 - 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_a_finding_and_no_failure() {
        let findings = findings(&["lcnowhere0".to_owned()]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].state, State::Bad);
        assert!(findings[0].found.contains("lcnowhere0"));
    }

    #[test]
    fn the_loopback_is_not_offered() {
        assert!(findings(&[]).iter().all(|finding| finding.what != "lo"));
    }
}

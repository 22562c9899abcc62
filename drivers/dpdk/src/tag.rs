//! VLAN tags that a device does not put on.

use linecard::packet::{Offloads, Packet};
use linecard::wire::{EtherType, VlanTci, vlan};

/// Puts the tag that is asked for in front of the packet's EtherType, and asks for it no more; false, and
/// nothing is changed, if there is no headroom.
pub(crate) fn put_on(packet: &mut Packet<'_>) -> bool {
    let tci = VlanTci(packet.vlan_tci);
    if packet.prepend(TAG).is_err() {
        return false;
    }
    if vlan::push(packet.data_mut(), EtherType::VLAN, tci).is_err() {
        // Shorter than an Ethernet header. What was prepended is there to be taken off.
        let _ = packet.trim_front(TAG);
        return false;
    }
    packet.offloads.remove(Offloads::VLAN_WANTED);
    true
}

/// Bytes of a VLAN tag (IEEE 802.1Q, 9.6).
pub(crate) const TAG: usize = 4;

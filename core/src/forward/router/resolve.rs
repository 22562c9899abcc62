//! How a neighbour's Ethernet address is found, kept, and given up (after RFC 4861 section 7.3).

use super::ipv4::check;
use super::ipv6::check6;
use super::neighbour::State;
use super::{Hop, NEVER, Router};
use crate::lookup::Lpm;
use crate::packet::Packet;
use crate::pipeline::{Context, DropReason};
use crate::wire::icmpv4::unreachable;
use crate::wire::{Icmpv4Message, Icmpv6Message, MacAddr, icmpv6};

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// Begins to ask for a neighbour that nothing is known of.
    pub(super) fn ask(&mut self, entry: usize, cx: &mut Context<'_, 'p>) {
        self.table.set_state(entry, State::Asking);
        self.ask_again(entry, 1, None, cx);
    }

    /// Sends the request of this number.
    fn ask_again(
        &mut self,
        entry: usize,
        tries: u8,
        station: Option<MacAddr>,
        cx: &mut Context<'_, 'p>,
    ) {
        let deadline = cx.now() + self.config.retransmit;
        self.due = self.due.min(deadline);
        let Some(neighbour) = self.table.get_mut(entry) else {
            return;
        };
        neighbour.tries = tries;
        neighbour.deadline = deadline;
        let key = neighbour.key;
        if key.is_ipv6() {
            self.ask_nd(key.port(), key.address(), station, cx);
        } else {
            self.ask_arp(key.port(), key.address() as u32, station, cx);
        }
    }

    /// A neighbour has told its Ethernet address: packets that waited for it leave.
    pub(super) fn learn(&mut self, entry: usize, mac: MacAddr, cx: &mut Context<'_, 'p>) {
        let deadline = cx.now() + self.config.reachable;
        let Some(neighbour) = self.table.get_mut(entry) else {
            return;
        };
        let known = match neighbour.state {
            State::Silent | State::Asking => false,
            State::Reachable | State::Probing => neighbour.mac == mac,
            _ => return,
        };
        neighbour.mac = mac;
        neighbour.tries = 0;
        neighbour.deadline = deadline;
        let port = neighbour.port();
        self.due = self.due.min(deadline);
        self.table.set_state(entry, State::Reachable);
        if known {
            return;
        }
        self.stats.resolved.add(1);
        let Some(interface) = self.interface(port) else {
            return;
        };
        let hop = Hop::new(mac, interface.config.mac, port, interface.config.mtu);
        self.table.set_hop(entry, hop);
        self.release_waiting(entry, cx);
    }

    /// Sends the packets that wait for a neighbour on their way, in order.
    fn release_waiting(&mut self, entry: usize, cx: &mut Context<'_, 'p>) {
        let hop = self.table.hop(entry);
        let waiting = self
            .table
            .get(entry)
            .map_or(0, |neighbour| neighbour.waiting);
        // Not more than there are now: one could come back, if routes have changed.
        for _ in 0..waiting {
            let Some((packet, made)) = self.next_waiting(entry) else {
                return;
            };
            let ipv6 = self.table.get(entry).is_some_and(|to| to.key.is_ipv6());
            match (made, ipv6) {
                (true, false) => self.transmit4(packet, hop, cx),
                (true, true) => self.transmit6(packet, hop, cx),
                (false, _) => self.slow(packet, cx),
            }
        }
    }

    fn next_waiting(&mut self, entry: usize) -> Option<(Packet<'p>, bool)> {
        let neighbour = self.table.get_mut(entry)?;
        self.parking.pop(neighbour)
    }

    /// Asks again, gives up, or begins to ask, for each neighbour whose time has come.
    pub(super) fn timers(&mut self, cx: &mut Context<'_, 'p>) {
        self.watch_links(cx);
        let now = cx.now();
        if now < self.due {
            return;
        }
        self.due = NEVER;
        self.report_groups(cx);
        for entry in 1..=self.table.capacity() {
            let Some(neighbour) = self.table.get(entry).copied() else {
                continue;
            };
            let timed = matches!(
                neighbour.state,
                State::Asking | State::Reachable | State::Probing
            );
            if timed && neighbour.deadline > now {
                self.due = self.due.min(neighbour.deadline);
                continue;
            }
            let more = neighbour.tries < self.config.tries;
            let tries = neighbour.tries.saturating_add(1);
            match neighbour.state {
                State::Asking if more => self.ask_again(entry, tries, None, cx),
                State::Asking => self.give_up(entry, cx),
                State::Reachable => {
                    self.table.set_state(entry, State::Probing);
                    self.ask_again(entry, 1, Some(neighbour.mac), cx);
                }
                State::Probing if more => {
                    self.ask_again(entry, tries, Some(neighbour.mac), cx);
                }
                State::Probing => self.give_up(entry, cx),
                // It became something else while packets waited.
                _ if neighbour.waiting > 0 => self.release_waiting(entry, cx),
                _ => {}
            }
        }
    }

    /// A neighbour does not answer. The first packet that waited is answered for it (RFC 1812
    /// section 5.2.7.1, RFC 4861 section 7.2.2).
    fn give_up(&mut self, entry: usize, cx: &mut Context<'_, 'p>) {
        self.stats.unresolved.add(1);
        self.table.set_hop(entry, Hop::NONE);
        let mut told = false;
        while let Some((packet, made)) = self.next_waiting(entry) {
            if !made && !told {
                self.tell_unreachable(&packet, cx);
                told = true;
            }
            cx.drop(packet, DropReason::NO_NEIGHBOUR);
        }
        match self.table.get(entry) {
            Some(neighbour) if neighbour.uses > 0 => self.table.set_state(entry, State::Silent),
            _ => self.table.remove(entry),
        }
    }

    /// Answers that a packet's next hop does not.
    fn tell_unreachable(&mut self, packet: &Packet<'p>, cx: &mut Context<'_, 'p>) {
        if let Ok(facts) = check(packet) {
            let message = Icmpv4Message::Unreachable {
                code: unreachable::HOST,
                next_hop_mtu: 0,
            };
            self.error4(packet, &facts, message, cx);
        } else if let Ok(facts) = check6(packet) {
            let code = icmpv6::unreachable::ADDRESS;
            self.error6(packet, &facts, Icmpv6Message::Unreachable { code }, cx);
        }
    }
}

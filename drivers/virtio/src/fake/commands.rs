//! What a fake device does at a command.

use super::device::Device;
use crate::Features;
use crate::net::DeviceConfig;

impl Device {
    /// Carries a command out, and gives the answer.
    pub(super) fn command(&mut self, bytes: &[u8]) -> u8 {
        let Some((&[class, number], data)) = bytes.split_first_chunk() else {
            self.violation("a command without class and number");
            return REFUSED;
        };
        self.commands.push((class, number, data.to_vec()));
        if self.refused_class == Some(class) {
            return REFUSED;
        }
        let (feature, done) = match (class, number, data) {
            (0, 0 | 1, [_]) => (Features::CTRL_RX, true),
            (1, 1, [a, b, c, d, e, f]) => {
                self.config.mac = [*a, *b, *c, *d, *e, *f];
                (Features::CTRL_MAC_ADDR, true)
            }
            (2, 0 | 1, [_, _]) => (Features::CTRL_VLAN, true),
            (3, 0, []) => {
                self.net_status &= !DeviceConfig::ANNOUNCE;
                (Features::GUEST_ANNOUNCE, true)
            }
            (4, 0, [low, high]) => (
                Features::MQ,
                self.activate(u16::from_le_bytes([*low, *high])),
            ),
            (4, 1, rss) => (Features::RSS, self.spread(rss)),
            (4, 2, hash) => (Features::HASH_REPORT, hash.len() == 4 + 8 + 1 + 40),
            _ => (Features::CTRL_VQ, false),
        };
        if !self.accepted.contains(feature) {
            self.violation("a command of a feature that was not negotiated");
            return REFUSED;
        }
        if done { ACCEPTED } else { REFUSED }
    }

    fn activate(&mut self, pairs: u16) -> bool {
        let possible = (1..=self.config.pairs).contains(&pairs);
        if possible {
            self.active = pairs;
        }
        possible
    }

    /// `struct virtio_net_rss_config`: types, mask, unclassified, table, pairs, key.
    fn spread(&mut self, bytes: &[u8]) -> bool {
        let Some((&[_, _, _, _, low, high, _, _], rest)) = bytes.split_first_chunk() else {
            return false;
        };
        let table = 2 * (usize::from(u16::from_le_bytes([low, high])) + 1);
        let Some(&[low, high, key_len, ref key @ ..]) = rest.get(table..) else {
            return false;
        };
        key.len() == usize::from(key_len) && self.activate(u16::from_le_bytes([low, high]))
    }
}

const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;

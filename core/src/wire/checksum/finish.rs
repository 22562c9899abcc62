//! Finishing what a sender left to its device.

use super::{PseudoHeader, Sum, udp_checksum};
use crate::wire::parse::{self, TRUST};
use crate::wire::{EtherType, IpProtocol, Kinds, Layers, SctpMut};

/// Whether anything was written: what [`finish`] and [`finish_doubtful`] answer.
///
/// ```
/// use linecard::wire::checksum::{Finish, finish};
/// use linecard::wire::Layers;
///
/// // Nobody has parsed it, so nothing is known to have a checksum.
/// assert_eq!(finish(&mut [0; 60], Layers::default()), Finish::Untouched);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finish {
    /// The packet is as it was: its checksum was right, or finished by its sender, or it has none.
    Untouched,
    /// The checksum was unfinished and is now right.
    Finished,
}

/// Finishes the TCP or UDP checksum of a packet whose sender has left it to the device.
///
/// Such a packet has only the sum of its pseudo-header in the checksum field, not complemented
/// (in Linux `CHECKSUM_PARTIAL`, in virtio `VIRTIO_NET_HDR_F_NEEDS_CSUM`). Whatever the field
/// holds, the right checksum is written there; a fragment, whose checksum covers more than is in
/// it, and a UDP datagram without a checksum are left alone. SCTP's CRC32c, of which a sender
/// leaves all zeros, is filled in where it is zero.
///
/// `packet` starts where the offsets of `layers` count from.
#[inline]
pub fn finish(packet: &mut [u8], layers: Layers) -> Finish {
    match Transport::of(packet, packet.len(), layers) {
        Some(transport) => transport.write(packet),
        None => finish_sctp(packet, layers),
    }
}

/// Finishes TCP, UDP and SCTP checksums that may or may not have been left to the device: the port cannot
/// tell, and some of its senders do so.
///
/// A checksum is taken for unfinished when the field holds the pseudo-header's sum and does not
/// make the packet add up. That is right for every packet that its sender finished, as one that
/// adds up is not touched, and for every packet that its sender left. One in 65,535 packets that
/// were *damaged* on their way here happens to look unfinished, and is given a checksum that hides
/// the damage: as many as TCP's own checksum overlooks anyhow.
///
/// With VXLAN, GRE or IP in IP the packet inside is looked at as well, one tunnel deep: with such
/// tunnels it is the inner checksum that senders leave. With an IPv6 routing header the checksum
/// counts another destination than the header has, and is not recognised.
///
/// The test costs a few nanoseconds; the packet is summed up only when it looks unfinished.
///
/// ```
/// use linecard::wire::{checksum::{Finish, finish_doubtful}, parse};
///
/// // UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it.
/// let mut frame = [0; 60];
/// frame[12..14].copy_from_slice(&[0x08, 0x00]);
/// frame[14..34].copy_from_slice(&[
///     0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
/// ]);
/// frame[34..46].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
/// let layers = parse::parse::<{ parse::TRUST }>(&frame).layers;
///
/// // The pseudo-header: c000 + 0201 + c000 + 0202 + 0011 + 000c, with the carry added.
/// frame[40..42].copy_from_slice(&[0x84, 0x21]);
/// assert_eq!(finish_doubtful(&mut frame, layers), Finish::Finished);
/// assert_eq!(frame[40..42], [0x77, 0x62]);
/// // Now it adds up.
/// assert_eq!(finish_doubtful(&mut frame, layers), Finish::Untouched);
/// ```
#[inline]
pub fn finish_doubtful(packet: &mut [u8], layers: Layers) -> Finish {
    if let Some(transport) = Transport::of(packet, packet.len(), layers)
        && transport.looks_unfinished()
    {
        return transport.write_unless_right(packet);
    }
    if layers.contains(Kinds::SCTP) {
        return finish_sctp(packet, layers);
    }
    match inside(packet, layers) {
        Some((start, end, layers)) => inner(packet.get_mut(start..end), layers),
        None => Finish::Untouched,
    }
}

/// Fills in the CRC32c of SCTP if it is zero, which a finished one is by chance alone, and then the
/// same comes out.
#[cold]
fn finish_sctp(packet: &mut [u8], layers: Layers) -> Finish {
    if !layers.contains(Kinds::SCTP) || layers.contains(Kinds::FRAGMENT) {
        return Finish::Untouched;
    }
    let bounds = ip_end(packet, packet.len(), layers).zip(layers.l4_offset());
    let Some((end, start)) = bounds else {
        return Finish::Untouched;
    };
    match packet.get_mut(start..end).map(SctpMut::new) {
        Some(Ok(mut sctp)) if sctp.header.checksum() == 0 => {
            sctp.fill_checksum();
            Finish::Finished
        }
        _ => Finish::Untouched,
    }
}

/// Where the IP packet ends, whatever the frame goes on with: `total` bytes in all, those of `packet`
/// first.
#[inline]
fn ip_end(packet: &[u8], total: usize, layers: Layers) -> Option<usize> {
    let l3 = layers.l3_offset();
    let ip = packet.get(l3..)?;
    let len = if layers.contains(Kinds::IPV4) {
        u16::from_be_bytes(*ip.get(2..)?.first_chunk()?).into()
    } else {
        usize::from(u16::from_be_bytes(*ip.get(4..)?.first_chunk()?)) + 40
    };
    l3.checked_add(len).filter(|end| *end <= total)
}

/// As [`finish_doubtful`], without looking into the packet any further.
#[cold]
fn inner(packet: Option<&mut [u8]>, layers: Layers) -> Finish {
    let Some(packet) = packet else {
        return Finish::Untouched;
    };
    match Transport::of(packet, packet.len(), layers) {
        Some(transport) if transport.looks_unfinished() => transport.write_unless_right(packet),
        _ => Finish::Untouched,
    }
}

/// What the checksum of a TCP segment or UDP datagram is made from.
#[derive(Clone, Copy)]
pub(super) struct Transport {
    protocol: IpProtocol,
    /// The pseudo-header's sum.
    pub(super) pseudo: Sum,
    /// What the checksum field holds.
    value: u16,
    /// Header and payload: from here
    pub(super) start: usize,
    /// to here.
    pub(super) end: usize,
    /// The checksum field, from `start`.
    pub(super) field: usize,
}

impl Transport {
    /// Of a packet of `total` bytes, of which `packet` are the first. `None` when there is no checksum to
    /// be finished.
    #[inline]
    pub(super) fn of(packet: &[u8], total: usize, layers: Layers) -> Option<Self> {
        let kinds = layers.kinds();
        let (protocol, field) = if kinds.contains(Kinds::TCP) {
            (IpProtocol::TCP, 16)
        } else if kinds.contains(Kinds::UDP) {
            (IpProtocol::UDP, 6)
        } else {
            return None;
        };
        if kinds.contains(Kinds::FRAGMENT) {
            return None;
        }
        let (l3, start) = (layers.l3_offset(), layers.l4_offset()?);
        let ip = packet.get(l3..)?;
        let pseudo = if kinds.contains(Kinds::IPV4) {
            let header: &[u8; 20] = ip.first_chunk()?;
            let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *header;
            PseudoHeader::ipv4([s0, s1, s2, s3].into(), [d0, d1, d2, d3].into())
        } else {
            let header: &[u8; 40] = ip.first_chunk()?;
            let source: [u8; 16] = *header.get(8..)?.first_chunk()?;
            let destination: [u8; 16] = *header.get(24..)?.first_chunk()?;
            PseudoHeader::ipv6(source.into(), destination.into())
        };
        let end = ip_end(packet, total, layers)?;
        let segment = packet.get(start..end.min(packet.len()))?;
        let end = match protocol {
            // UDP has a length of its own, and it is the one that counts.
            IpProtocol::UDP => {
                let len = u16::from_be_bytes(*segment.get(4..)?.first_chunk()?);
                start.checked_add(len.into()).filter(|own| *own <= end)?
            }
            _ => end,
        };
        let value = u16::from_be_bytes(*segment.get(field..)?.first_chunk()?);
        // RFC 768: the sender has computed no checksum, and nobody wants one.
        if protocol == IpProtocol::UDP && value == 0 {
            return None;
        }
        Some(Self {
            protocol,
            pseudo: pseudo.sum(protocol, end.wrapping_sub(start) as u32),
            value,
            start,
            end,
            field,
        })
    }

    /// Whether the field holds the pseudo-header's sum. Of one's complement's two zeros only one
    /// can be a sum of addresses and a protocol; the other may come from a sender's arithmetic.
    #[inline]
    pub(super) fn looks_unfinished(&self) -> bool {
        let sum = self.pseudo.value();
        self.value == sum || (self.value == 0 && sum == 0xffff)
    }

    /// What belongs into the field, by the sum of header and payload without it.
    #[inline]
    pub(super) fn checksum(&self, sum: Sum) -> u16 {
        let checksum = (self.pseudo + sum).checksum();
        match self.protocol {
            IpProtocol::UDP => udp_checksum(checksum),
            _ => checksum,
        }
    }

    #[cold]
    fn write_unless_right(&self, packet: &mut [u8]) -> Finish {
        match packet.get(self.start..self.end) {
            Some(segment) if !(self.pseudo + Sum::of(segment)).is_valid() => self.write(packet),
            _ => Finish::Untouched,
        }
    }

    #[inline]
    fn write(&self, packet: &mut [u8]) -> Finish {
        let Some(segment) = packet.get_mut(self.start..self.end) else {
            return Finish::Untouched;
        };
        let sum = Sum::of_except(segment, self.field);
        let checksum = self.checksum(sum);
        match segment
            .get_mut(self.field..)
            .and_then(<[u8]>::first_chunk_mut)
        {
            Some(field) => {
                *field = checksum.to_be_bytes();
                Finish::Finished
            }
            None => Finish::Untouched,
        }
    }
}

/// The packet inside a tunnel: where it starts and ends, and its layers, counted from there.
#[inline]
fn inside(packet: &[u8], layers: Layers) -> Option<(usize, usize, Layers)> {
    if !layers.kinds().intersects(TUNNELS) || layers.kinds().contains(Kinds::FRAGMENT) {
        return None;
    }
    tunnelled(packet, layers)
}

#[cold]
fn tunnelled(packet: &[u8], layers: Layers) -> Option<(usize, usize, Layers)> {
    let l4 = layers.l4_offset()?;
    let rest = packet.get(l4..)?;
    let (start, parsed) = if layers.contains(Kinds::VXLAN) {
        // UDP and VXLAN headers of 8 bytes each (RFC 7348 section 5).
        (16, parse::parse::<TRUST>(rest.get(16..)?))
    } else if layers.contains(Kinds::GRE) {
        let header: &[u8; 4] = rest.first_chunk()?;
        // RFC 2784 and 2890: checksum, key and sequence number, four bytes each if flagged.
        let optional = (header[0] & 0b1011_0000).count_ones() as usize;
        let start = 4 + optional * 4;
        let ethertype = EtherType(u16::from_be_bytes([header[2], header[3]]));
        let inner = rest.get(start..)?;
        match ethertype {
            // Transparent Ethernet bridging (RFC 7637, RFC 8926).
            EtherType(0x6558) => (start, parse::parse::<TRUST>(inner)),
            _ => (start, parse::parse_ethertype::<TRUST>(ethertype, inner)),
        }
    } else {
        // IP in IP (RFC 2003, RFC 4213, RFC 2473): the outer header says which, in a chain that ends
        // in front of layer 4; the version in the inner header says as much.
        let version = rest.first()? >> 4;
        if version != 4 && version != 6 {
            return None;
        }
        (0, parse::parse_ip::<TRUST>(rest))
    };
    let start = l4.checked_add(start)?;
    parsed
        .outcome
        .is_well_formed()
        .then_some((start, packet.len(), parsed.layers))
}

/// What may have a packet inside. IP in IP is one of the protocols that have no bit of their own.
const TUNNELS: Kinds = Kinds::VXLAN.union(Kinds::GRE).union(Kinds::OTHER_L4);

#[cfg(test)]
#[path = "finish_tests.rs"]
mod tests;

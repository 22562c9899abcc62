//! IPv4 packets that are too long for the next link, in pieces (RFC 791 section 3.2, RFC 1812
//! section 4.2.2.7).

use super::slow::send;
use super::{Hop, Router};
use crate::lookup::Lpm;
use crate::packet::Packet;
use crate::pipeline::{Context, DropReason};
use crate::wire::{EtherType, EthernetHeader, Header, Ipv4, Ipv4Mut, Ipv4OptionKind, Ipv4Options};

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Router<'_, 'p, A, B> {
    /// Sends a packet, which is ready but for its Ethernet header and may be fragmented, in as few
    /// pieces as there can be, in order. The last is made of the packet itself.
    pub(super) fn fragment4(&mut self, mut packet: Packet<'p>, hop: Hop, cx: &mut Context<'_, 'p>) {
        if packet.is_chained() {
            return cx.drop(packet, DropReason::CHAINED);
        }
        let Some(whole) = Whole::new(&packet) else {
            return cx.drop(packet, DropReason::MALFORMED_L3);
        };
        if whole.dont_fragment {
            return cx.drop(packet, DropReason::TOO_BIG);
        }
        let mut done = 0;
        let mut headers = whole.headers();
        let mut made = 0;
        loop {
            let room = usize::from(hop.mtu).saturating_sub(headers.l3_len());
            let left = whole.payload_len.saturating_sub(done);
            if left <= room {
                break;
            }
            // "in units of 8 octets"
            let len = room & !7;
            if len == 0 {
                return cx.drop(packet, DropReason::TOO_BIG);
            }
            let Some(piece) = whole.piece(&packet, &mut headers, done, len, cx) else {
                self.stats.no_frame.add(1);
                return cx.drop(packet, DropReason::NO_FRAME);
            };
            send(piece, hop, EtherType::IPV4, cx);
            made += 1;
            done += len;
            headers = whole.later_headers();
        }
        let written = whole.last(&mut packet, &mut headers, done);
        if written.is_none() {
            return cx.drop(packet, DropReason::MALFORMED_L3);
        }
        self.stats.fragmented.add(1);
        self.stats.fragments.add(made + 1);
        send(packet, hop, EtherType::IPV4, cx);
    }
}

/// What is to be cut: the packet's headers, and where its payload is.
struct Whole {
    headers: [u8; LONGEST],
    headers_len: usize,
    payload_len: usize,
    /// Where its payload belongs in the packet that it is itself a fragment of.
    offset: usize,
    more: bool,
    dont_fragment: bool,
}

/// The Ethernet and IPv4 headers of one piece.
struct Headers {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Headers {
    const fn l3_len(&self) -> usize {
        self.len.saturating_sub(EthernetHeader::LEN)
    }

    /// Fills in what differs from piece to piece; gives the bytes.
    fn finish(&mut self, offset: usize, payload_len: usize, more: bool) -> Option<&[u8]> {
        let l3_len = self.l3_len();
        let total_len = u16::try_from(l3_len + payload_len).ok()?;
        let bytes = self.bytes.get_mut(..self.len)?;
        let (_, ip) = bytes.split_at_mut_checked(EthernetHeader::LEN)?;
        // The view wants the header alone to be a packet.
        *ip.get_mut(2..)?.first_chunk_mut()? = (l3_len as u16).to_be_bytes();
        let mut ip = Ipv4Mut::new(ip).ok()?;
        ip.header.set_total_len(total_len);
        ip.header.set_fragment(u16::try_from(offset).ok()?, more);
        ip.fill_checksum();
        self.bytes.get(..self.len)
    }
}

impl Whole {
    fn new(packet: &Packet<'_>) -> Option<Self> {
        let data = packet.data();
        let view = Ipv4::new(data.get(EthernetHeader::LEN..)?).ok()?;
        let headers_len = EthernetHeader::LEN + usize::from(view.header_len());
        let mut headers = [0; LONGEST];
        copy(headers.get_mut(..headers_len)?, data.get(..headers_len)?)?;
        Some(Self {
            headers,
            headers_len,
            payload_len: view.payload.len(),
            offset: usize::from(view.fragment_offset()),
            more: view.more_fragments(),
            dont_fragment: view.dont_fragment(),
        })
    }

    /// Those of the first piece: all options.
    fn headers(&self) -> Headers {
        Headers {
            bytes: self.headers,
            len: self.headers_len,
        }
    }

    /// Those of the others: the options whose copied flag is set (RFC 791 section 3.1).
    fn later_headers(&self) -> Headers {
        let fixed = EthernetHeader::LEN + 20;
        let mut bytes = [0; LONGEST];
        let mut len = 0;
        for byte in self.headers.iter().take(fixed) {
            push(&mut bytes, &mut len, *byte);
        }
        let options = self.headers.get(fixed..self.headers_len);
        let mut options = Ipv4Options::new(options.unwrap_or_default());
        while let Some(Ok((kind, data))) = options.next_raw() {
            if !kind.is_copied() {
                continue;
            }
            push(&mut bytes, &mut len, kind.0);
            push(&mut bytes, &mut len, data.len() as u8 + 2);
            for byte in data {
                push(&mut bytes, &mut len, *byte);
            }
        }
        while !(len - EthernetHeader::LEN).is_multiple_of(4) {
            push(&mut bytes, &mut len, Ipv4OptionKind::END.0);
        }
        let words = (len - EthernetHeader::LEN) / 4;
        if let Some(first) = bytes.get_mut(EthernetHeader::LEN) {
            *first = 0x40 | words as u8;
        }
        Headers { bytes, len }
    }

    /// A piece of `len` bytes from `done` of the payload on, which is not the last.
    fn piece<'p>(
        &self,
        packet: &Packet<'p>,
        headers: &mut Headers,
        done: usize,
        len: usize,
        cx: &mut Context<'_, 'p>,
    ) -> Option<Packet<'p>> {
        let from = self.headers_len + done;
        let payload = packet.data().get(from..from + len)?;
        let headers = headers.finish(self.offset + done, len, true)?;
        let mut piece = cx.alloc()?;
        piece.port = packet.port;
        let written = piece
            .append(headers.len() + len)
            .ok()
            .and_then(|bytes| bytes.split_at_mut_checked(headers.len()))
            .and_then(|(head, rest)| copy(head, headers).and(copy(rest, payload)));
        if written.is_none() {
            cx.drop(piece, DropReason::NO_FRAME);
            return None;
        }
        Some(piece)
    }

    /// Makes the packet itself the last piece.
    fn last(&self, packet: &mut Packet<'_>, headers: &mut Headers, done: usize) -> Option<()> {
        let left = self.payload_len.checked_sub(done)?;
        let headers = headers.finish(self.offset + done, left, self.more)?;
        let excess = packet
            .len()
            .checked_sub(self.headers_len + self.payload_len)?;
        packet.trim_back(excess).ok()?;
        packet.trim_front(self.headers_len + done).ok()?;
        copy(packet.prepend(headers.len()).ok()?, headers)
    }
}

/// Copies all of `from` to all of `to`; nothing if they are not equally long.
fn copy(to: &mut [u8], from: &[u8]) -> Option<()> {
    (to.len() == from.len()).then(|| to.copy_from_slice(from))
}

fn push(bytes: &mut [u8], len: &mut usize, byte: u8) {
    if let Some(place) = bytes.get_mut(*len) {
        *place = byte;
        *len += 1;
    }
}

/// Ethernet's header and the longest of IPv4.
const LONGEST: usize = EthernetHeader::LEN + 60;

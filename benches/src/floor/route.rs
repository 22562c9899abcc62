//! The routing step by hand: parse, the RFC 1812 checks with the header checksum verified, DIR-24-8, TTL and
//! checksum, a new Ethernet header.
//!
//! The next burst's headers and the entries of the table a few packets on are asked for one by one: the fastest
//! of a dozen orders that were tried.

use core::ptr::NonNull;

use linecard::lookup::Routes4;
use linecard::platform::prefetch_read;
use linecard::wire::checksum::Sum;
use linecard_linux::memory::{PagePolicy, Table};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{BURST, Burst, FROM, Line, TO};
use crate::harness::Contender;
use crate::routing::{FRAME, GATEWAYS, ROUTES};

/// The first line of a frame, in the words in which it is read and written.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    to_from: U64,
    from: U32,
    /// Ethertype, version and header length, DSCP.
    kind: U32,
    length: U16,
    ident_fragment: U32,
    ttl_checksum: U32,
    source: U32,
    destination: U32,
    _rest: [u8; 30],
}

type Root = [u16; 1 << 24];
type Hops = [(u64, u32); 32];

/// The loop over the headers of all flows, in the order of memory or shuffled.
pub(crate) fn contender(name: &'static str, shuffled: bool) -> Result<Contender, String> {
    let root = root()?;
    // One hop a gateway: the Ethernet addresses that it writes, the first port's own before all.
    let hops = [(TO, FROM); 32];
    super::contender(name, shuffled, move |burst| forward(burst, root, &hops))
}

/// DIR-24-8 without its second level: of the routes longer than 24 bits it knows the /24 alone.
fn root() -> Result<&'static Root, String> {
    let table = Table::new("floor", 1 << 24, PagePolicy::Prefer, |_| 0_u16);
    let table = table.map_err(|error| error.to_string())?.leak();
    let mut routes: Vec<_> = Routes4::new(1, GATEWAYS).take(ROUTES).collect();
    routes.sort_by_key(|(prefix, _)| prefix.len());
    for (prefix, hop) in routes {
        let first = (prefix.first() >> 8) as usize;
        table[first..][..1 << 24 >> prefix.len().min(24)].fill(hop.index() + 1);
    }
    (&*table).try_into().map_err(|_| "no root".to_owned())
}

/// One burst; gives how many are not to be forwarded.
#[inline(never)]
fn forward((lines, next): Burst<'_>, root: &Root, hops: &Hops) -> u32 {
    let entry = |header: &Header| &root[(header.destination.get().swap_bytes() >> 8) as usize];
    let ask = |line: &Line| {
        prefetch_read(NonNull::from(entry(zerocopy::transmute_ref!(line))).cast());
    };
    lines.iter().take(AHEAD).for_each(|line| ask(line));
    let mut bad = 0;
    for at in 0..BURST {
        if let Some(line) = next.get(at) {
            prefetch_read(NonNull::from(&**line).cast());
        }
        if let Some(line) = lines.get(at + AHEAD) {
            ask(line);
        }
        let header: &mut Header = zerocopy::transmute_mut!(&mut *lines[at]);
        bad += u32::from(!is_good(header));
        let (to_from, from) = hops[usize::from(*entry(header)) % 32];
        header.to_from.set(to_from);
        header.from.set(from);
        // RFC 1624: a TTL one less is a checksum one more in its first byte, with the carry.
        let old = header.ttl_checksum.get();
        let carry = if old >= 0xfffe_0000 { 0x1_0000 } else { 0 };
        let new = old.wrapping_add(0xffff).wrapping_add(carry);
        header.ttl_checksum.set(new);
    }
    bad
}

/// RFC 1812, section 5.2.2, as far as the header alone tells; for us, in a frame of [`FRAME`].
#[inline(always)]
fn is_good(header: &Header) -> bool {
    let bytes: &[u8; 64] = zerocopy::transmute_ref!(header);
    let [_, _, _, _, _, _, _, _, _, _, _, _, _, _, ip @ ..] = bytes;
    let unicast = |address: U32| (address.get() as u8).wrapping_sub(1) < 223;
    (header.to_from.get() << 16 == TO << 16)
        & (header.kind.get() & 0x00ff_ffff == 0x0045_0008)
        & (header.length.get().swap_bytes().wrapping_sub(20) <= FRAME as u16 - 34)
        & (header.ttl_checksum.get() as u8 > 1)
        & ip.first_chunk().is_some_and(Sum::is_valid_20)
        & unicast(header.source)
        & unicast(header.destination)
}

/// Packets between asking for an entry of the table and reading it.
const AHEAD: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::tests::agrees;
    use super::*;
    use crate::peer_router::same_mac;
    use crate::routing::router_stage;

    #[test]
    fn it_sends_what_the_router_sends() {
        let (root, hops) = (root().unwrap(), [(TO, FROM); 32]);
        // A destination, an ethertype, the version, the total length, the checksum, the TTL.
        let looked_at = [0, 5, 12, 13, 14, 16, 22, 24, 25];
        let stage = router_stage(same_mac).unwrap();
        agrees(stage, |burst| forward(burst, root, &hops), &looked_at);
    }
}

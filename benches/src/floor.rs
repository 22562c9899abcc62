//! What the machine allows: the same routing step by hand, without a pipeline.
//!
//! An array of references instead of packets, one port, no counters, no MTU, no slow path, nothing
//! that a forwarder needs besides: parse, the RFC 1812 checks with the header checksum verified,
//! DIR-24-8, TTL and checksum, a new Ethernet header. In one loop, in which the next burst's headers
//! and the entries of the table a few packets on are asked for one by one: the fastest of a dozen
//! orders that were tried. A figure to compare with, not a forwarder.

use core::ptr::NonNull;

use linecard::lookup::Routes4;
use linecard::platform::prefetch_read;
use linecard::wire::checksum::Sum;
use linecard_linux::memory::{PagePolicy, Table};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::carousel::RIDES;
use crate::harness::Contender;
use crate::routing::{self, FLOWS, FRAME, GATEWAYS, MAC, ROUTES};

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

/// A frame, a line longer than a power of two: so the headers do not all fall into the same few
/// sets of the caches.
#[repr(C, align(64))]
struct Place([[u8; 64]; 33]);

type Root = [u16; 1 << 24];
type Hops = [(u64, u32); 32];

/// The loop over the headers of all flows, in the order of memory or shuffled.
pub(crate) fn contender(name: &'static str, shuffled: bool) -> Result<Contender, String> {
    let root = root()?;
    let places = Table::new("floor", FLOWS as usize, PagePolicy::Prefer, |_| {
        Place([[0; 64]; 33])
    });
    let places = places.map_err(|error| error.to_string())?.leak();
    let mut order: Vec<(&'static mut Header, Vec<u8>)> = places
        .iter_mut()
        .map(|Place([header, ..])| zerocopy::transmute_mut!(header))
        .zip(routing::frames()?)
        .collect();
    if shuffled {
        routing::shuffle(&mut order);
    }
    let (mut headers, fresh): (Vec<_>, Vec<_>) = order.into_iter().unzip();
    // One hop a gateway: the Ethernet addresses that it writes, the first port's own before all.
    let hops: Hops = core::array::from_fn(|hop| (TO, hop as u32));
    // Each turn begins at the first burst and ends with a whole one.
    let mut left = 0;
    Ok(Contender::timed(name, move |units| {
        let (mut done, mut bad) = (0, 0);
        while done < units {
            if left == 0 {
                left = RIDES;
                for (header, fresh) in headers.iter_mut().zip(&fresh) {
                    header.as_mut_bytes()[..FRAME].copy_from_slice(fresh);
                }
            }
            left -= 1;
            let (bursts, _) = headers.as_chunks_mut::<BURST>();
            let mut bursts = bursts.iter_mut().peekable();
            while let Some(burst) = bursts.next() {
                let next = bursts.peek().map_or(&[][..], |next| next.as_slice());
                bad += forward(burst, next, root, &hops);
                done += BURST as u64;
            }
        }
        assert_eq!((bad, done % u64::from(FLOWS)), (0, 0), "{name}");
    }))
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
fn forward(
    headers: &mut [&mut Header; BURST],
    next: &[&mut Header],
    root: &Root,
    hops: &Hops,
) -> u32 {
    let entry = |header: &Header| &root[(header.destination.get().swap_bytes() >> 8) as usize];
    let ask = |header: &Header| prefetch_read(NonNull::from(entry(header)).cast());
    headers.iter().take(AHEAD).for_each(|header| ask(header));
    let mut bad = 0;
    for at in 0..BURST {
        if let Some(header) = next.get(at) {
            prefetch_read(NonNull::from(&**header).cast());
        }
        if let Some(header) = headers.get(at + AHEAD) {
            ask(header);
        }
        let header = &mut *headers[at];
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

/// The first port's address, as the first word of a header has it.
const TO: u64 = u64::from_le_bytes([
    MAC.0[0], MAC.0[1], MAC.0[2], MAC.0[3], MAC.0[4], MAC.0[5], 2, 0,
]);

const BURST: usize = 32;

/// Packets between asking for an entry of the table and reading it.
const AHEAD: usize = 4;

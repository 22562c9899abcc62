//! The first bytes of four or eight frames at a time.

use super::Frame;
use super::frame::{CHAINED, LEN};
use crate::packet::{Offloads, Packet};
use crate::platform::{Avx2, Columns, Eight, Numbers};
use crate::wire::Layers;

/// The first `N` bytes of each of four frames, and the frames' lengths; `None` if one of them has fewer or has others
/// chained to it. One question for all four in place of two for each.
#[inline(always)]
pub(crate) fn heads<'a, const N: usize>(
    frames: [&'a Frame<'_>; 4],
) -> Option<([&'a [u8; N]; 4], Numbers)> {
    let lens = lens::<N>(frames)?;
    // SAFETY: `data` says why the frame's bytes may be read for as long as it is borrowed; `lens` has found
    // that there are `N` of them, and an array of bytes may begin anywhere.
    let heads = frames.map(|frame| unsafe { frame.as_ptr().cast().as_ref() });
    Some((heads, lens))
}

/// Likewise, to be changed.
#[inline(always)]
pub(crate) fn heads_mut<'a, const N: usize>(
    frames: [&'a mut Frame<'_>; 4],
) -> Option<([&'a mut [u8; N]; 4], Numbers)> {
    let lens = lens::<N>(frames.each_ref().map(|frame| &**frame))?;
    // SAFETY: as in `heads`; the exclusive borrows make these the only references, as in `data_mut`.
    let heads = frames.map(|frame| unsafe { frame.as_ptr().cast().as_mut() });
    Some((heads, lens))
}

/// Eight packets of which each frame has the first `N` bytes, and no others chained to it.
///
/// While it is there nobody else can change the packets, so that this is asked once, and what it gives later
/// is there still.
pub(crate) struct EightHeads<'a, 'p, const N: usize> {
    packets: &'a mut [Packet<'p>; 8],
    lens: Eight,
}

impl<'a, 'p, const N: usize> EightHeads<'a, 'p, N> {
    /// `None` if a packet has fewer bytes, is chained, or has one of these marks.
    #[inline(always)]
    pub(crate) fn of(
        avx2: Avx2,
        packets: &'a mut [Packet<'p>; 8],
        marks: Offloads,
    ) -> Option<Self> {
        let [words, ports] = Eight::turn_thirds(avx2, packets.each_ref().map(row));
        if !marks.is_empty() && !ports.is_apart(ports.all(u32::from(marks.bits()) << 16)) {
            return None;
        }
        let lens = fit::<_, N>(words)?;
        Some(Self { packets, lens })
    }

    /// Their frames' lengths.
    #[inline(always)]
    pub(crate) fn lens(&self) -> Eight {
        self.lens
    }

    /// The bytes.
    #[inline(always)]
    pub(crate) fn heads(&self) -> [&[u8; N]; 8] {
        // SAFETY: as in `heads`: `of` has found that each has `N`, and nobody has changed the packets since.
        self.packets
            .each_ref()
            .map(|packet| unsafe { packet.frame().as_ptr().cast().as_ref() })
    }

    /// The bytes, to be changed, and the packets' layers.
    #[inline(always)]
    pub(crate) fn heads_and_layers_mut(&mut self) -> [(&mut [u8; N], &mut Layers); 8] {
        let Self { packets, lens } = self;
        let again = EightHeads {
            packets,
            lens: *lens,
        };
        again.into_heads_and_layers()
    }

    /// Likewise for as long as the packets are borrowed.
    #[inline(always)]
    pub(crate) fn into_heads_and_layers(self) -> [(&'a mut [u8; N], &'a mut Layers); 8] {
        self.packets.each_mut().map(|packet| {
            let (frame, layers) = packet.frame_and_layers_mut();
            // SAFETY: as in `heads`; the exclusive borrow of the frame makes this the only reference.
            (unsafe { frame.as_ptr().cast().as_mut() }, layers)
        })
    }
}

/// The first `N` bytes of each of eight packets' first frames, to be changed; `None` if one of them has fewer.
#[inline(always)]
pub(crate) fn eight_starts_mut<'a, const N: usize>(
    avx2: Avx2,
    packets: &'a mut [Packet<'_>; 8],
) -> Option<[&'a mut [u8; N]; 8]> {
    let rows = packets
        .each_ref()
        .map(|packet| Numbers::from_le_bytes(row(packet)));
    if usize::from(avx2.least_of_ninths(rows)) < N {
        return None;
    }
    // SAFETY: as in `heads_mut`; the length is the lowest 16 bits of a frame's second word (`row`), and none is less.
    Some(
        packets
            .each_mut()
            .map(|packet| unsafe { packet.frame_mut().as_ptr().cast().as_mut() }),
    )
}

/// The lengths of four frames; `None` if one is less than `N`, or if others are chained to one.
#[inline(always)]
fn lens<const N: usize>(frames: [&Frame<'_>; 4]) -> Option<Numbers> {
    fit::<_, N>(Numbers::from(frames.map(|frame| frame.word() as u32)))
}

/// All that a packet is, or half of it: the frame, of which the third number is the lower half of its word, then what the
/// seventh has above its port, its marks, and others.
#[inline(always)]
fn row<'a, const N: usize>(packet: &'a Packet<'_>) -> &'a [u8; N] {
    const { assert!(N <= 32 && size_of::<Packet<'static>>() == 32) };
    // SAFETY: a packet is 32 bytes, all of them initialised (`Framed`), and an array of bytes may begin anywhere.
    unsafe { &*core::ptr::from_ref(packet).cast() }
}

#[inline(always)]
fn fit<C: Columns, const N: usize>(words: C) -> Option<C> {
    const { assert!(N <= LEN as usize) };
    let lens = words & words.all((CHAINED | LEN) as u32);
    // Each of the two sums has its highest bit set if it is so.
    let short = lens + lens.all((N as u32).wrapping_neg());
    let chained = lens + lens.all((1 << 31) - CHAINED as u32);
    ((short | chained).signs() == 0).then_some(lens)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec;

    use super::*;
    use crate::mempool::{Pool, PoolConfig, Region, Slot};

    #[test]
    fn four_have_as_many_bytes_or_none() {
        let mut memory = vec![0u8; 8 * 2048 + 63];
        let slots = [const { Slot::new() }; 8];
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
        let mut frames = [(); 4].map(|()| pool.alloc().unwrap());
        for (at, frame) in frames.iter_mut().enumerate() {
            let len = 34 + at * 500;
            frame.append(len).unwrap().fill(at as u8);
        }
        let (found, lens) = heads::<34>(frames.each_ref()).unwrap();
        assert_eq!(found, [&[0; 34], &[1; 34], &[2; 34], &[3; 34]]);
        assert_eq!(<[u32; 4]>::from(lens), [34, 534, 1034, 1534]);
        assert!(heads::<35>(frames.each_ref()).is_none());
        let (found, _) = heads_mut::<34>(frames.each_mut()).unwrap();
        for head in found {
            head[33] = 9;
        }
        assert!(frames.iter().all(|frame| frame.data()[33] == 9));
        for at in 0..4 {
            frames[at].chain(pool.alloc().unwrap()).unwrap();
            assert!(heads::<34>(frames.each_ref()).is_none(), "{at} is chained");
            assert!(heads_mut::<0>(frames.each_mut()).is_none());
            drop(frames[at].unchain());
            let len = frames[at].len();
            frames[at].trim_back(len - 33).unwrap();
            assert!(heads::<34>(frames.each_ref()).is_none(), "{at} is short");
            assert!(heads_mut::<34>(frames.each_mut()).is_none());
            frames[at].append(len - 33).unwrap();
        }
        let all = frames[0].len();
        frames[0].trim_front(all).unwrap();
        assert!(heads::<1>(frames.each_ref()).is_none());
        assert!(heads::<0>(frames.each_ref()).is_some());
    }

    #[test]
    fn eight_have_as_many_bytes_or_none() {
        let Some(avx2) = Avx2::known() else { return };
        let mut memory = vec![0u8; 16 * 2048 + 63];
        let slots = [const { Slot::new() }; 16];
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
        let mut packets = [(); 8].map(|()| Packet::new(pool.alloc().unwrap()));
        for (at, packet) in packets.iter_mut().enumerate() {
            packet.append(34 + at * 200).unwrap().fill(at as u8);
            packet.offloads = Offloads::L4_GOOD;
        }
        let all = Offloads::all() - Offloads::L4_GOOD;
        let mut found = EightHeads::<34>::of(avx2, &mut packets, all).unwrap();
        let expected: [[u8; 34]; 8] = core::array::from_fn(|at| [at as u8; 34]);
        assert_eq!(found.heads(), expected.each_ref());
        let lens: [u32; 8] = found.lens().into();
        assert_eq!(lens, core::array::from_fn(|at| 34 + at as u32 * 200));
        let layers = Layers::new(crate::wire::Kinds::IPV4, 14, 5);
        for (at, (head, known)) in found.heads_and_layers_mut().into_iter().enumerate() {
            head[33] = 9 + at as u8;
            *known = layers;
        }
        let changed = |(at, packet): (usize, &Packet<'_>)| {
            packet.data()[33] == 9 + at as u8 && packet.layers == layers
        };
        assert!(packets.iter().enumerate().all(changed));
        let none = Offloads::empty();
        assert!(EightHeads::<35>::of(avx2, &mut packets, none).is_none());
        for at in 0..8 {
            for mark in Offloads::all().iter() {
                packets[at].offloads = mark;
                let found = EightHeads::<34>::of(avx2, &mut packets, all);
                assert_eq!(found.is_some(), mark == Offloads::L4_GOOD, "{mark:?}");
            }
            packets[at].offloads = none;
            packets[at]
                .frame_mut()
                .chain(pool.alloc().unwrap())
                .unwrap();
            assert!(
                EightHeads::<34>::of(avx2, &mut packets, none).is_none(),
                "{at} is chained"
            );
            assert!(EightHeads::<0>::of(avx2, &mut packets, none).is_none());
            drop(packets[at].frame_mut().unchain());
            let len = packets[at].len();
            packets[at].trim_back(len - 33).unwrap();
            assert!(
                EightHeads::<34>::of(avx2, &mut packets, none).is_none(),
                "{at} is short"
            );
            packets[at].append(len - 33).unwrap();
            assert!(EightHeads::<34>::of(avx2, &mut packets, none).is_some());
        }
    }
}

use core::mem::MaybeUninit;
use core::ptr;
use std::boxed::Box;
use std::vec::Vec;

use linecard::mempool::{FrameIndex, Pool, PoolConfig, Region, Slot};
use linecard::packet::{Offloads, Packet};

use super::{Lending, Taking};
use crate::ffi::Mbuf;
use crate::frames::Frames;
use crate::glance::tests::{held_to, others, received};
use crate::mbuf::{self, MBUF, Meta};

const FRAMES: usize = 16;

/// A pool with room for mbufs over four lines.
fn pool() -> (&'static Pool<'static>, Frames) {
    let memory: &'static mut [u8] = std::vec![0; FRAMES * 2048 + 63].leak();
    let slots = (0..FRAMES).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let config = PoolConfig {
        private: 384,
        ..PoolConfig::default()
    };
    let pool = Pool::new(Region::from_slice(memory), slots, config).expect("a pool");
    let pool: &'static Pool<'static> = Box::leak(Box::new(pool));
    (pool, Frames::new(pool, 4))
}

/// What is written of an mbuf: from byte 16 on.
fn meta_of(mbuf: *mut Mbuf) -> [u64; 4] {
    // SAFETY: the mbuf of a frame of the pool, which nobody writes meanwhile.
    unsafe { mbuf.wrapping_byte_add(16).cast::<[u64; 4]>().read() }
}

/// Fills the mbuf of a frame, but for where its buffer begins.
fn fill(frames: Frames, index: FrameIndex, mut words: [u64; MBUF / 8]) -> *mut Mbuf {
    let (mbuf, buffer) = frames.mbuf_and(index, frames.buffer_offset(index));
    words[0] = buffer as u64;
    // SAFETY: the mbuf of a frame of the pool, which nobody reads meanwhile.
    unsafe { mbuf.cast::<[u64; MBUF / 8]>().write(words) };
    mbuf
}

/// Packets with different lengths and offsets, of all frames.
fn packets(pool: &'static Pool<'static>) -> Vec<Packet<'static>> {
    let lens = [14, 60, 64, 999, 1100, 1200].into_iter().cycle();
    let new = |(at, len): (usize, usize)| {
        let mut packet = Packet::new(pool.alloc().expect("a frame"));
        packet.append(len + at).expect("room");
        packet.trim_front(at).expect("as much is there");
        packet
    };
    lens.take(FRAMES).enumerate().map(new).collect()
}

#[test]
fn mbufs_of_four_packets_are_written_as_those_of_one() {
    let (pool, frames) = pool();
    let Some(lending) = Lending::new(pool.tag(), 1200 - 14, frames) else {
        return;
    };
    let packets = packets(pool);
    for many in 0..=FRAMES {
        let mut expected = Vec::new();
        for (at, packet) in packets.iter().enumerate() {
            let index = packet.frame().index();
            let mbuf = fill(frames, index, [u64::MAX; MBUF / 8]);
            if at < many / 4 * 4 {
                let offset = packet.frame().offset() - frames.buffer_offset(index);
                let meta = Meta::segment(offset as u16, packet.len() as u16);
                let mut other = [u64::MAX; MBUF / 8];
                // SAFETY: there is room for an mbuf, aligned to eight bytes as the words are.
                unsafe { meta.write(other.as_mut_ptr().cast()) };
                expected.push((mbuf, meta_of(other.as_mut_ptr().cast())));
            } else {
                expected.push((mbuf, [u64::MAX; 4]));
            }
        }
        let mut mbufs = [const { MaybeUninit::uninit() }; FRAMES];
        let (count, bytes) = lending.prepare(&packets[..many], &mut mbufs);
        let done = many / 4 * 4;
        let len: usize = packets[..done].iter().map(Packet::len).sum();
        assert_eq!((count, bytes), (done, len as u64));
        for (at, (mbuf, meta)) in expected.into_iter().enumerate() {
            assert_eq!(meta_of(mbuf), meta, "{at} of {many}");
            if at < done {
                // SAFETY: written, as it says.
                assert_eq!(unsafe { mbufs[at].assume_init() }, mbuf, "{at} of {many}");
            }
        }
    }
    drop(packets);
    pool.audit().expect("every frame is back");
}

#[test]
fn no_four_are_written_with_one_that_is_not_like_most() {
    let ((pool, frames), (elsewhere, _)) = (self::pool(), self::pool());
    let Some(lending) = Lending::new(pool.tag(), 1200 - 14, frames) else {
        return;
    };
    let foreign = || {
        let mut packet = Packet::new(elsewhere.alloc().expect("a frame"));
        packet.append(60).expect("room");
        packet
    };
    type Change<'a> = &'a dyn Fn(&mut Packet<'static>);
    let others: [(&str, Change<'_>); 6] = [
        ("short", &|packet| {
            packet.trim_back(packet.len() - 13).expect("more is there");
        }),
        ("without data", &|packet| {
            packet.trim_back(packet.len()).expect("as much is there");
        }),
        ("long", &|packet| {
            packet.append(1201 - packet.len()).expect("room");
        }),
        ("foreign", &|packet| *packet = foreign()),
        ("with a sum to be finished", &|packet| {
            packet.offloads = Offloads::L4_WANTED;
        }),
        ("with a tag to be put on", &|packet| {
            packet.offloads = Offloads::VLAN_WANTED | Offloads::HASH;
        }),
    ];
    for (what, change) in others {
        for at in 0..8 {
            let mut packets = packets(pool);
            packets.truncate(8);
            for packet in &packets {
                fill(frames, packet.frame().index(), [u64::MAX; MBUF / 8]);
            }
            let left = packets.iter().skip(at / 4 * 4);
            let left: Vec<_> = left.map(|packet| packet.frame().index()).collect();
            change(&mut packets[at]);
            let mut mbufs = [const { MaybeUninit::uninit() }; 8];
            let (count, _) = lending.prepare(&packets, &mut mbufs);
            assert_eq!(count, at / 4 * 4, "{what}");
            for index in left {
                assert_eq!(meta_of(frames.mbuf(index)), [u64::MAX; 4], "{what}");
            }
        }
    }
    for chained in 0..4 {
        let mut packets = packets(pool);
        packets.truncate(5);
        let tail = packets.pop().expect("a fifth").into_frame();
        packets[chained]
            .frame_mut()
            .chain(tail)
            .expect("of one pool");
        let mut mbufs = [const { MaybeUninit::uninit() }; 4];
        assert_eq!(lending.prepare(&packets, &mut mbufs), (0, 0));
    }
    pool.audit().expect("every frame is back");
}

#[test]
fn four_plain_mbufs_are_packets() {
    let (pool, frames) = pool();
    let Some(taking) = Taking::new(pool.tag(), held_to()) else {
        return;
    };
    for many in 0..=FRAMES {
        let mut windows = Vec::new();
        let mbufs: Vec<_> = packets(pool)
            .into_iter()
            .map(|packet| {
                let (frame, len) = (packet.frame(), packet.len());
                let (index, offset) = (frame.index(), frame.offset());
                let mut words = received();
                let behind = (offset - frames.buffer_offset(index)) as u64;
                // By whichever port, and with whatever there is of no interest.
                words[2] = 7 << 48 | words[2] & !0xffff | behind;
                (words[1], words[4], words[6], words[8]) = (1, 2, 3, 4);
                words[3] = 1 << 52;
                words[5] = 0xabcd_ef01_2345_0000 | len as u64;
                windows.push((index, offset, len));
                // DPDK has it now.
                core::mem::forget(packet);
                fill(frames, index, words)
            })
            .collect();
        let done = many / 4 * 4;
        let mut places = [const { MaybeUninit::uninit() }; FRAMES];
        // SAFETY: the frames were given up above, and are the pool's, which lives for ever.
        let (count, bytes) = unsafe { taking.accept(&mbufs[..many], &mut places) };
        let len: usize = windows[..done].iter().map(|&(.., len)| len).sum();
        assert_eq!((count, bytes), (done, len as u64));
        for ((at, place), window) in places.into_iter().enumerate().zip(windows) {
            let mbuf = mbufs[at];
            // SAFETY: nobody writes it meanwhile.
            let theirs = unsafe { mbuf::refcnt(mbuf) } == mbuf::THEIRS;
            assert_eq!(theirs, at >= done);
            let packet = match theirs {
                false => {
                    // SAFETY: written, as it says.
                    let packet: Packet<'_> = unsafe { place.assume_init() };
                    let frame = packet.frame();
                    assert_eq!((frame.index(), frame.offset(), packet.len()), window);
                    assert!(ptr::eq(frame.pool(), pool));
                    assert!(packet.offloads.is_empty() && !packet.is_chained());
                    packet
                }
                true => {
                    let (index, ..) = window;
                    let start = pool.base().addr().get() + index.0 as usize * 2048;
                    let word = pool.tag().bits();
                    // SAFETY: the frame was given up above, and an empty window is inside it.
                    Packet::new(unsafe {
                        linecard::mempool::Frame::of_words([start as u64 + 384, word])
                    })
                }
            };
            drop(packet);
        }
        pool.audit().expect("every frame is back");
    }
}

#[test]
fn no_four_are_taken_with_one_that_is_not_plain() {
    let (pool, _) = pool();
    let Some(taking) = Taking::new(pool.tag(), held_to()) else {
        return;
    };
    #[repr(align(64))]
    struct Aligned([u64; MBUF / 8]);
    for (what, other) in others() {
        for at in 0..4 {
            let mut mbufs = [const { Aligned([0; MBUF / 8]) }; 4];
            mbufs.iter_mut().for_each(|mbuf| mbuf.0 = received());
            mbufs[at].0 = other;
            let all = mbufs.each_mut().map(|mbuf| mbuf.0.as_mut_ptr().cast());
            let mut places = [const { MaybeUninit::uninit() }; 4];
            // SAFETY: no frame is taken over, as the assertion says.
            let found = unsafe { taking.accept(&all, &mut places) };
            assert_eq!(found, (0, 0), "{what}, {at}");
            let left = mbufs.iter().map(|mbuf| mbuf.0);
            let expected = (0..4).map(|i| if i == at { other } else { received() });
            assert!(left.eq(expected), "{what}, {at}: nothing is written");
        }
    }
}

//! A port that is broken in one way, around one that is not.

use core::ptr::NonNull;

use linecard::device::{
    Capabilities, Device, DeviceError, Link, Loopback, LoopbackRx, LoopbackTx, RxQueue, RxStats,
    TxQueue, TxStats,
};
use linecard::mempool::{Cache, Limbo, Pool};
use linecard::packet::{Burst, BurstView, Packet};
use linecard::wire::MacAddr;
use linecard_conformance::{Harness, Injected, Limits, LoopbackHarness, Profile, Setup, Wire};

use fault::*;

macro_rules! faults {
    ($($name:ident)+) => {
        /// What is broken.
        pub mod fault {
            faults!(@number 0; $($name)+);
        }
    };
    (@number $number:expr; $name:ident $($rest:ident)*) => {
        pub const $name: u32 = $number;
        faults!(@number $number + 1; $($rest)*);
    };
    (@number $number:expr;) => {};
}

faults! {
    NONE
    LOSES_RECEIVED LOSES_THE_LAST_RECEIVED LOSES_SENT DOUBLES_RECEIVED DOUBLES_SENT SWAPS_RECEIVED
    SWAPS_SENT SPOILS_RECEIVED SPOILS_SENT CUTS_LONG_ONES LOSES_AT_2_TO_THE_16 LEAKS_SENT
    LEAKS_ONE_RECEIVED KEEPS_FRAMES_WHEN_CLOSED NEVER_COMPLETES FORGETS_TO_COUNT_RECEIVED
    COUNTS_WRONG_BYTES_RECEIVED FORGETS_TO_COUNT_SENT COUNTS_SENT_TWICE COUNTS_WRONG_BYTES_SENT
    COUNTS_NO_COMPLETIONS COUNTS_DROPS_AS_SENT LOSES_SHORT_ONES_UNCOUNTED
    COUNTS_A_DROP_THAT_WAS_NONE FORGETS_FULL FREES_WHAT_DOES_NOT_FIT TURNS_WHAT_DOES_NOT_FIT
    MARKS_WHAT_DOES_NOT_FIT TAKES_FROM_THE_BACK SAYS_MORE_THAN_IT_TOOK SAYS_MORE_THAN_IT_GAVE
    DISTURBS_THE_CALLERS_BURST MAKES_PACKETS_UP DROPS_WITHOUT_FRAMES DROPS_ONE_OF_MANY OPENS_TWICE
    OPENS_ANY_QUEUE KEEPS_COUNTS_AT_RESET LEAKS_AT_RESET IS_DEAD_AFTER_RESET FORGETS_TAILS
    SENDS_FIRST_PARTS LOSES_FOREIGN SPOILS_WITHOUT_HEADROOM ALLOCATES_TO_RECEIVE ALLOCATES_TO_SEND
    SAYS_TOO_SHORT_A_FRAME LOSES_ONE_IN_A_WHILE WRITES_TO_HELD_PACKETS
}

/// The harness of a port with this fault.
pub struct Broken<const FAULT: u32>(BrokenPort<FAULT>);

impl<const FAULT: u32> Harness for Broken<FAULT> {
    type Device = BrokenPort<FAULT>;

    fn profile() -> Profile {
        let profile = LoopbackHarness::profile();
        Profile {
            limits: Limits {
                packets: PACKETS,
                ..profile.limits
            },
            ..profile
        }
    }

    fn new(setup: &Setup) -> Option<Self> {
        Some(Self(BrokenPort {
            inner: LoopbackHarness::new(setup)?,
            start: setup.start,
        }))
    }

    fn device(&mut self) -> &mut BrokenPort<FAULT> {
        &mut self.0
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.0.inner.pool()
    }

    fn finish(self) {
        self.0.inner.finish();
    }
}

impl<const FAULT: u32> Wire for Broken<FAULT> {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.0.inner.inject(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.0.inner.collect(frame)
    }

    fn step(&mut self) {
        self.0.inner.step();
    }
}

pub struct BrokenPort<const FAULT: u32> {
    inner: LoopbackHarness,
    start: u64,
}

impl<const FAULT: u32> BrokenPort<FAULT> {
    fn port(&mut self) -> &mut Loopback<'static, 'static> {
        self.inner.device()
    }
}

impl<const FAULT: u32> Device<'static> for BrokenPort<FAULT> {
    type Rx = BrokenRx<FAULT>;
    type Tx = BrokenTx<FAULT>;

    fn name(&self) -> &str {
        "broken"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities {
            queues: 1,
            tx_depth: 256,
            rx_depth: 256,
            max_frame: usize::from(u16::MAX),
            ..Capabilities::default()
        };
        capabilities.features = linecard::device::Features::TX_CHAINED;
        if FAULT == SAYS_TOO_SHORT_A_FRAME {
            capabilities.max_frame -= 14;
        }
        capabilities
    }

    fn link(&mut self) -> Link {
        self.port().link()
    }

    fn mac(&self) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, 9])
    }

    fn mtu(&self) -> usize {
        usize::from(u16::MAX) - 14
    }

    fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'static>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let queue = if FAULT == OPENS_ANY_QUEUE { 0 } else { queue };
        let (rx, tx) = match self.port().open(queue, cache) {
            Ok((rx, tx)) => (Some(rx), Some(tx)),
            Err(DeviceError::QueueTaken(_)) if matches!(FAULT, OPENS_TWICE | OPENS_ANY_QUEUE) => {
                (None, None)
            }
            Err(error) => return Err(error),
        };
        let (rx_stats, tx_stats) = (RxStats::default(), TxStats::default());
        let rx = BrokenRx {
            inner: rx,
            count: self.start,
            again: None,
            seen: None,
            stats: rx_stats,
        };
        let limbo = Limbo::new(cache.pool(), "broken").expect("an account");
        let tx = BrokenTx {
            inner: tx,
            dead: false,
            count: 0,
            kept: None,
            limbo,
            stats: tx_stats,
        };
        Ok((rx, tx))
    }

    fn reset(
        &mut self,
        mut rx: Self::Rx,
        mut tx: Self::Tx,
        cache: &mut Cache<'static>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let inner = (
            rx.inner.take().expect("a queue"),
            tx.inner.take().expect("a queue"),
        );
        let (inner_rx, inner_tx) = self.port().reset(inner.0, inner.1, cache)?;
        if FAULT == LEAKS_AT_RESET {
            core::mem::forget(cache.alloc());
        }
        if FAULT != KEEPS_COUNTS_AT_RESET {
            rx.stats = RxStats::default();
            tx.stats = TxStats::default();
        }
        tx.dead = FAULT == IS_DEAD_AFTER_RESET;
        (rx.inner, tx.inner) = (Some(inner_rx), Some(inner_tx));
        Ok((rx, tx))
    }
}

pub struct BrokenRx<const FAULT: u32> {
    inner: Option<LoopbackRx<'static, 'static>>,
    count: u64,
    /// A packet to be given a second time.
    again: Option<Packet<'static>>,
    /// Where a packet is that was given away.
    seen: Option<NonNull<u8>>,
    stats: RxStats,
}

// SAFETY: the pointer is into a pool's memory, which may be used from any thread.
unsafe impl<const FAULT: u32> Send for BrokenRx<FAULT> {}

impl<const FAULT: u32> RxQueue<'static> for BrokenRx<FAULT> {
    fn rx_burst(&mut self, cache: &mut Cache<'static>, out: &mut BurstView<'static>) -> usize {
        let before = out.len();
        if out.room() > 0
            && let Some(packet) = self.again.take()
        {
            out.push(packet).expect("room");
        }
        let Some(inner) = &mut self.inner else {
            return 0;
        };
        let came = inner.rx_burst(cache, out);
        match FAULT {
            DISTURBS_THE_CALLERS_BURST if before > 0 => out.as_mut_slice()[0].data_mut()[0] = 0xff,
            MAKES_PACKETS_UP if came == 0 => {
                let mut packet = Packet::new(cache.alloc().expect("a frame"));
                packet.append(60).expect("room");
                drop(out.push(packet));
            }
            ALLOCATES_TO_RECEIVE => drop(core::hint::black_box(vec![0u8; 8])),
            DROPS_WITHOUT_FRAMES => match cache.alloc() {
                Some(frame) => cache.free(frame),
                None => out.as_vec_mut().truncate(before),
            },
            DROPS_ONE_OF_MANY if came == 32 => drop(out.pop()),
            _ => {}
        }
        let mut at = out.len() - came.min(out.len() - before);
        while at < out.len() {
            self.count = self.count.wrapping_add(1);
            match self.spoil(cache, out, before, at) {
                true => drop(out.as_vec_mut().remove(at)),
                false => at += 1,
            }
        }
        let given = out.len() - before;
        self.stats.packets += given as u64;
        let new = out.iter().skip(before);
        self.stats.bytes += new.map(|packet| packet.total_len() as u64).sum::<u64>();
        given + usize::from(FAULT == SAYS_MORE_THAN_IT_GAVE && given > 0)
    }

    fn stats(&self) -> RxStats {
        let mut stats = self.stats;
        match FAULT {
            FORGETS_TO_COUNT_RECEIVED => stats.packets = stats.packets.saturating_sub(1),
            COUNTS_WRONG_BYTES_RECEIVED => stats.bytes += 4 * stats.packets,
            COUNTS_A_DROP_THAT_WAS_NONE => stats.missed += 1,
            _ => {}
        }
        stats
    }
}

impl<const FAULT: u32> BrokenRx<FAULT> {
    /// Does to the packet at `at` what is to be done to it; says whether it is lost.
    fn spoil(
        &mut self,
        cache: &mut Cache<'static>,
        out: &mut BurstView<'static>,
        before: usize,
        at: usize,
    ) -> bool {
        let now = |every| self.count.is_multiple_of(every);
        let packet = &mut out.as_mut_slice()[at];
        let len = packet.len();
        match FAULT {
            LOSES_RECEIVED => return now(1000),
            LOSES_ONE_IN_A_WHILE => return now(499),
            LOSES_THE_LAST_RECEIVED => return self.count == PACKETS,
            LOSES_AT_2_TO_THE_16 => return self.count == 1 << 16,
            LOSES_SHORT_ONES_UNCOUNTED => return len < 14,
            DOUBLES_RECEIVED if now(500) => self.again = Some(copy(cache, packet)),
            SPOILS_RECEIVED if now(300) => packet.data_mut()[len - 1] ^= 1,
            CUTS_LONG_ONES if len > 1000 => packet.trim_back(1).expect("it is longer"),
            WRITES_TO_HELD_PACKETS if self.count == 2000 => {
                if let Some(at) = self.seen {
                    // SAFETY: inside of the pool's region, which is never given back; no reference
                    // to the frame is alive during this call. Whose it is is the fault.
                    let byte = unsafe { at.read() };
                    // SAFETY: as above.
                    unsafe { at.write(!byte) };
                }
            }
            WRITES_TO_HELD_PACKETS if self.count == 10 => {
                self.seen = Some(packet.frame().as_ptr());
            }
            LEAKS_ONE_RECEIVED if self.count == 100 => core::mem::forget(cache.alloc()),
            SWAPS_RECEIVED if now(500) && at > before => out.as_mut_slice().swap(at - 1, at),
            _ => {}
        }
        false
    }
}

pub struct BrokenTx<const FAULT: u32> {
    inner: Option<LoopbackTx<'static, 'static>>,
    dead: bool,
    count: u64,
    kept: Option<Packet<'static>>,
    limbo: Limbo<'static, 64>,
    stats: TxStats,
}

impl<const FAULT: u32> TxQueue<'static> for BrokenTx<FAULT> {
    fn tx_burst(&mut self, cache: &mut Cache<'static>, packets: &mut BurstView<'static>) -> usize {
        let offered = packets.len();
        let bytes = |packets: &BurstView<'_>| packets.iter().map(Packet::total_len).sum::<usize>();
        let offered_bytes = bytes(packets);
        if FAULT == ALLOCATES_TO_SEND {
            drop(core::hint::black_box(vec![0u8; 8]));
        }
        if self.dead {
            packets.free(cache);
        }
        let mut at = 0;
        while FAULT != NONE && at < packets.len() {
            self.count += 1;
            match self.spoil(cache, packets, at) {
                true => drop(packets.as_vec_mut().remove(at)),
                false => at += 1,
            }
        }
        let last = (FAULT == DOUBLES_SENT && self.count % 500 < 32)
            .then(|| packets.as_slice().last().map(|last| copy(cache, last)))
            .flatten();
        let Some(inner) = &mut self.inner else {
            return 0;
        };
        inner.tx_burst(cache, packets);
        let mut twice: Burst<'static, 1> = Burst::new();
        twice.as_vec_mut().extend(last);
        inner.tx_burst(cache, &mut twice);
        twice.free(cache);
        self.stats.full += u64::from(!packets.is_empty());
        match FAULT {
            FREES_WHAT_DOES_NOT_FIT => drop(packets.free(cache)),
            TURNS_WHAT_DOES_NOT_FIT => packets.as_mut_slice().reverse(),
            MARKS_WHAT_DOES_NOT_FIT => packets.iter_mut().for_each(|packet| packet.mark = 1),
            TAKES_FROM_THE_BACK => drop(packets.pop()),
            _ => {}
        }
        let taken = offered - packets.len();
        self.stats.packets += taken as u64;
        // Parts that are not sent are counted as if they were.
        self.stats.bytes += (offered_bytes - bytes(packets)) as u64;
        taken + usize::from(FAULT == SAYS_MORE_THAN_IT_TOOK && taken > 0)
    }

    fn reclaim(&mut self, _cache: &mut Cache<'static>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        let mut stats = self.stats;
        stats.completed = stats.packets;
        match FAULT {
            FORGETS_TO_COUNT_SENT => stats.packets = stats.packets.saturating_sub(1),
            COUNTS_SENT_TWICE => stats.packets *= 2,
            COUNTS_WRONG_BYTES_SENT => stats.bytes += 4 * stats.packets,
            COUNTS_NO_COMPLETIONS => stats.completed = 0,
            FORGETS_FULL => stats.full = 0,
            _ => {}
        }
        stats
    }
}

impl<const FAULT: u32> BrokenTx<FAULT> {
    /// As for [`BrokenRx`].
    fn spoil(
        &mut self,
        cache: &mut Cache<'static>,
        packets: &mut BurstView<'static>,
        at: usize,
    ) -> bool {
        let count = self.count;
        let now = |every| count.is_multiple_of(every);
        let packet = &mut packets.as_mut_slice()[at];
        let len = packet.len();
        match FAULT {
            LOSES_SENT => return now(1000),
            COUNTS_DROPS_AS_SENT => return len > 2000,
            LOSES_FOREIGN => return !core::ptr::eq(packet.frame().pool(), cache.pool()),
            SPOILS_SENT if now(300) => packet.data_mut()[len - 1] ^= 1,
            SPOILS_WITHOUT_HEADROOM if packet.headroom() < 12 => packet.data_mut()[len - 1] ^= 1,
            SENDS_FIRST_PARTS => drop(packet.frame_mut().unchain()),
            FORGETS_TAILS if packet.is_chained() => {
                let whole = copy(cache, packet);
                let mut chain = core::mem::replace(packet, whole);
                core::mem::forget(chain.frame_mut().unchain());
            }
            LEAKS_SENT if now(10) => core::mem::forget(cache.alloc()),
            KEEPS_FRAMES_WHEN_CLOSED if now(10) => self.kept = Some(copy(cache, packet)),
            NEVER_COMPLETES if now(100) => {
                if let Some(frame) = cache.alloc() {
                    drop(self.limbo.hold(frame));
                }
            }
            SWAPS_SENT if now(500) && at > 0 => packets.as_mut_slice().swap(at - 1, at),
            _ => {}
        }
        false
    }
}

impl<const FAULT: u32> Drop for BrokenTx<FAULT> {
    fn drop(&mut self) {
        core::mem::forget(self.kept.take());
    }
}

/// The same bytes in another frame.
fn copy(cache: &mut Cache<'static>, packet: &Packet<'static>) -> Packet<'static> {
    let mut copy = Packet::new(cache.alloc().expect("a frame"));
    for part in packet.frame().segments() {
        copy.append(part.len()).expect("room").copy_from_slice(part);
    }
    copy.hash = packet.hash;
    copy.mark = packet.mark;
    copy
}

/// Frames of each long test: enough for every fault to show.
pub const PACKETS: u64 = 20_000;

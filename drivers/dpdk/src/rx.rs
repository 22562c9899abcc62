//! The receiving half of a queue.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;
use std::sync::Arc;

use linecard::device::{Features, RxQueue, RxStats};
use linecard::mempool::{Cache, SharedAccount};
use linecard::packet::{BurstView, Offloads, Packet};

use crate::eal;
use crate::ffi::{self, Mbuf};
use crate::fours::Taking;
use crate::glance::Plain;
use crate::intake::{Intake, accept};
use crate::mbuf::{self, Meta};
use crate::memory::Shared;
use crate::scope::Scope;
use crate::state::{Half, PortState};
use crate::xstats::Counters;

/// Receives the packets of one queue.
///
/// What the driver allocates during a burst comes from the cache that it is called with. When the
/// halves of all queues are dropped, the port is stopped and every frame is back in the pool.
///
/// ```no_run
/// use linecard::device::{Device, RxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// # fn example(mut port: linecard_dpdk::Port<'static>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut cache = Cache::new(port.memory().pool(), "core 0", 256)?;
/// let (mut rx, _tx) = port.open(0, &mut cache)?;
/// let mut burst = Burst::<'_, 32>::new();
/// while rx.rx_burst(&mut cache, &mut burst) == 0 {}
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Rx<'p> {
    state: Arc<PortState>,
    shared: &'static Shared,
    account: &'static SharedAccount<'static>,
    /// That of the queue's other half.
    sender: &'static SharedAccount<'static>,
    port: u16,
    queue: u16,
    /// What is to be thought of a checksum of which the device says nothing.
    doubt: Offloads,
    /// Whether the pool tracks each frame.
    tracks: bool,
    intake: Intake,
    /// The number of the account that had sent what was received last without being allocated.
    from: u8,
    stats: RxStats,
    /// What the device had counted when the queue was opened.
    before: Counters,
    _pool: PhantomData<&'p ()>,
}

impl<'p> Rx<'p> {
    pub(crate) fn new(
        state: Arc<PortState>,
        account: &'static SharedAccount<'static>,
        sender: &'static SharedAccount<'static>,
        queue: u16,
    ) -> Self {
        let shared = state.memory.shared();
        let stamped = state.stamps.map_or(0, |field| field.flag);
        // As long as a port is on it, the mempool stays.
        let plain = Plain::new(shared.mempool(), stamped, shared.frames().room());
        Self {
            shared,
            before: state.counters(),
            doubt: match state.features.contains(Features::RX_UNFINISHED) {
                true => Offloads::L4_DOUBTFUL,
                false => Offloads::empty(),
            },
            tracks: shared.pool().config().track,
            intake: Intake {
                receiver: account.receiver(),
                plain,
                fours: Taking::new(shared.pool().tag(), plain),
                stamped,
            },
            port: state.id,
            state,
            from: account.id().number(),
            account,
            sender,
            queue,
            stats: RxStats::default(),
            _pool: PhantomData,
        }
    }

    pub(crate) fn queue(&self) -> u16 {
        self.queue
    }

    /// One call into the driver; gives how many mbufs it handed out.
    #[inline]
    fn burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>, want: usize) -> usize {
        let mut mbufs = [const { MaybeUninit::<*mut Mbuf>::uninit() }; BURST];
        let mut scope = Scope::new(self.shared, cache);
        let (port, queue) = (self.port, self.queue);
        let room = mbufs.as_mut_ptr().cast();
        // SAFETY: the port is started while a half of a queue lives (`PortState::end`), this is
        // the only receiving half of the queue (`Port::open`), and there is room for `BURST`.
        let (got, freed) = scope.burst(|mempool, kept| unsafe {
            ffi::lc_dpdk_rx_burst(port, queue, room, want as u16, mempool, kept)
        });
        let got = got.min(want);
        if scope.starved {
            self.stats.no_frames = self.stats.no_frames.wrapping_add(1);
        }
        let mbufs = mbufs.get(..got).unwrap_or(&[]);
        // SAFETY: the driver has written as many as it says.
        let mut mbufs = unsafe { mbufs.assume_init_ref() };
        let before = out.len();
        let intake = &self.intake;
        let mut bytes = accept(&mut mbufs, out, |mbufs, out| {
            intake.accept_plain(mbufs, out)
        });
        // Frames of packets that are not like most, less the mbufs handed out for them.
        let mut others = 0_i32;
        if !mbufs.is_empty() {
            bytes += self.accept_rest(&mut scope, mbufs, out, &mut others);
        }
        if self.tracks || !self.doubt.is_empty() {
            self.note(out.as_mut_slice().get_mut(before..).unwrap_or_default());
        }
        let received = (got as i32).wrapping_add(others);
        let more = freed.wrapping_add(received).wrapping_neg();
        if more != 0 {
            self.shared
                .settle_posted(self.account, self.sender, more, &mut self.from);
        }
        let packets = (out.len() - before) as u64;
        self.stats.packets = self.stats.packets.wrapping_add(packets);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
        got
    }

    /// Makes packets of mbufs of which the first is not like most; gives their bytes, and adds to `others` the
    /// frames that they have, less the mbufs handed out for them.
    #[cold]
    #[inline(never)]
    fn accept_rest(
        &mut self,
        scope: &mut Scope,
        mut mbufs: &[*mut Mbuf],
        out: &mut BurstView<'p>,
        others: &mut i32,
    ) -> u64 {
        let mut bytes = 0;
        loop {
            let intake = &self.intake;
            bytes += accept(&mut mbufs, out, |mbufs, out| intake.accept_all(mbufs, out));
            let Some((&mbuf, rest)) = mbufs.split_first() else {
                return bytes;
            };
            bytes += self.accept_otherwise(scope, mbuf, out, others);
            *others -= 1;
            mbufs = rest;
            let intake = &self.intake;
            bytes += accept(&mut mbufs, out, |mbufs, out| {
                intake.accept_plain(mbufs, out)
            });
        }
    }

    /// Writes down what came in, where the pool tracks, and what the device cannot say of it.
    #[cold]
    #[inline(never)]
    fn note(&self, packets: &mut [Packet<'p>]) {
        for packet in packets.iter_mut() {
            packet.offloads |= self.doubt;
        }
        // The others were written down frame by frame.
        let alone = packets.iter().filter(|packet| !packet.is_chained());
        self.account
            .came_in(alone.map(|packet| packet.frame().index()));
    }

    /// The packet of an mbuf that is not like most, or it is counted and freed; gives its bytes, and
    /// adds its frames to those received.
    #[cold]
    #[inline(never)]
    fn accept_otherwise(
        &mut self,
        scope: &mut Scope,
        mbuf: *mut Mbuf,
        out: &mut BurstView<'p>,
        received: &mut i32,
    ) -> u64 {
        let frames = self.shared.frames();
        let index = frames.index_of(mbuf);
        let packet = match index.filter(|&index| frames.is_held(index)) {
            None => self.refuse_foreign(scope, mbuf),
            Some(_) => {
                // SAFETY: it is an mbuf of the pool that DPDK had, and has just handed out.
                let meta = unsafe { Meta::read(mbuf) };
                match meta.is_own() && meta.nb_segs == 1 {
                    // All else is well, so that it is the window that is not.
                    true => self.refuse(scope, mbuf, Why::Window),
                    false => self.accept_chain(scope, mbuf, meta, received),
                }
            }
        };
        let Some(packet) = packet else { return 0 };
        let bytes = packet.total_len() as u64;
        let _ = out.push(packet);
        bytes
    }

    /// A packet of several mbufs as a chain of frames; refused whole if one is not the pool's.
    #[cold]
    fn accept_chain(
        &mut self,
        scope: &mut Scope,
        mbuf: *mut Mbuf,
        first: Meta,
        received: &mut i32,
    ) -> Option<Packet<'p>> {
        let frames = self.shared.frames();
        let mut head: Option<Packet<'p>> = None;
        let mut next = mbuf;
        for _ in 0..first.nb_segs {
            let mbuf = next;
            let index = frames.index_of(mbuf);
            let Some(index) = index.filter(|&index| frames.is_held(index)) else {
                drop(head);
                return self.refuse_foreign(scope, mbuf);
            };
            // SAFETY: an mbuf of the pool that DPDK had, and has handed out with its head.
            let meta = unsafe { Meta::read(mbuf) };
            // SAFETY: as above.
            next = unsafe { mbuf::next(mbuf) };
            let (_, buffer) = frames.mbuf_and(index, frames.buffer_offset(index));
            let data = buffer.wrapping_add(meta.data_off.into());
            let (receiver, of) = (self.account.receiver(), mbuf.addr());
            let frame = match meta.is_own() {
                // SAFETY: by its mark DPDK had it, and has handed it out; the mark is changed below.
                true => unsafe { receiver.receive(of, data, meta.data_len) },
                false => None,
            };
            let Some(frame) = frame else {
                drop(head);
                return self.refuse(scope, mbuf, Why::Shared);
            };
            self.account.came_in([index]);
            *received += 1;
            // As an mbuf must be when its frame is freed, by whichever way.
            // SAFETY: the frame was received in this round, so it is the program's.
            unsafe { mbuf::set_next(mbuf, ptr::null_mut()) };
            // SAFETY: as above.
            unsafe { Meta { nb_segs: 1, ..meta }.ours().write(mbuf) };
            match &mut head {
                None => {
                    let mut packet = Packet::new(frame);
                    first.tell(&mut packet, self.intake.stamped);
                    head = Some(packet);
                }
                // Both are of one pool.
                Some(packet) => drop(packet.frame_mut().chain(frame)),
            }
        }
        head
    }

    /// An mbuf that is not the pool's is given back to whom it belongs; one that is, and that DPDK
    /// does not have, belongs to somebody here already.
    #[cold]
    fn refuse_foreign(&mut self, scope: &mut Scope, mbuf: *mut Mbuf) -> Option<Packet<'p>> {
        if self.shared.frames().index_of(mbuf).is_some() {
            self.stats.invalid = self.stats.invalid.wrapping_add(1);
            return None;
        }
        self.refuse(scope, mbuf, Why::Shared)
    }

    #[cold]
    fn refuse(&mut self, scope: &mut Scope, mbuf: *mut Mbuf, why: Why) -> Option<Packet<'p>> {
        let count = match why {
            Why::Window => &mut self.stats.invalid,
            Why::Shared => &mut self.stats.unsupported,
        };
        *count = count.wrapping_add(1);
        // SAFETY: the driver has handed it out, and it was not taken over.
        scope.enter(&[], || unsafe { ffi::lc_dpdk_free_mbuf(mbuf) });
        None
    }
}

/// Why an mbuf is refused.
#[derive(Clone, Copy)]
enum Why {
    /// Its data is not inside its frame.
    Window,
    /// It is of another pool, its bytes are, or others refer to it.
    Shared,
}

impl<'p> RxQueue<'p> for Rx<'p> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        eal::enlist();
        let before = out.len();
        loop {
            let want = out.room().min(BURST);
            if want == 0 || self.burst(cache, out, want) < want {
                return out.len() - before;
            }
        }
    }

    /// The device's own counters are among these, under queue 0.
    fn stats(&self) -> RxStats {
        let mut stats = self.stats;
        if self.queue == 0 {
            let since = self.state.counters().since(&self.before);
            stats.missed = stats.missed.wrapping_add(since.missed);
            stats.oversize = stats.oversize.wrapping_add(since.oversize);
            stats.truncated = stats.truncated.wrapping_add(since.truncated);
            stats.errors = stats.errors.wrapping_add(since.rx_errors);
        }
        stats
    }
}

impl Drop for Rx<'_> {
    fn drop(&mut self) {
        self.state.end(self.queue, Half::Rx);
    }
}

/// Mbufs that are asked for at a time.
const BURST: usize = 64;

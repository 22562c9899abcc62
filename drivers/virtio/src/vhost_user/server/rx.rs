//! From the guest's transmit queue: what a guest sends, a port receives.

use std::sync::Arc;

use linecard::device::{RxQueue, RxStats};
use linecard::mempool::{Cache, Frame};
use linecard::packet::{BurstView, Offloads, Packet};

use super::Opened;
use super::cursor::Cursor;
use super::header::{GSO_NONE, HEADER_MAX, NEEDS_CSUM, header_len};
use super::ring::{Queue, Ring, signal};
use super::shared::Shared;
use crate::Features;
use crate::queue::device::{Chain, DeviceQueue, Segment, Segments, Single};

/// Receives what a guest sends by one queue pair.
///
/// Each packet is copied, once, into a frame of the pool's, and looked at there: the guest may go
/// on writing its own memory as it likes; one that is longer than a frame, as with a large
/// [`mtu`](super::ServerConfig::mtu), into as many as it takes. A pool that has run dry leaves
/// packets with the guest.
///
/// ```no_run
/// use linecard::device::{Device, RxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// # fn example(pool: &linecard::mempool::Pool<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// use linecard_virtio::vhost_user::{Server, ServerConfig};
/// let mut server = Server::new(ServerConfig::new("/run/vm0.sock"))?;
/// let mut cache = Cache::new(pool, "core 0", 256)?;
/// let (mut rx, _tx) = server.open(0, &mut cache)?;
/// let mut burst = Burst::<'_, 32>::new();
/// while rx.rx_burst(&mut cache, &mut burst) == 0 {}
/// println!("{:02x?}", burst.as_slice()[0].data());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ServerRx {
    opened: Arc<Opened>,
    segments: Segments<SEGMENTS>,
    max_frame: usize,
    stats: RxStats,
}

impl ServerRx {
    pub(super) fn new(opened: Arc<Opened>) -> Self {
        Self {
            max_frame: opened.shared.config.max_frame(),
            opened,
            segments: Segments::new(),
            stats: RxStats::default(),
        }
    }

    pub(super) fn queue(&self) -> u16 {
        self.opened.queue
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.opened.shared
    }
}

impl<'p> RxQueue<'p> for ServerRx {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let Some(slot) = self.opened.guest_sends() else {
            return 0;
        };
        let Some(mut ring) = slot.poll() else {
            return 0;
        };
        let Ring {
            queue,
            call,
            features,
            ..
        } = &mut *ring;
        let before = out.len();
        let mut burst = Receive {
            features: *features,
            segments: &mut self.segments,
            max_frame: self.max_frame,
            stats: &mut self.stats,
        };
        let called = match queue {
            Some(Queue::Split(queue)) => burst.run(queue, cache, out),
            Some(Queue::Packed(queue)) => burst.run(queue, cache, out),
            None => return 0,
        };
        let fault = match queue {
            Some(Queue::Split(queue)) => queue.fault(),
            Some(Queue::Packed(queue)) => queue.fault(),
            None => None,
        };
        if called {
            signal(call.as_ref());
            self.stats.kicks = self.stats.kicks.wrapping_add(1);
        }
        if let Some(fault) = fault {
            self.stats.invalid = self.stats.invalid.wrapping_add(1);
            self.opened.shared.fault(&mut ring, fault);
        }
        out.len().wrapping_sub(before)
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// One burst.
struct Receive<'a> {
    features: Features,
    segments: &'a mut Segments<SEGMENTS>,
    max_frame: usize,
    stats: &'a mut RxStats,
}

impl Receive<'_> {
    /// Takes what fits; gives whether the guest wants to be called.
    #[inline]
    fn run<'p, Q: DeviceQueue>(
        &mut self,
        queue: &mut Q,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
    ) -> bool {
        let room = out.room().min(BURST);
        if !self.singles(queue, cache, out, room) {
            self.chains(queue, cache, out, room);
        }
        queue.publish()
    }

    /// Takes packets in one buffer each, that fit one frame, as far as those go; gives whether there
    /// were some.
    #[inline(always)]
    fn singles<'p, Q: DeviceQueue>(
        &mut self,
        queue: &mut Q,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
        room: usize,
    ) -> bool {
        let header = header_len(self.features);
        let longest = header.wrapping_add(self.max_frame.min(cache.pool().room()));
        let lengths = header.wrapping_add(ETHERNET_HEADER)..=longest;
        let mut singles = heapless::Vec::<Single, BURST>::new();
        queue.prefetch(false, room);
        let there = queue.pop_singles(false, room, |single| {
            let fits = lengths.contains(&single.segment().len());
            if fits {
                single.segment().prefetch();
                // There is room: `room` is at most `BURST`.
                let _ = singles.push(single);
            }
            fits
        });
        if there == 0 {
            return false;
        }
        let checksum = self.features.contains(Features::CSUM);
        let mut rest = singles.iter();
        let (mut packets, mut bytes) = (0_u64, 0_u64);
        let got = cache.alloc_burst(there, |mut frame| {
            let Some(single) = rest.next() else { return };
            let segment = single.segment();
            let len = segment.len().wrapping_sub(header);
            // It fits: every frame has as much room.
            let Ok(data) = frame.append(len) else { return };
            // SAFETY: the queue that gave the segment is locked by `rx_burst`, and lives.
            unsafe { segment.read(header, data) };
            // SAFETY: as above.
            let [flags, gso] = unsafe { segment.first() }.unwrap_or_default();
            // Of a packet that was to be segmented, which was not offered. Its frame goes back to the
            // pool.
            if gso != GSO_NONE {
                self.stats.unsupported = self.stats.unsupported.wrapping_add(1);
                return;
            }
            packets = packets.wrapping_add(1);
            bytes = bytes.wrapping_add(len as u64);
            let mut packet = Packet::new(frame);
            if flags & NEEDS_CSUM != 0 && checksum {
                packet.offloads = Offloads::L4_WANTED;
            }
            // There is room: as many as were popped.
            let _ = out.push(packet);
        });
        if got < there {
            self.stats.no_frames = self.stats.no_frames.wrapping_add(1);
            queue.unpop_singles(there.wrapping_sub(got));
        }
        self.stats.packets = self.stats.packets.wrapping_add(packets);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
        let used = singles.iter().take(got);
        queue.put_singles(false, used.map(|single| (*single, 0)));
        true
    }

    /// Takes packets in chains of any kind.
    #[inline(never)]
    fn chains<'p, Q: DeviceQueue>(
        &mut self,
        queue: &mut Q,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
        room: usize,
    ) {
        self.segments.clear();
        let mut chains = heapless::Vec::<Chain, BURST>::new();
        while chains.len() < room && self.segments.room() >= CHAIN {
            // A fault is sticky: it is looked for after the burst.
            let Ok(Some(chain)) = queue.pop(self.segments) else {
                break;
            };
            if let Some(first) = self.segments.of(&chain).first() {
                first.prefetch();
            }
            // There is room: `room` is at most `BURST`.
            let _ = chains.push(chain);
        }
        let mut frames = heapless::Vec::<Frame<'p>, BURST>::new();
        let got = cache.alloc_burst(chains.len(), |frame| {
            let _ = frames.push(frame);
        });
        if got < chains.len() {
            self.stats.no_frames = self.stats.no_frames.wrapping_add(1);
        }
        while chains.len() > got {
            if let Some(chain) = chains.pop() {
                queue.unpop(chain);
            }
        }
        let header = header_len(self.features);
        let (mut packets, mut bytes) = (0_u64, 0_u64);
        let mut pairs = chains.drain(..).zip(frames.drain(..));
        while let Some((chain, frame)) = pairs.next() {
            let packet = if chain.readable() <= header.wrapping_add(frame.tailroom()) {
                self.copy(&chain, header, frame)
            } else if let Some(packet) = self.copy_long(&chain, header, frame, cache) {
                packet
            } else {
                leave(queue, cache, chain, pairs);
                break;
            };
            match packet {
                Ok(packet) => {
                    packets = packets.wrapping_add(1);
                    bytes = bytes.wrapping_add(packet.total_len() as u64);
                    // There is room: as many as were popped.
                    let _ = out.push(packet);
                }
                Err(frame) => cache.free(frame),
            }
            queue.put(chain, 0);
        }
        self.stats.packets = self.stats.packets.wrapping_add(packets);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
    }

    /// Copies a chain into a frame; gives the frame back if that makes no packet, which is counted.
    #[inline(always)]
    fn copy<'p>(
        &mut self,
        chain: &Chain,
        header: usize,
        mut frame: Frame<'p>,
    ) -> Result<Packet<'p>, Frame<'p>> {
        let segments = self.segments.of(chain);
        let Some(len) = chain.readable().checked_sub(header) else {
            self.stats.truncated = self.stats.truncated.wrapping_add(1);
            return Err(frame);
        };
        if chain.writable() > 0 {
            self.stats.invalid = self.stats.invalid.wrapping_add(1);
            return Err(frame);
        }
        if chain.is_truncated() || len > frame.tailroom() {
            self.stats.oversize = self.stats.oversize.wrapping_add(1);
            return Err(frame);
        }
        if len < ETHERNET_HEADER {
            self.stats.truncated = self.stats.truncated.wrapping_add(1);
            return Err(frame);
        }
        let Ok(data) = frame.append(len) else {
            return Err(frame);
        };
        let head = match segments {
            [one] => {
                // SAFETY: the queue that gave the segment is locked by `rx_burst`, and lives.
                unsafe { one.read(header, data) };
                // SAFETY: as above.
                unsafe { one.first() }.unwrap_or_default()
            }
            several => gather(several, header, data),
        };
        self.packet(head, frame)
    }

    /// Copies a chain that is longer than the frame, into as many more as it takes; otherwise as
    /// [`copy`](Self::copy). `None`, and nothing is counted but that, if the pool has run dry.
    #[cold]
    fn copy_long<'p>(
        &mut self,
        chain: &Chain,
        header: usize,
        mut frame: Frame<'p>,
        cache: &mut Cache<'p>,
    ) -> Option<Result<Packet<'p>, Frame<'p>>> {
        let mut left = chain.readable().saturating_sub(header);
        if chain.writable() > 0 {
            self.stats.invalid = self.stats.invalid.wrapping_add(1);
            return Some(Err(frame));
        }
        if chain.is_truncated() || left > self.max_frame {
            self.stats.oversize = self.stats.oversize.wrapping_add(1);
            return Some(Err(frame));
        }
        // SAFETY: the queue that gave the segments is locked by `rx_burst`, and lives.
        let mut reader = unsafe { Cursor::new(self.segments.of(chain)) };
        let mut head = [0; HEADER_MAX];
        reader.read(head.get_mut(..header).unwrap_or(&mut []));
        let [flags, gso, ..] = head;
        let room = left.min(frame.tailroom());
        if let Ok(data) = frame.append(room) {
            reader.read(data);
            left = left.wrapping_sub(room);
        }
        while left > 0 {
            let Some(mut next) = cache.alloc() else {
                self.stats.no_frames = self.stats.no_frames.wrapping_add(1);
                cache.free(frame);
                return None;
            };
            let room = left.min(next.tailroom());
            if let Ok(data) = next.append(room) {
                reader.read(data);
            }
            left = left.wrapping_sub(room);
            let refused = if room == 0 {
                Err(next)
            } else {
                frame.chain(next)
            };
            if let Err(next) = refused {
                // A pool whose frames have no room, or a packet of more frames than a chain has.
                cache.free(next);
                self.stats.oversize = self.stats.oversize.wrapping_add(1);
                return Some(Err(frame));
            }
        }
        Some(self.packet([flags, gso], frame))
    }

    /// A packet of what was copied, as its header says; gives the frame back if that makes none,
    /// which is counted.
    #[inline(always)]
    fn packet<'p>(
        &mut self,
        [flags, gso]: [u8; 2],
        frame: Frame<'p>,
    ) -> Result<Packet<'p>, Frame<'p>> {
        let mut packet = Packet::new(frame);
        // Of a packet that was to be segmented, which was not offered.
        if gso != GSO_NONE {
            self.stats.unsupported = self.stats.unsupported.wrapping_add(1);
            return Err(packet.into_frame());
        }
        if flags & NEEDS_CSUM != 0 && self.features.contains(Features::CSUM) {
            packet.offloads = Offloads::L4_WANTED;
        }
        Ok(packet)
    }
}

/// Leaves a chain, and those popped behind it, with the guest.
#[cold]
fn leave<'p, Q: DeviceQueue>(
    queue: &mut Q,
    cache: &mut Cache<'p>,
    first: Chain,
    rest: impl Iterator<Item = (Chain, Frame<'p>)>,
) {
    let mut chains = heapless::Vec::<Chain, BURST>::new();
    // There is room: as many as were popped.
    let _ = chains.push(first);
    for (chain, frame) in rest {
        cache.free(frame);
        let _ = chains.push(chain);
    }
    while let Some(chain) = chains.pop() {
        queue.unpop(chain);
    }
}

/// Copies from several segments what is behind the header; gives the header's first two fields.
#[cold]
fn gather(segments: &[Segment], header: usize, data: &mut [u8]) -> [u8; 2] {
    // SAFETY: the queue that gave the segments is locked by `rx_burst`, and lives.
    let mut reader = unsafe { Cursor::new(segments) };
    let mut head = [0; HEADER_MAX];
    reader.read(head.get_mut(..header).unwrap_or(&mut []));
    reader.read(data);
    let [flags, gso, ..] = head;
    [flags, gso]
}

/// Packets of one burst.
const BURST: usize = 64;
/// Segments of one burst, and of one packet: Linux sends 17 fragments and two more at most.
const SEGMENTS: usize = 2 * BURST;
const CHAIN: usize = 32;
/// `ETH_HLEN`: nothing shorter is a frame.
const ETHERNET_HEADER: usize = 14;

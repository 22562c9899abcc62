//! Into the guest's receive queue: what a port sends, a guest receives.

use std::sync::Arc;

use linecard::device::{TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Offloads, Packet};

use super::Opened;
use super::cursor::Cursor;
use super::header::{HEADER_MAX, Head, for_guest, header_len};
use super::ring::{Queue, Ring, signal};
use crate::Features;
use crate::queue::device::{Chain, DeviceQueue, Segment, Segments, Single};

/// Sends to a guest by one queue pair.
///
/// Each packet is copied into buffers that the guest has posted; one that has posted too few makes
/// the rest wait with the caller. Without a guest, packets are dropped, as by a port without a
/// cable, and counted as [`link_down`](TxStats::link_down).
///
/// ```no_run
/// use linecard::device::{Device, TxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// # fn example(pool: &linecard::mempool::Pool<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// use linecard_virtio::vhost_user::{Server, ServerConfig};
/// let mut server = Server::new(ServerConfig::new("/run/vm0.sock"))?;
/// let mut cache = Cache::new(pool, "core 0", 256)?;
/// let (_rx, mut tx) = server.open(0, &mut cache)?;
/// let mut burst = Burst::<'_, 32>::new();
/// burst.alloc(&mut cache, 1);
/// for packet in &mut burst {
///     packet.append(60)?.fill(0xff);
/// }
/// tx.tx_burst(&mut cache, &mut burst);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ServerTx {
    opened: Arc<Opened>,
    segments: Segments<SEGMENTS>,
    max_frame: usize,
    stats: TxStats,
}

impl ServerTx {
    pub(super) fn new(opened: Arc<Opened>) -> Self {
        Self {
            max_frame: opened.shared.config.max_frame(),
            opened,
            segments: Segments::new(),
            stats: TxStats::default(),
        }
    }

    /// Drops packets that nobody will receive.
    #[cold]
    fn unplugged<'p>(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let count = packets.free(cache);
        self.stats.link_down = self.stats.link_down.wrapping_add(count as u64);
        count
    }
}

impl<'p> TxQueue<'p> for ServerTx {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        if packets.is_empty() {
            return 0;
        }
        let Some(slot) = self.opened.guest_receives() else {
            return self.unplugged(cache, packets);
        };
        let Some(mut ring) = slot.poll() else {
            // The front end is about to change something: at the next burst.
            self.stats.full = self.stats.full.wrapping_add(1);
            return 0;
        };
        let Ring {
            queue,
            call,
            features,
            ..
        } = &mut *ring;
        let mut burst = Send {
            features: *features,
            segments: &mut self.segments,
            max_frame: self.max_frame,
            stats: &mut self.stats,
        };
        let (taken, called, fault) = match queue {
            Some(Queue::Split(queue)) => {
                let (taken, called) = burst.run(queue, cache, packets);
                (taken, called, queue.fault())
            }
            Some(Queue::Packed(queue)) => {
                let (taken, called) = burst.run(queue, cache, packets);
                (taken, called, queue.fault())
            }
            None => {
                drop(ring);
                return self.unplugged(cache, packets);
            }
        };
        if called {
            signal(call.as_ref());
            self.stats.kicks = self.stats.kicks.wrapping_add(1);
        }
        if let Some(fault) = fault {
            self.stats.invalid = self.stats.invalid.wrapping_add(1);
            self.opened.shared.fault(&mut ring, fault);
        }
        if !packets.is_empty() {
            self.stats.full = self.stats.full.wrapping_add(1);
        }
        taken
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    /// Whether the guest receives by this queue. While that is being changed packets wait, as they do
    /// for a link that is up.
    fn link_up(&self) -> bool {
        let slot = self.opened.guest_receives();
        slot.is_some_and(|slot| slot.poll().is_none_or(|ring| ring.queue.is_some()))
    }

    /// A packet is done when it was copied.
    fn stats(&self) -> TxStats {
        let mut stats = self.stats;
        stats.completed = stats.packets;
        stats
    }
}

/// One burst.
struct Send<'a> {
    features: Features,
    segments: &'a mut Segments<SEGMENTS>,
    max_frame: usize,
    stats: &'a mut TxStats,
}

/// Why a run of plain packets ended.
enum End {
    /// No packets, no room in the burst, or no buffers of the guest's.
    Here,
    /// The next packet can never be sent.
    Refuse,
    /// The next packet does not fit the guest's next buffer.
    Large,
}

impl Send<'_> {
    /// Sends what fits; gives how many packets were taken, and whether the guest wants to be
    /// called.
    #[inline]
    fn run<'p, Q: DeviceQueue>(
        &mut self,
        queue: &mut Q,
        cache: &mut Cache<'p>,
        packets: &mut BurstView<'p>,
    ) -> (usize, bool) {
        let mut taken = 0;
        while !packets.is_empty() {
            let sent = self.singles(queue, packets);
            cache.free_burst(packets.drain_front(sent).map(Packet::into_frame));
            taken += sent;
            if sent < BURST {
                break;
            }
        }
        if !packets.is_empty() {
            taken += self.chains(queue, cache, packets);
        }
        (taken, queue.publish())
    }

    /// Sends packets from the front, each in one frame, into one buffer that has room for it; gives
    /// how many.
    #[inline(always)]
    fn singles<Q: DeviceQueue>(&mut self, queue: &mut Q, packets: &mut BurstView<'_>) -> usize {
        if header_len(self.features) != HEADER_MAX {
            return 0;
        }
        let mut singles = heapless::Vec::<Single, BURST>::new();
        let most = packets.len().min(BURST);
        queue.prefetch(true, most);
        let mut next = packets.as_mut_slice().iter_mut();
        let sent = queue.pop_singles(true, most, |single| {
            let Some(packet) = next.next() else {
                return false;
            };
            let len = packet.len();
            let fits = !packet.is_chained()
                && HEADER_MAX.wrapping_add(len) <= single.segment().len()
                && self.prepare(packet, len).is_some();
            if fits {
                single.segment().prefetch_write(HEADER_MAX, len);
                // There is room: `most` is at most `BURST`.
                let _ = singles.push(single);
            }
            fits
        });
        let mut bytes = 0_u64;
        let done = singles.iter().zip(packets.iter()).map(|(single, packet)| {
            // Made once more, which costs less than to keep it: it is prepared.
            let head = for_guest(packet, self.features).unwrap_or(Head::PLAIN);
            let segment = single.segment();
            // SAFETY: the queue that gave the segment is locked by `tx_burst`, and lives.
            unsafe { segment.update(head.0, head.1) };
            // SAFETY: as above.
            unsafe { segment.write(HEADER_MAX, packet.data()) };
            bytes = bytes.wrapping_add(packet.len() as u64);
            (*single, HEADER_MAX.wrapping_add(packet.len()) as u32)
        });
        queue.put_singles(true, done);
        self.stats.packets = self.stats.packets.wrapping_add(sent as u64);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
        sent
    }

    /// Sends what has several parts or buffers, or cannot be sent; gives how many packets were taken.
    #[inline(never)]
    fn chains<'p, Q: DeviceQueue>(
        &mut self,
        queue: &mut Q,
        cache: &mut Cache<'p>,
        packets: &mut BurstView<'p>,
    ) -> usize {
        let mut taken = 0;
        loop {
            let (sent, end) = self.plain(queue, packets);
            cache.free_burst(packets.drain_front(sent).map(Packet::into_frame));
            taken += sent;
            let one = match end {
                End::Here if sent == BURST => continue,
                End::Here => break,
                End::Refuse => true,
                End::Large => match self.spread(queue, packets) {
                    Some(sent) => sent,
                    None => break,
                },
            };
            let Some(packet) = packets.drain_front(1).next() else {
                break;
            };
            if matches!(end, End::Refuse) {
                self.refuse(&packet);
            } else if !one {
                self.stats.oversize = self.stats.oversize.wrapping_add(1);
            }
            cache.free(packet.into_frame());
            taken += 1;
        }
        taken
    }

    /// Sends packets from the front, each into one chain that has room for it; gives how many.
    #[inline]
    fn plain<Q: DeviceQueue>(
        &mut self,
        queue: &mut Q,
        packets: &mut BurstView<'_>,
    ) -> (usize, End) {
        let header = header_len(self.features);
        self.segments.clear();
        let mut chains = heapless::Vec::<Chain, BURST>::new();
        let mut end = End::Here;
        for packet in packets.as_mut_slice().iter_mut().take(BURST) {
            let len = packet.total_len();
            if self.prepare(packet, len).is_none() {
                end = End::Refuse;
                break;
            }
            if self.segments.room() < CHAIN {
                break;
            }
            // A fault is sticky: it is looked for after the burst.
            let Ok(Some(chain)) = queue.pop(self.segments) else {
                break;
            };
            if chain.writable() < header.wrapping_add(len)
                || chain.is_truncated()
                || chain.readable() > 0
            {
                queue.unpop(chain);
                end = End::Large;
                break;
            }
            if let Some(first) = self.segments.of(&chain).first() {
                first.prefetch_write(header, len);
            }
            let _ = chains.push(chain);
        }
        let (sent, mut bytes) = (chains.len(), 0_u64);
        for (chain, packet) in chains.drain(..).zip(packets.iter()) {
            let len = packet.total_len();
            // Made once more, which costs less than to keep it: it is prepared.
            let head = for_guest(packet, self.features).unwrap_or(Head::PLAIN);
            // SAFETY: the queue that gave the segments is locked by `tx_burst`, and lives.
            let mut writer = unsafe { Cursor::new(self.segments.of(&chain)) };
            writer.write(head.bytes().get(..header).unwrap_or(&[]));
            packet
                .frame()
                .segments()
                .for_each(|part| writer.write(part));
            bytes = bytes.wrapping_add(len as u64);
            queue.put(chain, header.wrapping_add(len) as u32);
            queue.offer();
        }
        self.stats.packets = self.stats.packets.wrapping_add(sent as u64);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
        (sent, end)
    }

    /// The header of a packet that can be sent; `None` of one that cannot.
    #[inline(always)]
    fn prepare(&self, packet: &mut Packet<'_>, len: usize) -> Option<Head> {
        if !(ETHERNET_HEADER..=self.max_frame).contains(&len)
            || packet.offloads.contains(Offloads::VLAN_WANTED)
        {
            return None;
        }
        if let Some(header) = for_guest(packet, self.features) {
            return Some(header);
        }
        packet.finish_checksum();
        for_guest(packet, self.features)
    }

    /// Counts a packet that cannot be sent.
    #[cold]
    fn refuse(&mut self, packet: &Packet<'_>) {
        let len = packet.total_len();
        let reason = if len < ETHERNET_HEADER {
            &mut self.stats.undersize
        } else if len > self.max_frame {
            &mut self.stats.oversize
        } else {
            &mut self.stats.unsupported
        };
        *reason = reason.wrapping_add(1);
    }

    /// Sends the first packet over several of the guest's buffers (`MRG_RXBUF`): whether it was
    /// sent, or can never be; `None` while the guest has too few.
    #[cold]
    fn spread<Q: DeviceQueue>(
        &mut self,
        queue: &mut Q,
        packets: &mut BurstView<'_>,
    ) -> Option<bool> {
        let header = header_len(self.features);
        let packet = packets.as_mut_slice().first_mut()?;
        let len = packet.total_len();
        let Some(head) = self.prepare(packet, len) else {
            return Some(false);
        };
        self.segments.clear();
        let mut chains = heapless::Vec::<Chain, BURST>::new();
        let mut room = 0_usize;
        let wanted = header.wrapping_add(len);
        let fits = loop {
            if room >= wanted {
                break Some(true);
            }
            let merges = self.features.contains(Features::MRG_RXBUF) || chains.is_empty();
            if !merges || chains.is_full() || self.segments.room() < CHAIN {
                break Some(false);
            }
            let Ok(Some(chain)) = queue.pop(self.segments) else {
                break None;
            };
            let usable = !chain.is_truncated() && chain.readable() == 0 && chain.writable() > 0;
            room = room.saturating_add(chain.writable());
            let _ = chains.push(chain);
            if !usable {
                break Some(false);
            }
        };
        if fits != Some(true) {
            while let Some(chain) = chains.pop() {
                // A buffer that no packet fits goes back empty, or it would be in the way for ever.
                if fits == Some(false) && chains.is_empty() {
                    queue.put(chain, 0);
                } else {
                    queue.unpop(chain);
                }
            }
            return fits;
        }
        let head = head.over(chains.len() as u16).bytes();
        let mut left = wanted;
        let mut all = heapless::Vec::<Segment, SEGMENTS>::new();
        for chain in &chains {
            // There is room: they are all in a list of this length.
            let _ = all.extend_from_slice(self.segments.of(chain));
        }
        // SAFETY: the queue that gave the segments is locked by `tx_burst`, and lives.
        let mut writer = unsafe { Cursor::new(&all) };
        writer.write(head.get(..header).unwrap_or(&[]));
        packet
            .frame()
            .segments()
            .for_each(|part| writer.write(part));
        for chain in chains {
            let written = left.min(chain.writable());
            left = left.wrapping_sub(written);
            queue.put(chain, written as u32);
        }
        self.stats.packets = self.stats.packets.wrapping_add(1);
        self.stats.bytes = self.stats.bytes.wrapping_add(len as u64);
        Some(true)
    }
}

/// Packets of one burst, and segments of it and of one chain.
const BURST: usize = 64;
const SEGMENTS: usize = 2 * BURST;
const CHAIN: usize = 32;
/// `ETH_HLEN`: nothing shorter is a frame.
const ETHERNET_HEADER: usize = 14;

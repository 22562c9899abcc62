//! Frames out of a generator.

use core::fmt;
use std::sync::Arc;

use linecard::device::{RxQueue, RxStats};
use linecard::mempool::Cache;
use linecard::packet::BurstView;

use super::super::flow::Stamp;
use super::{Frames, MIN_FRAME};

/// The receiving side of a [`Generator`](super::Generator).
///
/// ```
/// use linecard::device::RxQueue;
/// use linecard_linux::port::GeneratorRx;
///
/// fn progress(queue: &GeneratorRx) -> (u64, bool) {
///     (queue.stats().packets, queue.is_done())
/// }
/// ```
pub struct GeneratorRx {
    pub(super) frames: Arc<Frames>,
    pub(super) queue: u16,
    /// Its flows: the first, and the one behind the last.
    pub(super) first: usize,
    pub(super) end: usize,
    /// The flow whose turn it is.
    pub(super) next: usize,
    pub(super) round: u64,
    pub(super) left: u64,
    pub(super) stamp: bool,
    pub(super) stats: RxStats,
}

impl GeneratorRx {
    /// Whether all packets were received.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left == 0
    }
}

impl<'p> RxQueue<'p> for GeneratorRx {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let want = out.room().min(left);
        let before = out.len();
        let got = out.alloc(cache, want);
        self.stats.no_frames += u64::from(got < want);
        let Frames {
            lines,
            size,
            stride,
            payloads,
        } = &*self.frames;
        let size = *size;
        for packet in out.iter_mut().skip(before) {
            let flow = self.next;
            let first = flow.wrapping_mul(*stride);
            let round = self.round;
            self.next = flow.wrapping_add(1);
            if self.next >= self.end {
                self.next = self.first;
                self.round = round.wrapping_add(1);
            }
            let frame = lines.get(first..).unwrap_or(&[]).as_flattened();
            // `open` saw to it that there is room.
            let Ok(data) = packet.append(size) else {
                continue;
            };
            copy(data, frame);
            if self.stamp
                && let Some(payload) = payloads.get(flow)
                && let Some((_, rest)) = data.split_at_mut_checked(usize::from(*payload))
                && let Some(place) = rest.first_chunk_mut()
            {
                *place = Stamp {
                    flow: flow as u32,
                    number: round,
                }
                .to_bytes();
            }
        }
        self.left -= got as u64;
        self.stats.packets += got as u64;
        self.stats.bytes += (got * size) as u64;
        got
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

impl fmt::Debug for GeneratorRx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratorRx")
            .field("left", &self.left)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// Copies the front of `from` over all of `to`. The first 60 bytes, which are there always, by a
/// length known when this is compiled: small frames then need no call.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    let (Some((to, to_rest)), Some((from, from_rest))) = (
        to.split_first_chunk_mut::<MIN_FRAME>(),
        from.split_first_chunk::<MIN_FRAME>(),
    ) else {
        return;
    };
    *to = *from;
    if !to_rest.is_empty()
        && let Some(from) = from_rest.get(..to_rest.len())
    {
        to_rest.copy_from_slice(from);
    }
}

//! Devices that do not see the caches, and pools that are not contiguous for them.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use linecard::device::{Device, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;
use linecard::platform::{DeviceAddress, Dma, DmaBuffer, DmaError};

use super::*;

/// The heap, for a device that sees neither the caches nor more than a frame at a time.
#[derive(Debug, Default)]
struct Picky {
    /// Calls, and bytes.
    to_device: [AtomicU64; 2],
    to_cpu: [AtomicU64; 2],
    /// It reaches nothing at all.
    blind: bool,
}

fn count(counters: &[AtomicU64; 2], len: usize) {
    counters[0].fetch_add(1, Ordering::Relaxed);
    counters[1].fetch_add(len as u64, Ordering::Relaxed);
}

fn read(counters: &[AtomicU64; 2]) -> (u64, u64) {
    (
        counters[0].load(Ordering::Relaxed),
        counters[1].load(Ordering::Relaxed),
    )
}

// SAFETY: everything is `HostMemory`'s, but that less is covered; `sync` only counts.
unsafe impl Dma for Picky {
    const COHERENT: bool = false;

    fn allocate(&self, len: usize, align: usize) -> Result<DmaBuffer, DmaError> {
        HostMemory.allocate(len, align)
    }

    unsafe fn free(&self, buffer: DmaBuffer) {
        // SAFETY: the caller's promise.
        unsafe { HostMemory.free(buffer) }
    }

    fn device_address(&self, at: NonNull<u8>, len: usize) -> Option<DeviceAddress> {
        match self.blind || len > 2048 {
            true => None,
            false => HostMemory.device_address(at, len),
        }
    }

    fn sync_for_device(&self, _: NonNull<u8>, len: usize) {
        count(&self.to_device, len);
    }

    fn sync_for_cpu(&self, _: NonNull<u8>, len: usize) {
        count(&self.to_cpu, len);
    }
}

#[test]
fn frames_change_sides_by_name_and_one_by_one() {
    for kind in kinds() {
        let pool = pool(1024);
        let (fake, handle) = Fake::new(offer(kind | Features::MRG_RXBUF));
        let adapter = Adapter::<_, _, 256>::new(fake, Picky::default());
        let mut port = Net::new(&adapter, pool, "net", accept_all()).unwrap();
        let mut cache = Cache::new(pool, "test", 64).unwrap();
        let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
        let room = 2048 - pool.data_offset() as u64 - pool.colours().longest() as u64 + 12;
        let dma = adapter.dma();
        assert_eq!(
            read(&dma.to_device),
            (256, 256 * room),
            "each posted buffer"
        );
        assert_eq!(
            exchange(&mut rx, &mut tx, &mut cache, &[60, 61, 62]).len(),
            3
        );
        let sent = 60 + 61 + 62 + 3 * 12;
        assert_eq!(read(&dma.to_device), (259, 256 * room + sent));
        assert_eq!(read(&dma.to_cpu), (3, sent));
        // Each frame of a packet of several.
        let mut head = packet(&mut cache, 1000, 1);
        head.frame_mut()
            .chain(packet(&mut cache, 500, 2).into_frame())
            .unwrap();
        let mut burst: Burst = Burst::new();
        burst.push(head).unwrap();
        assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
        assert_eq!(read(&dma.to_device), (261, 256 * room + sent + 1512));
        assert_eq!(receive(&mut rx, &mut cache, &mut burst)[0].len(), 1500);
        drop((rx, tx, port));
        drop(adapter);
        drop(cache);
        assert!(handle.violations().is_empty());
        pool.audit().unwrap();
    }
}

#[test]
fn a_pool_that_the_device_cannot_reach_is_refused() {
    let pool = pool(16);
    let (fake, handle) = Fake::new(FakeConfig::default());
    let dma = Picky {
        blind: true,
        ..Picky::default()
    };
    let adapter = Adapter::<_, _, 256>::new(fake, dma);
    let refused = Net::new(&adapter, pool, "net", accept_all()).map(drop);
    assert_eq!(refused, Err(NetError::Unreachable));
    assert!(handle.violations().is_empty());
}

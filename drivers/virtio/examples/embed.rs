//! The driver and a pipeline inside somebody else's unikernel, without Linecard's own port.
//!
//! What a kernel has to bring is in [`appliance::Kernel`]: pages for rings, physical addresses, and a
//! clock. Everything between that trait and the packets is `core` alone, and is what one would copy:
//!
//! | | Hermit | Unikraft | your own |
//! |---|---|---|---|
//! | `pages` | `mm::allocate` | `uk_palloc` | your page allocator |
//! | `physical` | `arch::mm::virtual_to_physical` | `ukplat_virt_to_phys` | identity, often |
//! | `nanos` | `arch::kernel::processor::get_timer_ticks` | `ukplat_monotonic_clock` | your counter |
//! | registers | PCI: implement `PciFunction`; MMIO: `Mapped::new` | likewise | likewise |
//!
//! `cargo run -p linecard-virtio --example embed` plays the kernel with the host's memory and the
//! devices with the driver's fake ones: what is sent to one comes out of the other.

#[allow(unsafe_code)]
mod appliance {
    //! For the kernel: no `std`, no `alloc`.

    use core::ptr::NonNull;

    use linecard::device::Device;
    use linecard::forward::{CrossConnect, WellFormed};
    use linecard::mempool::{Cache, DeviceAddress, Pool};
    use linecard::packet::PortId;
    use linecard::pipeline::{Stage, Worker, WorkerStats};
    use linecard::platform::{Clock, Dma, DmaBuffer, DmaError, Instant};
    use linecard_virtio::Transport;
    use linecard_virtio::net::{Adapter, Config, Net};

    /// What the kernel brings.
    ///
    /// # Safety
    ///
    /// `pages` gives zeroed, exclusive, physically contiguous memory, which stays until
    /// `free_pages`; `physical` is true for devices, and `None` for what they cannot reach.
    pub(crate) unsafe trait Kernel: Sync {
        fn pages(&self, len: usize, align: usize) -> Option<NonNull<u8>>;
        /// # Safety
        /// `pages` gave it, with this length and alignment or less; nobody uses it any more.
        unsafe fn free_pages(&self, at: NonNull<u8>, len: usize);
        fn physical(&self, at: NonNull<u8>, len: usize) -> Option<u64>;
        fn nanos(&self) -> u64;
    }

    /// The kernel's memory, as the driver wants it. Where devices do not see the caches, put
    /// `linecard::platform::NonCoherent` around it and map what `pages` gives uncached.
    pub(crate) struct KernelMemory<'k, K>(pub(crate) &'k K);

    // SAFETY: memory and addresses are the kernel's, whose implementer promises them; devices see
    // the caches, so `sync` has nothing to do.
    unsafe impl<K: Kernel> Dma for KernelMemory<'_, K> {
        const COHERENT: bool = true;

        fn allocate(&self, len: usize, align: usize) -> Result<DmaBuffer, DmaError> {
            let refused = DmaError::Exhausted {
                wanted: len,
                left: 0,
            };
            let at = self.0.pages(len, align).ok_or(refused)?;
            let device = self.0.physical(at, len).map(DeviceAddress);
            let device = device.ok_or(DmaError::NotContiguous { wanted: len })?;
            Ok(DmaBuffer { at, device, len })
        }

        unsafe fn free(&self, buffer: DmaBuffer) {
            // SAFETY: `allocate` had it from `pages`; the caller promises the rest.
            unsafe { self.0.free_pages(buffer.at, buffer.len) }
        }

        fn device_address(&self, at: NonNull<u8>, len: usize) -> Option<DeviceAddress> {
            self.0.physical(at, len).map(DeviceAddress)
        }

        fn sync_for_device(&self, _: NonNull<u8>, _: usize) {}

        fn sync_for_cpu(&self, _: NonNull<u8>, _: usize) {}
    }

    /// The kernel's clock.
    pub(crate) struct KernelClock<'k, K>(&'k K);

    impl<K: Kernel> Clock for KernelClock<'_, K> {
        fn now(&self) -> Instant {
            Instant::from_nanos(self.0.nanos())
        }
    }

    /// Connects two devices for as long as `go_on` says; gives how many packets were sent.
    pub(crate) fn connect<'p, K: Kernel, T: Transport>(
        kernel: &K,
        pool: &'p Pool<'static>,
        stats: &'p WorkerStats,
        devices: [T; 2],
        mut go_on: impl FnMut() -> bool,
    ) -> Result<u64, &'static str> {
        let mut wires: CrossConnect = CrossConnect::new();
        let paired = wires.pair(PortId(0), PortId(1));
        paired.map_err(|_| "a cross-connect has 16 ports")?;
        let mut cache = Cache::new(pool, "core 0", 64).map_err(|_| "no cache")?;

        let [left, right] = devices;
        let adapters: [Adapter<'p, T, KernelMemory<'_, K>>; 2] = [
            Adapter::new(left, KernelMemory(kernel)),
            Adapter::new(right, KernelMemory(kernel)),
        ];
        let open = |adapter, name, cache: &mut Cache<'p>| {
            let net = Net::new(adapter, pool, name, Config::default());
            let mut net = net.map_err(|_| "a device cannot be set up")?;
            net.open(0, cache).map_err(|_| "no queues")
        };
        let [left, right] = &adapters;
        let ports = [
            open(left, "left", &mut cache)?,
            open(right, "right", &mut cache)?,
        ];
        let stage = WellFormed.and_then(wires);
        let mut worker: Worker<'p, _, _, _, _> =
            Worker::new(stage, KernelClock(kernel), cache, stats);
        for (rx, tx) in ports {
            worker.add_port(rx, tx).map_err(|_| "no place for a port")?;
        }
        while go_on() {
            worker.poll();
        }
        worker.drain(100);
        Ok(stats.sent.value())
    }
}

#[allow(unsafe_code)]
mod host {
    //! A host that plays the kernel.

    use core::ptr::NonNull;
    use std::time::Instant;

    use linecard::platform::Dma;
    use linecard_virtio::fake::HostMemory;

    pub(crate) struct Host(pub(crate) Instant);

    // SAFETY: `HostMemory` gives zeroed memory, and addresses that fake devices use as they are.
    unsafe impl super::appliance::Kernel for Host {
        fn pages(&self, len: usize, align: usize) -> Option<NonNull<u8>> {
            HostMemory.allocate(len, align).ok().map(|buffer| buffer.at)
        }

        unsafe fn free_pages(&self, at: NonNull<u8>, len: usize) {
            let device = HostMemory.device_address(at, len);
            let Some(device) = device else { return };
            // SAFETY: `pages` had it from there; the caller promises the rest.
            unsafe { HostMemory.free(linecard::platform::DmaBuffer { at, device, len }) };
        }

        fn physical(&self, at: NonNull<u8>, len: usize) -> Option<u64> {
            HostMemory.device_address(at, len).map(|address| address.0)
        }

        fn nanos(&self) -> u64 {
            self.0.elapsed().as_nanos() as u64
        }
    }
}

use core::error::Error;
use std::time::Instant;

use linecard::mempool::{Pool, PoolConfig, Region, Slot};
use linecard::pipeline::WorkerStats;
use linecard_virtio::fake::{Fake, FakeConfig};

fn main() -> Result<(), Box<dyn Error>> {
    // A kernel has these in memory of its own: `Region::from_raw`, and slots beside it.
    let memory = vec![0; 1024 * 2048 + 63].leak();
    let slots = (0..1024).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let pool = Pool::new(Region::from_slice(memory), slots, PoolConfig::default())?;
    let stats = WorkerStats::new();

    // A kernel finds devices on its bus: `transport::Pci::new`, `transport::Mmio::new`. These two
    // are fake, each with a wire of its own, which gives back what is sent.
    let (left, wire) = Fake::new(FakeConfig::default());
    let (right, _) = Fake::new(FakeConfig::default());
    let packet = [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5][..],
        &[7; 46],
    ]
    .concat();
    let mut rounds = 0;
    let host = host::Host(Instant::now());
    let sent = appliance::connect(&host, &pool, &stats, [left, right], || {
        if rounds == 0 {
            wire.inject(&packet);
        }
        rounds += 1;
        rounds < 1_000
    })?;
    println!("{sent} packets sent; {stats}");
    assert!(sent > 0, "the packet went round and round");
    assert!(wire.violations().is_empty());
    pool.audit()?;
    println!("every frame is free");
    Ok(())
}

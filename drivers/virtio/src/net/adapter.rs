//! The device, as its port and its queues share it.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use linecard::device::DeviceError;
use linecard::mempool::{Account, Pool};
use linecard::platform::{Dma, DmaBuffer};

use super::bringup::{Agreed, Line};
use super::control::Control;
use super::rx::Receiver;
use super::tx::Sender;
use super::{Config, NetError};
use crate::lock::Lock;
use crate::{Features, Status, Transport, TransportError};

/// A device: its transport, the memory for its rings, and what is left of queues that were dropped.
///
/// [`Net`](super::Net) is the port on it. `N` is the most descriptors that a queue can have, a power
/// of two, and `Q` the most queue pairs: nothing is allocated, so room for them is here and in the
/// handles.
///
/// # Whose a frame is when a handle is dropped
///
/// The device's, until it has let go. When both halves of a pair are dropped the pair is reset by
/// itself if `VIRTIO_F_RING_RESET` was negotiated; otherwise the device is, when the last pair is
/// dropped. Then the frames go back to the pool. Until then, and if the device does not answer, they
/// stay in the ledger under the queue's name; a pair that is opened again takes them over.
///
/// When the adapter is dropped it resets the device. A frame, or memory for rings, that the device
/// would not let go of is never used again.
///
/// ```
/// # #[cfg(feature = "test-utils")] {
/// use linecard_virtio::{fake::{Fake, FakeConfig, HostMemory}, net::Adapter};
///
/// let (transport, _) = Fake::new(FakeConfig::default());
/// let adapter: Adapter<'_, _, _> = Adapter::new(transport, HostMemory);
/// # drop(adapter);
/// # }
/// ```
pub struct Adapter<'p, T: Transport, D: Dma, const N: usize = 256, const Q: usize = 1> {
    pub(super) dma: D,
    /// The device is gone and will not come back by itself.
    pub(super) gone: AtomicBool,
    pub(super) inner: Lock<Inner<'p, T, N, Q>>,
}

/// What is behind the lock.
pub(super) struct Inner<'p, T: Transport, const N: usize, const Q: usize> {
    pub(super) transport: T,
    /// There is a port.
    pub(super) taken: bool,
    /// The device has been set up, and not been reset since.
    pub(super) up: bool,
    pub(super) agreed: Agreed,
    pub(super) pairs: [Pair<'p, T::Doorbell, N>; Q],
    pub(super) control: Option<Control<T::Doorbell>>,
    pub(super) control_memory: Option<DmaBuffer>,
}

/// One queue pair.
pub(super) struct Pair<'p, B, const N: usize> {
    pub(super) rx: Half<Line<B, N>, Receiver<'p, B, N>>,
    pub(super) tx: Half<Line<B, N>, Sender<'p, B, N>>,
    pub(super) rx_memory: Option<DmaBuffer>,
    pub(super) tx_memory: Option<DmaBuffer>,
}

/// Both halves of a pair, to be polled.
type Halves<'p, B, const N: usize> = (Receiver<'p, B, N>, Sender<'p, B, N>);

/// Where one half of a pair is.
// The large one is what this is for.
#[allow(clippy::large_enum_variant)]
pub(super) enum Half<L, P> {
    /// The device does not have it.
    Closed,
    /// The device has it, and it is empty.
    Ready(L),
    /// Somebody polls it.
    Open,
    /// It was dropped, and the device may still have frames of it.
    Parked(P),
}

impl<L, P> Half<L, P> {
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    fn take(&mut self) -> Self {
        core::mem::replace(self, Self::Closed)
    }
}

impl<B, const N: usize> Pair<'_, B, N> {
    const fn new() -> Self {
        Self {
            rx: Half::Closed,
            tx: Half::Closed,
            rx_memory: None,
            tx_memory: None,
        }
    }

    fn is_open(&self) -> bool {
        self.rx.is_open() || self.tx.is_open()
    }

    fn has_fault(&self) -> bool {
        matches!(&self.rx, Half::Parked(half) if half.ring.fault().is_some())
            || matches!(&self.tx, Half::Parked(half) if half.ring.fault().is_some())
    }
}

impl<'p, B: crate::Doorbell, const N: usize> Pair<'p, B, N> {
    /// Gives the frames back to the pool, and closes both halves.
    ///
    /// # Safety
    ///
    /// The device has let go of both queues and their buffers. Neither half is open.
    unsafe fn release(&mut self) {
        // SAFETY: the caller's promise.
        unsafe { self.release_rx() };
        // SAFETY: the caller's promise.
        unsafe { self.release_tx() };
    }

    /// # Safety
    ///
    /// As for [`release`](Self::release), of this half.
    unsafe fn release_rx(&mut self) {
        if let Half::Parked(half) = self.rx.take() {
            // SAFETY: the caller's promise.
            unsafe { half.release() };
        }
    }

    /// # Safety
    ///
    /// As for [`release`](Self::release), of this half.
    unsafe fn release_tx(&mut self) {
        if let Half::Parked(half) = self.tx.take() {
            // SAFETY: the caller's promise.
            unsafe { half.release() };
        }
    }
}

impl<'p, T: Transport, D: Dma, const N: usize, const Q: usize> Adapter<'p, T, D, N, Q> {
    /// A device that nothing was done to yet; `dma` gives memory for its rings, and the addresses by
    /// which it reaches those and the pool.
    pub fn new(transport: T, dma: D) -> Self {
        Self {
            dma,
            gone: AtomicBool::new(false),
            inner: Lock::new(Inner {
                transport,
                taken: false,
                up: false,
                agreed: Agreed::default(),
                pairs: core::array::from_fn(|_| Pair::new()),
                control: None,
                control_memory: None,
            }),
        }
    }

    /// The memory for its rings.
    pub fn dma(&self) -> &D {
        &self.dma
    }

    /// Uses the transport, as for what the driver has no name for. What is done to the device is the
    /// caller's business.
    pub fn with_transport<R>(&self, run: impl FnOnce(&mut T) -> R) -> R {
        run(&mut self.inner.lock().transport)
    }

    pub(super) fn park_rx(&self, pair: u16, half: Receiver<'p, T::Doorbell, N>) {
        let mut inner = self.inner.lock();
        if let Some(slot) = inner.pairs.get_mut(usize::from(pair)) {
            slot.rx = Half::Parked(half);
        }
        inner.settle(pair);
    }

    pub(super) fn park_tx(&self, pair: u16, half: Sender<'p, T::Doorbell, N>) {
        let mut inner = self.inner.lock();
        if let Some(slot) = inner.pairs.get_mut(usize::from(pair)) {
            slot.tx = Half::Parked(half);
        }
        inner.settle(pair);
    }

    pub(super) fn note_gone(&self, gone: bool) {
        self.gone.store(gone, Ordering::Relaxed);
    }
}

impl<'p, T: Transport, const N: usize, const Q: usize> Inner<'p, T, N, Q> {
    /// Gives back what a pair that was dropped still holds, if the device can be made to let go.
    pub(super) fn settle(&mut self, pair: u16) {
        let place = usize::from(pair);
        if self.pairs.get(place).is_none_or(Pair::is_open) {
            return;
        }
        let one_by_one = self.agreed.features.contains(Features::RING_RESET);
        if one_by_one
            && self.is_sound()
            && let Some(slot) = self.pairs.get_mut(place)
        {
            let (rx, tx) = queues_of(pair);
            if self.transport.reset_queue(rx).is_ok() {
                // SAFETY: the queue was reset (`Transport::reset_queue`), and is not open.
                unsafe { slot.release_rx() };
            }
            if self.transport.reset_queue(tx).is_ok() {
                // SAFETY: as above.
                unsafe { slot.release_tx() };
            }
            if matches!((&slot.rx, &slot.tx), (Half::Closed, Half::Closed)) {
                return;
            }
        }
        if !self.any_open() {
            // A device that does not let go keeps its frames; see the ledger.
            let _ = self.shut_down();
        }
    }

    /// Whether the device is as it was set up: it has not lost its state, as one that was restarted
    /// has, and does not ask for a reset.
    fn is_sound(&mut self) -> bool {
        self.up && {
            let status = self.transport.status();
            status.contains(Status::DRIVER_OK) && !status.contains(Status::DEVICE_NEEDS_RESET)
        }
    }

    /// Resets the device, and gives all frames back if it lets go of them. No queue is open.
    pub(super) fn shut_down(&mut self) -> Result<(), TransportError> {
        self.up = false;
        self.control = None;
        let reset = self.transport.reset();
        if let Ok(()) | Err(TransportError::Gone) = reset {
            for pair in &mut self.pairs {
                // SAFETY: the device was reset or is gone (`Transport::reset`), and no pair is open:
                // the callers have looked.
                unsafe { pair.release() };
            }
        }
        reset
    }

    pub(super) fn any_open(&self) -> bool {
        self.pairs.iter().any(Pair::is_open)
    }

    /// Takes a pair out to be polled, once the device is up.
    pub(super) fn open<D: Dma>(
        &mut self,
        dma: &D,
        config: &Config,
        pool: &'p Pool<'p>,
        name: &str,
        pair: u16,
    ) -> Result<Halves<'p, T::Doorbell, N>, DeviceError> {
        let most = config.queues.min(Q as u16);
        if pair >= if self.up { self.agreed.pairs } else { most } {
            return Err(DeviceError::NoSuchQueue(pair));
        }
        let place = usize::from(pair);
        if self.pairs.get(place).is_some_and(Pair::is_open) {
            return Err(DeviceError::QueueTaken(pair));
        }
        // One that broke down must be reset first, which its being dropped may not have done.
        if self.pairs.get(place).is_some_and(Pair::has_fault) {
            self.settle(pair);
            if let Some(other) = self.pairs.iter().position(Pair::is_open)
                && self.pairs.get(place).is_some_and(Pair::has_fault)
            {
                return Err(DeviceError::QueueTaken(other as u16));
            }
        }
        if !self.is_sound() {
            if self.any_open() {
                return Err(NetError::NeedsReset.into());
            }
            self.bring_up(dma, config, pool)?;
        }
        if pair >= self.agreed.pairs {
            return Err(DeviceError::NoSuchQueue(pair));
        }
        self.enable_pair(dma, config, pair)?;
        let accounts = (
            account(pool, name, pair, " rx")?,
            account(pool, name, pair, " tx")?,
        );
        let agreed = self.agreed;
        let slot = self
            .pairs
            .get_mut(place)
            .ok_or(DeviceError::NoSuchQueue(pair))?;
        let (rx, tx) = (slot.rx.take(), slot.tx.take());
        let rx = match rx {
            Half::Ready(line) => Some(line.into_receiver(accounts.0, agreed.layout(pool))),
            Half::Parked(half) => Some(half),
            Half::Open | Half::Closed => None,
        };
        let tx = match tx {
            Half::Ready(line) => slot.tx_memory.as_ref().map(|memory| {
                // SAFETY: the memory is this queue's, and what is behind its ring is nobody's else:
                // `enable_pair` made it that long, and there is one sender of a pair.
                unsafe { line.into_sender(accounts.1, memory, agreed.limits(pool)) }
            }),
            Half::Parked(half) => Some(half),
            Half::Open | Half::Closed => None,
        };
        match (rx, tx) {
            (Some(rx), Some(tx)) => {
                slot.rx = Half::Open;
                slot.tx = Half::Open;
                Ok((rx, tx))
            }
            _ => Err(DeviceError::QueueTaken(pair)),
        }
    }
}

/// An account for one half of a pair: `eth0.1 rx`.
fn account<'p>(
    pool: &'p Pool<'p>,
    name: &str,
    pair: u16,
    half: &str,
) -> Result<Account<'p>, DeviceError> {
    use core::fmt::Write;
    let mut whole = heapless::String::<64>::new();
    // A name that is too long is cut, here or by the ledger.
    let _ = write!(whole, "{name}.{pair}{half}");
    Account::register(pool, &whole).map_err(|_| DeviceError::TooManyAccounts)
}

/// The numbers of a pair's queues (section 5.1.2).
pub(super) const fn queues_of(pair: u16) -> (u16, u16) {
    (pair.wrapping_mul(2), pair.wrapping_mul(2).wrapping_add(1))
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> Drop for Adapter<'_, T, D, N, Q> {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        // A handle that was forgotten counts as open for ever; its frames stay where they are.
        inner.control = None;
        let released = matches!(inner.transport.reset(), Ok(()) | Err(TransportError::Gone));
        if !released {
            return;
        }
        let control = inner.control_memory.take();
        for buffer in inner.pairs.iter_mut().flat_map(|pair| {
            // SAFETY: the device was reset or is gone. A half that is still marked open was
            // forgotten, and is not there to be released.
            unsafe { pair.release() };
            [pair.tx_memory.take(), pair.rx_memory.take()]
        }) {
            let Some(buffer) = buffer else { continue };
            // SAFETY: it came from this `Dma`, it is taken once, and nobody accesses it: the device
            // was reset, the rings on it are gone (released) or were forgotten.
            unsafe { self.dma.free(buffer) };
        }
        if let Some(buffer) = control {
            // SAFETY: as above; the control queue is gone.
            unsafe { self.dma.free(buffer) };
        }
    }
}

impl<T: Transport, D: Dma, const N: usize, const Q: usize> fmt::Debug for Adapter<'_, T, D, N, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter")
            .field("gone", &self.gone)
            .finish_non_exhaustive()
    }
}

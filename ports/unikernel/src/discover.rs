//! Which virtio network devices there are.
//!
//! In this order, by which `--port virtio:N` counts: functions on PCI by their place, then
//! MMIO devices. Those are the ones of the command line (`virtio_mmio.device=`, which a `microvm`
//! without ACPI adds); if it names none, those of which the machine itself says so when it starts,
//! from the last to the first: QEMU fills them so.

use core::fmt;
use core::ptr::NonNull;

use heapless::Vec;
use linecard_virtio::Transport;
use linecard_virtio::transport::{Mapped, Mmio, Pci};

use crate::config::Config;
use crate::pci::{Function, Host};
use crate::transport::AnyTransport;

/// A network device, and where it was found.
///
/// ```
/// use linecard_unikernel::discover::Found;
/// fn tell(found: &[Found]) {
///     found.iter().for_each(|one| println!("a network device at {}", one.place));
/// }
/// # tell(&[]);
/// ```
#[derive(Debug)]
pub struct Found {
    /// The device.
    pub transport: AnyTransport,
    /// Where.
    pub place: Place,
}

/// Where a device is.
///
/// ```
/// use linecard_unikernel::discover::Place;
/// assert_eq!(Place::Mmio(0xfeb0_0000).to_string(), "mmio 0xfeb00000");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A function on PCI.
    Pci(Function),
    /// Registers at an address.
    Mmio(u64),
}

/// Where MMIO devices are, or may be: addresses and lengths, in the order in which they count.
pub type Places = Vec<(u64, u64), 32>;

/// What a machine says of its buses when it starts.
///
/// ```
/// use linecard_unikernel::discover::Buses;
/// assert!(Buses::default().places.is_empty(), "a machine without devices");
/// ```
#[derive(Debug, Default)]
pub struct Buses {
    /// The bridge to PCI, if there is one.
    pub pci: Option<Host>,
    /// Places of devices on MMIO.
    pub places: Places,
}

/// The most devices.
pub const MAX_DEVICES: usize = 16;

/// Finds the network devices of the machine on these buses, unless the command line names other places
/// for those on MMIO; `refused` hears of those that are not usable.
///
/// To be called once: whoever has a device is the only one.
pub fn network_devices(
    config: &Config<'_>,
    buses: Buses,
    mut refused: impl FnMut(Place, linecard_virtio::TransportError),
) -> Vec<Found, MAX_DEVICES> {
    let mut found = Vec::new();
    if let Some(mut host) = buses.pci {
        host.scan(|function, id| {
            if id & 0xffff != VIRTIO_VENDOR {
                return;
            }
            let place = Place::Pci(function);
            match Pci::new(function) {
                Ok(pci) => keep(&mut found, AnyTransport::Pci(pci), place),
                Err(error) => refused(place, error),
            }
        });
    }
    let places = if config.mmio.is_empty() {
        &buses.places[..]
    } else {
        &config.mmio
    };
    for &(address, len) in places {
        let place = Place::Mmio(address);
        let Some(window) = map(address, len) else {
            refused(
                place,
                linecard_virtio::TransportError::Malformed("it is not where devices are"),
            );
            continue;
        };
        match Mmio::new(window) {
            Ok(mmio) => keep(&mut found, AnyTransport::Mmio(mmio), place),
            // An empty place.
            Err(linecard_virtio::TransportError::Gone) => {}
            Err(error) => refused(place, error),
        }
    }
    found
}

fn keep(found: &mut Vec<Found, MAX_DEVICES>, mut transport: AnyTransport, place: Place) {
    if transport.device_id() == NETWORK {
        // What there is no room for is not used.
        let _ = found.push(Found { transport, place });
    }
}

fn map(address: u64, len: u64) -> Option<Mapped> {
    let end = address.checked_add(len)?;
    if !crate::arch::is_device(address, end) || !address.is_multiple_of(4) {
        return None;
    }
    let at: *mut u8 = core::ptr::with_exposed_provenance_mut(usize::try_from(address).ok()?);
    let len = usize::try_from(len).ok()?;
    // SAFETY: the boot code mapped this range as device memory, one to one, for ever; nobody else
    // is given it, as devices are looked for once. They address memory by physical addresses, which
    // are the program's own.
    Some(unsafe { Mapped::new(NonNull::new(at)?, len) })
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pci(function) => function.fmt(f),
            Self::Mmio(address) => write!(f, "mmio {address:#x}"),
        }
    }
}

const VIRTIO_VENDOR: u32 = 0x1af4;
/// The device number of a network device.
const NETWORK: u32 = 1;

use std::sync::{Arc, Mutex};
use std::vec;
use std::vec::Vec;

use linecard::mempool::DeviceAddress;

use super::*;

/// A function with one base address register, behind which is plain memory.
#[derive(Debug, Clone)]
struct Fake {
    config: Vec<u8>,
    bar: Bytes,
}

/// Part of the memory behind a base address register.
#[derive(Debug, Clone)]
struct Bytes {
    all: Arc<Mutex<Vec<u8>>>,
    start: usize,
    len: usize,
}

impl Bytes {
    fn get<const N: usize>(&self, at: usize) -> [u8; N] {
        assert!(at.is_multiple_of(N), "not aligned: {N} bytes at {at}");
        if at + N > self.len {
            return [0xff; N];
        }
        let all = self.all.lock().unwrap();
        all[self.start + at..][..N].try_into().unwrap()
    }

    fn put(&self, at: usize, bytes: &[u8]) {
        assert!(at.is_multiple_of(bytes.len()), "not aligned: {at}");
        if at + bytes.len() <= self.len {
            let mut all = self.all.lock().unwrap();
            all[self.start + at..][..bytes.len()].copy_from_slice(bytes);
        }
    }
}

impl Window for Bytes {
    fn len(&self) -> usize {
        self.len
    }
    fn read8(&self, at: usize) -> u8 {
        self.get::<1>(at)[0]
    }
    fn read16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.get(at))
    }
    fn read32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.get(at))
    }
    fn write8(&self, at: usize, value: u8) {
        self.put(at, &[value]);
    }
    fn write16(&self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }
    fn write32(&self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }
}

impl PciFunction for Fake {
    type Window = Bytes;

    fn config_read32(&mut self, offset: u8) -> u32 {
        assert_eq!(offset % 4, 0);
        let at = usize::from(offset);
        u32::from_le_bytes(self.config[at..at + 4].try_into().unwrap())
    }

    fn config_write32(&mut self, offset: u8, value: u32) {
        assert_eq!(offset % 4, 0);
        let at = usize::from(offset);
        self.config[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn map_bar(&mut self, bar: u8, offset: u64, len: u64) -> Option<Bytes> {
        let end = offset.checked_add(len)?;
        (bar == 4 && end <= self.bar.len as u64).then(|| Bytes {
            all: Arc::clone(&self.bar.all),
            start: offset as usize,
            len: len as usize,
        })
    }
}

impl Fake {
    /// A device as QEMU lays it out, smaller.
    fn new() -> Self {
        let all = Arc::new(Mutex::new(vec![0; 0x400]));
        let mut fake = Self {
            config: vec![0; 256],
            bar: Bytes {
                all,
                start: 0,
                len: 0x400,
            },
        };
        fake.config_write32(0, 0x1041 << 16 | VENDOR);
        fake.config_write32(COMMAND, HAS_CAPABILITIES << 16);
        fake.config_write32(CAPABILITY_POINTER, 0x40);
        fake.capability(0x40, 0x50, COMMON, 0x000, 0x3c);
        fake.capability(0x50, 0x60, 3, 0x040, 1);
        fake.capability(0x60, 0x80, DEVICE, 0x080, 0x18);
        fake.capability(0x80, 0, NOTIFY, 0x100, 0x100);
        fake.config_write32(0x90, 4);
        fake.bar.put(NUM_QUEUES, &3u16.to_le_bytes());
        fake.bar.put(QUEUE_SIZE, &256u16.to_le_bytes());
        fake.bar.put(QUEUE_NOTIFY_OFF, &5u16.to_le_bytes());
        fake
    }

    fn capability(&mut self, at: u8, next: u8, kind: u8, offset: u32, len: u32) {
        let head = [VENDOR_SPECIFIC, next, 20, kind];
        self.config_write32(at, u32::from_le_bytes(head));
        self.config_write32(at + 4, 4);
        self.config_write32(at + 8, offset);
        self.config_write32(at + 12, len);
    }
}

const MEMORY: QueueMemory = QueueMemory {
    size: 128,
    packed: true,
    start: 0x8000,
    descriptors: DeviceAddress(0x1_2345_6000),
    driver: DeviceAddress(0x2_0000_0000),
    device: DeviceAddress(0x3_0000_1000),
};

#[test]
fn the_structures_are_found_and_the_device_may_access_memory() {
    let mut device = Pci::new(Fake::new()).unwrap();
    assert_eq!((device.device_id(), device.queues()), (1, 3));
    let command = device.function.config_read32(COMMAND);
    assert_eq!(command & 0xffff, MEMORY_SPACE | BUS_MASTER | INTERRUPTS_OFF);
    assert_eq!(device.max_queue_size(0), 256);
    assert_eq!(device.max_queue_size(3), 0);
    let mut mac = [0xff; 6];
    device.read_config(0, &mut mac).unwrap();
    assert_eq!(mac, [0; 6]);
    assert!(device.read_config(0x17, &mut [0; 2]).is_err());
}

#[test]
fn a_transitional_device_says_what_it_is_in_its_subsystem() {
    let mut fake = Fake::new();
    fake.config_write32(0, 0x1000 << 16 | VENDOR);
    fake.config_write32(SUBSYSTEM, 1 << 16 | VENDOR);
    assert_eq!(Pci::new(fake).unwrap().device_id(), 1);
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let refuse = |change: &dyn Fn(&mut Fake)| {
        let mut fake = Fake::new();
        change(&mut fake);
        Pci::new(fake).err()
    };
    let gone = refuse(&|fake| fake.config_write32(0, u32::MAX));
    assert_eq!(gone, Some(TransportError::Gone));
    let stranger = refuse(&|fake| fake.config_write32(0, 0x1041_8086));
    assert!(matches!(stranger, Some(TransportError::Unsupported(_))));
    let legacy = refuse(&|fake| fake.config_write32(COMMAND, 0));
    assert!(matches!(legacy, Some(TransportError::Unsupported(_))));
    // Outside its register, too short, behind a register that is not there.
    for (offset, len) in [(0x3d0, 0x3c), (0, 0x10), (u32::MAX, u32::MAX)] {
        let refused = refuse(&|fake| fake.capability(0x40, 0x50, COMMON, offset, len));
        assert_eq!(
            refused,
            Some(TransportError::Malformed("no common configuration"))
        );
    }
    let refused = refuse(&|fake| fake.config_write32(0x84, 6));
    assert_eq!(refused, Some(TransportError::Malformed("no doorbells")));
    let odd = refuse(&|fake| fake.config_write32(0x90, 3));
    assert!(matches!(odd, Some(TransportError::Malformed(_))));
}

#[test]
fn a_list_that_bites_its_tail_ends() {
    let mut fake = Fake::new();
    fake.capability(0x80, 0x40, NOTIFY, 0x100, 0x100);
    assert!(Pci::new(fake).is_ok());
    let mut fake = Fake::new();
    fake.config_write32(0x40, u32::from_le_bytes([VENDOR_SPECIFIC, 0x40, 20, 9]));
    assert!(Pci::new(fake).is_err());
    let mut fake = Fake::new();
    fake.config_write32(CAPABILITY_POINTER, 0xfc);
    fake.config_write32(
        0xfc,
        u32::from_le_bytes([VENDOR_SPECIFIC, 0xfc, 20, COMMON]),
    );
    assert!(Pci::new(fake).is_err());
}

#[test]
fn a_queue_has_its_own_bell() {
    let fake = Fake::new();
    let bar = fake.bar.clone();
    let mut device = Pci::new(fake).unwrap();
    device.set_driver_features(0).unwrap();
    let bell = device.enable_queue(1, &MEMORY).unwrap();
    assert_eq!(bar.read16(QUEUE_SELECT), 1);
    assert_eq!((bar.read16(QUEUE_SIZE), bar.read16(QUEUE_ENABLE)), (128, 1));
    assert_eq!(bar.read16(QUEUE_MSIX_VECTOR), NO_VECTOR);
    for (register, address) in [
        (QUEUE_DESC, MEMORY.descriptors),
        (QUEUE_DRIVER, MEMORY.driver),
        (QUEUE_DEVICE, MEMORY.device),
    ] {
        assert_eq!(u64::from_le_bytes(bar.get(register)), address.0);
    }
    bell.ring(1);
    assert_eq!(bar.read32(0x100 + 5 * 4), 1);
    bell.ring(0xffff_0001);
    assert_eq!(bar.read32(0x100 + 5 * 4), 1, "16 bits and no more");
    let busy = device.enable_queue(1, &MEMORY).err();
    assert_eq!(busy, Some(TransportError::QueueBusy(1)));

    // With notification data it takes all 32, whatever they say.
    bar.write16(QUEUE_ENABLE, 0);
    let features = Features::NOTIFICATION_DATA.bits();
    device.set_driver_features(features).unwrap();
    let bell = device.enable_queue(1, &MEMORY).unwrap();
    bell.ring(0xffff_0001);
    assert_eq!(bar.read32(0x100 + 5 * 4), 0xffff_0001);
    bell.ring(2);
    assert_eq!(bar.read32(0x100 + 5 * 4), 2);
}

#[test]
fn a_bell_outside_its_window_leaves_the_queue_off() {
    let fake = Fake::new();
    let bar = fake.bar.clone();
    bar.put(QUEUE_NOTIFY_OFF, &64u16.to_le_bytes());
    let mut device = Pci::new(fake).unwrap();
    assert!(matches!(
        device.enable_queue(0, &MEMORY).err(),
        Some(TransportError::Malformed(_))
    ));
    assert_eq!(bar.read16(QUEUE_ENABLE), 0);
}

#[test]
fn a_reset_that_never_ends_is_given_up() {
    let fake = Fake::new();
    let bar = fake.bar.clone();
    let mut device = Pci::new(fake).unwrap();
    device.set_status(Status::ACKNOWLEDGE).unwrap();
    device.reset().unwrap();
    assert_eq!(bar.read8(DEVICE_STATUS), 0);
    device
        .enable_queue(0, &QueueMemory { size: 1, ..MEMORY })
        .unwrap();
    // This one keeps what was written: the reset is never done.
    assert_eq!(
        device.reset_queue(0),
        Err(TransportError::TimedOut("reset a queue"))
    );
    device.function.config_write32(0, u32::MAX);
    assert_eq!(device.reset_queue(0), Err(TransportError::Gone));
}

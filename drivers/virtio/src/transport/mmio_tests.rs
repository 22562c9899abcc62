use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::vec;
use std::vec::Vec;

use linecard::mempool::DeviceAddress;

use super::*;

/// Registers of a device that keeps what is written to them, and does what the specification says
/// where that is something else.
#[derive(Clone)]
struct Fake(Arc<Mutex<State>>);

struct State {
    registers: BTreeMap<usize, u32>,
    config: Vec<u8>,
    queues: Vec<Queue>,
    /// Reads of the status that a reset takes; `None` for ever.
    reset_takes: Option<u32>,
    resetting: u32,
    rung: Vec<u32>,
    widths: Vec<usize>,
}

#[derive(Default, Clone)]
struct Queue {
    most: u32,
    ready: u32,
    registers: BTreeMap<usize, u32>,
}

impl Fake {
    fn new(sizes: &[u32]) -> Self {
        let registers = [(MAGIC, VIRT), (VERSION, 2), (DEVICE_ID, 1)].into();
        let queue = |&most| Queue {
            most,
            ..Queue::default()
        };
        Self(Arc::new(Mutex::new(State {
            registers,
            config: (0..24).collect(),
            queues: sizes.iter().map(queue).collect(),
            reset_takes: Some(3),
            resetting: 0,
            rung: vec![],
            widths: vec![],
        })))
    }

    fn set(&self, register: usize, value: u32) {
        self.0.lock().unwrap().registers.insert(register, value);
    }
}

impl State {
    fn queue(&mut self) -> Option<&mut Queue> {
        let at = *self.registers.get(&QUEUE_SEL).unwrap_or(&0) as usize;
        self.queues.get_mut(at)
    }

    fn register(&self, at: usize) -> u32 {
        self.registers.get(&at).copied().unwrap_or(0)
    }

    fn bytes<const N: usize>(&mut self, at: usize) -> [u8; N] {
        self.widths.push(N);
        core::array::from_fn(|i| self.config.get(at - CONFIG + i).copied().unwrap_or(0xff))
    }
}

impl Window for Fake {
    fn len(&self) -> usize {
        CONFIG + self.0.lock().unwrap().config.len()
    }

    fn read8(&self, at: usize) -> u8 {
        self.0.lock().unwrap().bytes::<1>(at)[0]
    }

    fn read16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.0.lock().unwrap().bytes(at))
    }

    fn read32(&self, at: usize) -> u32 {
        let mut state = self.0.lock().unwrap();
        match at {
            STATUS if state.resetting > 0 => {
                if state.reset_takes.is_some() {
                    state.resetting -= 1;
                }
                state.register(STATUS)
            }
            STATUS if state.register(STATUS) & 1 << 31 != 0 => {
                state.registers.insert(STATUS, 0);
                0
            }
            DEVICE_FEATURES => match state.register(DEVICE_FEATURES_SEL) {
                0 => 0x89ab_cdef,
                _ => 0x0123_4567,
            },
            QUEUE_NUM_MAX => state.queue().map_or(0, |queue| queue.most),
            QUEUE_READY => state.queue().map_or(0, |queue| queue.ready),
            CONFIG.. => u32::from_le_bytes(state.bytes(at)),
            _ => state.register(at),
        }
    }

    fn write8(&self, at: usize, value: u8) {
        let mut state = self.0.lock().unwrap();
        state.widths.push(1);
        if let Some(byte) = state.config.get_mut(at - CONFIG) {
            *byte = value;
        }
    }

    fn write16(&self, at: usize, value: u16) {
        for (offset, byte) in (at..).zip(value.to_le_bytes()) {
            self.write8(offset, byte);
        }
    }

    fn write32(&self, at: usize, value: u32) {
        let mut state = self.0.lock().unwrap();
        match at {
            STATUS if value == 0 => {
                state.resetting = state.reset_takes.unwrap_or(1);
                let before = state.register(STATUS);
                state.registers.insert(STATUS, before | 1 << 31);
                state.queues.iter_mut().for_each(|queue| queue.ready = 0);
            }
            DRIVER_FEATURES => {
                let register = 0x1000 + state.register(DRIVER_FEATURES_SEL) as usize;
                state.registers.insert(register, value);
            }
            QUEUE_READY => {
                if let Some(queue) = state.queue() {
                    queue.ready = value;
                }
            }
            QUEUE_NUM | QUEUE_DESC..0xac => {
                if let Some(queue) = state.queue() {
                    queue.registers.insert(at, value);
                }
            }
            QUEUE_RESET => {
                if let Some(queue) = state.queue() {
                    queue.ready = 0;
                }
            }
            QUEUE_NOTIFY => state.rung.push(value),
            _ => {
                state.registers.insert(at, value);
            }
        }
    }
}

const MEMORY: QueueMemory = QueueMemory {
    size: 128,
    packed: false,
    start: 0,
    descriptors: DeviceAddress(0x1_2345_6000),
    driver: DeviceAddress(0x2_0000_0000),
    device: DeviceAddress(0x3_0000_1000),
};

#[test]
fn what_is_no_modern_device_is_refused_by_name() {
    let fake = Fake::new(&[256]);
    fake.set(MAGIC, 0);
    assert!(matches!(
        Mmio::new(fake.clone()).err(),
        Some(TransportError::Malformed(_))
    ));
    fake.set(MAGIC, VIRT);
    fake.set(VERSION, 1);
    assert!(matches!(
        Mmio::new(fake.clone()).err(),
        Some(TransportError::Unsupported(_))
    ));
    fake.set(VERSION, 2);
    fake.set(DEVICE_ID, 0);
    assert_eq!(Mmio::new(fake.clone()).err(), Some(TransportError::Gone));
    fake.set(DEVICE_ID, 1);
    assert_eq!(Mmio::new(fake).unwrap().device_id(), 1);
}

#[test]
fn a_reset_is_waited_for_but_not_for_ever() {
    let fake = Fake::new(&[256]);
    let mut device = Mmio::new(fake.clone()).unwrap();
    device
        .set_status(Status::ACKNOWLEDGE | Status::DRIVER)
        .unwrap();
    assert_eq!(device.status(), Status::ACKNOWLEDGE | Status::DRIVER);
    device.reset().unwrap();
    assert_eq!(device.status(), Status::empty());
    fake.0.lock().unwrap().reset_takes = None;
    device.set_status(Status::ACKNOWLEDGE).unwrap();
    assert_eq!(device.reset(), Err(TransportError::TimedOut("reset")));
    fake.set(MAGIC, u32::MAX);
    assert_eq!(device.reset(), Err(TransportError::Gone));
}

#[test]
fn features_are_read_and_written_in_halves() {
    let fake = Fake::new(&[256]);
    let mut device = Mmio::new(fake.clone()).unwrap();
    assert_eq!(device.device_features(), 0x0123_4567_89ab_cdef);
    device.set_driver_features(0xfedc_ba98_7654_3210).unwrap();
    let state = fake.0.lock().unwrap();
    assert_eq!(state.register(0x1000), 0x7654_3210);
    assert_eq!(state.register(0x1001), 0xfedc_ba98);
}

#[test]
fn a_queue_is_handed_over_whole_and_once() {
    let fake = Fake::new(&[256, 64]);
    let mut device = Mmio::new(fake.clone()).unwrap();
    assert_eq!(device.queues(), 2);
    assert_eq!(
        (device.max_queue_size(0), device.max_queue_size(2)),
        (256, 0)
    );
    let bell = device.enable_queue(0, &MEMORY).unwrap();
    bell.ring(0);
    bell.ring(0x0007_0000);
    assert_eq!(
        device.enable_queue(0, &MEMORY).err(),
        Some(TransportError::QueueBusy(0))
    );
    let too_large = TransportError::QueueSize {
        queue: 1,
        size: 128,
        most: 64,
    };
    assert_eq!(device.enable_queue(1, &MEMORY).err(), Some(too_large));
    assert_eq!(
        device.enable_queue(2, &MEMORY).err(),
        Some(TransportError::NoSuchQueue(2))
    );
    let elsewhere = QueueMemory { start: 7, ..MEMORY };
    assert!(device.enable_queue(1, &elsewhere).is_err());
    device.reset_queue(0).unwrap();
    device.enable_queue(0, &MEMORY).unwrap();
    let state = fake.0.lock().unwrap();
    assert_eq!(state.rung, [0, 0x0007_0000]);
    let queue = &state.queues[0];
    assert_eq!((queue.ready, queue.registers[&QUEUE_NUM]), (1, 128));
    for (register, address) in [
        (QUEUE_DESC, MEMORY.descriptors),
        (QUEUE_DRIVER, MEMORY.driver),
        (QUEUE_DEVICE, MEMORY.device),
    ] {
        let low = u64::from(queue.registers[&register]);
        let high = u64::from(queue.registers[&(register + 4)]);
        assert_eq!(high << 32 | low, address.0);
    }
    assert_eq!(state.queues[1].ready, 0);
}

#[test]
fn a_queue_of_impossible_size_is_none() {
    for most in [u32::MAX, 65_536, 32_769] {
        let mut device = Mmio::new(Fake::new(&[most])).unwrap();
        assert_eq!((device.queues(), device.max_queue_size(0)), (0, 0));
    }
}

#[test]
fn fields_are_read_at_their_width_and_within_bounds() {
    let fake = Fake::new(&[256]);
    let mut device = Mmio::new(fake.clone()).unwrap();
    let mut mac = [0; 6];
    device.read_config(0, &mut mac).unwrap();
    assert_eq!(mac, [0, 1, 2, 3, 4, 5]);
    let (mut status, mut speed, mut wide) = ([0; 2], [0; 4], [0; 8]);
    device.read_config(6, &mut status).unwrap();
    device.read_config(12, &mut speed).unwrap();
    device.read_config(16, &mut wide).unwrap();
    assert_eq!((status, speed), ([6, 7], [12, 13, 14, 15]));
    assert_eq!(wide, [16, 17, 18, 19, 20, 21, 22, 23]);
    assert_eq!(
        fake.0.lock().unwrap().widths,
        [1, 1, 1, 1, 1, 1, 2, 4, 4, 4]
    );
    for (offset, len) in [(24, 1), (23, 2), (usize::MAX, 1), (0, 25)] {
        assert_eq!(
            device.read_config(offset, &mut vec![0; len]),
            Err(TransportError::ConfigOutOfRange { offset, len })
        );
    }
    device.write_config(1, &[0xaa]).unwrap();
    device.read_config(0, &mut mac).unwrap();
    assert_eq!(mac[1], 0xaa);
}

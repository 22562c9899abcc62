//! A VIRTIO port under a device that does anything at any moment.

mod device;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::{Burst, Offloads, Packet};
use linecard_virtio::Features;
use linecard_virtio::fake::{Fake, FakeConfig, FakeHandle, HostMemory};
use linecard_virtio::net::{Adapter, Config, Net, NetRx, NetTx};

use crate::input::Input;

/// A port on split rings; see [`packed`].
pub fn split(bytes: &[u8]) {
    run(bytes, Features::empty());
}

/// A port on packed rings, whose device works as it should, or writes to the rings, their flags and
/// the buffers what the bytes say, or changes its configuration, or answers no reset.
///
/// Nothing panics. The ledger adds up all the time. A queue whose device broke the rules
/// says so by name and gives nothing more; after a reset by a device that then behaves, packets come
/// back as they were sent. In the end every frame is back.
pub fn packed(bytes: &[u8]) {
    run(bytes, Features::RING_PACKED);
}

type Rx<'d> = NetRx<'d, 'static, Fake, HostMemory, SIZE>;
type Tx<'d> = NetTx<'d, 'static, Fake, HostMemory, SIZE>;

/// Descriptors of a queue.
const SIZE: usize = 32;
const FRAMES: usize = 256;

/// Operations between two looks at the books.
const CHECK_EVERY: u32 = 16;

fn run(bytes: &[u8], kind: Features) {
    let mut input = Input::new(bytes);
    let pool = pool();
    let mut offer = Features::VERSION_1 | Features::STATUS | Features::MAC | kind;
    let choice = input.u8();
    let optional = [
        Features::EVENT_IDX,
        Features::IN_ORDER,
        Features::INDIRECT_DESC,
        Features::MRG_RXBUF,
        Features::RING_RESET,
        Features::CSUM | Features::GUEST_CSUM,
        Features::CTRL_VQ | Features::CTRL_RX | Features::HASH_REPORT,
        Features::NOTIFICATION_DATA,
    ];
    for (bit, features) in optional.iter().enumerate() {
        offer.set(*features, choice >> bit & 1 != 0);
    }
    let size = 1 + input.u16() % SIZE as u16;
    let config = FakeConfig {
        offer,
        queue_size: size.max(4),
        ..FakeConfig::default()
    };
    let (transport, fake) = Fake::new(config);
    let adapter = Adapter::<_, _, SIZE>::new(transport, HostMemory);
    let settings = Config {
        accept: Features::all(),
        require: offer,
        start: input.u16(),
        ..Config::default()
    };
    let net = Net::new(&adapter, pool, "fuzzed", settings).expect("it behaves so far");
    let mut rig = Rig {
        net,
        fake,
        pool,
        cache: Cache::new(pool, "cache", 64).expect("there is an account"),
        queues: None,
        held: Burst::new(),
        lied: false,
    };
    let mut operations = 0;
    while let Some(operation) = input.operation() {
        rig.step(operation, &mut input);
        // Asking takes longer than most operations, and what is wrong stays wrong.
        operations += 1;
        if operations % CHECK_EVERY == 0 {
            rig.check();
        }
    }
    rig.check();
    rig.finish();
    drop(adapter);
    pool.audit().expect("no frame is lost or there twice");
    assert_eq!(pool.free_frames(), FRAMES);
    // SAFETY is not at stake: `pool` is lent for ever, and every run has one of its own.
    give_back(pool);
}

struct Rig<'d> {
    net: Net<'d, 'static, Fake, HostMemory, SIZE>,
    fake: FakeHandle,
    pool: &'static Pool<'static>,
    cache: Cache<'static>,
    queues: Option<(Rx<'d>, Tx<'d>)>,
    held: Burst<'static, 64>,
    /// What the device finds wrong after it has lied may be its own doing.
    lied: bool,
}

impl Rig<'_> {
    fn step(&mut self, operation: u8, input: &mut Input<'_>) {
        match operation % 16 {
            0..=2 => self.send(input),
            3..=5 => self.receive(),
            6 => self.free(),
            7 => self.restart(input),
            8 => self.fake.step(),
            9 => device::change(&self.fake, &mut self.net, input),
            _ => {
                self.lied = true;
                device::lie(&self.fake, operation >> 4, input);
            }
        }
    }

    fn open(&mut self) {
        if self.queues.is_none() {
            // A device that answers no reset cannot be opened.
            self.queues = self.net.open(0, &mut self.cache).ok();
        }
    }

    fn send(&mut self, input: &mut Input<'_>) {
        self.open();
        let Some((_, tx)) = &mut self.queues else {
            return;
        };
        let mut burst: Burst<'static, 16> = Burst::new();
        let shape = input.u8();
        for count in 0..=shape % 16 {
            let Some(packet) = packet(&mut self.cache, shape, count) else {
                break;
            };
            // There is room for sixteen.
            let _ = burst.push(packet);
        }
        let (before, failed, sent) = (burst.len(), tx.fault().is_some(), tx.stats().packets);
        let taken = tx.tx_burst(&mut self.cache, &mut burst);
        assert_eq!(before - burst.len(), taken);
        assert!(!failed || tx.stats().packets == sent, "out of service");
        burst.free(&mut self.cache);
        if shape & 0x80 != 0 {
            tx.reclaim(&mut self.cache);
        }
        assert_eq!(tx.fault().is_some(), tx.stats().invalid > 0);
    }

    fn receive(&mut self) {
        self.open();
        let Some((rx, _)) = &mut self.queues else {
            return;
        };
        let failed = rx.fault().is_some();
        let before = self.held.len();
        let given = rx.rx_burst(&mut self.cache, &mut self.held);
        assert_eq!(self.held.len() - before, given);
        assert!(given == 0 || !failed, "out of service");
        assert!(rx.fault().is_none() || rx.stats().invalid > 0);
        for packet in self.held.as_slice().iter().skip(before) {
            assert!(packet.total_len() <= 65 * 2048);
        }
    }

    fn free(&mut self) {
        self.held.free(&mut self.cache);
    }

    /// Resets the queues or drops them, in either order.
    fn restart(&mut self, input: &mut Input<'_>) {
        let Some((rx, tx)) = self.queues.take() else {
            return;
        };
        match input.u8() % 3 {
            0 => self.queues = self.net.reset(rx, tx, &mut self.cache).ok(),
            1 => drop((rx, tx)),
            _ => drop((tx, rx)),
        }
    }

    fn check(&self) {
        let ledger = self.pool.ledger();
        let known = ledger.free + ledger.cached + ledger.held + ledger.posted + ledger.completing;
        assert_eq!((known, ledger.total), (FRAMES, FRAMES));
        let violations = self.fake.violations();
        assert!(self.lied || violations.is_empty(), "{violations:?}");
    }

    /// The device behaves from here on: after a reset everything works.
    fn finish(mut self) {
        self.held.free(&mut self.cache);
        device::behave(&self.fake);
        self.queues = None;
        self.open();
        // It was reset unless it was sound when the queues were dropped last, which is as good.
        let Some((mut rx, mut tx)) = self.queues.take() else {
            panic!("it can be opened again");
        };
        if rx.fault().is_some() || tx.fault().is_some() {
            panic!("it was opened out of service");
        }
        let (again_rx, again_tx) = self.net.reset(rx, tx, &mut self.cache).expect("it behaves");
        (rx, tx) = (again_rx, again_tx);
        let before = self.fake.violations().len();
        let mut burst: Burst<'static, 4> = Burst::new();
        let packet = packet(&mut self.cache, 0, 1).expect("there are frames");
        let sent = packet.data().to_vec();
        assert!(burst.push(packet).is_ok());
        assert_eq!(tx.tx_burst(&mut self.cache, &mut burst), 1);
        self.fake.step();
        assert_eq!(rx.rx_burst(&mut self.cache, &mut burst), 1);
        assert_eq!(burst.as_slice()[0].data(), sent);
        burst.free(&mut self.cache);
        assert_eq!(self.fake.violations().len(), before);
    }
}

/// A packet of a shape that the byte says: short, long, in several frames, without headroom, with a
/// checksum to finish.
fn packet(cache: &mut Cache<'static>, shape: u8, count: u8) -> Option<Packet<'static>> {
    let mut packet = Packet::new(cache.alloc()?);
    let len = match shape >> 4 & 7 {
        0..=3 => 60 + usize::from(count),
        4 => usize::from(count),
        5 => 1510 + usize::from(count),
        6 => 700,
        _ => 200,
    };
    packet.append(len).ok()?.fill(count);
    match shape >> 4 & 7 {
        2 => {
            let headroom = packet.headroom();
            packet
                .prepend(headroom - usize::from(count))
                .ok()?
                .fill(count);
        }
        3 => packet.offloads = Offloads::L4_WANTED,
        6 | 7 => {
            for _ in 0..count % 18 {
                let mut tail = cache.alloc()?;
                tail.append(usize::from(count)).ok()?.fill(count);
                packet.frame_mut().chain(tail).ok()?;
            }
        }
        _ => {}
    }
    Some(packet)
}

/// A pool for ever: the device may be given its frames by a port that is forgotten. Each thread
/// keeps the last one for its next run.
fn pool() -> &'static Pool<'static> {
    LAST.take().unwrap_or_else(|| {
        let memory: &'static mut [u8] = vec![0; FRAMES * 2048 + 63].leak();
        let slots: &'static [Slot] = (0..FRAMES).map(|_| Slot::new()).collect::<Vec<_>>().leak();
        let config = PoolConfig {
            track: true,
            ..PoolConfig::default()
        };
        let pool = Pool::new(Region::from_slice(memory), slots, config);
        Box::leak(Box::new(pool.expect("the region has room")))
    })
}

fn give_back(pool: &'static Pool<'static>) {
    LAST.set(Some(pool));
}

thread_local! {
    static LAST: core::cell::Cell<Option<&'static Pool<'static>>> = const { core::cell::Cell::new(None) };
}

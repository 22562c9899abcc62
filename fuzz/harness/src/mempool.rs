//! Frames, caches and chains under any sequence of operations.

use linecard::mempool::{Cache, Place, Pool, PoolConfig, Region, Slot};
use linecard::packet::Packet;

use crate::input::Input;

/// Allocates, frees, moves windows, chains and unchains as the bytes say, beside a model of every
/// packet. After each operation each packet reads as its model, and the ledger adds up; in the
/// end every frame is back.
pub fn operations(bytes: &[u8]) {
    let mut memory = vec![0; FRAMES * 2048 + 63];
    let slots = [const { Slot::new() }; FRAMES];
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    let region = Region::from_slice(&mut memory);
    let pool = Pool::new(region, &slots, config).expect("the region has room");
    let small = Cache::new(&pool, "small", 1).expect("there is an account");
    let large = Cache::new(&pool, "large", 8).expect("there is an account");
    let mut state = State {
        pool: &pool,
        caches: [small, large],
        packets: Vec::new(),
        frames: 0,
    };
    let mut input = Input::new(bytes);
    while let Some(operation) = input.operation() {
        state.step(operation, &mut input);
        state.check();
    }
    drop(state);
    pool.audit().expect("no frame is lost or there twice");
    assert_eq!(pool.free_frames(), FRAMES);
}

const FRAMES: usize = 16;

/// A packet beside what it must hold: the data of each frame of its chain.
struct Model<'p> {
    packet: Packet<'p>,
    segments: Vec<Vec<u8>>,
    /// Room before and behind the data of the first frame.
    headroom: usize,
    tailroom: usize,
}

struct State<'p> {
    pool: &'p Pool<'p>,
    caches: [Cache<'p>; 2],
    packets: Vec<Model<'p>>,
    /// Frames that the packets have.
    frames: usize,
}

impl<'p> State<'p> {
    fn step(&mut self, operation: u8, input: &mut Input<'_>) {
        match operation % 8 {
            0 => self.allocate(input),
            1 => self.free(input),
            2 => self.chain(input),
            3 => self.unchain(input),
            4 => {
                for cache in &mut self.caches {
                    cache.flush();
                }
            }
            _ => self.window(operation, input),
        }
    }

    fn allocate(&mut self, input: &mut Input<'_>) {
        let frame = match input.u8() % 3 {
            0 => self.caches[0].alloc(),
            1 => self.caches[1].alloc(),
            _ => self.pool.alloc(),
        };
        let Some(frame) = frame else {
            // Another cache may have some, the shared list has none.
            assert_eq!(self.pool.free_frames(), 0);
            return;
        };
        let packet = Packet::new(frame);
        assert!(packet.is_empty() && !packet.is_chained());
        assert_eq!(
            self.pool.place_of(packet.frame().index()),
            Some(Place::Held)
        );
        let (headroom, tailroom) = (packet.headroom(), packet.tailroom());
        assert_eq!(headroom + tailroom, 2048);
        self.frames += 1;
        self.packets.push(Model {
            packet,
            segments: vec![Vec::new()],
            headroom,
            tailroom,
        });
    }

    fn pick(&mut self, input: &mut Input<'_>) -> Option<Model<'p>> {
        let count = self.packets.len();
        (count > 0).then(|| self.packets.swap_remove(input.below(0..count)))
    }

    fn free(&mut self, input: &mut Input<'_>) {
        let Some(model) = self.pick(input) else {
            return;
        };
        self.frames -= model.segments.len();
        let frame = model.packet.into_frame();
        match input.u8() % 4 {
            0 => self.caches[0].free(frame),
            1 => self.caches[1].free(frame),
            2 => self.caches[1].free_burst([frame]),
            _ => drop(frame),
        }
    }

    fn chain(&mut self, input: &mut Input<'_>) {
        if self.packets.len() < 2 {
            return;
        }
        let (Some(mut head), Some(tail)) = (self.pick(input), self.pick(input)) else {
            return;
        };
        let chained = head.packet.frame_mut().chain(tail.packet.into_frame());
        chained.expect("both are of one pool");
        head.segments.extend(tail.segments);
        self.packets.push(head);
    }

    fn unchain(&mut self, input: &mut Input<'_>) {
        let Some(mut head) = self.pick(input) else {
            return;
        };
        if let Some(tail) = head.packet.frame_mut().unchain() {
            let packet = Packet::new(tail);
            let (headroom, tailroom) = (packet.headroom(), packet.tailroom());
            let segments = head.segments.split_off(1);
            self.packets.push(Model {
                packet,
                segments,
                headroom,
                tailroom,
            });
        } else {
            assert_eq!(head.segments.len(), 1);
        }
        self.packets.push(head);
    }

    /// Moves an edge of a packet's window.
    fn window(&mut self, operation: u8, input: &mut Input<'_>) {
        let Some(mut model) = self.pick(input) else {
            return;
        };
        let (count, fill) = (input.below(0..2200), input.u8());
        let data = &mut model.segments[0];
        match operation >> 3 & 3 {
            0 => match model.packet.prepend(count) {
                Ok(room) => {
                    room.fill(fill);
                    data.splice(..0, core::iter::repeat_n(fill, count));
                    model.headroom -= count;
                }
                Err(_) => assert!(count > model.headroom),
            },
            1 => match model.packet.append(count) {
                Ok(room) => {
                    room.fill(fill);
                    data.extend(core::iter::repeat_n(fill, count));
                    model.tailroom -= count;
                }
                Err(_) => assert!(count > model.tailroom),
            },
            2 => match model.packet.trim_front(count) {
                Ok(()) => {
                    data.drain(..count);
                    model.headroom += count;
                }
                Err(_) => assert!(count > data.len()),
            },
            _ => match model.packet.trim_back(count) {
                Ok(()) => {
                    data.truncate(data.len() - count);
                    model.tailroom += count;
                }
                Err(_) => assert!(count > data.len()),
            },
        }
        self.packets.push(model);
    }

    fn check(&self) {
        for model in &self.packets {
            assert!(model.packet.frame().segments().eq(model.segments.iter()));
            assert_eq!(model.packet.headroom(), model.headroom);
            assert_eq!(model.packet.tailroom(), model.tailroom);
            let total: usize = model.segments.iter().map(Vec::len).sum();
            assert_eq!(model.packet.total_len(), total);
            assert_eq!(model.packet.is_chained(), model.segments.len() > 1);
        }
        let ledger = self.pool.ledger();
        assert_eq!((ledger.total, ledger.held), (FRAMES, self.frames));
        assert_eq!(ledger.free + ledger.cached + ledger.held, FRAMES);
    }
}

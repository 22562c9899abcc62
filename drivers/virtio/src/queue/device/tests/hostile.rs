//! Guests that break a rule, each by name.

use super::guest::descriptor;
use super::*;

both!(
    a_buffer_outside_of_memory_ends_the_queue,
    a_readable_buffer_behind_a_writable_one_ends_the_queue,
    a_table_that_cannot_be_ends_the_queue,
    a_table_that_was_not_negotiated_ends_the_queue,
    a_chain_without_end_ends_the_queue,
    rings_that_cannot_be_are_refused,
);

/// The fault that this chain leads to, and that nothing goes on after it.
fn fault<Q: DeviceQueue>(queue: &mut Q) -> GuestFault {
    let mut segments = Segments::<32>::new();
    // A hint finds the same, and says nothing.
    queue.prefetch(true, usize::from(u16::MAX));
    assert_eq!(queue.fault(), None);
    let fault = queue.pop(&mut segments).unwrap_err();
    assert_eq!(segments.room(), 32, "nothing of the chain is left");
    assert_eq!(queue.fault(), Some(fault));
    queue.prefetch(false, 1);
    assert_eq!(queue.pop(&mut segments).unwrap_err(), fault);
    assert!(!queue.publish());
    assert!(!queue.set_notify(true));
    fault
}

fn a_buffer_outside_of_memory_ends_the_queue<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    for (address, len) in [
        (LEN as u64, 1),
        (LEN as u64 - 1, 2),
        (0, u32::MAX),
        (u64::MAX, 1),
        (u64::MAX, u32::MAX),
    ] {
        let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
        guest.post(
            &memory,
            0,
            &[(BUFFERS, 1, false), (address, len, false)],
            None,
        );
        assert_eq!(fault(&mut queue), GuestFault::Address { address, len });
        let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
        guest.post(&memory, 0, &[(address, len, false)], Some(TABLES));
        assert_eq!(fault(&mut queue), GuestFault::Address { address, len });
    }
    // Of no length it is nobody's.
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    guest.post(
        &memory,
        0,
        &[(u64::MAX, 0, false), (BUFFERS, 1, false)],
        None,
    );
    let mut segments = Segments::<32>::new();
    let chain = queue.pop(&mut segments).unwrap().unwrap();
    assert_eq!(segments.of(&chain).len(), 1);
}

fn a_readable_buffer_behind_a_writable_one_ends_the_queue<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    for table in [None, Some(TABLES)] {
        let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
        guest.post(
            &memory,
            0,
            &[(BUFFERS, 9, true), (BUFFERS, 9, false)],
            table,
        );
        assert_eq!(fault(&mut queue), GuestFault::Order);
    }
}

fn a_table_that_cannot_be_ends_the_queue<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (address, len) = (LEN as u64 - 16, 32);
    for (address, len, expected) in [
        (TABLES, 0, GuestFault::Indirect),
        (TABLES, 15, GuestFault::Indirect),
        (TABLES, 17, GuestFault::Indirect),
        (TABLES, 16 * 32769, GuestFault::Indirect),
        (address, len, GuestFault::Address { address, len }),
    ] {
        let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
        guest.post(&memory, 0, &[(BUFFERS, 1, false)], Some(TABLES));
        memory.write(0, &address.to_le_bytes());
        memory.write(8, &u32::to_le_bytes(len));
        assert_eq!(fault(&mut queue), expected);
    }
    // A table in a table.
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    guest.post(&memory, 0, &[(BUFFERS, 1, false)], Some(TABLES));
    let flags = if G::PACKED { 14 } else { 12 };
    memory.set(TABLES as usize + flags, 4);
    assert_eq!(fault(&mut queue), GuestFault::Indirect);
    // A table that is chained.
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    guest.post(&memory, 0, &[(BUFFERS, 1, false)], Some(TABLES));
    memory.set(flags, memory.u16(flags) | 1);
    assert_eq!(fault(&mut queue), GuestFault::Indirect);
}

fn a_table_that_was_not_negotiated_ends_the_queue<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let config = RingConfig {
        indirect: false,
        ..config()
    };
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config);
    guest.post(&memory, 0, &[(BUFFERS, 1, false)], Some(TABLES));
    assert_eq!(fault(&mut queue), GuestFault::Indirect);
}

fn a_chain_without_end_ends_the_queue<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let (memory, mut guest, mut queue) = start::<G, Q>(make, config());
    guest.post(&memory, 0, &[(BUFFERS, 1, false)], None);
    // Every descriptor goes on: to itself in a split ring, for ever round in a packed one.
    for at in 0..8 {
        let flags = memory.u16(14);
        let entry = match G::PACKED {
            true => descriptor(BUFFERS, 1, 0, flags | 1),
            false => descriptor(BUFFERS, 1, 1, 7),
        };
        memory.write(16 * at, &entry);
    }
    assert_eq!(fault(&mut queue), GuestFault::Loop);
}

fn rings_that_cannot_be_are_refused<G: Guest, Q: DeviceQueue>(make: Make<Q>) {
    let sizes: &[u16] = if G::PACKED {
        &[0, 32769, u16::MAX]
    } else {
        &[0, 3, 9, 65535]
    };
    for &size in sizes {
        let refused = make(Memory::new(), RingConfig { size, ..config() }).err();
        assert_eq!(refused, Some(GuestFault::Size(size)));
    }
    // The memory has not so much.
    let config = RingConfig {
        size: 8192,
        ..config()
    };
    assert_eq!(make(Memory::new(), config).err(), Some(GuestFault::Ring));
}

#[test]
fn a_split_ring_that_jumps_ends_the_queue() {
    let index = |now: u16| {
        let start = Position {
            index: 0xfffc,
            wrap: true,
        };
        let config = RingConfig { start, ..config() };
        let (memory, mut guest, mut queue) = start_split(config);
        guest.post(&memory, 0, &[(BUFFERS, 1, false)], None);
        let mut segments = Segments::<32>::new();
        let chain = queue.pop(&mut segments).unwrap().unwrap();
        memory.set(RINGS.driver as usize + 2, now);
        (fault(&mut queue), chain).0
    };
    // One is out, so seven more can be there: up to 0xfffc + 8.
    for now in [5, 0x7ffc, 0xfffc, 0xfffb] {
        assert_eq!(index(now), GuestFault::Index { seen: 0xfffd, now });
    }
}

#[test]
fn a_split_ring_that_names_what_it_has_not_ends_the_queue() {
    let (memory, mut guest, mut queue) = start_split(config());
    guest.post(&memory, 0, &[(BUFFERS, 1, false)], None);
    memory.set(RINGS.driver as usize + 4, 8);
    assert_eq!(fault(&mut queue), GuestFault::Head(8));

    let (memory, mut guest, mut queue) = start_split(config());
    guest.post(
        &memory,
        0,
        &[(BUFFERS, 1, false), (BUFFERS, 1, false)],
        None,
    );
    memory.set(14, 0xffff);
    assert_eq!(fault(&mut queue), GuestFault::Next(0xffff));

    let (memory, mut guest, mut queue) = start_split(config());
    let chain = [(BUFFERS, 1, false), (BUFFERS, 1, false)];
    guest.post(&memory, 0, &chain, Some(TABLES));
    memory.set(TABLES as usize + 14, 2);
    assert_eq!(fault(&mut queue), GuestFault::Next(2));

    // A table whose entries go round.
    let (memory, mut guest, mut queue) = start_split(config());
    guest.post(&memory, 0, &chain, Some(TABLES));
    memory.set(TABLES as usize + 16 + 12, 1);
    memory.set(TABLES as usize + 16 + 14, 0);
    assert_eq!(fault(&mut queue), GuestFault::Loop);
}

#[test]
fn misaligned_rings_and_positions_are_refused() {
    for (field, by) in [(0, 8), (1, 1), (2, 2)] {
        let mut rings = RINGS;
        match field {
            0 => rings.descriptors += by,
            1 => rings.driver += by,
            _ => rings.device += by,
        }
        let refused = SplitQueue::new(Memory::new(), rings, config()).err();
        assert_eq!(refused, Some(GuestFault::Ring));
        let refused = PackedQueue::new(Memory::new(), rings, config()).err();
        assert_eq!(refused, Some(GuestFault::Ring));
    }
    let start = Position {
        index: 8,
        wrap: true,
    };
    let refused = packed(Memory::new(), RingConfig { start, ..config() }).err();
    assert_eq!(refused, Some(GuestFault::Position));
}

fn start_split(config: RingConfig) -> (Rc<Memory>, SplitGuest, SplitQueue<Rc<Memory>>) {
    start(split, config)
}

//! Several ports on one pool.

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::packet::Burst;
use linecard_af_xdp::{Config, CopyMode, Umem};

use crate::net::{Net, frame, raw_socket};
use crate::rig::{Rig, pool, small};

#[test]
fn a_frame_crosses_between_two_ports_by_its_number() {
    let Some(net) = Net::new() else { return };
    let other = net.second("lc2", "lc3");
    let (west_far, east_far) = (net.peer_socket(), other.inside(|| raw_socket("lc3")));
    let umem = Umem::new(pool(512)).expect("a umem");
    let mut west = Rig::on(&umem, "lc0", small());
    let mut east = Rig::on(&umem, "lc2", small());
    assert_eq!(west.port.status().shared_queues, 0, "registered the region");
    assert_eq!(
        east.port.status().shared_queues,
        1,
        "uses that registration"
    );

    for number in 0..300 {
        // West to east, and back the same way.
        for eastward in [true, false] {
            let (from, to, near, far) = match eastward {
                true => (&mut west, &mut east, &west_far, &east_far),
                false => (&mut east, &mut west, &east_far, &west_far),
            };
            let sent = frame(number, 60 + number as usize);
            near.send(&sent);
            let packet = from.receive().expect("a packet");
            let (index, data) = (packet.frame().index(), packet.frame().as_ptr());
            let mut burst = Burst::<'_, 1>::new();
            burst.push(packet).expect("room");
            // The frame itself goes into the other port's ring: same number, same address.
            let packet = &burst.as_slice()[0];
            assert_eq!(
                (packet.frame().index(), packet.frame().as_ptr()),
                (index, data)
            );
            assert_eq!(to.tx.tx_burst(&mut to.cache, &mut burst), 1);
            assert_eq!(far.receive().expect("it crossed"), sent);
        }
    }
    west.settle();
    east.settle();
    for rig in [&west, &east] {
        let (rx, tx) = (rig.rx.stats(), rig.tx.stats());
        assert_eq!(
            (rx.packets, tx.completed, tx.copied),
            (300, 300, 0),
            "{rx}; {tx}"
        );
    }
    // The one that registered the region goes first; the other goes on, and a third may join.
    drop(west);
    east_far.send(&frame(1, 60));
    assert!(east.receive().is_some());
    let again = Rig::on(&umem, "lc0", small());
    assert_eq!(again.port.status().shared_queues, 1);
    drop(again);
    east.close();
}

#[test]
fn ports_that_want_different_modes_register_the_region_each() {
    let Some(net) = Net::new() else { return };
    net.ip("link add lc2 type veth peer name lc3");
    net.ip("link set lc2 up");
    let umem = Umem::new(pool(512)).expect("a umem");
    let copy = Rig::on(&umem, "lc0", small());
    let zero_copy = Config {
        copy: CopyMode::ZeroCopy,
        ..small()
    };
    // A veth cannot; but it was tried with a registration of its own, and said so.
    let mut port = linecard_af_xdp::Port::new(&umem, "lc2", zero_copy).expect("a port");
    let mut cache = linecard::mempool::Cache::new(umem.pool(), "other", 64).expect("a cache");
    assert!(port.open_queue(0, &mut cache).is_err());
    assert_eq!(port.status().shared_queues, 0);
    assert!(port.name().starts_with("af_xdp:"));
    drop((port, cache));
    copy.close();
}

//! Packets in, packets out.

use linecard::device::{Device, Link, RxQueue, TxQueue};
use linecard::packet::Burst;

use crate::net::{Net, frame, number_of};
use crate::rig::{Rig, small};

#[test]
fn packets_go_both_ways() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    let far = net.peer_socket();
    assert!(rig.port.status().native, "{}", rig.port.status());
    assert_eq!(rig.port.status().zero_copy, Some(false));
    assert_eq!(rig.port.link(), Link::Up { mbits: None });
    assert_eq!(rig.port.mtu(), 1500);
    println!("{}: {}", rig.port.name(), rig.port.status());

    // Several times around rings of 64.
    for number in 0..1000 {
        let len = 60 + (number as usize * 7) % 1400;
        far.send(&frame(number, len));
        let packet = rig.receive().expect("what the peer sent");
        assert_eq!(packet.data(), frame(number, len));
        assert_eq!(packet.headroom(), 256);
        rig.cache.free(packet.into_frame());

        let back = frame(number, len);
        assert_eq!(rig.send([&back[..]]), 1);
        assert_eq!(far.receive().expect("what the port sent"), back);
    }
    rig.settle();
    let (rx, tx) = (rig.rx.stats(), rig.tx.stats());
    assert_eq!(
        (rx.packets, rx.dropped(), rx.no_frames),
        (1000, 0, 0),
        "{rx}"
    );
    assert_eq!(
        (tx.packets, tx.completed, tx.dropped()),
        (1000, 1000, 0),
        "{tx}"
    );
    assert_eq!(rx.bytes, tx.bytes);
    rig.close();
}

#[test]
fn a_received_packet_is_sent_back_without_a_copy() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    let far = net.peer_socket();
    for number in 0..200 {
        far.send(&frame(number, 300));
        let packet = rig.receive().expect("a packet");
        let sent_from = packet.frame().as_ptr();
        let mut burst = Burst::<'_, 1>::new();
        burst.push(packet).expect("room");
        assert_eq!(burst.as_slice()[0].frame().as_ptr(), sent_from);
        assert_eq!(rig.tx.tx_burst(&mut rig.cache, &mut burst), 1);
        assert_eq!(number_of(&far.receive().expect("it comes back")), number);
    }
    rig.settle();
    assert_eq!(rig.tx.stats().copied, 0);
    rig.close();
}

//! Packets in, packets out.

use core::time::Duration;

use linecard::device::{Device, Link, RxQueue, TxQueue};
use linecard::mempool::PoolConfig;
use linecard::packet::{Burst, Offloads, Packet};
use linecard::wire::{Kinds, Layers};
use linecard_af_xdp::{Config, Interface, Umem, XdpMode};
use linecard_testnet::set_merging;

use crate::net::{Net, frame, number_of};
use crate::rig::{Rig, pool_with, small};

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

#[test]
fn a_generic_program_does_as_well() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(Config {
        mode: XdpMode::Generic,
        ..small()
    });
    let far = net.peer_socket();
    assert!(!rig.port.status().native, "{}", rig.port.status());
    for number in 0..200 {
        far.send(&frame(number, 60 + number as usize));
        let packet = rig.receive().expect("what the peer sent");
        assert_eq!(packet.data(), frame(number, 60 + number as usize));
        rig.cache.free(packet.into_frame());
        assert_eq!(rig.send([&frame(number, 100)[..]]), 1);
        assert_eq!(
            far.receive().expect("what the port sent"),
            frame(number, 100)
        );
    }
    rig.settle();
    rig.close();
}

/// In generic mode the kernel would merge segments into packets that fit no frame.
#[test]
fn merging_is_off_while_a_generic_program_is_attached() {
    let Some(_net) = Net::new() else { return };
    let generic = Config {
        mode: XdpMode::Generic,
        ..small()
    };
    for on in [true, false] {
        set_merging("lc0", on);
        let rig = Rig::new(generic);
        assert_eq!(rig.port.interface().merges_segments(), Some(false));
        assert!(
            rig.port.status().merged_segments,
            "the peer may leave it to us all the same"
        );
        rig.close();
        let interface = Interface::find("lc0").expect("lc0");
        assert_eq!(interface.merges_segments(), Some(on), "as it was found");
    }
}

#[test]
fn every_length_arrives_or_is_counted() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    let far = net.peer_socket();
    let mtu = 1500;
    assert_eq!(rig.port.capabilities().max_frame, mtu + 18);

    // What the port sends: the kernel takes an Ethernet header and a VLAN tag on top of the MTU,
    // and what is handed to it arrives.
    for len in [14, 15, 59, 60, 61, mtu, mtu + 14, mtu + 15, mtu + 18] {
        let sent = frame(7, len);
        assert_eq!(rig.send([&sent[..]]), 1, "{len}");
        assert_eq!(
            far.receive().as_deref(),
            Some(&sent[..]),
            "{len} bytes arrive"
        );
    }
    // What the kernel would take and never send is taken, freed and counted.
    let long = frame(7, mtu + 19);
    assert_eq!(rig.send([&[][..], &[0], &long[..13], &long]), 4);
    rig.settle();
    let stats = rig.tx.stats();
    assert_eq!((stats.undersize, stats.oversize), (3, 1), "{stats}");
    assert_eq!((stats.packets, stats.completed), (9, 9), "{stats}");
    far.set_timeout(Duration::from_millis(50));
    assert_eq!(far.receive(), None, "nothing more came");

    // What it receives.
    for len in [14, 15, 59, 60, 61, mtu, mtu + 14] {
        far.send(&frame(9, len));
        let packet = rig.receive().expect("a packet");
        assert_eq!(packet.data(), frame(9, len), "{len}");
        rig.cache.free(packet.into_frame());
    }
    rig.close();
}

#[test]
fn a_new_mtu_is_taken_note_of() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    net.ip("link set lc0 mtu 1000");
    rig.port.link();
    assert_eq!(rig.port.mtu(), 1000);
    assert_eq!(rig.send([&frame(1, 1019)[..], &frame(1, 1018)]), 2);
    rig.settle();
    let stats = rig.tx.stats();
    assert_eq!((stats.oversize, stats.completed), (1, 1), "{stats}");
    rig.close();
}

#[test]
fn a_burst_larger_than_the_budget_and_the_ring_goes_out_in_order() {
    let Some(net) = Net::new() else { return };
    for raise_tx_budget in [true, false] {
        let mut rig = Rig::new(Config {
            raise_tx_budget,
            ..small()
        });
        if !raise_tx_budget {
            assert_eq!(rig.port.status().tx_budget, Some(32));
        }
        let far = net.peer_socket();
        let mut burst = Burst::<'_, 256>::new();
        for number in 0..256 {
            let packet = rig.packet(&frame(number, 60));
            burst.push(packet).expect("room");
        }
        // No more than the ring has places for, and the rest stays as it was.
        assert_eq!(rig.tx.tx_burst(&mut rig.cache, &mut burst), 64);
        assert_eq!(burst.len(), 192);
        assert_eq!(number_of(burst.as_slice()[0].data()), 64);
        assert_eq!(rig.tx.stats().full, 1);
        let mut rounds = 1;
        while !burst.is_empty() {
            rig.tx.tx_burst(&mut rig.cache, &mut burst);
            rounds += 1;
            assert!(rounds < 100, "transmit has stalled: {}", rig.tx.stats());
        }
        for number in 0..256 {
            assert_eq!(far.receive().as_deref().map(number_of), Some(number));
        }
        rig.settle();
        let stats = rig.tx.stats();
        assert_eq!((stats.completed, stats.dropped()), (256, 0), "{stats}");
        // 256 packets by 32 or 64 at a time.
        let least = if raise_tx_budget { 4 } else { 8 };
        assert!((least..least + 8).contains(&stats.kicks), "{stats}");
        rig.close();
    }
}

#[test]
fn a_packet_of_another_pool_is_copied_and_counted() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    let far = net.peer_socket();
    let other = pool_with(
        64,
        PoolConfig {
            headroom: 0,
            ..PoolConfig::default()
        },
    );
    let mut burst = Burst::<'_, 8>::new();
    for number in 0..6 {
        // Ours and theirs by turns; one of theirs is longer than a frame of ours.
        let packet = if number % 2 == 0 {
            rig.packet(&frame(number, 64))
        } else {
            let len = if number == 3 { 1900 } else { 64 };
            let mut packet = Packet::new(other.alloc().expect("a frame"));
            packet
                .append(len)
                .expect("room")
                .copy_from_slice(&frame(number, len));
            packet
        };
        burst.push(packet).expect("room");
    }
    assert_eq!(rig.tx.tx_burst(&mut rig.cache, &mut burst), 6);
    for number in [0, 1, 2, 4, 5] {
        assert_eq!(far.receive().as_deref(), Some(&frame(number, 64)[..]));
    }
    rig.settle();
    let stats = rig.tx.stats();
    assert_eq!(
        (stats.copied, stats.oversize, stats.completed),
        (2, 1, 5),
        "{stats}"
    );
    other.audit().expect("the other pool has its frames back");
    rig.close();
}

#[test]
fn what_a_packet_asks_of_the_device_in_vain_is_counted() {
    let Some(_net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    let mut burst = Burst::<'_, 8>::new();
    let mut tagged = rig.packet(&frame(1, 60));
    tagged.offloads = Offloads::VLAN_WANTED;
    burst.push(tagged).expect("room");
    let mut chained = rig.packet(&frame(1, 60));
    let tail = rig.packet(&[0; 60]).into_frame();
    assert!(chained.frame_mut().chain(tail).is_ok());
    burst.push(chained).expect("room");
    assert_eq!(rig.tx.tx_burst(&mut rig.cache, &mut burst), 2);
    assert_eq!(rig.tx.stats().unsupported, 2);
    rig.close();
}

#[test]
fn a_checksum_that_is_left_to_the_device_is_finished_before_it_is_sent() {
    let Some(net) = Net::new() else { return };
    let far = net.peer_socket();
    let mut rig = Rig::new(small());
    // UDP from 192.0.2.1 to 192.0.2.2 with four bytes in it, and the pseudo-header's sum alone; under the
    // EtherType that the far socket sees.
    let mut unfinished = frame(1, 60);
    unfinished[14..34].copy_from_slice(&[
        0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ]);
    unfinished[34..46].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0x84, 0x21, 1, 2, 3, 4]);
    let mut right = unfinished.clone();
    right[40..42].copy_from_slice(&[0x77, 0x62]);
    let mut packet = rig.packet(&unfinished);
    packet.offloads = Offloads::L4_WANTED;
    packet.layers = Layers::new(Kinds::IPV4 | Kinds::UDP, 14, 5);
    let mut burst = Burst::<'_, 8>::new();
    burst.push(packet).expect("room");
    assert_eq!(rig.tx.tx_burst(&mut rig.cache, &mut burst), 1);
    rig.settle();
    assert_eq!(far.receive().expect("the packet"), right);
    assert_eq!(rig.tx.stats().unsupported, 0);
    rig.close();
}

#[test]
fn checksums_that_are_said_to_be_finished_are_not_looked_at() {
    let Some(net) = Net::new() else { return };
    let far = net.peer_socket();
    for (checksums_finished, expected) in
        [(false, Offloads::L4_DOUBTFUL), (true, Offloads::empty())]
    {
        let mut rig = Rig::new(Config {
            checksums_finished,
            ..small()
        });
        assert_eq!(rig.port.status().unfinished_checksums, !checksums_finished);
        far.send(&frame(1, 60));
        let packet = rig.receive().expect("a packet");
        assert_eq!(packet.offloads, expected);
        rig.cache.free(packet.into_frame());
        rig.close();
    }
}

#[test]
fn frames_of_a_page_take_larger_packets() {
    let Some(net) = Net::new() else { return };
    net.ip("link set lc0 mtu 3500");
    net.peer.ip("link set lc1 mtu 3500");
    let config = PoolConfig {
        frame_size: 4096,
        private: 128,
        ..PoolConfig::default()
    };
    let umem = Umem::new(pool_with(256, config)).expect("a umem");
    let mut rig = Rig::on(&umem, "lc0", small());
    let far = net.peer_socket();
    for len in [60, 1514, 3514] {
        far.send(&frame(1, len));
        let packet = rig.receive().expect("a packet");
        assert_eq!(packet.data(), frame(1, len));
        // Behind the private area and the headroom, as the pool has it.
        assert_eq!((packet.frame().offset(), packet.headroom()), (384, 256));
        let mut burst = Burst::<'_, 1>::new();
        burst.push(packet).expect("room");
        assert_eq!(rig.tx.tx_burst(&mut rig.cache, &mut burst), 1);
        assert_eq!(far.receive().expect("it comes back"), frame(1, len));
    }
    rig.settle();
    rig.close();
}

#[test]
fn what_fits_no_frame_is_counted() {
    let Some(net) = Net::new() else { return };
    // No native program without the fragments flag could be attached: the peer sends more than a
    // page.
    net.peer.ip("link set lc1 mtu 9000");
    let mut rig = Rig::new(small());
    assert!(rig.port.status().native && rig.port.status().fragments);
    let far = net.peer_socket();
    // Raised behind the port's back, which would have refused it.
    net.ip("link set lc0 mtu 9000");
    for len in [1514, 1792] {
        far.send(&frame(1, len));
        assert_eq!(rig.receive().expect("a packet").data(), frame(1, len));
    }
    for len in [1793, 3000, 4000, 9014] {
        far.send(&frame(2, len));
    }
    far.send(&frame(3, 60));
    assert_eq!(number_of(rig.receive().expect("the last").data()), 3);
    let stats = rig.rx.stats();
    assert_eq!(
        (stats.packets, stats.oversize, stats.missed),
        (3, 4, 0),
        "{stats}"
    );
    rig.close();
}

//! Commands, and several queue pairs.

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;
use linecard::wire::MacAddr;

use super::*;

fn several(features: Features) -> FakeConfig {
    FakeConfig {
        pairs: 3,
        ..offer(features | Features::CTRL_VQ)
    }
}

#[test]
fn commands_reach_the_device() {
    for packed in [Features::empty(), Features::RING_PACKED] {
        let all = Features::CTRL_VQ
            | Features::CTRL_RX
            | Features::CTRL_VLAN
            | Features::CTRL_MAC_ADDR
            | Features::STATUS
            | Features::GUEST_ANNOUNCE;
        with_port(offer(all | packed), accept_all(), |port, handle, _| {
            port.set_promiscuous(true).unwrap();
            port.set_all_multicast(false).unwrap();
            port.add_vlan(100).unwrap();
            port.remove_vlan(0x102).unwrap();
            port.set_mac(MacAddr([2, 9, 9, 9, 9, 9])).unwrap();
            assert_eq!(port.mac(), MacAddr([2, 9, 9, 9, 9, 9]));
            assert!(!port.announce_asked().unwrap());
            handle.ask_to_announce();
            assert!(port.announce_asked().unwrap());
            assert!(!port.announce_asked().unwrap(), "the device was told");
            let commands: Vec<_> = handle.commands();
            let expected: [(u8, u8, &[u8]); 6] = [
                (0, 0, &[1]),
                (0, 1, &[0]),
                (2, 0, &[100, 0]),
                (2, 1, &[2, 1]),
                (1, 1, &[2, 9, 9, 9, 9, 9]),
                (3, 0, &[]),
            ];
            let commands = commands
                .iter()
                .map(|(class, number, data)| (*class, *number, &data[..]));
            assert!(commands.eq(expected));
        });
    }
}

#[test]
fn a_command_that_is_refused_or_was_not_negotiated_is_named() {
    let features = Features::CTRL_VQ | Features::CTRL_RX;
    with_port(offer(features), accept_all(), |port, handle, _| {
        let refused = port.add_vlan(1).unwrap_err();
        assert_eq!(refused, NetError::NotNegotiated(Features::CTRL_VLAN));
        handle.refuse_commands(Some(0));
        let refused = port.set_promiscuous(true).unwrap_err();
        assert_eq!(
            refused,
            NetError::Command {
                class: 0,
                command: 0
            }
        );
        handle.refuse_commands(None);
        port.set_promiscuous(true).unwrap();
        // Without the feature an address is the port's own notion.
        port.set_mac(MacAddr([2, 0, 0, 0, 0, 8])).unwrap();
        assert_eq!(handle.commands().len(), 2);
    });
}

#[test]
fn several_pairs_work_side_by_side() {
    for kind in [
        Features::MQ,
        Features::RSS,
        Features::MQ | Features::RSS | Features::RING_PACKED,
    ] {
        let settings = Config {
            queues: 3,
            ..accept_all()
        };
        with_port(several(kind), settings, |port, handle, pool| {
            assert_eq!(port.capabilities().queues, 3);
            assert_eq!(handle.active_pairs(), 3);
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let mut queues: Vec<_> = (0..3)
                .map(|pair| port.open(pair, &mut cache).unwrap())
                .collect();
            assert!(port.open(1, &mut cache).is_err(), "taken");
            assert!(port.open(3, &mut cache).is_err(), "no such");
            for sender in 0..3 {
                let mut burst: Burst = Burst::new();
                for to in 0..9 {
                    let mut packet = packet(&mut cache, 60, 0);
                    packet.data_mut()[0] = to;
                    burst.push(packet).unwrap();
                }
                assert_eq!(queues[sender].1.tx_burst(&mut cache, &mut burst), 9);
                for (pair, (rx, _)) in queues.iter_mut().enumerate() {
                    assert_eq!(rx.rx_burst(&mut cache, &mut burst), 3);
                    for packet in burst.drain() {
                        assert_eq!(usize::from(packet.data()[0]) % 3, pair);
                    }
                }
            }
        });
    }
}

#[test]
fn a_table_of_ones_own_is_checked_and_sent() {
    let settings = Config {
        queues: 2,
        ..accept_all()
    };
    with_port(several(Features::RSS), settings, |port, handle, _| {
        let even = RssConfig::even(2, 128);
        port.set_rss(&even.with_table(&[1, 1, 0, 1]).unwrap())
            .unwrap();
        let (_, _, data) = handle.commands().pop().unwrap();
        assert_eq!(data[..8], [0x3f, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(data[8..16], [1, 0, 1, 0, 0, 0, 1, 0]);
        assert_eq!((data[16], data[18], data.len()), (2, 40, 19 + 40));
        assert_eq!(even.with_table(&[0; 3]), None);
        let outside = even.with_table(&[2]).unwrap();
        assert!(matches!(
            port.set_rss(&outside),
            Err(NetError::HashConfig { .. })
        ));
    });
}

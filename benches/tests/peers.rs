//! The peers in C compute what Linecard computes: a bench that measures something wrong is a defect.
//!
//! Only where there is a libdpdk; `LINECARD_REQUIRE_DPDK` makes its absence a failure, and
//! `LINECARD_SKIP_DPDK` leaves this to the suite that has it.

use linecard::lookup::{
    CacheLine, Lpm4, Lpm4Config, Lpm6, Lpm6Config, NextHop, Prefix4, Prefix6, Routes4, Routes6,
};
use linecard::wire::MacAddr;
use linecard_benches::peers::{PeerError, Peers};
use linecard_benches::{hashes, peer_lookups, peer_packets, peer_router, udp};

/// The program; `None` where it is not to be tested.
fn peers() -> Option<Peers> {
    if std::env::var_os("LINECARD_SKIP_DPDK").is_some() {
        println!("left out: LINECARD_SKIP_DPDK");
        return None;
    }
    match Peers::on_small_pages() {
        Ok(peers) => Some(peers),
        Err(PeerError::Missing(why)) if std::env::var_os("LINECARD_REQUIRE_DPDK").is_none() => {
            println!("left out: {why}");
            None
        }
        Err(why) => panic!("{why}"),
    }
}

#[test]
fn a_peer_leaves_no_folder_of_dpdk() {
    let Some(peers) = peers() else { return };
    let ours = format!("linecard-peer-{}-", std::process::id());
    for place in ["/var/run/dpdk", "/tmp/dpdk"] {
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name());
        let left = names.find(|name| name.to_string_lossy().starts_with(&ours));
        // Those that start meanwhile, for other tests, have theirs for a moment.
        let left = left.map(|name| std::path::Path::new(place).join(name));
        let gone = |path: &std::path::PathBuf| {
            (0..1000).any(|_| {
                std::thread::sleep(core::time::Duration::from_millis(10));
                !path.exists()
            })
        };
        assert!(left.as_ref().is_none_or(gone), "left behind: {left:?}");
    }
    drop(peers);
}

#[test]
fn every_loop_over_packets_sends_our_bytes() {
    let Some(peers) = peers() else { return };
    // Each gateway another address, so that a wrong hop shows.
    fn mac_of(gateway: u8) -> MacAddr {
        MacAddr([2, 0, 0, 0, 2, gateway])
    }
    peer_router::prepare(&peers, mac_of).unwrap();
    peer_router::check(&peers, mac_of).unwrap();
    fn other_mac(gateway: u8) -> MacAddr {
        MacAddr([2, 0, 0, 0, 2, gateway ^ 1])
    }
    let wrong = peer_router::check(&peers, other_mac).unwrap_err();
    assert!(matches!(wrong, PeerError::Differs(_)), "{wrong}");
}

#[test]
fn the_udp_loops_send_our_bytes() {
    let Some(peers) = peers() else { return };
    udp::check(&peers).unwrap();
}

/// Where answers change: the first and last address of each range, and their neighbours outside; a
/// multiple of 32 of them.
fn edges<A: Copy>(
    ranges: impl Iterator<Item = (A, A)>,
    before: fn(A) -> A,
    behind: fn(A) -> A,
) -> Vec<A> {
    let mut addresses: Vec<A> = ranges
        .flat_map(|(first, last)| [first, last, before(first), behind(last)])
        .collect();
    addresses.truncate(addresses.len() / 32 * 32);
    addresses
}

#[test]
fn route_tables_answer_alike_at_the_edges_of_routes() {
    let Some(peers) = peers() else { return };
    let routes: Vec<(Prefix4, NextHop)> = Routes4::new(3, 200).take(50_000).collect();
    let config = Lpm4Config {
        routes: 50_016,
        nodes: 4096,
    };
    let mut lines = vec![CacheLine::ZERO; config.lines()];
    let mut table = Lpm4::new(config, &mut lines).unwrap();
    for (prefix, hop) in &routes {
        table.insert(*prefix, *hop).unwrap();
    }
    let ranges = routes.iter().map(|(at, _)| (at.first(), at.last()));
    let addresses = edges(
        ranges,
        |first| first.wrapping_sub(1),
        |last| last.wrapping_add(1),
    );
    let reader = table.reader();
    assert!(addresses.iter().any(|&at| reader.lookup(at).is_none()));
    let right: Vec<_> = addresses.iter().map(|&at| reader.lookup(at)).collect();
    peer_lookups::check(&peers, &routes, &addresses, &right).unwrap();
    let others: Vec<_> = addresses
        .iter()
        .map(|&at| reader.lookup(at ^ 1 << 31))
        .collect();
    let wrong = peer_lookups::check(&peers, &routes, &addresses, &others);
    assert!(matches!(wrong, Err(PeerError::Differs(_))), "{wrong:?}");
}

/// What goes comes back: else the second round would be refused.
#[test]
fn routes_come_and_go() {
    let Some(peers) = peers() else { return };
    let routes: Vec<(Prefix4, NextHop)> = Routes4::new(3, 200).take(1000).collect();
    peer_lookups::prepare_updating(&peers, &routes).unwrap();
    peers.run("fib_update", 3000).unwrap();
    let routes: Vec<(Prefix6, NextHop)> = Routes6::new(3, 200).take(1000).collect();
    peer_lookups::prepare_updating(&peers, &routes).unwrap();
    peers.run("fib6_update", 3000).unwrap();
}

#[test]
fn ipv6_route_tables_answer_alike_at_the_edges_of_routes() {
    let Some(peers) = peers() else { return };
    let routes: Vec<(Prefix6, NextHop)> = Routes6::new(3, 200).take(20_000).collect();
    let config = Lpm6Config {
        routes: 20_016,
        wide_nodes: 4096,
        nodes: 10_000,
        leaves: 40_000,
    };
    let mut lines = vec![CacheLine::ZERO; config.lines()];
    let mut table = Lpm6::new(config, &mut lines).unwrap();
    for (prefix, hop) in &routes {
        table.insert(*prefix, *hop).unwrap();
    }
    let ranges = routes.iter().map(|(at, _)| (at.first(), at.last()));
    let addresses = edges(
        ranges,
        |first| first.wrapping_sub(1),
        |last| last.wrapping_add(1),
    );
    let reader = table.reader();
    let right: Vec<_> = addresses.iter().map(|&at| reader.lookup(at)).collect();
    peer_lookups::check(&peers, &routes, &addresses, &right).unwrap();
}

#[test]
fn hashes_and_checksums_are_ours() {
    let Some(peers) = peers() else { return };
    for (_, peer) in hashes::PEERS {
        for check in [hashes::check::<12>, hashes::check::<36>] {
            match check(&peers, peer) {
                Ok(()) => {}
                Err(PeerError::Refused(why)) if why.contains("GFNI") => println!("{peer}: {why}"),
                Err(why) => panic!("{why}"),
            }
        }
    }
    for (len, peers_of) in [
        (20, &["raw_cksum", "ipv4_cksum"][..]),
        (64, &["raw_cksum"]),
        (577, &["raw_cksum"]),
        (9000, &["raw_cksum"]),
    ] {
        let mut packets: Vec<Vec<u8>> = (0..64)
            .map(|number| (0..len).map(|at| (at * 7 + number) as u8).collect())
            .collect();
        packets
            .iter_mut()
            .for_each(|packet| packet[0] = peer_packets::IPV4);
        for peer in peers_of {
            peer_packets::check_checksums(&peers, peer, &packets).unwrap();
        }
    }
}

#[test]
fn the_parser_finds_layer_4() {
    let Some(peers) = peers() else { return };
    let mut packets = Vec::new();
    for number in 0..32_u8 {
        for tagged in [false, true] {
            let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]);
            let addresses = ([192, 0, 2, number], [198, 51, 100, 1]);
            let mut packet = Vec::new();
            if tagged {
                builder
                    .single_vlan(etherparse::VlanId::try_new(7).unwrap())
                    .ipv4(addresses.0, addresses.1, 64)
                    .tcp(1024, 443, 7, 1000)
                    .write(&mut packet, &[number; 18])
                    .unwrap();
            } else {
                builder
                    .ipv4(addresses.0, addresses.1, 64)
                    .udp(1024, 53)
                    .write(&mut packet, &[number; 18])
                    .unwrap();
            }
            packets.push(packet);
        }
    }
    let offset = |packet: &[u8]| if packet[12..14] == [8, 0] { 34 } else { 38 };
    peer_packets::check_parser(&peers, &packets, offset).unwrap();
    let wrong = peer_packets::check_parser(&peers, &packets, |_| 34);
    assert!(matches!(wrong, Err(PeerError::Differs(_))), "{wrong:?}");
}

#[test]
fn what_goes_wrong_has_a_name() {
    let Some(peers) = peers() else { return };
    let refused = peers.run("nobody", 1).unwrap_err();
    assert_eq!(refused, PeerError::Refused("no peer nobody".into()));
    assert_eq!(
        peers.prepare("lpm", Some(&[0; 4])).unwrap_err().to_string(),
        "the input is not as long as it says"
    );
    assert!(peers.prepare("ring_spsc_bulk", None).is_ok());
    assert!(peers.run("ring_spsc_bulk", 320).is_ok());
}

#[test]
fn every_ring_of_two_threads_passes_all_its_items() {
    let Some(peers) = peers() else { return };
    for ring in ["spsc", "spsc_32", "mpmc", "hts", "rts"] {
        for way in ["single", "bulk"] {
            let peer = format!("threads_{ring}_{way}");
            match peers.prepare(&peer, None) {
                Err(PeerError::Refused(why)) if why.contains("two processors") => return,
                prepared => prepared.unwrap(),
            }
            // Twice: what the first turn left would be in the way of the second.
            for units in [1, 5000] {
                peers.run(&peer, units).unwrap();
            }
        }
    }
    peers.prepare("threads_spsc_trip", None).unwrap();
    peers.run("threads_spsc_trip", 100).unwrap();
}

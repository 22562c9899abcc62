//! What the sockets of a real kernel send, and take.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

use linecard::device::{Device, Features, RxQueue, TxQueue};
use linecard::packet::{Burst, Offloads, Packet};
use linecard::wire::checksum::PseudoHeader;
use linecard::wire::parse::{self, VERIFY};
use linecard::wire::{IpProtocol, Kinds};
use linecard_af_xdp::{Config, Umem, XdpMode};
use linecard_testnet::Namespace;

use crate::net::Net;
use crate::rig::{Rig, pool};

/// Whether the transport checksum of a frame is right; panics if it has none.
fn adds_up(frame: &[u8]) -> bool {
    let parsed = parse::parse::<{ VERIFY }>(frame);
    assert!(parsed.outcome.is_well_formed(), "{parsed}");
    let (l3, l4) = (
        parsed.layers.l3_offset(),
        parsed.layers.l4_offset().expect("layer 4"),
    );
    let kinds = parsed.layers.kinds();
    let protocol = if kinds.contains(Kinds::TCP) {
        IpProtocol::TCP
    } else {
        IpProtocol::UDP
    };
    let (pseudo, end) = if kinds.contains(Kinds::IPV4) {
        let address = |at: usize| {
            let bytes: [u8; 4] = frame[l3 + at..][..4].try_into().unwrap();
            Ipv4Addr::from(bytes)
        };
        let len = u16::from_be_bytes([frame[l3 + 2], frame[l3 + 3]]);
        (
            PseudoHeader::ipv4(address(12), address(16)),
            l3 + usize::from(len),
        )
    } else {
        let address = |at: usize| {
            let bytes: [u8; 16] = frame[l3 + at..][..16].try_into().unwrap();
            Ipv6Addr::from(bytes)
        };
        let len = u16::from_be_bytes([frame[l3 + 4], frame[l3 + 5]]);
        (
            PseudoHeader::ipv6(address(8), address(24)),
            l3 + 40 + usize::from(len),
        )
    };
    pseudo.is_valid(protocol, &frame[l4..end])
}

/// Sends datagrams of a socket at the far end, and looks at what the port receives.
#[test]
fn datagrams_of_a_socket_come_in_unfinished_and_are_finished() {
    let Some(net) = Net::new() else { return };
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let mut rig = Rig::new(Config {
            mode,
            ring_size: 256,
            ..Config::default()
        });
        assert!(
            rig.port
                .capabilities()
                .features
                .contains(Features::RX_UNFINISHED)
        );
        address(&net.peer, "lc1", 1);
        let (four, six) = net.peer.inside(|| {
            let four = UdpSocket::bind("192.0.2.1:0").expect("a socket");
            let six = UdpSocket::bind("[2001:db8::1]:0").expect("a socket");
            (four, six)
        });
        net.peer
            .ip("neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev lc1");
        net.peer
            .ip("neigh replace 2001:db8::2 lladdr 02:00:00:00:00:01 dev lc1");
        let mut unfinished = 0;
        for len in 0..200 {
            let payload = vec![len as u8; len];
            if len % 2 == 0 {
                four.send_to(&payload, "192.0.2.2:5000").expect("sent");
            } else {
                six.send_to(&payload, "[2001:db8::2]:5000").expect("sent");
            }
            let mut packet = loop {
                let packet = rig.receive().expect("the datagram");
                // The kernel has things of its own to say (neighbour and router solicitations).
                if parse::parse::<{ VERIFY }>(packet.data())
                    .layers
                    .contains(Kinds::UDP)
                {
                    break packet;
                }
            };
            assert!(packet.offloads.contains(Offloads::L4_DOUBTFUL));
            unfinished += usize::from(!adds_up(packet.data()));
            packet.finish_checksum();
            assert!(adds_up(packet.data()), "datagram of {len} bytes");
            assert!(packet.offloads.is_empty());
        }
        println!("{mode:?}: {unfinished} of 200 came in unfinished");
        assert!(
            unfinished > 150,
            "the test does not test what it should: {unfinished}"
        );
        rig.close();
    }
}

/// In a tunnel it is the inner checksum that the kernel leaves to the device.
#[test]
fn what_a_tunnel_leaves_unfinished_is_finished_inside() {
    let Some(net) = Net::new() else { return };
    address(&net.peer, "lc1", 1);
    net.peer
        .ip("neigh replace 192.0.2.2 lladdr 02:00:00:00:00:01 dev lc1");
    let vxlan = "link add vx1 type vxlan id 7 dstport 4789 local 192.0.2.1 remote 192.0.2.2";
    let (text, can) = net.peer.output("ip", vxlan);
    if !can {
        println!("this kernel has no VXLAN: {text}");
        return;
    }
    net.peer.ip("link set vx1 up");
    net.peer.ip("addr add 198.51.100.1/24 dev vx1");
    net.peer
        .ip("neigh replace 198.51.100.2 lladdr 02:00:00:00:00:09 dev vx1");
    let mut rig = Rig::new(Config {
        ring_size: 64,
        ..Config::default()
    });
    let socket = net
        .peer
        .inside(|| UdpSocket::bind("198.51.100.1:0").expect("a socket"));
    let mut unfinished = 0;
    for len in 0..50 {
        socket
            .send_to(&vec![7; len], "198.51.100.2:5000")
            .expect("sent");
        let mut packet = rig.receive().expect("the datagram");
        let layers = parse::parse::<{ VERIFY }>(packet.data()).layers;
        assert!(layers.contains(Kinds::VXLAN), "{layers:?}");
        let inner = layers.l4_offset().expect("layer 4") + 16;
        unfinished += usize::from(!adds_up(&packet.data()[inner..]));
        packet.finish_checksum();
        assert!(adds_up(&packet.data()[inner..]), "datagram of {len} bytes");
    }
    assert!(
        unfinished > 40,
        "the test does not test what it should: {unfinished}"
    );
    rig.close();
}

/// A wire through the program, between two namespaces whose kernels talk TCP: hands every packet of
/// one port to the other, and finishes checksums on the way.
fn wire(mode: XdpMode, stop: Arc<AtomicBool>) -> thread::JoinHandle<[u64; 2]> {
    let umem = Umem::new(pool(8192)).expect("a umem");
    let config = Config {
        mode,
        ..Config::default()
    };
    let mut rigs = [Rig::on(&umem, "lc0", config), Rig::on(&umem, "lc2", config)];
    thread::spawn(move || {
        let mut longest = 0;
        let mut burst = Burst::<'_, 32>::new();
        while !stop.load(Ordering::Relaxed) {
            for from in 0..2 {
                let [a, b] = &mut rigs;
                let (from, to) = if from == 0 { (a, b) } else { (b, a) };
                from.rx.rx_burst(&mut from.cache, &mut burst);
                burst.iter_mut().for_each(Packet::finish_checksum);
                longest = burst
                    .iter()
                    .map(Packet::len)
                    .max()
                    .unwrap_or(0)
                    .max(longest);
                to.tx.tx_burst(&mut to.cache, &mut burst);
                burst.free(&mut to.cache);
                from.tx.reclaim(&mut from.cache);
            }
        }
        let lost = rigs.iter().map(|rig| rig.rx.stats().oversize).sum();
        for mut rig in rigs {
            rig.settle();
            drop((rig.rx, rig.tx, rig.port, rig.cache));
        }
        umem.pool().audit().expect("every frame is back");
        [longest as u64, lost]
    })
}

/// 30 MB of TCP through the program, over IPv4 and IPv6, with the bytes compared.
#[test]
fn tcp_works_as_it_stands() {
    let Some(net) = Net::new() else { return };
    // lc1 -- lc0 [program] lc2 -- lc3, the far ends in namespaces of their own.
    let other = net.second("lc2", "lc3");
    address(&net.peer, "lc1", 1);
    address(&other, "lc3", 2);
    let stop = Arc::new(AtomicBool::new(false));
    let wire = wire(XdpMode::Auto, Arc::clone(&stop));
    for (listen, connect) in [
        ("192.0.2.2:0", "192.0.2.2"),
        ("[2001:db8::2]:0", "2001:db8::2"),
    ] {
        let listener = other.inside(|| TcpListener::bind(listen).expect("a listener"));
        let port = listener.local_addr().expect("an address").port();
        let total = 15_000_000;
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut received = Vec::new();
            stream.read_to_end(&mut received).expect("all of it");
            received
        });
        let sent: Vec<u8> = (0..total)
            .map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        net.peer.inside(|| {
            let address = SocketAddr::new(connect.parse().expect("an address"), port);
            let mut stream =
                TcpStream::connect_timeout(&address, Duration::from_secs(5)).expect("connected");
            stream
                .set_write_timeout(Some(Duration::from_secs(10)))
                .expect("a timeout");
            stream.write_all(&sent).expect("sent");
        });
        assert!(
            server.join().expect("the server") == sent,
            "every byte as it was sent"
        );
    }
    stop.store(true, Ordering::Relaxed);
    let [longest, lost] = wire.join().expect("the wire");
    // The far kernel has segmented by itself: nothing was longer than the MTU allows.
    assert_eq!((longest, lost), (1514, 0));
}

/// Gives an interface the addresses 192.0.2.`number` and 2001:db8::`number`.
fn address(namespace: &Namespace, interface: &str, number: u8) {
    namespace.sysctl(&format!("ipv6/conf/{interface}/disable_ipv6"), "0");
    namespace.ip(&format!("addr replace 192.0.2.{number}/24 dev {interface}"));
    namespace.ip(&format!(
        "addr replace 2001:db8::{number}/64 dev {interface} nodad"
    ));
}

//! Libdpdk's functions over the bytes of packets: checksums, and what a packet is.

use crate::harness::Contender;
use crate::peers::{PeerError, Peers, add_with};

/// `rte_raw_cksum` over these packets; of 20 bytes, `rte_ipv4_cksum` as well. Of many, how long it takes to load and add
/// them.
pub fn add_checksums(contenders: &mut Vec<Contender>, packets: &[Vec<u8>]) {
    let header = packets.iter().all(|packet| packet.len() == 20);
    let peers = [
        ("rte_raw_cksum", "raw_cksum"),
        ("rte_ipv4_cksum", "ipv4_cksum"),
    ];
    add_with(contenders, "rte_raw_cksum", |program| {
        let mut more = Vec::new();
        for &(name, peer) in &peers[..1 + usize::from(header)] {
            let mut packets = packets.to_vec();
            if peer == "ipv4_cksum" {
                packets.iter_mut().for_each(|packet| packet[0] = IPV4);
            }
            check_checksums(program, peer, &packets)?;
            more.push(program.contender(name, peer));
        }
        if packets.iter().all(|packet| packet.len() >= 256) {
            // The last that was prepared are the packets as they are.
            more.push(program.contender("floor: loads and additions alone", "add_words"));
        }
        Ok(more)
    });
}

/// `rte_net_get_ptype` over these packets, fewer than 16,384. `offset` says where layer 4 begins in each,
/// 0 being nowhere.
pub fn add_parser(
    contenders: &mut Vec<Contender>,
    packets: &[Vec<u8>],
    offset: impl Fn(&[u8]) -> u32,
) {
    add_with(contenders, "rte_net_get_ptype", |program| {
        check_parser(program, packets, offset)?;
        Ok(vec![program.contender("rte_net_get_ptype", "ptype")])
    });
}

/// Has a checksum's peer read the packets, and compares its sums with ours.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check_checksums(peers: &Peers, peer: &str, packets: &[Vec<u8>]) -> Result<(), PeerError> {
    peers.prepare(peer, Some(&in_a_row(packets)))?;
    let ours: Vec<u8> = packets
        .iter()
        .flat_map(|packet| linecard::wire::checksum::checksum(packet).to_be_bytes())
        .collect();
    compare(peer, &ours, &peers.answer(peer)?, 2, packets)
}

/// Has the parser read the packets, and compares where it finds layer 4.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check_parser(
    peers: &Peers,
    packets: &[Vec<u8>],
    offset: impl Fn(&[u8]) -> u32,
) -> Result<(), PeerError> {
    peers.prepare("ptype", Some(&in_a_row(packets)))?;
    let ours: Vec<u8> = packets
        .iter()
        .flat_map(|packet| offset(packet).to_ne_bytes())
        .collect();
    compare("ptype", &ours, &peers.answer("ptype")?, 4, packets)
}

/// Answers of `size` bytes a packet.
fn compare(
    peer: &str,
    ours: &[u8],
    theirs: &[u8],
    size: usize,
    packets: &[Vec<u8>],
) -> Result<(), PeerError> {
    let mut all = ours.chunks(size).zip(theirs.chunks(size)).zip(packets);
    match all.find(|((ours, theirs), _)| ours != theirs) {
        None if ours.len() == theirs.len() => Ok(()),
        None => Err(PeerError::Differs(format!("{peer}: too few answers"))),
        Some(((ours, theirs), packet)) => Err(PeerError::Differs(format!(
            "{peer}: {theirs:?}, not {ours:?}, of {packet:02x?}"
        ))),
    }
}

/// Each behind its length.
fn in_a_row(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut row = Vec::new();
    for packet in packets {
        row.extend((packet.len() as u32).to_ne_bytes());
        row.extend(packet);
    }
    row
}

/// `rte_ipv4_cksum` reads from the header how long this is.
pub const IPV4: u8 = 0x45;

use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// The definition, bit by bit.
fn naive(key: &[u8; KEY_LEN], input: &[u8]) -> u32 {
    (0..input.len() * 8)
        .filter(|bit| input[bit / 8] >> (7 - bit % 8) & 1 != 0)
        .fold(0, |hash, bit| hash ^ window(key, bit))
}

/// A case of the verification suite: source and port, destination and port, the hash over the
/// addresses, and over the ports as well.
type Case<'a> = (&'a str, u16, &'a str, u16, u32, u32);

/// Microsoft's verification suite, as every data sheet has it.
const SUITE: [Case<'_>; 8] = [
    (
        "66.9.149.187",
        2794,
        "161.142.100.80",
        1766,
        0x323e_8fc2,
        0x51cc_c178,
    ),
    (
        "199.92.111.2",
        14230,
        "65.69.140.83",
        4739,
        0xd718_262a,
        0xc626_b0ea,
    ),
    (
        "24.19.198.95",
        12898,
        "12.22.207.184",
        38024,
        0xd2d0_a5de,
        0x5c2b_394a,
    ),
    (
        "38.27.205.30",
        48228,
        "209.142.163.6",
        2217,
        0x8298_9176,
        0xafc7_327f,
    ),
    (
        "153.39.163.191",
        44251,
        "202.188.127.2",
        1303,
        0x5d18_09c5,
        0x10e8_28a2,
    ),
    (
        "3ffe:2501:200:1fff::7",
        2794,
        "3ffe:2501:200:3::1",
        1766,
        0x2cc1_8cd5,
        0x4020_7d3d,
    ),
    (
        "3ffe:501:8::260:97ff:fe40:efab",
        14230,
        "ff02::1",
        4739,
        0x0f0c_461c,
        0xdde5_1bbf,
    ),
    (
        "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
        44251,
        "fe80::200:f8ff:fe21:67cf",
        38024,
        0x4b61_e985,
        0x02d1_feef,
    ),
];

fn check(hash: &impl RssHash, (source, sport, destination, dport, addresses, all): Case<'_>) {
    if let (Ok(source), Ok(destination)) = (source.parse(), destination.parse()) {
        assert_eq!(hash.hash_ipv4(source, destination), addresses);
        assert_eq!(hash.hash_ipv4_l4(source, destination, sport, dport), all);
    } else {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        assert_eq!(hash.hash_ipv6(source, destination), addresses);
        assert_eq!(hash.hash_ipv6_l4(source, destination, sport, dport), all);
    }
}

static LARGE: Toeplitz = Toeplitz::new(&MICROSOFT_KEY);
static SMALL: ToeplitzSmall = ToeplitzSmall::new(&MICROSOFT_KEY);

#[test]
fn verification_suite() {
    for case in SUITE {
        check(&LARGE, case);
        check(&SMALL, case);
        if let Some(matrices) = ToeplitzGfni::new(&MICROSOFT_KEY) {
            check(&matrices, case);
        }
    }
}

/// The suite once more, from the file, so that no digit was copied wrong.
#[test]
fn verification_suite_of_the_data_folder() {
    let Some(folder) = std::env::var_os("LINECARD_DATA") else {
        return;
    };
    let path = std::path::Path::new(&folder).join("rss-vectors.csv");
    let text = std::fs::read_to_string(path).expect("rss-vectors.csv");
    let key: String = MICROSOFT_KEY
        .iter()
        .map(|byte| std::format!("{byte:02x}"))
        .collect();
    assert!(text.contains(&key), "another key than ours");
    let mut cases = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = line.split(',').collect();
        let [source, sport, destination, dport, addresses, all] = fields[..] else {
            panic!("{line}");
        };
        let hex = |text| u32::from_str_radix(text, 16).unwrap();
        let ports = (sport.parse().unwrap(), dport.parse().unwrap());
        let case = (
            source,
            ports.0,
            destination,
            ports.1,
            hex(addresses),
            hex(all),
        );
        check(&LARGE, case);
        check(&SMALL, case);
        assert!(SUITE.contains(&case), "{line}");
        cases += 1;
    }
    assert_eq!(cases, SUITE.len());
}

fn check_matrices<const N: usize>(
    key: &[u8; KEY_LEN],
    bytes: &[u8; 7 * 40],
) -> Result<(), TestCaseError> {
    let Some(hash) = ToeplitzGfni::new(key) else {
        return Ok(()); // Not on this processor.
    };
    let inputs: [[u8; N]; 7] =
        core::array::from_fn(|input| core::array::from_fn(|at| bytes[input * 40 + at]));
    let expected = inputs.map(|input| naive(key, &input[..N.min(MAX_INPUT)]));
    for (input, expected) in inputs.iter().zip(expected) {
        prop_assert_eq!(hash.hash(input), expected, "{} bytes", N);
    }
    for count in 0..=7 {
        let mut hashes = [7; 7];
        prop_assert_eq!(hash.hash_bulk(&inputs, &mut hashes[..count]), count);
        prop_assert_eq!(&hashes[..count], &expected[..count], "{} bytes", N);
        prop_assert_eq!(&hashes[count..], &[7; 7][count..]);
        prop_assert_eq!(hash.hash_bulk(&inputs[..count], &mut [0; 7]), count);
    }
    Ok(())
}

proptest! {
    #[test]
    fn matrices_agree_with_the_definition(key: [u8; KEY_LEN], bytes: [[u8; 40]; 7]) {
        let bytes: &[u8; 280] = bytes.as_flattened().try_into().unwrap();
        check_matrices::<0>(&key, bytes)?;
        check_matrices::<1>(&key, bytes)?;
        check_matrices::<5>(&key, bytes)?;
        check_matrices::<8>(&key, bytes)?;
        check_matrices::<12>(&key, bytes)?;
        check_matrices::<13>(&key, bytes)?;
        check_matrices::<32>(&key, bytes)?;
        check_matrices::<36>(&key, bytes)?;
        check_matrices::<40>(&key, bytes)?;
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[test]
fn matrices_are_there_where_the_processor_multiplies_them() {
    let here = std::arch::is_x86_feature_detected!("gfni")
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vbmi");
    assert_eq!(ToeplitzGfni::new(&MICROSOFT_KEY).is_some(), here);
}

#[test]
fn windows_of_the_key() {
    assert_eq!(window(&MICROSOFT_KEY, 0), 0x6d5a_56da);
    assert_eq!(window(&MICROSOFT_KEY, 4), 0xd5a5_6da2);
    assert_eq!(window(&MICROSOFT_KEY, 36 * 8), 0xbeac_01fa);
    assert_eq!(window(&MICROSOFT_KEY, 36 * 8 - 1), 0xdf56_00fd);
}

/// A packet and its layers.
fn packet(
    kinds: Kinds,
    l3: usize,
    words: u8,
    at: usize,
    addresses: &[u8],
    ports: [u8; 4],
) -> (Vec<u8>, Layers) {
    let mut bytes = std::vec![0xee; l3 + usize::from(words) * 4 + 4];
    bytes[l3 + at..][..addresses.len()].copy_from_slice(addresses);
    let l4 = l3 + usize::from(words) * 4;
    bytes[l4..].copy_from_slice(&ports);
    (bytes, Layers::new(kinds, l3 as u8, words))
}

#[test]
fn ports_count_where_all_fragments_have_them() {
    let (addresses, ports) = ([1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12]);
    let all = LARGE.hash(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let some = LARGE.hash(&addresses);
    for (kinds, expected) in [
        (Kinds::TCP, all),
        (Kinds::UDP | Kinds::VLAN | Kinds::L3_OPTIONS, all),
        (Kinds::SCTP, all),
        (Kinds::UDP | Kinds::FRAGMENT, some),
        (Kinds::ICMP, some),
        (Kinds::GRE, some),
        (Kinds::OTHER_L4, some),
    ] {
        let (bytes, layers) = packet(Kinds::IPV4 | kinds, 18, 7, 12, &addresses, ports);
        assert_eq!(
            LARGE.hash_layers(&bytes, layers),
            Some(expected),
            "{layers}"
        );
    }
    let later = Layers::new(Kinds::IPV4 | Kinds::FRAGMENT, 18, 0);
    let (bytes, layers) = packet(Kinds::IPV4 | Kinds::TCP, 18, 7, 12, &addresses, ports);
    assert_eq!(LARGE.hash_layers(&bytes, later), Some(some));
    // Layers that are not those of the bytes.
    assert_eq!(LARGE.hash_layers(&bytes[..37], later), None);
    assert_eq!(LARGE.hash_layers(&[], layers), None);
    assert_eq!(
        LARGE.hash_layers(&bytes, Layers::new(Kinds::ARP, 14, 0)),
        None
    );
}

proptest! {
    #[test]
    fn agree_with_the_definition(key: [[u8; 20]; 2], input: [[u8; 18]; 2], word: u16) {
        let key: [u8; KEY_LEN] = concat(&key[0], &key[1]);
        let input: [u8; MAX_INPUT] = concat(&input[0], &input[1]);
        let short = input.first_chunk::<12>().unwrap();
        prop_assert_eq!(Toeplitz::new(&key).hash(&input), naive(&key, &input));
        prop_assert_eq!(Toeplitz::new(&key).hash(short), naive(&key, short));
        prop_assert_eq!(ToeplitzSmall::new(&key).hash(&input), naive(&key, &input));
        let [high, low] = word.to_be_bytes();
        let key: [u8; KEY_LEN] = core::array::from_fn(|i| if i % 2 == 0 { high } else { low });
        let symmetric = ToeplitzSymmetric::new(word);
        prop_assert_eq!(symmetric.hash(&input), naive(&key, &input));
        prop_assert_eq!(symmetric.hash(short), naive(&key, short));
        prop_assert_eq!(symmetric.hash(&[input[0], input[1], input[2]]), naive(&key, &input[..3]));
        // Past the reach of the key.
        let long: [u8; 40] = concat(&input, &[1, 2, 3, 4]);
        prop_assert_eq!(symmetric.hash(&long), symmetric.hash(&input));
        prop_assert_eq!(ToeplitzSmall::new(&key).hash(&long), naive(&key, &input));
        prop_assert_eq!(Toeplitz::new(&key).hash(&long), naive(&key, &input));
    }

    #[test]
    fn both_directions(a: [u8; 16], b: [u8; 16], ports: (u16, u16)) {
        let hash = ToeplitzSymmetric::new(SYMMETRIC_KEY_WORD);
        let (a, b) = (Ipv6Addr::from(a), Ipv6Addr::from(b));
        prop_assert_eq!(hash.hash_ipv6_l4(a, b, ports.0, ports.1), hash.hash_ipv6_l4(b, a, ports.1, ports.0));
        prop_assert_eq!(hash.hash_ipv6(a, b), hash.hash_ipv6(b, a));
    }

    #[test]
    fn packets_and_flows_agree(source: [u8; 16], destination: [u8; 16], ports: (u16, u16), v6: bool) {
        let port_bytes = concat(&ports.0.to_be_bytes(), &ports.1.to_be_bytes());
        let (kinds, words, at, len) = if v6 { (Kinds::IPV6, 12, 8, 16) } else { (Kinds::IPV4, 5, 12, 4) };
        let addresses = [&source[..len], &destination[..len]].concat();
        let (bytes, layers) = packet(kinds | Kinds::TCP, 14, words, at, &addresses, port_bytes);
        let expected = if v6 {
            LARGE.hash_ipv6_l4(source.into(), destination.into(), ports.0, ports.1)
        } else {
            let four = |bytes: [u8; 16]| Ipv4Addr::from_octets(*bytes.first_chunk().unwrap());
            LARGE.hash_ipv4_l4(four(source), four(destination), ports.0, ports.1)
        };
        prop_assert_eq!(LARGE.hash_layers(&bytes, layers), Some(expected));
    }
}

use super::*;
use crate::config::{AfXdpMode, ZeroCopy};

fn refused(text: &str) -> String {
    text.parse::<Device>().unwrap_err().to_string()
}

#[test]
fn every_option_of_every_kind() {
    assert_eq!(
        "af_xdp:veth0,queue=2,queues=3,mode=native,zero-copy=no,ring=64".parse(),
        Ok(Device::AfXdp(AfXdp {
            interface: "veth0".into(),
            queue: 2,
            queues: 3,
            mode: AfXdpMode::Native,
            zero_copy: ZeroCopy::No,
            ring: 64,
        }))
    );
    assert_eq!(
        "pcap:a/in.pcap,out=out.pcap,loop=endless,timing=original".parse(),
        Ok(Device::Pcap(Pcap {
            input: Some("a/in.pcap".into()),
            output: Some("out.pcap".into()),
            rounds: None,
            timing: Timing::Original,
        }))
    );
    assert_eq!(
        "pcap:-,loop=3".parse(),
        Ok(Device::Pcap(Pcap {
            input: None,
            output: None,
            rounds: NonZeroU32::new(3),
            timing: Timing::Fast,
        }))
    );
    assert_eq!(
        "generator,flows=1,size=1_514,count=10,queues=2".parse(),
        Ok(Device::Generator(Generator {
            flows: 1,
            size: 1514,
            count: Some(10),
            queues: 2,
        }))
    );
    assert_eq!("loopback".parse(), Ok(Device::Loopback));
    assert_eq!("null".parse(), Ok(Device::Null));
}

#[test]
fn options_of_the_port_are_set_aside() {
    let (device, options) =
        Device::parse("loopback,name=a,addr=10.0.0.1/8,addr=fd00::1/64").unwrap();
    assert_eq!(device, Device::Loopback);
    assert_eq!(
        options,
        [
            ("name", "a"),
            ("addr", "10.0.0.1/8"),
            ("addr", "fd00::1/64")
        ]
    );
}

#[test]
fn what_is_wrong_is_said() {
    for (text, message) in [
        (
            "afxdp:eth0",
            "unknown kind of port `afxdp`; did you mean `af_xdp`?",
        ),
        (
            "",
            "unknown kind of port ``; known: af_xdp, dpdk, pcap, vhost-user, vhost-user-server, generator, \
             loopback, null",
        ),
        (
            "af_xdp",
            "`` is no interface; expected a name of 1 to 15 characters, as in af_xdp:eth0",
        ),
        (
            "af_xdp:a/b",
            "`a/b` is no interface; expected a name of 1 to 15 characters, as in af_xdp:eth0",
        ),
        (
            "af_xdp:eth0,quue=1",
            "unknown option `quue`; did you mean `queue`?",
        ),
        (
            "af_xdp:eth0,queue=one",
            "`one` is no whole number; expected digits alone",
        ),
        (
            "af_xdp:eth0,queue=4096",
            "queue 4096 is out of range; choose 0 to 4095",
        ),
        (
            "af_xdp:eth0,queues=0",
            "queues 0 is out of range; choose 1 to 31",
        ),
        (
            "af_xdp:eth0,queues=32",
            "queues 32 is out of range; choose 1 to 31",
        ),
        (
            "af_xdp:eth0,ring=100",
            "`100` is no ring size; expected a power of two from 64 to 32768",
        ),
        (
            "af_xdp:eth0,queue=1,queue=2",
            "option `queue` is there twice",
        ),
        (
            "af_xdp:eth0,mode=fast",
            "unknown mode `fast`; known: auto, native, generic",
        ),
        (
            "af_xdp:eth0,queue",
            "`queue` is no option; expected OPTION=VALUE",
        ),
        (
            "pcap:",
            "the capture file is missing; name it, as in pcap:IN.pcap, \
             or write pcap:- to receive nothing",
        ),
        (
            "pcap:a,loop=0",
            "loop 0 is out of range; choose 1 to 4294967295",
        ),
        (
            "loopback:x",
            "`loopback:x` is no port; expected nothing behind the kind, which has no target",
        ),
        (
            "null,queue=1",
            "unknown option `queue`; known: name, addr, mac",
        ),
        (
            "generator,size=59",
            "size 59 is out of range; choose 60 to 1514",
        ),
    ] {
        assert_eq!(refused(text), message, "{text}");
    }
}

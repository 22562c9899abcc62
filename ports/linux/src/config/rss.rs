//! How a device spreads packets over the queues of its port.

use super::device::{choice, number};
use super::error::Problem;

/// How a device of DPDK's spreads received packets over its queues; the default is its own way.
///
/// ```
/// use linecard_linux::config::{Device, RssKey};
///
/// let text = "dpdk:0000:01:00.0,queues=4,rss=ip+tcp,rss-key=symmetric,rss-queues=3";
/// let Device::Dpdk(port) = text.parse()? else { panic!() };
/// assert_eq!(port.rss.fields, ["ip", "tcp"]);
/// assert_eq!((port.rss.key, port.rss.queues), (Some(RssKey::Symmetric), Some(3)));
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rss {
    /// What is hashed, by the names in [`FIELDS`](Self::FIELDS); if there are none, all that the device
    /// offers.
    pub fields: Vec<String>,
    /// The key; the device's own if not given.
    pub key: Option<RssKey>,
    /// Over how many queues, from the first on, hashes are spread in turn; the device's own way if
    /// not given.
    pub queues: Option<u16>,
}

/// The key of a device's hash.
///
/// ```
/// use linecard_linux::config::{Device, RssKey};
///
/// let Device::Dpdk(port) = "dpdk:net_null0,rss-key=0102ff".parse()? else { panic!() };
/// assert_eq!(port.rss.key, Some(RssKey::Bytes(vec![1, 2, 255])));
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum RssKey {
    /// The one that gives both directions of a flow the same hash.
    Symmetric,
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Rss {
    /// The names of what can be hashed. Groups first: of those, what the device offers.
    pub const FIELDS: [&str; 30] = [
        "ip",
        "tcp",
        "udp",
        "sctp",
        "ipv4",
        "ipv4-frag",
        "ipv4-tcp",
        "ipv4-udp",
        "ipv4-sctp",
        "ipv4-other",
        "ipv6",
        "ipv6-frag",
        "ipv6-tcp",
        "ipv6-udp",
        "ipv6-sctp",
        "ipv6-other",
        "l2-payload",
        "ipv6-ex",
        "ipv6-tcp-ex",
        "ipv6-udp-ex",
        "vxlan",
        "geneve",
        "nvgre",
        "eth",
        "c-vlan",
        "mpls",
        "l4-dst-only",
        "l4-src-only",
        "l3-dst-only",
        "l3-src-only",
    ];

    pub(super) fn set_fields(&mut self, value: &str) -> Result<(), Problem> {
        let known = Self::FIELDS.map(|name| (name, name));
        let fields = value.split('+').map(|name| {
            let name = choice("field of a hash", name.trim(), &known)?;
            Ok(name.to_owned())
        });
        self.fields = fields.collect::<Result<_, Problem>>()?;
        Ok(())
    }

    pub(super) fn set_key(&mut self, value: &str) -> Result<(), Problem> {
        if value == "symmetric" {
            self.key = Some(RssKey::Symmetric);
            return Ok(());
        }
        let digits = value.as_bytes().chunks(2).map(|pair| {
            let pair = core::str::from_utf8(pair).ok();
            let pair = pair.filter(|pair| pair.len() == 2 && !pair.starts_with('+'));
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        let bytes: Option<Vec<u8>> = digits.collect();
        let bytes = bytes.filter(|bytes| (1..=MOST_KEY).contains(&bytes.len()));
        // What is written is not repeated: who knows the key can send everything to one queue.
        let bytes = bytes.ok_or_else(|| Problem::Invalid {
            what: "key of a hash",
            value: "...".into(),
            expected: "symmetric, or 1 to 64 bytes as two hexadecimal digits each",
        })?;
        self.key = Some(RssKey::Bytes(bytes));
        Ok(())
    }

    pub(super) fn set_queues(&mut self, value: &str) -> Result<(), Problem> {
        self.queues = Some(number("rss-queues", value, 1, super::dpdk::MOST_QUEUES)? as u16);
        Ok(())
    }
}

impl core::fmt::Debug for RssKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Symmetric => f.write_str("Symmetric"),
            Self::Bytes(bytes) => write!(f, "Bytes({} of them)", bytes.len()),
        }
    }
}

/// Bytes of a key at most: what `linecard_dpdk::RssKey` holds.
const MOST_KEY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        let mut rss = Rss::default();
        assert_eq!(
            rss.set_fields("ip+ipv4-tpc").unwrap_err().to_string(),
            "unknown field of a hash `ipv4-tpc`; did you mean `ipv4-tcp`?"
        );
        for bad in ["", "6d5", "6d5g", "+1", &"00".repeat(65), "symetric"] {
            let text = rss.set_key(bad).unwrap_err().to_string();
            assert!(
                text.starts_with("`...` is no key of a hash"),
                "{bad}: {text}"
            );
        }
        rss.set_key("6D5a").unwrap();
        assert_eq!(rss.key, Some(RssKey::Bytes(vec![0x6d, 0x5a])));
        assert!(!format!("{rss:?}").contains("109"));
    }
}

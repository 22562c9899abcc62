//! The small values that settings are made of: addresses, prefixes, durations.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use core::time::Duration;

use super::Malformed;

/// What a message says an Ethernet address looks like.
pub(crate) const MAC: &str = "a unicast address of six bytes in hexadecimal, as 02:00:00:00:00:01";

impl Malformed {
    /// The names that it is chosen by.
    pub const NAMES: [&'static str; 2] = ["pass", "drop"];
}

impl FromStr for Malformed {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "pass" => Ok(Self::Pass),
            "drop" => Ok(Self::Drop),
            _ => Err(()),
        }
    }
}

/// An address with the length of its network's prefix, written `192.0.2.1/24`.
///
/// ```
/// use linecard_linux::config::Cidr;
///
/// let lan: Cidr = "192.0.2.1/24".parse().unwrap();
/// assert!(lan.contains("192.0.2.200".parse().unwrap()));
/// assert_eq!(lan.network().to_string(), "192.0.2.0/24");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The address, with the bits behind the prefix as written.
    pub address: IpAddr,
    /// Bits of the prefix: at most 32 for IPv4, 128 for IPv6.
    pub prefix: u8,
}

impl Cidr {
    /// What a message says an address with its prefix looks like.
    pub(crate) const EXPECTED: &str = "as 192.0.2.1/24 or 2001:db8::1/64";

    /// The same prefix with the bits behind it zero.
    #[must_use]
    pub fn network(self) -> Self {
        let address = match self.address {
            IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & self.mask4()).into()),
            IpAddr::V6(v6) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        };
        Self { address, ..self }
    }

    /// The bits that an IPv4 network has in common.
    pub(crate) fn mask4(self) -> u32 {
        let rest = 32u32.saturating_sub(self.prefix.into());
        u32::MAX.checked_shl(rest).unwrap_or(0)
    }

    /// The address alone, as a prefix of its whole length.
    #[must_use]
    pub fn host(self) -> Self {
        Self {
            prefix: if self.address.is_ipv4() { 32 } else { 128 },
            ..self
        }
    }

    /// Whether `address` is of this prefix's family and inside it.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let other = Self { address, ..self };
        self.address.is_ipv4() == address.is_ipv4() && self.network() == other.network()
    }
}

impl FromStr for Cidr {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.parse().map_err(|_| ())?;
        if prefix > longest {
            return Err(());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A length of time with its unit: `50us`, `10ms`, `5s`, `2m`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

/// What a message says a duration looks like.
pub(crate) const DURATION: &str = "a number with its unit, as 50us, 10ms, 5s or 2m";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_at_both_ends() {
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        assert_eq!(cidr("203.0.113.9/0").network().to_string(), "0.0.0.0/0");
        assert_eq!(cidr("203.0.113.9/32").network(), cidr("203.0.113.9/32"));
        assert_eq!(cidr("2001:db8::1/0").network().to_string(), "::/0");
        assert_eq!(cidr("2001:db8::1/128").network(), cidr("2001:db8::1/128"));
        assert!(!cidr("0.0.0.0/0").contains("::1".parse().unwrap()));
        assert!(!cidr("::/0").contains("1.2.3.4".parse().unwrap()));
        for bad in [
            "1.2.3.4",
            "1.2.3.4/33",
            "::/129",
            "1.2.3/8",
            "/8",
            "1.2.3.4/-1",
        ] {
            assert_eq!(bad.parse::<Cidr>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn durations_want_a_unit() {
        assert_eq!(duration("50us"), Some(Duration::from_micros(50)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        for bad in ["", "5", "s", "1h", "-5s", "1.5s", "99999999999999999999s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        assert_eq!(duration(&format!("{}m", u64::MAX)), None);
    }
}

//! What forwarders are told where two ways to replay a capture are held against each other.

/// A forwarder with something to do between two ports, `in` and `out`.
///
/// ```
/// use linecard_testnet::Rules;
/// let [router, ..] = &Rules::ALL;
/// let text = router.toml("drop", 512, 16_384);
/// assert!(text.contains("172.16.0.0/12 port out") && text.contains("frames = 512"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `router`, `cross-connect` or `udp`.
    pub forwarder: &'static str,
    /// Of a router.
    pub routes: &'static [&'static str],
    /// Of a router.
    pub neighbours: &'static [&'static str],
    /// Of a UDP forwarder.
    pub udp: &'static [&'static str],
}

impl Rules {
    /// One of each kind.
    pub const ALL: [Self; 3] = [
        Self {
            forwarder: "router",
            routes: &[
                "0.0.0.0/0 via 198.51.100.2",
                "::/0 via 2001:db8:2::2",
                "10.0.0.0/8 via 192.0.2.9",
                "172.16.0.0/12 port out",
            ],
            // 192.0.2.9 is asked for and never answers.
            neighbours: &[
                "198.51.100.2 02:00:00:00:00:02",
                "2001:db8:2::2 02:00:00:00:00:02",
            ],
            udp: &[],
        },
        Self::WIRE,
        Self {
            forwarder: "udp",
            routes: &[],
            neighbours: &[],
            udp: &[
                "port in dst *:53 to port out dst 198.51.100.53:5353 dst-mac 02:00:00:00:00:02",
                "port in to port out dst-mac 02:00:00:00:00:02",
            ],
        },
    ];

    /// What leaves everything as it is.
    pub const WIRE: Self = Self {
        forwarder: "cross-connect",
        routes: &[],
        neighbours: &[],
        udp: &[],
    };

    /// The two ports' names and addresses, as options.
    pub const PORTS: [&'static str; 2] = [
        "name=in,addr=192.0.2.1/24,addr=2001:db8:1::1/64",
        "name=out,addr=198.51.100.1/24,addr=2001:db8:2::1/64",
    ];

    /// As a configuration file for a replay, whose ports are `null`; a cross-connect may `pass` or
    /// `drop` what is malformed.
    #[must_use]
    pub fn toml(&self, malformed: &str, frames: u64, frame_size: u64) -> String {
        let mut text = format!("forwarder = {:?}\n", self.forwarder);
        if *self == Self::WIRE {
            text += &format!("malformed = {malformed:?}\n");
        }
        for (key, rules) in [
            ("routes", self.routes),
            ("neighbours", self.neighbours),
            ("udp", self.udp),
        ] {
            text += &format!("{key} = {rules:?}\n");
        }
        text += &format!("pool = {{ frames = {frames}, frame-size = {frame_size} }}\n");
        for port in Self::PORTS {
            text += &format!("[[port]]\ndevice = \"null,{port}\"\n");
        }
        text
    }
}

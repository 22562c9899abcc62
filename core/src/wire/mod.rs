//! Zero-copy protocol headers, one protocol a file, and checksums.
//!
//! This module knows bytes and nothing else: no packets, no devices, no pools. Everything in it is
//! safe code.
//!
//! # The contract: checked once, then accessors that cannot panic
//!
//! Each protocol has up to three types:
//!
//! - a **header**, such as [`Ipv4Header`]: the fixed part, exactly as on the wire, `#[repr(C)]`,
//!   without padding and without alignment. Every bit pattern is a value of it, so each accessor is
//!   a plain field read and each setter a plain field write: neither can fail or panic. A header is
//!   laid over bytes by [`Header::split`] and [`Header::split_mut`], which check the length and
//!   nothing else, and it is an ordinary value that can be built, kept, and written out by
//!   [`Header::write`];
//! - a **view**, such as [`Ipv4`], which borrows the bytes of a whole packet: `header`, the
//!   variable parts (`options`), and `payload`. `new` makes every check that the protocol demands:
//!   version, header length, total length. From then on all parts lie inside the bytes, and
//!   whatever the header is made to say later, a part stays the slice that it is;
//! - a **mutable view**, such as [`Ipv4Mut`], the same over `&mut [u8]`. Its parts are separate
//!   fields, so that one can be written while another is read.
//!
//! Both views dereference to their header, and so do its accessors: `view.ttl()`. Where bytes run
//! out or contradict each other, `new` gives a [`WireError`] that says which bound failed. Views
//! are pairs of references, meant to be made where they are used and thrown away; nothing is
//! copied, and nothing is kept from one to the next.
//!
//! What a view does *not* check: checksums (each protocol that has one offers `checksum_ok`,
//! because devices may have done it already) and policy (martian addresses, unknown options), which
//! is for the pipeline to decide.
//!
//! The headers are laid over bytes by the `zerocopy` crate: it proves at compile time that a type
//! has no padding, no alignment and no invalid value. Nothing is left to check at run time but the
//! length, and safe code costs what hand-written C costs.
//!
//! ```
//! use linecard::wire::{EtherType, Ethernet, Ipv4, WireError};
//!
//! fn source(frame: &[u8]) -> Result<core::net::Ipv4Addr, WireError> {
//!     let ethernet = Ethernet::new(frame)?;
//!     if ethernet.ethertype() != EtherType::IPV4 {
//!         return Err(WireError::Unsupported(ethernet.ethertype().0));
//!     }
//!     Ok(Ipv4::new(ethernet.payload)?.source())
//! }
//!
//! assert_eq!(source(&[0; 13]), Err(WireError::Truncated { needed: 14 }));
//! ```
//!
//! # Contents
//!
//! - [`Header`], [`WireError`]: the machinery above;
//! - [`MacAddr`], [`EtherType`], [`IpProtocol`]: values that several protocols share. An unknown
//!   number is a value like any other, therefore these are numbers with names and not enums. IP
//!   addresses are those of [`core::net`];
//! - [`Layers`]: where the headers of a packet are, in four bytes;
//! - [`parse`]: all layers of a packet in one pass, into [`Layers`];
//! - [`checksum`]: the Internet checksum, in full and incrementally, and the pseudo-headers;
//! - [`rss`]: the hash that NICs spread flows by;
//! - [`ethernet`]: Ethernet II; [`llc`]: IEEE 802.3 with LLC and SNAP; [`vlan`]: IEEE 802.1Q,
//!   stacked too; [`mpls`]: label stacks; [`arp`];
//! - IPv4 in [`ipv4`] and [`ipv4_options`]; IPv6 in [`ipv6`] and [`ipv6_ext`], its extension
//!   headers; ICMP in [`icmpv4`] and [`icmpv6`], neighbour discovery in [`ndp`], multicast
//!   listener discovery in [`mld`];
//! - [`udp`]; [`tcp`] and [`tcp_options`]; [`sctp`], whose checksum is [`Crc32c`]; the tunnels
//!   [`gre`] and [`vxlan`].

mod crc32c;
mod error;
mod header;
mod layers;
mod types;

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod gre;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv4_options;
pub mod ipv6;
pub mod ipv6_ext;
pub mod llc;
pub mod mld;
pub mod mpls;
pub mod ndp;
pub mod parse;
pub mod rss;
pub mod sctp;
pub mod tcp;
pub mod tcp_options;
pub mod udp;
pub mod vlan;
pub mod vxlan;

pub use arp::{Arp, ArpHeader, ArpMut, ArpOperation};
pub use crc32c::Crc32c;
pub use error::WireError;
pub use ethernet::{Ethernet, EthernetHeader, EthernetMut};
pub use gre::{Gre, GreFields, GreHeader, GreMut};
pub use header::Header;
pub use icmpv4::{Icmpv4, Icmpv4Header, Icmpv4Message, Icmpv4Mut, Icmpv4Type};
pub use icmpv6::{Icmpv6, Icmpv6Header, Icmpv6Message, Icmpv6Mut, Icmpv6Type};
pub use ipv4::{Ipv4, Ipv4Header, Ipv4Mut};
pub use ipv4_options::{Ipv4Option, Ipv4OptionKind, Ipv4Options, Ipv4Route, Ipv4Timestamp};
pub use ipv6::{Ipv6, Ipv6Header, Ipv6Mut};
pub use ipv6_ext::{
    Ah, AhHeader, AhMut, Ipv6Extension, Ipv6Extensions, Ipv6Fragment, Ipv6FragmentHeader,
    Ipv6FragmentMut, Ipv6Option, Ipv6OptionAction, Ipv6OptionKind, Ipv6Options, Ipv6OptionsExt,
    Ipv6OptionsExtMut, Ipv6OptionsHeader, Ipv6Routing, Ipv6RoutingHeader, Ipv6RoutingMut,
    Ipv6RoutingType, Ipv6Upper,
};
pub use layers::{Kinds, Layers};
pub use llc::{Llc, LlcHeader, LlcMut, Sap, Snap, SnapHeader, SnapMut};
pub use mpls::{Mpls, MplsHeader, MplsLabel, MplsMut, MplsStack};
pub use sctp::{Sctp, SctpChunk, SctpChunkKind, SctpChunks, SctpHeader, SctpMut};
pub use tcp::{Tcp, TcpFlags, TcpHeader, TcpMut};
pub use tcp_options::{SackBlocks, TcpOption, TcpOptionKind, TcpOptions};
pub use types::{EtherType, IpProtocol, MacAddr, ParseMacError};
pub use udp::{Udp, UdpHeader, UdpMut};
pub use vlan::{Vlan, VlanHeader, VlanMut, VlanTags, VlanTci};
pub use vxlan::{Vni, Vxlan, VxlanHeader, VxlanMut};

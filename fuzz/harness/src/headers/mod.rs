//! Views of headers.
//!
//! For any bytes: the two views of a protocol agree on whether they are that protocol and on
//! every part; the parts lie inside the bytes; and writing what was read changes nothing.

mod icmp;
mod ip;
mod link;
mod transport;

use core::fmt::Display;

pub use icmp::{icmpv4, icmpv6, mld, ndp};
pub use ip::{ipv4, ipv6, ipv6_extensions};
pub use link::{arp, ethernet, llc, mpls, vlan};
pub use transport::{gre, sctp, tcp, udp, vxlan};

/// Views `bytes` both ways and compares; gives the views, if the bytes are of the protocol, to
/// what follows.
macro_rules! views {
    ($bytes:expr, $view:ident::new($($arg:expr)?), $edit:ident, [$($part:ident),*], {$($set:ident($get:ident)),*}) => {{
        let bytes: &[u8] = $bytes;
        let mut copy = bytes.to_vec();
        let view = $view::new($($arg,)? bytes);
        let ok = match (&view, $edit::new($($arg,)? &mut copy)) {
            (Ok(view), Ok(mut edit)) => {
                assert_eq!(*view.header, *edit.header);
                $(
                    inside(bytes, view.$part);
                    assert_eq!(view.$part, &*edit.$part);
                )*
                assert_eq!(shown(view), shown(&edit));
                $( let value = edit.$get(); edit.$set(value); )*
                true
            }
            (Err(one), Err(other)) => {
                assert_eq!(*one, other);
                assert!(!shown(one).is_empty());
                false
            }
            (one, other) => panic!("one view accepts: {one:?}, {other:?}"),
        };
        if ok {
            assert_eq!(copy, bytes, "writing what was read changed something");
        }
        view.ok()
    }};
}
use views;

/// `part` lies inside of `whole`, in memory.
fn inside(whole: &[u8], part: &[u8]) {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    assert!(whole.start <= part.start && part.end <= whole.end);
}

fn shown(value: &impl Display) -> String {
    value.to_string()
}

//! IPv6 extension headers: [RFC 8200](https://www.rfc-editor.org/rfc/rfc8200#section-4), section 4,
//! and the authentication header of [RFC 4302](https://www.rfc-editor.org/rfc/rfc4302).
//!
//! Each names what follows it. [`Ipv6Extensions`] walks the chain, and each kind has a view of its
//! own:
//!
//! - [`Ipv6OptionsExt`]: hop-by-hop and destination options, whose options [`Ipv6Options`] walks;
//! - [`Ipv6Routing`]: addresses to go through;
//! - [`Ipv6Fragment`]: which part of a packet this is;
//! - [`Ah`], which authenticates.
//!
//! ESP is no extension header here: what follows it cannot be read.

mod auth;
mod fragment;
mod options;
mod routing;

use super::{IpProtocol, WireError};
pub use auth::{Ah, AhHeader, AhMut};
pub use fragment::{Ipv6Fragment, Ipv6FragmentHeader, Ipv6FragmentMut};
pub use options::{
    Ipv6Option, Ipv6OptionAction, Ipv6OptionKind, Ipv6Options, Ipv6OptionsExt, Ipv6OptionsExtMut,
    Ipv6OptionsHeader,
};
pub use routing::{Ipv6Routing, Ipv6RoutingHeader, Ipv6RoutingMut, Ipv6RoutingType};

/// One extension header.
///
/// ```
/// use linecard::wire::{IpProtocol, Ipv6Extension, Ipv6Extensions};
///
/// let bytes = [17, 0, 0, 1, 0, 0, 0, 9, 0xaa];
/// let mut extensions = Ipv6Extensions::new(IpProtocol::FRAGMENT, &bytes);
/// let Some(Ok(Ipv6Extension::Fragment(fragment))) = extensions.next() else {
///     panic!("not a fragment");
/// };
/// assert_eq!((fragment.ident(), fragment.more_fragments()), (9, true));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Ipv6Extension<'a> {
    /// Options for each router on the way.
    HopByHop(Ipv6OptionsExt<'a>),
    /// Options for the destination, or for each one of a routing header.
    Destination(Ipv6OptionsExt<'a>),
    /// Addresses to go through.
    Routing(Ipv6Routing<'a>),
    /// A part of a packet.
    Fragment(Ipv6Fragment<'a>),
    /// Authentication.
    Auth(Ah<'a>),
}

impl<'a> Ipv6Extension<'a> {
    /// Views `bytes`, which follow a next header field of `kind`, as an extension header.
    ///
    /// # Errors
    /// [`WireError::Unsupported`] if `kind` is no extension header, else as the view of that kind.
    #[inline]
    pub fn new(kind: IpProtocol, bytes: &'a [u8]) -> Result<Self, WireError> {
        match kind {
            IpProtocol::HOP_BY_HOP => Ipv6OptionsExt::new(bytes).map(Self::HopByHop),
            IpProtocol::DESTINATION => Ipv6OptionsExt::new(bytes).map(Self::Destination),
            IpProtocol::ROUTING => Ipv6Routing::new(bytes).map(Self::Routing),
            IpProtocol::FRAGMENT => Ipv6Fragment::new(bytes).map(Self::Fragment),
            IpProtocol::AH => Ah::new(bytes).map(Self::Auth),
            _ => Err(WireError::Unsupported(kind.0.into())),
        }
    }

    /// What follows it.
    #[inline]
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        match self {
            Self::HopByHop(view) | Self::Destination(view) => view.header.next_header(),
            Self::Routing(view) => view.header.next_header(),
            Self::Fragment(view) => view.header.next_header(),
            Self::Auth(view) => view.header.next_header(),
        }
    }

    /// The bytes behind it.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        match self {
            Self::HopByHop(view) | Self::Destination(view) => view.payload,
            Self::Routing(view) => view.payload,
            Self::Fragment(view) => view.payload,
            Self::Auth(view) => view.payload,
        }
    }
}

impl core::fmt::Display for Ipv6Extension<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::HopByHop(view) => write!(f, "hop-by-hop {view}"),
            Self::Destination(view) => write!(f, "destination {view}"),
            Self::Routing(view) => view.fmt(f),
            Self::Fragment(view) => view.fmt(f),
            Self::Auth(view) => view.fmt(f),
        }
    }
}

/// Walks a chain of extension headers.
///
/// It ends at the first header that is none, or behind a fragment header whose offset is not zero,
/// because what follows that is the middle of something. [`next_header`](Self::next_header),
/// [`payload`](Self::payload) and [`offset`](Self::offset) always say what comes behind the headers
/// walked so far. After an error the walk is over, and they point at the header that was wrong.
///
/// ```
/// use linecard::wire::{IpProtocol, Ipv6Extensions, WireError};
///
/// let mut bytes = [0; 24];
/// bytes[0] = IpProtocol::ROUTING.0; // 8 bytes of hop-by-hop options,
/// bytes[8] = IpProtocol::UDP.0;
/// bytes[9] = 1; // then 16 of routing
/// let mut extensions = Ipv6Extensions::new(IpProtocol::HOP_BY_HOP, &bytes);
/// assert_eq!(extensions.by_ref().filter(Result::is_ok).count(), 2);
/// assert_eq!((extensions.next_header(), extensions.offset()), (IpProtocol::UDP, 24));
///
/// bytes[9] = 2;
/// let mut extensions = Ipv6Extensions::new(IpProtocol::HOP_BY_HOP, &bytes);
/// let error = extensions.by_ref().last().unwrap().unwrap_err();
/// assert_eq!(error, WireError::Truncated { needed: 24 });
/// assert_eq!((extensions.next_header(), extensions.offset()), (IpProtocol::ROUTING, 8));
/// ```
#[derive(Clone, Debug)]
pub struct Ipv6Extensions<'a> {
    next_header: IpProtocol,
    payload: &'a [u8],
    len: usize,
    fragment: Option<&'a Ipv6FragmentHeader>,
    left: u8,
    done: bool,
}

impl<'a> Ipv6Extensions<'a> {
    /// The most headers that are followed. RFC 8200 (section 4.1) has each once and destination
    /// options twice, six in all without ESP.
    pub const MAX: u8 = 8;

    /// The chain in `payload`, of which `next_header` is the first.
    #[inline]
    #[must_use]
    pub const fn new(next_header: IpProtocol, payload: &'a [u8]) -> Self {
        let len = payload.len();
        Self {
            next_header,
            payload,
            len,
            fragment: None,
            left: Self::MAX,
            done: false,
        }
    }

    /// What comes behind the headers walked so far.
    #[inline]
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        self.next_header
    }

    /// The bytes behind the headers walked so far.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Length in bytes of the headers walked so far.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.len.saturating_sub(self.payload.len())
    }

    /// The fragment header, if one was walked past.
    #[inline]
    #[must_use]
    pub const fn fragment(&self) -> Option<&'a Ipv6FragmentHeader> {
        self.fragment
    }

    /// Walks to the end; gives what is there.
    ///
    /// # Errors
    /// That of the first header that is not well formed.
    #[inline]
    pub fn upper(mut self) -> Result<Ipv6Upper<'a>, WireError> {
        for extension in &mut self {
            extension?;
        }
        let (protocol, payload, offset) = (self.next_header, self.payload, self.offset());
        Ok(Ipv6Upper {
            protocol,
            payload,
            offset,
            fragment: self.fragment,
        })
    }

    #[inline]
    fn step(&mut self) -> Result<Ipv6Extension<'a>, WireError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(WireError::TooMany(Self::MAX));
        };
        // RFC 8200, 4.1: "Each extension header should occur at most once, except for the
        // Destination Options header"; of these rules one is a must, 4: "the Hop-by-Hop Options
        // header [...] is restricted to appear immediately after an IPv6 header only".
        if self.next_header == IpProtocol::HOP_BY_HOP && self.left != Self::MAX {
            return Err(WireError::Misplaced(self.next_header.0));
        }
        let extension = Ipv6Extension::new(self.next_header, self.payload)?;
        if let Ipv6Extension::Fragment(view) = extension {
            self.fragment = Some(view.header);
            self.done = view.header.offset() != 0;
        }
        (self.next_header, self.payload) = (extension.next_header(), extension.payload());
        self.left = left;
        Ok(extension)
    }
}

impl<'a> Iterator for Ipv6Extensions<'a> {
    type Item = Result<Ipv6Extension<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done || !self.next_header.is_ipv6_extension() {
            return None;
        }
        let extension = self.step();
        self.done |= extension.is_err();
        Some(extension)
    }
}

impl core::iter::FusedIterator for Ipv6Extensions<'_> {}

/// What follows the extension headers of a packet; made by [`Ipv6::upper`](super::Ipv6::upper).
///
/// ```
/// use linecard::wire::{IpProtocol, Ipv6Extensions};
///
/// // The middle of a fragmented UDP datagram: its header is elsewhere.
/// let bytes = [17, 0, 0, 8, 0, 0, 0, 9, 0xaa];
/// let upper = Ipv6Extensions::new(IpProtocol::FRAGMENT, &bytes).upper()?;
/// assert_eq!((upper.protocol, upper.payload), (IpProtocol::UDP, &[0xaa][..]));
/// assert!(!upper.has_header());
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ipv6Upper<'a> {
    /// Which protocol.
    pub protocol: IpProtocol,
    /// Its bytes.
    pub payload: &'a [u8],
    /// Where they start, in bytes behind the IPv6 header.
    pub offset: usize,
    /// The fragment header, if there is one.
    pub fragment: Option<&'a Ipv6FragmentHeader>,
}

impl Ipv6Upper<'_> {
    /// The payload starts with the protocol's header: the packet is whole, or a first fragment.
    #[inline]
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.fragment.is_none_or(|fragment| fragment.offset() == 0)
    }
}

#[cfg(test)]
#[path = "../tests/ipv6_ext.rs"]
mod tests;

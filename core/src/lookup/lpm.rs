//! What every longest-prefix-match table answers, whatever it is made of.

use super::NextHop;

/// Longest-prefix match over addresses of type `A`: `u32` for IPv4 and `u128` for IPv6, in host
/// order (`to_bits` of `core::net`).
///
/// A forwarder that is generic over this runs on the big table, on a compact one, or on its own.
///
/// ```
/// use linecard::lookup::{Lpm, NextHop};
///
/// /// Everything goes the same way.
/// #[derive(Clone, Copy)]
/// struct Static(NextHop);
///
/// impl<A: Copy> Lpm<A> for Static {
///     fn lookup(&self, _: A) -> Option<NextHop> {
///         Some(self.0)
///     }
/// }
///
/// let table = Static(NextHop::new(3)?);
/// let mut hops = [None; 2];
/// assert_eq!(table.lookup_bulk(&[1u32, 2, 3], &mut hops), 2);
/// assert_eq!(hops, [Some(table.0); 2]);
/// # Ok::<(), linecard::lookup::RouteError>(())
/// ```
pub trait Lpm<A: Copy>: Copy + Send + Sync {
    /// Whether nearly each answer is one load, of the line that [`prefetch`](Self::prefetch) asks
    /// for, so that [`glance`](Self::glance) nearly always has one. A caller that asks early enough then
    /// gains nothing by [`lookup_bulk`](Self::lookup_bulk), and looks up each address between its other
    /// steps.
    const ONE_LOAD: bool = false;

    /// The next hop of the longest prefix that `address` starts with.
    fn lookup(&self, address: A) -> Option<NextHop>;

    /// Answers for a slice of addresses, as many as both slices hold; how many that was.
    ///
    /// Each answer is right by itself; under a writer, two of them may be from different moments.
    fn lookup_bulk(&self, addresses: &[A], answers: &mut [Option<NextHop>]) -> usize {
        let count = addresses.len().min(answers.len());
        for (address, answer) in addresses.iter().zip(answers) {
            *answer = self.lookup(*address);
        }
        count
    }

    /// The answer, if it is in the line that [`prefetch`](Self::prefetch) asks for; `None` if more has to be
    /// read, and [`lookup`](Self::lookup) has to be asked. For a loop that wants no rare case in it.
    #[inline]
    fn glance(&self, address: A) -> Option<Option<NextHop>> {
        Some(self.lookup(address))
    }

    /// Asks for the first cache line that a look-up of `address` reads: for a caller that has
    /// other work to do before it looks up.
    #[inline]
    fn prefetch(&self, address: A) {
        let _ = address;
    }
}

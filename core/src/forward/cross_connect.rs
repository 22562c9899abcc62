//! What comes in by one port leaves by another.

use core::fmt;

use crate::packet::PortId;
use crate::pipeline::{DropReason, Lot, Parts, Stage, Verdict};

/// Sends what comes in by a port out by its peer, unseen and unchanged: malformed packets too, as
/// a wire does. [`WellFormed`](super::WellFormed) before it keeps those out.
///
/// Up to `PORTS` ports. What comes in by a port that is not connected is dropped as
/// [`DropReason::NO_MATCH`].
///
/// ```
/// use linecard::forward::CrossConnect;
/// use linecard::packet::PortId;
///
/// let mut wires: CrossConnect = CrossConnect::new();
/// wires.pair(PortId(0), PortId(1))?;
/// wires.direct(PortId(2), PortId(2))?; // back to where it came from
/// assert_eq!(wires.peer(PortId(1)), Some(PortId(0)));
/// assert_eq!(wires.peer(PortId(3)), None);
/// # Ok::<(), linecard::forward::CrossConnectError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CrossConnect<const PORTS: usize = 16> {
    /// By incoming port.
    verdicts: [Verdict; PORTS],
}

/// Why ports were not connected.
///
/// ```
/// use linecard::forward::{CrossConnect, CrossConnectError};
/// use linecard::packet::PortId;
///
/// let refused = CrossConnect::<2>::new().pair(PortId(1), PortId(2));
/// assert_eq!(refused, Err(CrossConnectError::NoSuchPort { port: PortId(2), ports: 2 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrossConnectError {
    /// The cross-connect has no place for this port.
    NoSuchPort {
        /// The port.
        port: PortId,
        /// How many there is place for, counted from 0.
        ports: usize,
    },
}

impl<const PORTS: usize> CrossConnect<PORTS> {
    /// Nothing is connected.
    pub const fn new() -> Self {
        Self {
            verdicts: [UNCONNECTED; PORTS],
        }
    }

    /// Connects two ports, both ways.
    ///
    /// # Errors
    ///
    /// [`CrossConnectError::NoSuchPort`]; nothing is changed then.
    pub fn pair(&mut self, a: PortId, b: PortId) -> Result<(), CrossConnectError> {
        self.place(a)?;
        self.direct(b, a)?;
        self.direct(a, b)
    }

    /// Connects one way: what comes in by `from` leaves by `to`, which may be any port of the
    /// worker's.
    ///
    /// # Errors
    ///
    /// [`CrossConnectError::NoSuchPort`] for `from`.
    pub fn direct(&mut self, from: PortId, to: PortId) -> Result<(), CrossConnectError> {
        *self.place(from)? = Verdict::send(to);
        Ok(())
    }

    /// Takes the wire out of `from`, one way.
    ///
    /// # Errors
    ///
    /// [`CrossConnectError::NoSuchPort`].
    pub fn disconnect(&mut self, from: PortId) -> Result<(), CrossConnectError> {
        *self.place(from)? = UNCONNECTED;
        Ok(())
    }

    /// Where what comes in by `from` goes.
    pub fn peer(&self, from: PortId) -> Option<PortId> {
        self.verdict(from).port()
    }

    #[inline]
    fn verdict(&self, from: PortId) -> Verdict {
        let wire = self.verdicts.get(usize::from(from.0));
        *wire.unwrap_or(&UNCONNECTED)
    }

    fn place(&mut self, port: PortId) -> Result<&mut Verdict, CrossConnectError> {
        self.verdicts
            .get_mut(usize::from(port.0))
            .ok_or(CrossConnectError::NoSuchPort { port, ports: PORTS })
    }
}

impl<const PORTS: usize> Default for CrossConnect<PORTS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const PORTS: usize> Stage<'_> for CrossConnect<PORTS> {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, '_>) {
        if let Some(port) = lot.port() {
            return lot.decide(self.verdict(port));
        }
        let Parts {
            packets, verdicts, ..
        } = lot.parts();
        for (packet, verdict) in packets.iter().zip(verdicts) {
            if verdict.is_undecided() {
                *verdict = self.verdict(packet.port);
            }
        }
    }

    fn reads(&self) -> bool {
        false
    }
}

impl fmt::Display for CrossConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPort { port, ports } => {
                write!(f, "{port} is not one of the {ports} that can be connected")
            }
        }
    }
}

impl core::error::Error for CrossConnectError {}

const UNCONNECTED: Verdict = Verdict::drop(DropReason::NO_MATCH);

#[cfg(test)]
mod tests {
    use std::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::forward::testing::with_lab;

    #[test]
    fn pairs_go_both_ways_and_the_rest_nowhere() {
        with_lab(8, |lab| {
            let mut wires: CrossConnect<4> = CrossConnect::new();
            wires.pair(PortId(0), PortId(2)).unwrap();
            wires.direct(PortId(1), PortId(9)).unwrap();
            let out = lab.feed(
                &mut wires,
                &[
                    (0, vec![1]),
                    (2, vec![2; 3]),
                    (1, vec![3]),
                    (3, vec![4]),
                    (4, vec![5]),
                ],
            );
            assert_eq!(out.sent, [(2, vec![1]), (0, vec![2; 3]), (9, vec![3])]);
            assert_eq!(out.dropped, [DropReason::NO_MATCH; 2]);

            wires.disconnect(PortId(0)).unwrap();
            assert_eq!(lab.feed(&mut wires, &[(0, vec![1])]).dropped.len(), 1);
        });
    }

    #[test]
    fn a_pair_that_cannot_be_changes_nothing() {
        let mut wires: CrossConnect<2> = CrossConnect::new();
        for (a, b) in [(0, 2), (2, 0)] {
            wires.pair(PortId(a), PortId(b)).unwrap_err();
            assert_eq!(wires.peer(PortId(0)), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_byte_arrives(frames in prop::collection::vec(
            (0u16..2, prop::collection::vec(any::<u8>(), 0..200)), 0..100)
        ) {
            with_lab(128, |lab| {
                let mut wires: CrossConnect = CrossConnect::new();
                wires.pair(PortId(0), PortId(1)).unwrap();
                let out = lab.feed(&mut wires, &frames);
                assert!(out.sent.iter().map(|(port, bytes)| (port ^ 1, bytes)).eq(
                    frames.iter().map(|(port, bytes)| (*port, bytes))
                ));
            });
        }
    }
}

//! What a driver can do and what it cannot, as data: the same tests assert what holds for each.

use core::time::Duration;

/// What the far side and the wire between carry.
///
/// ```
/// use linecard_conformance::Limits;
/// let jumbo = Limits { mtu: 9000, ..Limits::default() };
/// assert_eq!(jumbo.longest(), 9014);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The shortest frame in bytes that the port sends; shorter ones are counted as undersize.
    pub shortest: usize,
    /// The longest layer-3 packet in bytes, as [`Device::mtu`](linecard::device::Device::mtu) says.
    /// Every frame up to this and an Ethernet header arrives, in both directions.
    pub mtu: usize,
    /// Shorter frames may arrive with zeros up to this length; 0 where nothing pads.
    pub pads_to: usize,
    /// Frames that the far side may have under way to a port that does not poll, and none is lost.
    pub window: usize,
    /// Frames that the port may have sent and the far side not collected, and none is lost.
    pub unheard: usize,
    /// Frames of each long test.
    pub packets: u64,
    /// How long nothing may happen before what is outstanding is held to be lost.
    pub patience: Duration,
}

impl Default for Limits {
    /// Any length up to an MTU of 1,500, 32 frames under way, a million in all, a second of patience.
    fn default() -> Self {
        Self {
            shortest: 0,
            mtu: 1500,
            pads_to: 0,
            window: 32,
            unheard: usize::MAX,
            packets: 1_000_000,
            patience: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// The longest frame in bytes that certainly arrives.
    pub const fn longest(&self) -> usize {
        self.mtu + ETHERNET_HEADER
    }
}

/// What a driver can do beyond the contract of [`linecard::device`], and what its far side can.
///
/// The default is the driver of which everything can be asked: on an ideal wire, with a far side
/// that injects and collects, and that stands still between two steps.
///
/// ```
/// use linecard_conformance::{Fills, Profile};
/// let writes_files = Profile { fills: Fills::Never, posts: false, ..Profile::default() };
/// # let _ = writes_files;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// What the wire carries.
    pub limits: Limits,
    /// How frames come to the port.
    pub inject: Inject,
    /// Whether the far side sees what the port sends.
    pub collects: bool,
    /// When the transmit queue is full.
    pub fills: Fills,
    /// What becomes of frames that a port which does not poll has no place for.
    pub overflow: Overflow,
    /// Whether received frames are allocated from the cache that the queue is polled with, so that
    /// an empty pool shows as `no_frames`.
    pub posts: bool,
    /// Whether a queue that was polled with an empty pool goes on by itself when there are frames
    /// again; if not, it does with the next frame that comes.
    pub resumes: bool,
    /// Whether what is allocated during a burst is the driver's doing: not where the far side works
    /// on the polling thread when its doorbell is rung.
    pub watch_allocations: bool,
    /// Whether an open queue cannot be opened a second time.
    pub exclusive: bool,
    /// Whether the port can be opened again after its queue was dropped.
    pub reopens: bool,
    /// What becomes of packets of another pool.
    pub foreign: Foreign,
    /// Bytes of headroom without which the driver may refuse a packet as unsupported.
    pub headroom: usize,
    /// Where the driver's counters can be made to start ([`Setup::start`]): shortly before they
    /// wrap. Empty if they always start at zero.
    pub starts: &'static [u64],
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            inject: Inject::Live,
            collects: true,
            fills: Fills::BetweenSteps,
            overflow: Overflow::Waits,
            posts: true,
            resumes: true,
            watch_allocations: true,
            exclusive: true,
            reopens: true,
            foreign: Foreign::Sent,
            headroom: 0,
            starts: &[],
        }
    }
}

impl Profile {
    /// What of the suite says nothing about a driver of this profile, and why. Nothing else is left
    /// out: these are the places at which a test looks here and returns.
    ///
    /// ```
    /// use linecard_conformance::{Inject, Profile};
    /// assert!(Profile::default().left_out().is_empty());
    /// let endless = Profile { inject: Inject::Endless(60), ..Profile::default() };
    /// assert_eq!(endless.left_out()[0].test, "a_full_receive_queue_loses_nothing_unaccounted");
    /// ```
    pub fn left_out(&self) -> Vec<LeftOut> {
        let all = LEFT_OUT.iter().filter(|(holds, _)| holds(self));
        all.map(|(_, left_out)| *left_out).collect()
    }

    /// Whether this is left out, which is then said.
    pub(crate) fn leaves_out(&self, test: &str) -> bool {
        let left_out = self.left_out().into_iter().find(|it| it.test == test);
        if let Some(LeftOut { test, why }) = left_out {
            println!("LEFT OUT {test}: {why}");
        }
        left_out.is_some()
    }
}

/// A test, or a part of one, that cannot be asked of a driver.
///
/// ```
/// use linecard_conformance::{Harness, NullHarness};
/// for left_out in NullHarness::profile().left_out() {
///     println!("{}: {}", left_out.test, left_out.why);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name, with a colon and the part if it is not all of it, or that of the macro that makes
    /// several.
    pub test: &'static str,
    /// Why it would say nothing.
    pub why: &'static str,
}

/// A row of [`LEFT_OUT`]: of which profiles it holds, and what it leaves out.
type Row = (fn(&Profile) -> bool, LeftOut);

const fn row(holds: fn(&Profile) -> bool, test: &'static str, why: &'static str) -> Row {
    (holds, LeftOut { test, why })
}

const LEFT_OUT: [Row; 4] = [
    row(
        |profile| profile.inject != Inject::Live,
        "a_full_receive_queue_loses_nothing_unaccounted",
        "nobody sends to the port while it does not poll",
    ),
    row(
        |profile| profile.inject == Inject::Prepared,
        "random_walks_balance: resets",
        "all frames would come again",
    ),
    row(
        |profile| !profile.reopens,
        "closing_gives_back_what_is_under_way: reopening",
        "the port opens once",
    ),
    row(
        |profile| profile.inject != Inject::Live || !profile.collects,
        "forwarder_suite",
        "nothing can be sent to the port while it is open, or nobody hears what it sends",
    ),
];

/// How frames come to a port.
///
/// ```
/// use linecard_conformance::{Inject, Profile};
/// assert_eq!(Profile::default().inject, Inject::Live);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inject {
    /// The far side sends at any time.
    Live,
    /// All frames are known before the port is opened, as in a capture; a reset starts over.
    Prepared,
    /// The port makes frames of this length itself, holding anything, without end.
    Endless(usize),
}

/// When a transmit queue is full.
///
/// ```
/// use linecard_conformance::{Fills, Profile};
/// assert_eq!(Profile::default().fills, Fills::BetweenSteps);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fills {
    /// Never: it takes everything at once.
    Never,
    /// When as many packets as its depth were sent since the far side's last
    /// [`step`](crate::Wire::step).
    BetweenSteps,
    /// The far side never stands still, so only in a burst that is longer than the queue.
    WithinABurst,
}

/// What becomes of frames that a port which does not poll has no place for.
///
/// ```
/// use linecard_conformance::{Overflow, Profile};
/// assert_eq!(Profile::default().overflow, Overflow::Waits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// They wait at the far side, which answers that it is busy.
    Waits,
    /// They are lost, and every one of them is in [`RxStats::dropped`].
    ///
    /// [`RxStats::dropped`]: linecard::device::RxStats::dropped
    Counted,
    /// They are lost, and the device beneath the driver does not say so.
    Unheard,
}

/// What becomes of packets of another pool than the port's.
///
/// ```
/// use linecard_conformance::{Foreign, Profile};
/// assert_eq!(Profile::default().foreign, Foreign::Sent);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// They are sent, as they are or as copies.
    Sent,
    /// They are taken, freed, and counted as unsupported.
    Refused,
}

/// What a test asks of the port that is made for it.
///
/// ```
/// use linecard_conformance::Setup;
/// assert_eq!(Setup::default().start, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Setup {
    /// Where the driver's ring counters start: 0, or one of [`Profile::starts`].
    pub start: u64,
}

/// Bytes of an Ethernet header without tags.
pub(crate) const ETHERNET_HEADER: usize = 14;

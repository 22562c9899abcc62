//! AF_XDP ports for [`linecard`]: packets of a Linux interface, received into and sent from the
//! pool's own frames, straight on the kernel's interface. No C library and no clang, neither to
//! build nor to run.
//!
//! ```text
//!      program           |            Linux            |      device
//!                        |                             |
//!   Cache   Rx           |                             |
//!     |      |  post  fill ring                        |
//!     +------+---------->[.........]---+               |
//!            |           |             v               |
//!            |  receive ring     redirect program <----+---- a packet arrives
//!   Burst <--+-----------[.........]<--+ (XSKMAP)      |
//!     |                  |             +--- queue not open: on to the kernel
//!     v      Tx          |                             |
//!   Burst ---+  transmit ring                          |
//!            +---------->[.........]---> sendto -------+---> it leaves
//!            |           |             (one a burst)   |
//!   Cache <--+-----------[.........]<------------------+---- it has left
//!          complete  completion ring                   |
//! ```
//!
//! | a frame is | whose it is | in the ledger |
//! |---|---|---|
//! | in a cache or the pool | the program's | `free`, `cached` |
//! | in the fill ring, or taken from it | the kernel's, to write | `posted`, under `eth0.0 rx` |
//! | in the receive ring | the program's, once `rx_burst` has read the entry | `held` |
//! | in the transmit ring, or on its way | the kernel's, to read | `completing`, under `eth0.0 tx` |
//! | in the completion ring | the program's, once it was reaped | `cached` |
//! | posted when its queue is closed | nobody's, until the kernel has let go; then the pool's | `free` |
//!
//! A [`Umem`] is a pool that the kernel knows; a [`Port`] is an interface with the redirect
//! program on it; [`Rx`] and [`Tx`] are the halves of one open queue. [`Interface`] answers what
//! will work before anything is touched, [`Port::status`] what was got.
//!
//! # The kernel is not believed
//!
//! Counters of a ring are checked against what it can hold; every address that comes back is
//! looked up in a table of what was posted, so that a frame cannot come back twice, or by another
//! way than it went; every window is checked against the frame. What fails is counted as
//! `invalid`, and a frame that can be told is put back into the pool.
//!
//! # What users of AF_XDP suffer from
//!
//! | complaint | how it is here |
//! |---|---|
//! | transmit stalls, or sends all or nothing ([xdp-tutorial#398]) | One `sendto` moves 32 descriptors and stops at the first hitch, so the driver goes by what is left in the ring and not by the answer: it repeats while that shrinks, up to four times a burst, and goes on at the next burst or [`reclaim`][reclaim]. The budget is raised to the whole ring where the kernel can (6.17). EAGAIN: reap, then again; EBUSY: one packet was dropped, and counted, again; ENOBUFS: later; ENETDOWN: packets wait in the ring; ENXIO: gone, packets are freed and counted. |
//! | transmit waits for ever for completions ([agave#13805]) | Never more frames are with the kernel than the completion ring holds, so it cannot be full; completions are reaped at every burst, and nothing waits for them. |
//! | a ring moves while C points at it, or a queue is EBUSY for ever ([xsk-rs#51]) | Rings are unmapped before their socket is closed, or the queue would never come free; binding to a queue that another socket has just left is repeated for 200 ms, then it is [`Error::QueueTaken`]. |
//! | descriptors that own nothing ([xsk-rs#7]), references to memory that the kernel writes ([s2n-quic#2605]) | A frame is a `Packet`, and moves. Rings are atomics behind raw pointers. |
//! | receive buffers that are held drain the pool ([demikernel#1438], [retina#73]) | The queue posts frames from the pool, not the ones it received: holding packets costs what they occupy, the shortage is counted as `no_frames`, and receiving goes on with the next free frame. |
//! | UMEM cannot be mixed with other memory ([snabb#1450]) | The pool's region is the UMEM, for as many ports as one likes; a packet of another pool is copied into a frame of this one, and counted as `copied`. |
//! | jumbo frames ([xsk-rs#47]) | The program is loaded for packets of any size, so a large MTU does not refuse it. A packet must fit a frame: [`Error::MtuOverFrame`] says so before packets vanish. Packets of several frames are not received yet. |
//! | corruption at high rates ([amzn-drivers#330]) | A device's driver that writes where it must not, in zero-copy mode. Nothing here can stop it, but no address or length of its is followed before it was checked, a completion that comes twice frees nothing twice, and [`CopyMode::Copy`] is the way round a driver that cannot be trusted. |
//! | busy polling differs between kernels ([bpf-examples#138]) | It is not used: one thread polls the rings, and the kernel is called only when its need-wakeup flag asks for it. |
//! | "why is it so slow" ([vpp#3528]) | [`Status`] says native or generic, copy or zero-copy, budget, and what the kernel does behind one's back; the statistics say why packets were lost, and how many system calls were made. |
//! | no probe says what will work ([tcpreplay#1080]) | [`Interface::find`] and [`Interface::xdp_features`] ask the kernel without changing anything or needing a privilege. |
//! | refusals without a reason ([firedancer#4081]) | Each [`Error`] says what was refused and what to do about it; the verifier's own words are among them. |
//!
//! And the traps that are met rather than complained of:
//!
//! - *Unfinished checksums.* A packet from a local socket at the other end of a veth has only the
//!   pseudo-header's sum in its transport checksum. Where that can be, packets are marked
//!   [`L4_DOUBTFUL`](linecard::packet::Offloads::L4_DOUBTFUL), and
//!   [`RX_UNFINISHED`](linecard::device::Features::RX_UNFINISHED) says so of the port (see
//!   [`Interface::leaves_checksums`]). A [`Worker`](linecard::pipeline::Worker) finishes them before
//!   any stage sees them; a loop of one's own calls
//!   [`finish_checksum`](linecard::packet::Packet::finish_checksum). To look at each packet for that costs a
//!   forwarder that looks at none otherwise a cache miss each: whoever has switched the offload off at the other
//!   end (`ethtool -K IF tx off`) says so by [`Config::checksums_finished`].
//! - *Segmentation.* A native program makes the other end of a veth segment by itself: TCP works as
//!   it stands. In generic mode the kernel hands over packets of up to 64 KiB that fit no frame, so
//!   merging (GRO) is switched off while such a program is attached; but a veth's peer that leaves
//!   segmentation to it (`tso on`, the default) is out of reach, and its TCP stalls.
//!   [`Status::merged_segments`] warns.
//! - *The program outlives its process*: never. It hangs on a link that is a descriptor of the
//!   process, and is gone with it, SIGKILL included.
//! - *A device that is deleted* shows neither in receiving nor in `poll`:
//!   [`Device::link`](linecard::device::Device::link) finds out, and so does the next send.
//! - *Frames that the kernel would accept and never send* (under 14 bytes, over the MTU) are
//!   counted drops before they reach the ring.
//! - *The limit on locked memory* may be impossible to lift even for root; that is only an error
//!   when the memory is then refused.
//!
//! # Privileges
//!
//! CAP_NET_RAW for the socket, CAP_NET_ADMIN for the program and its map, CAP_BPF where
//! unprivileged BPF is off, and CAP_IPC_LOCK or a high enough `ulimit -l` for the pool.
//!
//! [reclaim]: linecard::device::TxQueue::reclaim
//! [agave#13805]: https://github.com/anza-xyz/agave/issues/13805
//! [amzn-drivers#330]: https://github.com/amzn/amzn-drivers/issues/330
//! [bpf-examples#138]: https://github.com/xdp-project/bpf-examples/issues/138
//! [demikernel#1438]: https://github.com/microsoft/demikernel/issues/1438
//! [firedancer#4081]: https://github.com/firedancer-io/firedancer/issues/4081
//! [retina#73]: https://github.com/stanford-esrg/retina/issues/73
//! [s2n-quic#2605]: https://github.com/aws/s2n-quic/issues/2605
//! [snabb#1450]: https://github.com/snabbco/snabb/issues/1450
//! [tcpreplay#1080]: https://github.com/appneta/tcpreplay/issues/1080
//! [vpp#3528]: https://github.com/FDio/vpp/issues/3528
//! [xdp-tutorial#398]: https://github.com/xdp-project/xdp-tutorial/issues/398
//! [xsk-rs#7]: https://github.com/DouglasGray/xsk-rs/issues/7
//! [xsk-rs#47]: https://github.com/DouglasGray/xsk-rs/issues/47
//! [xsk-rs#51]: https://github.com/DouglasGray/xsk-rs/issues/51
#![cfg(target_os = "linux")]
#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod channel;
mod config;
mod error;
#[allow(unsafe_code)]
mod mapping;
mod netdev;
#[allow(unsafe_code)]
mod port;
mod posted;
#[allow(unsafe_code)]
mod ring;
#[allow(unsafe_code)]
mod rx;
#[allow(unsafe_code)]
mod socket;
mod sys;
#[allow(unsafe_code)]
mod tx;
#[allow(unsafe_code)]
mod umem;
mod xdp;

pub use config::{Config, CopyMode, XdpMode};
pub use error::Error;
pub use netdev::{Interface, XdpFeatures};
pub use port::{Port, Status};
pub use rx::Rx;
pub use sys::errno::Errno;
pub use tx::Tx;
pub use umem::Umem;

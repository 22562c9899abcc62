//! What happens to packets, as one stage.

use linecard::forward::router::RouterConfig;
use linecard::forward::udp::UdpForwarder;
use linecard::forward::{CrossConnect, WellFormed};
use linecard::packet::Packet;
use linecard::pipeline::{Context, Lot, Stage, Then};

use crate::config::{Config, ForwarderKind, MAX_PORTS, MAX_UDP};
use crate::memory::Ram;
use crate::setup::{self, Facts, FewRouter, SetupError};

/// The forwarder that the command line names: one type, so that an image has one worker. Which it is
/// is asked once a burst.
///
/// ```
/// use linecard_unikernel::config::Config;
/// use linecard_unikernel::forwarder::Forwarder;
/// use linecard_unikernel::memory::Ram;
///
/// let config = Config::parse("--forwarder udp --port virtio --udp \"to port port0\"")?;
/// let mut ram = Ram::from_slice(vec![0; 16384].leak());
/// let stage = Forwarder::new(&config, &[], Default::default(), false, &mut ram)?;
/// assert!(matches!(stage, Forwarder::Udp(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// The large ones are what this is for; there is one in a program.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Forwarder {
    /// What comes in by a port leaves by its peer.
    CrossConnect(CrossConnect<MAX_PORTS>),
    /// The same, without malformed packets.
    WellFormed(Then<WellFormed, CrossConnect<MAX_PORTS>>),
    /// UDP is rewritten.
    Udp(UdpForwarder<MAX_UDP>),
    /// Packets are routed.
    Router(FewRouter),
}

impl Forwarder {
    /// Sets it up. Malformed packets pass the cross-connect, or not, as the command line says, or
    /// else as `drop_malformed`.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(
        config: &Config<'_>,
        facts: &[Facts],
        behaviour: RouterConfig,
        drop_malformed: bool,
        ram: &mut Ram,
    ) -> Result<Self, SetupError> {
        Ok(match config.forwarder {
            ForwarderKind::CrossConnect => {
                let wires = setup::cross_connect(config)?;
                if config.drop_malformed.unwrap_or(drop_malformed) {
                    Self::WellFormed(WellFormed.and_then(wires))
                } else {
                    Self::CrossConnect(wires)
                }
            }
            ForwarderKind::Udp => Self::Udp(setup::udp(config, facts)?),
            ForwarderKind::Router => Self::Router(setup::router(config, facts, behaviour, ram)?),
        })
    }
}

impl Forwarder {
    /// Ends it where it lies, and frees the packets that wait in it. A cross-connect without wires
    /// is left.
    pub fn close(&mut self) {
        let ended = core::mem::replace(self, Self::CrossConnect(CrossConnect::new()));
        if let Self::Router(router) = ended {
            router.close();
        }
    }
}

macro_rules! each {
    ($self:expr, $stage:ident => $do:expr) => {
        match $self {
            Self::CrossConnect($stage) => $do,
            Self::WellFormed($stage) => $do,
            Self::Udp($stage) => $do,
            Self::Router($stage) => $do,
        }
    };
}

impl Stage<'static> for Forwarder {
    fn process(&mut self, lot: &mut Lot<'_, 'static>) {
        match self {
            Self::CrossConnect(stage) => stage.process(lot),
            Self::WellFormed(stage) => stage.process(lot),
            Self::Udp(stage) => {
                // What comes by whatever port goes packet by packet; what works on four at a time is not in
                // the image then, which is to be small.
                lot.forget_port();
                stage.process(lot);
            }
            Self::Router(stage) => stage.process(lot),
        }
    }

    fn reads(&self) -> bool {
        each!(self, stage => stage.reads())
    }

    fn exceptions(&self) -> u16 {
        each!(self, stage => stage.exceptions())
    }

    fn exception(&mut self, code: u16, packet: Packet<'static>, cx: &mut Context<'_, 'static>) {
        each!(self, stage => stage.exception(code, packet, cx));
    }

    fn tick(&mut self, cx: &mut Context<'_, 'static>) {
        each!(self, stage => stage.tick(cx));
    }
}

//! A port with something to be done whenever it was opened.

use linecard::device::{Capabilities, Device, DeviceError, Link};
use linecard::mempool::Cache;
use linecard::wire::MacAddr;
use linecard_dpdk::{Port, Rx, Tx};

/// A port, and what its far side does each time that its queue was opened or reset.
pub(crate) struct Opened {
    pub(crate) port: Port<'static>,
    then: Box<dyn FnMut(&mut Port<'static>)>,
}

impl Opened {
    pub(crate) fn new(port: Port<'static>, then: impl FnMut(&mut Port<'static>) + 'static) -> Self {
        let then = Box::new(then);
        Self { port, then }
    }
}

impl Device<'static> for Opened {
    type Rx = Rx<'static>;
    type Tx = Tx<'static>;

    fn name(&self) -> &str {
        self.port.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.port.capabilities()
    }

    fn link(&mut self) -> Link {
        self.port.link()
    }

    fn mac(&self) -> MacAddr {
        self.port.mac()
    }

    fn mtu(&self) -> usize {
        self.port.mtu()
    }

    fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'static>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let queues = self.port.open(queue, cache)?;
        (self.then)(&mut self.port);
        Ok(queues)
    }

    fn reset(
        &mut self,
        rx: Self::Rx,
        tx: Self::Tx,
        cache: &mut Cache<'static>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let queues = self.port.reset(rx, tx, cache)?;
        (self.then)(&mut self.port);
        Ok(queues)
    }
}

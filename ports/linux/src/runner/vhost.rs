//! Ports by vhost-user: devices in other processes, and virtual machines that plug in.

use linecard::device::DeviceError;
use linecard::mempool::Pool;
use linecard::platform::Arena;
use linecard::wire::MacAddr;
use linecard_virtio::Features;
use linecard_virtio::net::Adapter;
use linecard_virtio::vhost_user::{
    Client, ClientConfig, Server, ServerConfig, ServerError, VhostUser,
};

use crate::config::{self, Config, Device, Packed};
use crate::memory::PortMemory;
use crate::port::{VHOST_QUEUES, VHOST_RING, VhostClient};

/// What a front end's port stands on, which outlives it.
pub(super) type VhostAdapter<'p> = Adapter<'p, VhostUser, Arena<'static>, VHOST_RING, VHOST_QUEUES>;

/// How many ports are front ends: the pool's memory is shared with their back ends.
pub(super) fn front_ends(config: &Config) -> usize {
    let front_end = |port: &&config::Port| matches!(port.device, Device::VhostUser(_));
    config.ports.iter().filter(front_end).count()
}

/// Queue pairs of the front end that has most.
pub(super) fn most_pairs(config: &Config) -> usize {
    let pairs = config.ports.iter().map(|port| match &port.device {
        Device::VhostUser(vhost) => vhost.queues.into(),
        _ => 0,
    });
    pairs.max().unwrap_or(0)
}

/// An adapter for each front end, in the ports' order.
pub(super) fn adapters<'p>(
    config: &Config,
    macs: impl Fn(usize) -> MacAddr,
    memory: Vec<PortMemory>,
) -> Vec<VhostAdapter<'p>> {
    let mut memory = memory.into_iter();
    let mut adapters = Vec::new();
    for (index, port) in config.ports.iter().enumerate() {
        let Device::VhostUser(vhost) = &port.device else {
            continue;
        };
        let Some(memory) = memory.next() else {
            continue;
        };
        let transport = VhostUser::new(&vhost.path, macs(index), MTU, vec![memory.shared])
            .with_queues(vhost.queues);
        adapters.push(Adapter::new(transport, memory.rings));
    }
    adapters
}

/// The port on an adapter.
pub(super) fn front_end<'r, 'p>(
    adapter: &'r VhostAdapter<'p>,
    pool: &'p Pool<'static>,
    vhost: &config::VhostUser,
    mac: MacAddr,
) -> Result<VhostClient<'r, 'p>, DeviceError> {
    let mut config = ClientConfig {
        mac,
        mtu: MTU,
        ..ClientConfig::default()
    };
    config.net.depth = vhost.ring as u16;
    config.net.queues = vhost.queues;
    let (accept, require) = (&mut config.net.accept, &mut config.net.require);
    accept.set(Features::RING_PACKED, vhost.packed != Packed::No);
    require.set(Features::RING_PACKED, vhost.packed == Packed::Yes);
    Client::new(adapter, pool, config)
}

/// A port that listens.
pub(super) fn server(vhost: &config::VhostUser, mac: MacAddr) -> Result<Server, ServerError> {
    Server::new(ServerConfig {
        mac,
        mtu: usize::from(MTU),
        packed: vhost.packed != Packed::No,
        queues: vhost.queues,
        ..ServerConfig::new(&vhost.path)
    })
}

/// Of the ports, in bytes.
const MTU: u16 = 1_500;

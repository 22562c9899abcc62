//! What a front end asks for, message by message.

use std::fs::File;
use std::sync::Arc;
use std::vec::Vec;

use vhost::VhostUserMemoryRegionBase;
use vhost::vhost_user::message::{
    VhostTransferStateDirection, VhostTransferStatePhase, VhostUserConfigFlags, VhostUserInflight,
    VhostUserLog, VhostUserMemoryRegion, VhostUserProtocolFeatures, VhostUserShMemConfig,
    VhostUserSharedMsg, VhostUserSingleMemoryRegion, VhostUserVringAddrFlags, VhostUserVringState,
};
use vhost::vhost_user::{Error, GpuBackend, Result, VhostUserBackendReqHandlerMut};

use super::ring::{Slot, bell};
use super::shared::Shared;
use crate::Features;
use crate::queue::device::RingAddresses;
use crate::vhost_user::memory::{GuestMap, Place, Region};

/// One front end's session. Dropping it takes every queue out of service.
#[derive(Debug)]
pub(super) struct Handler {
    shared: Arc<Shared>,
    map: Arc<GuestMap>,
    /// What was agreed on.
    features: Features,
}

impl Handler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            map: Arc::default(),
            features: Features::empty(),
        }
    }

    /// Whether the guest's memory was taken away under our feet.
    pub(super) fn was_hit(&self) -> bool {
        self.map.was_hit()
    }

    fn slot(&self, index: u32) -> Result<&Slot> {
        let index = usize::try_from(index).map_err(|_| Error::InvalidParam)?;
        self.shared.slots.get(index).ok_or(Error::InvalidParam)
    }

    /// Changes what is known of a ring, and starts it if that was the last thing missing.
    fn ring(&self, index: u32, change: impl FnOnce(&mut super::ring::Ring)) -> Result<()> {
        let mut ring = self.slot(index)?.lock();
        change(&mut ring);
        ring.start(&self.map, self.features);
        Ok(())
    }

    /// Puts another map in the place of the memory; queues go on where they stand.
    fn replace(&mut self, map: GuestMap) {
        let map = Arc::new(map);
        for slot in &self.shared.slots {
            let mut ring = slot.lock();
            ring.stop();
            ring.start(&map, self.features);
        }
        self.map = map;
    }

    fn map_region(region: &VhostUserMemoryRegion, file: &File) -> Result<Arc<Region>> {
        let place = place(region);
        let region = Region::map(place, file).map_err(Error::ReqHandlerError)?;
        Ok(Arc::new(region))
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        for slot in &self.shared.slots {
            slot.lock().forget();
        }
    }
}

const fn place(region: &VhostUserMemoryRegion) -> Place {
    Place {
        guest: region.guest_phys_addr,
        user: region.user_addr,
        len: region.memory_size,
        offset: region.mmap_offset,
    }
}

fn not_offered<T>() -> Result<T> {
    Err(Error::InvalidOperation("not offered"))
}

impl VhostUserBackendReqHandlerMut for Handler {
    fn set_owner(&mut self) -> Result<()> {
        Ok(())
    }

    fn reset_owner(&mut self) -> Result<()> {
        self.reset_device()
    }

    fn reset_device(&mut self) -> Result<()> {
        for slot in &self.shared.slots {
            let mut ring = slot.lock();
            ring.stop();
            ring.enabled = false;
            ring.started = false;
            ring.fault = None;
            ring.base = 0;
        }
        Ok(())
    }

    fn get_features(&mut self) -> Result<u64> {
        Ok(self.shared.config.features().bits())
    }

    fn set_features(&mut self, features: u64) -> Result<()> {
        let features = Features::from_bits_retain(features);
        if !self.shared.config.features().contains(features) {
            return Err(Error::InvalidParam);
        }
        self.features = features;
        self.replace((*self.map).clone());
        Ok(())
    }

    fn set_mem_table(
        &mut self,
        regions: &[VhostUserMemoryRegion],
        files: Vec<File>,
        _postcopy: Option<bool>,
    ) -> Result<Option<Vec<VhostUserMemoryRegionBase>>> {
        if regions.len() != files.len() {
            return Err(Error::IncorrectFds);
        }
        let mapped: Result<Vec<_>> = regions
            .iter()
            .zip(&files)
            .map(|(region, file)| Self::map_region(region, file))
            .collect();
        self.replace(GuestMap::new(mapped?));
        Ok(None)
    }

    fn set_vring_num(&mut self, index: u32, num: u32) -> Result<()> {
        self.ring(index, |ring| {
            ring.stop();
            ring.size = num;
        })
    }

    fn set_vring_addr(
        &mut self,
        index: u32,
        _flags: VhostUserVringAddrFlags,
        descriptor: u64,
        used: u64,
        available: u64,
        _log: u64,
    ) -> Result<()> {
        self.ring(index, |ring| {
            ring.stop();
            ring.rings = Some(RingAddresses {
                descriptors: descriptor,
                driver: available,
                device: used,
            });
        })
    }

    fn set_vring_base(&mut self, index: u32, base: u32) -> Result<()> {
        self.ring(index, |ring| {
            ring.stop();
            ring.fault = None;
            ring.base = base;
        })
    }

    fn get_vring_base(&mut self, index: u32) -> Result<VhostUserVringState> {
        let mut ring = self.slot(index)?.lock();
        ring.stop();
        ring.started = false;
        ring.call = None;
        Ok(VhostUserVringState::new(index, ring.base))
    }

    fn set_vring_kick(&mut self, index: u8, _file: Option<File>) -> Result<()> {
        // The ring is polled; that there is a file says that it may be.
        self.ring(index.into(), |ring| ring.started = true)
    }

    fn set_vring_call(&mut self, index: u8, file: Option<File>) -> Result<()> {
        let file = file.map(|file| bell(file).ok_or(Error::IncorrectFds));
        let file = file.transpose()?;
        self.ring(index.into(), |ring| ring.call = file)
    }

    fn set_vring_err(&mut self, index: u8, file: Option<File>) -> Result<()> {
        let file = file.map(|file| bell(file).ok_or(Error::IncorrectFds));
        let file = file.transpose()?;
        self.ring(index.into(), |ring| ring.err = file)
    }

    fn get_protocol_features(&mut self) -> Result<VhostUserProtocolFeatures> {
        Ok(PROTOCOL)
    }

    fn set_protocol_features(&mut self, features: u64) -> Result<()> {
        let offered = PROTOCOL | VhostUserProtocolFeatures::REPLY_ACK;
        match features & !offered.bits() {
            0 => Ok(()),
            _ => Err(Error::InvalidParam),
        }
    }

    fn get_queue_num(&mut self) -> Result<u64> {
        Ok(u64::from(self.shared.config.queues))
    }

    fn set_vring_enable(&mut self, index: u32, enable: bool) -> Result<()> {
        self.ring(index, |ring| {
            ring.enabled = enable;
            if !enable {
                ring.stop();
            }
        })
    }

    fn get_config(&mut self, _: u32, _: u32, _: VhostUserConfigFlags) -> Result<Vec<u8>> {
        not_offered()
    }

    fn set_config(&mut self, _: u32, _: &[u8], _: VhostUserConfigFlags) -> Result<()> {
        not_offered()
    }

    fn set_gpu_socket(&mut self, _: GpuBackend) -> Result<()> {
        not_offered()
    }

    fn get_shared_object(&mut self, _: VhostUserSharedMsg) -> Result<File> {
        not_offered()
    }

    fn get_inflight_fd(&mut self, _: &VhostUserInflight) -> Result<(VhostUserInflight, File)> {
        not_offered()
    }

    fn set_inflight_fd(&mut self, _: &VhostUserInflight, _: File) -> Result<()> {
        not_offered()
    }

    fn get_max_mem_slots(&mut self) -> Result<u64> {
        Ok(MAX_REGIONS as u64)
    }

    fn add_mem_region(
        &mut self,
        region: &VhostUserSingleMemoryRegion,
        file: File,
        _postcopy: Option<bool>,
    ) -> Result<Option<VhostUserMemoryRegionBase>> {
        let mut regions = self.map.regions().to_vec();
        if regions.len() >= MAX_REGIONS {
            return Err(Error::InvalidParam);
        }
        regions.push(Self::map_region(region, &file)?);
        self.replace(GuestMap::new(regions));
        Ok(None)
    }

    fn remove_mem_region(&mut self, region: &VhostUserSingleMemoryRegion) -> Result<()> {
        let place = place(region);
        let mut regions = self.map.regions().to_vec();
        let before = regions.len();
        regions.retain(|mapped| {
            let mapped = mapped.place();
            (mapped.guest, mapped.user, mapped.len) != (place.guest, place.user, place.len)
        });
        if regions.len() == before {
            return Err(Error::InvalidParam);
        }
        self.replace(GuestMap::new(regions));
        Ok(())
    }

    fn set_device_state_fd(
        &mut self,
        _: VhostTransferStateDirection,
        _: VhostTransferStatePhase,
        _: File,
    ) -> Result<Option<File>> {
        not_offered()
    }

    fn check_device_state(&mut self) -> Result<()> {
        not_offered()
    }

    fn get_shmem_config(&mut self) -> Result<VhostUserShMemConfig> {
        not_offered()
    }

    fn set_log_base(&mut self, _: &VhostUserLog, _: File) -> Result<()> {
        not_offered()
    }
}

/// What is offered of the protocol; the crate adds `REPLY_ACK`, which is its own doing.
const PROTOCOL: VhostUserProtocolFeatures = VhostUserProtocolFeatures::MQ
    .union(VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS)
    .union(VhostUserProtocolFeatures::RESET_DEVICE);

/// Regions of one guest at most.
const MAX_REGIONS: usize = 64;

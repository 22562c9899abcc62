//! Front ends that do it in another order, or wrong. (Packets are the conformance suite's, and of
//! the tests against DPDK.)

use core::time::Duration;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Instant;
use std::vec::Vec;

use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vmm_sys_util::eventfd::EventFd;

use super::*;
use crate::Features;
use crate::queue::device::GuestFault;

const LEN: u64 = 1 << 20;
const BASE: u64 = 0x4000_0000;

fn server(name: &str) -> (Server, PathBuf) {
    let name = std::format!("linecard-server-{}-{name}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    (Server::new(ServerConfig::new(&path)).unwrap(), path)
}

fn memory() -> File {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"guest".as_ptr(), 0) };
    assert!(fd >= 0);
    // SAFETY: a new descriptor, nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(LEN).unwrap();
    file
}

fn greet(path: &PathBuf) -> Frontend {
    greet_by(UnixStream::connect(path).unwrap())
}

fn greet_by(stream: UnixStream) -> Frontend {
    let mut frontend = Frontend::from_stream(stream, 2);
    frontend.set_owner().unwrap();
    let features = Features::from_bits_retain(frontend.get_features().unwrap());
    assert!(features.contains(Features::VERSION_1 | Features::RING_PACKED));
    let offered = frontend.get_protocol_features().unwrap();
    assert!(offered.contains(VhostUserProtocolFeatures::REPLY_ACK));
    frontend
        .set_protocol_features(VhostUserProtocolFeatures::MQ)
        .unwrap();
    frontend
}

fn share(frontend: &Frontend, file: &File, len: u64) {
    let region = VhostUserMemoryRegionInfo {
        guest_phys_addr: BASE,
        memory_size: len,
        userspace_addr: BASE,
        mmap_offset: 0,
        mmap_handle: file.as_raw_fd(),
    };
    frontend.set_mem_table(&[region]).unwrap();
}

/// `VHOST_USER_SET_VRING_ENABLE`, version 1.
fn enable(index: u32) -> Vec<u8> {
    let words = [18_u32, 1, 8, index, 1];
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Sets a ring up, but for enabling it.
fn ring(frontend: &Frontend, index: usize, size: u16, at: u64) {
    let event = EventFd::new(0).unwrap();
    frontend.set_vring_num(index, size).unwrap();
    frontend.set_vring_base(index, 0).unwrap();
    let config = VringConfigData {
        queue_max_size: size,
        queue_size: size,
        flags: 0,
        desc_table_addr: at,
        avail_ring_addr: at + 0x4000,
        used_ring_addr: at + 0x8000,
        log_addr: None,
    };
    frontend.set_vring_addr(index, &config).unwrap();
    frontend.set_vring_call(index, &event).unwrap();
    frontend.set_vring_err(index, &event).unwrap();
    frontend.set_vring_kick(index, &event).unwrap();
}

/// Waits until it stands as it should.
fn until(server: &Server, what: impl Fn(&ServerStatus) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !what(&server.status()) {
        assert!(Instant::now() < deadline, "{}", server.status());
        std::thread::yield_now();
    }
}

const ACCEPTED: u64 = Features::VERSION_1
    .union(Features::VHOST_USER_PROTOCOL)
    .bits();

#[test]
fn rings_may_be_enabled_before_features_are_set() {
    let (server, path) = server("early");
    let stream = UnixStream::connect(&path).unwrap();
    let mut raw = stream.try_clone().unwrap();
    let (mut frontend, file) = (greet_by(stream), memory());
    // As QEMU does, and the crate's front end will not; one is a ring that is not there.
    for index in [0, 1, 9] {
        raw.write_all(&enable(index)).unwrap();
    }
    frontend.set_features(ACCEPTED).unwrap();
    share(&frontend, &file, LEN);
    ring(&frontend, 0, 64, BASE);
    ring(&frontend, 1, 64, BASE + 0x1_0000);
    until(&server, |status| status.running == 2);
    assert_eq!(frontend.get_vring_base(0).unwrap(), 0);
    until(&server, |status| status.running == 1);
    frontend.set_vring_enable(1, false).unwrap();
    until(&server, |status| status.running == 0);
    assert_eq!(server.status().sessions, 1, "{}", server.status());
    drop((frontend, raw));
    until(&server, |status| !status.connected);
}

#[test]
fn a_ring_outside_of_memory_is_out_of_service_and_the_other_runs() {
    let (server, path) = server("outside");
    let (mut frontend, file) = (greet(&path), memory());
    frontend.set_features(ACCEPTED).unwrap();
    share(&frontend, &file, LEN);
    ring(&frontend, 0, 64, BASE + LEN - 0x4000);
    ring(&frontend, 1, 64, BASE);
    frontend.set_vring_enable(0, true).unwrap();
    frontend.set_vring_enable(1, true).unwrap();
    until(&server, |status| status.running == 1);
    assert_eq!(server.status().fault, Some(GuestFault::Ring));
    // Set up anew it runs.
    frontend.set_vring_enable(0, false).unwrap();
    ring(&frontend, 0, 64, BASE + 0x1_0000);
    frontend.set_vring_enable(0, true).unwrap();
    until(&server, |status| {
        status.running == 2 && status.fault.is_none()
    });
}

#[test]
fn a_front_end_that_breaks_the_protocol_is_sent_away_and_the_next_one_served() {
    let (server, path) = server("broken");
    let breaks: [fn(&Frontend, &File); 4] = [
        // Features that were not offered.
        |frontend, _| drop(frontend.set_features(u64::MAX)),
        // Memory that the file does not have.
        |frontend, file| share(frontend, file, LEN + 1),
        // Rings that are not there.
        |frontend, _| drop(frontend.set_vring_num(1, 64).and(frontend.reset_owner())),
        |frontend, file| {
            frontend.set_features(ACCEPTED).unwrap();
            share(frontend, file, LEN);
            // Shorter than the back end was told.
            file.set_len(4096).unwrap();
        },
    ];
    let file = memory();
    for (session, wrong) in breaks.into_iter().enumerate() {
        file.set_len(LEN).unwrap_or_default();
        let frontend = greet(&path);
        wrong(&frontend, &file);
        drop(frontend);
        until(&server, |status| !status.connected && status.running == 0);
        assert_eq!(server.status().sessions, session as u64 + 1);
    }
    let (mut frontend, file) = (greet(&path), memory());
    frontend.set_features(ACCEPTED).unwrap();
    share(&frontend, &file, LEN);
    ring(&frontend, 0, 64, BASE);
    frontend.set_vring_enable(0, true).unwrap();
    until(&server, |status| status.running == 1);
    // Whoever listens already is left alone.
    let second = Server::new(ServerConfig::new(&path));
    assert!(matches!(second, Err(ServerError::Listen { .. })));
}

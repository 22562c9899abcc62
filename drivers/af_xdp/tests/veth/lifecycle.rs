//! How ports begin and end, and what they say when they cannot begin.

use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use linecard::device::{Device, DeviceError};
use linecard::mempool::Cache;
use linecard_af_xdp::{Config, CopyMode, Errno, Error, Interface, Port, Umem, XdpMode};
use linecard_testnet::TakenQueue;

use crate::net::{Net, frame};
use crate::rig::{Rig, pool, small};

/// The error of a port that cannot be made on `interface`.
fn refusal(interface: &str, config: Config) -> Error {
    let umem = Umem::new(pool(256)).expect("a umem");
    let error = Port::new(&umem, interface, config).expect_err("cannot be");
    umem.pool().audit().expect("nothing was taken");
    error
}

/// The error of a queue that cannot be opened on `lc0`.
fn queue_refusal(queue: u16, frames: usize, config: Config) -> Error {
    let umem = Umem::new(pool(frames)).expect("a umem");
    let mut cache = Cache::new(umem.pool(), "test", 64).expect("a cache");
    let mut port = Port::new(&umem, "lc0", config).expect("a port");
    let error = port
        .open_queue(queue, &mut cache)
        .map(drop)
        .expect_err("cannot be");
    drop((port, cache));
    umem.pool().audit().expect("every frame is back");
    error
}

#[test]
fn each_refusal_says_why() {
    let Some(net) = Net::new() else {
        return;
    };
    let name = || "lc0".to_owned();
    assert_eq!(
        refusal("lc9", small()),
        Error::NoInterface {
            interface: "lc9".into()
        }
    );
    assert_eq!(
        refusal("lo", small()),
        Error::NotEthernet {
            interface: "lo".into()
        }
    );
    assert_eq!(
        queue_refusal(1, 256, small()),
        Error::NoQueue {
            interface: name(),
            queue: 1,
            queues: 1
        }
    );
    assert_eq!(
        queue_refusal(
            0,
            256,
            Config {
                ring_size: 100,
                ..small()
            }
        ),
        Error::RingSize {
            ring: "receive",
            size: 100
        }
    );
    assert_eq!(
        queue_refusal(0, 60, small()),
        Error::PoolTooSmall {
            frames: 60,
            wanted: 64
        }
    );
    assert_eq!(
        queue_refusal(
            0,
            256,
            Config {
                copy: CopyMode::ZeroCopy,
                ..small()
            }
        ),
        Error::NoZeroCopy {
            interface: name(),
            errno: Errno::OPNOTSUPP
        }
    );
    net.ip("link set lc0 mtu 1800");
    assert_eq!(
        refusal("lc0", small()),
        Error::MtuOverFrame {
            interface: name(),
            mtu: 1800,
            most: 1774
        }
    );
    net.ip("link set lc0 mtu 1774");
    let _rig = Rig::new(small());
    assert_eq!(
        refusal("lc0", small()),
        Error::ProgramPresent { interface: name() }
    );
    assert_eq!(
        refusal(
            "lc0",
            Config {
                mode: XdpMode::Generic,
                ..small()
            }
        ),
        Error::ProgramPresent { interface: name() }
    );
}

#[test]
fn fewer_receive_queues_than_the_peer_sends_on_is_named() {
    let Some(net) = Net::new() else { return };
    net.ip("link del lc0");
    // An end that was not asked for any number uses one queue.
    net.peer
        .ip("link add lc1 numtxqueues 2 type veth peer name lc0");
    net.peer
        .ip(&format!("link set lc0 netns {}", net.here.path()));
    net.ip("link set lc0 up");
    assert_eq!(
        refusal("lc0", small()),
        Error::TooFewRxQueues {
            interface: "lc0".into()
        }
    );
    // It can be had, for who asks.
    Rig::new(Config {
        mode: XdpMode::Generic,
        ..small()
    })
    .close();
}

#[test]
fn queues_that_are_not_open_stay_with_the_kernel() {
    let Some(_net) = Net::with("numrxqueues 2 numtxqueues 2") else {
        return;
    };
    let mut rig = Rig::new(small());
    assert_eq!(rig.port.capabilities().queues, 2);
    let status = rig.port.status();
    assert_eq!(status.queues_left_out, 1);
    assert!(
        status
            .to_string()
            .contains("1 receive queues stay with the kernel"),
        "{status}"
    );
    assert_eq!(
        rig.port.open_queue(0, &mut rig.cache).map(drop),
        Err(Error::QueueTaken {
            interface: "lc0".into(),
            queue: 0,
            waited_ms: 0
        })
    );
    let second = rig
        .port
        .open_queue(1, &mut rig.cache)
        .expect("the second queue");
    assert_eq!(rig.port.status().queues_left_out, 0);
    assert_eq!(
        rig.port.status().shared_queues,
        1,
        "on the first one's registration"
    );
    drop(second);
    rig.close();
}

#[test]
fn a_queue_that_another_socket_has_is_taken() {
    let Some(_net) = Net::new() else { return };
    let taken = TakenQueue::on("lc0");
    let config = Config {
        bind_patience_ms: 50,
        ..small()
    };
    assert_eq!(
        queue_refusal(0, 256, config),
        Error::QueueTaken {
            interface: "lc0".into(),
            queue: 0,
            waited_ms: 50
        }
    );
    // And comes free within the patience that is the default.
    drop(taken);
    Rig::new(small()).close();
}

#[test]
fn a_queue_can_be_opened_again_at_once() {
    let Some(net) = Net::new() else { return };
    let umem = Umem::new(pool(256)).expect("a umem");
    let far = net.peer_socket();
    for round in 0..5 {
        let mut rig = Rig::on(&umem, "lc0", small());
        far.send(&frame(round, 60));
        assert_eq!(rig.receive().expect("a packet").data(), frame(round, 60));
        assert_eq!(rig.send([&frame(round, 60)[..]]), 1);
        assert!(far.receive().is_some());
        rig.close();
    }
}

#[test]
fn a_queue_can_be_reset() {
    let Some(net) = Net::new() else { return };
    let far = net.peer_socket();
    let mut rig = Rig::new(small());
    far.send(&frame(1, 60));
    assert!(rig.receive().is_some());
    // Some are in the receive ring, and some wait in the transmit ring.
    net.ip("link set lc0 down");
    rig.send([&frame(2, 60)[..]]);
    net.ip("link set lc0 up");
    let Rig {
        mut port,
        rx,
        tx,
        mut cache,
        pool,
    } = rig;
    let (rx, tx) = port.reset(rx, tx, &mut cache).expect("a new queue");
    assert_eq!(pool.ledger().completing, 0, "what waited was given back");
    assert_eq!(pool.ledger().posted, 64);
    let mut rig = Rig {
        port,
        rx,
        tx,
        cache,
        pool,
    };
    far.send(&frame(3, 60));
    assert_eq!(rig.receive().expect("a packet").data(), frame(3, 60));
    rig.close();
}

#[test]
fn either_half_may_go_first() {
    let Some(net) = Net::new() else { return };
    let far = net.peer_socket();
    for rx_first in [true, false] {
        let mut rig = Rig::new(small());
        far.send(&frame(1, 60));
        assert!(rig.receive().is_some());
        rig.send([&frame(1, 60)[..]]);
        let Rig {
            port,
            rx,
            tx,
            cache,
            pool,
        } = rig;
        if rx_first {
            drop(rx);
            assert_eq!(pool.ledger().posted, 63, "until the other half is gone");
            drop(tx);
        } else {
            drop(tx);
            assert_eq!(pool.ledger().posted, 63, "until the other half is gone");
            drop(rx);
        }
        drop((port, cache));
        pool.audit().expect("every frame is back");
        assert!(!Interface::find("lc0").expect("lc0").has_program());
    }
}

#[test]
fn the_program_cannot_be_taken_away_and_goes_with_the_last_queue() {
    let Some(net) = Net::new() else { return };
    let far = net.peer_socket();
    let mut rig = Rig::new(small());
    let off = Command::new("ip")
        .args(["link", "set", "lc0", "xdp", "off"])
        .output()
        .expect("ip");
    assert!(!off.status.success(), "the link holds it");
    let Rig {
        port,
        rx,
        tx,
        cache,
        pool,
    } = rig;
    // The port may go: its queues keep the program.
    drop(port);
    assert!(Interface::find("lc0").expect("lc0").has_program());
    drop((rx, tx, cache));
    assert!(!Interface::find("lc0").expect("lc0").has_program());
    pool.audit().expect("every frame is back");
    // A port without an open queue leaves everything to the kernel.
    let umem = Umem::new(pool).expect("a umem");
    let idle = Port::new(&umem, "lc0", small()).expect("a port");
    far.send(&frame(1, 60));
    drop(idle);
    rig = Rig::on(&umem, "lc0", small());
    rig.close();
}

/// Not a test of its own: what [`a_killed_process_leaves_nothing_behind`] runs and kills.
#[test]
fn hold_a_port() {
    if std::env::var_os(HOLD).is_none() {
        return;
    }
    let mut rig = Rig::new(small());
    println!("\nholding");
    std::io::stdout().flush().expect("stdout");
    loop {
        rig.send([&frame(1, 60)[..]]);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_killed_process_leaves_nothing_behind() {
    let Some(_net) = Net::new() else { return };
    // A child starts in the network namespace of the thread that starts it.
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "lifecycle::hold_a_port", "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let out = BufReader::new(child.stdout.take().expect("its output"));
    let holding = out
        .lines()
        .map_while(Result::ok)
        .any(|line| line == "holding");
    let before = Interface::find("lc0").expect("lc0").has_program();
    child.kill().expect("SIGKILL");
    let killed = Instant::now();
    child.wait().expect("its end");
    assert!(holding && before, "it had a program there");
    assert!(!Interface::find("lc0").expect("lc0").has_program());
    Rig::new(small()).close();
    assert!(
        killed.elapsed() < Duration::from_secs(1),
        "used again within a second"
    );
}

/// Not a test of its own: what [`a_missing_privilege_is_named`] runs as nobody.
#[test]
fn try_without_privilege() {
    if std::env::var_os(HOLD).is_none() {
        return;
    }
    let umem = Umem::new(pool(256)).expect("a umem");
    let error = Port::new(&umem, "lc0", small()).expect_err("cannot be");
    assert!(matches!(error, Error::NoPermission { .. }), "{error}");
    assert!(error.to_string().contains("run as root"), "{error}");
    assert!(matches!(
        DeviceError::from(error),
        DeviceError::System { errno: 1, .. }
    ));
}

#[test]
fn a_missing_privilege_is_named() {
    let Some(_net) = Net::new() else { return };
    let exe = std::env::current_exe().expect("this test");
    let copy = std::env::temp_dir().join(format!("linecard-veth-{}", std::process::id()));
    // Where nobody may not enter, nobody cannot run it.
    std::fs::copy(exe, &copy).expect("a copy that anybody can run");
    let output = Command::new(&copy)
        .args(["--exact", "lifecycle::try_without_privilege", "--nocapture"])
        .env(HOLD, "1")
        .uid(65534)
        .gid(65534)
        .output();
    std::fs::remove_file(&copy).expect("the copy goes");
    let output = output.expect("a child");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

/// Not a test of its own: what [`memory_that_cannot_be_locked_is_named`] runs with little allowed.
#[test]
fn try_without_locked_memory() {
    if std::env::var_os(HOLD).is_none() {
        return;
    }
    let bytes = 1024 * 2048;
    assert_eq!(queue_refusal(0, 1024, small()), Error::LockLimit { bytes });
}

#[test]
fn memory_that_cannot_be_locked_is_named() {
    let Some(_net) = Net::new() else { return };
    let output = Command::new("prlimit")
        .args(["--memlock=65536", "setpriv", "--bounding-set=-ipc_lock"])
        .arg(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "lifecycle::try_without_locked_memory",
            "--nocapture",
        ])
        .env(HOLD, "1")
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return println!("no prlimit (util-linux): {error}"),
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("1 passed"), "{printed}{complained}");
}

const HOLD: &str = "LINECARD_VETH_CHILD";

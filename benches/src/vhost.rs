//! Packets to and fro by vhost-user: one core drives the front end, one DPDK's vhost behind it.
//!
//! Every contender is a front end of the same back end, a `dpdk-testpmd` with a `net_vhost` port for
//! each; packets of 64 bytes go round, 32 of them as after testpmd's `start tx_first`, which is what its
//! documentation begins with, and 128, which is as many as help. All have huge pages where the
//! machine gives them, as DPDK's documentation asks for, and the devices have DPDK's own settings but
//! for what a row's name says. Whoever is not being measured is held. What is measured is time on the
//! clock: neither of the two cores can go faster than the other.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use std::thread;
use std::time::Instant;

use crate::harness::Contender;
use crate::quiet::Turn;
use crate::testpmd::Testpmd;
use crate::testpmd_ports::Pages;
use crate::vhost_front::Loop;

/// Split rings.
///
/// # Errors
/// What is missing.
pub fn split() -> Result<Vec<Contender>, String> {
    table(
        "split",
        "packed_vq=0",
        "packed_vq=0,mrg_rxbuf=0,vectorized=1",
    )
}

/// Packed rings.
///
/// # Errors
/// What is missing.
pub fn packed() -> Result<Vec<Contender>, String> {
    let vectorized = "packed_vq=1,in_order=1,mrg_rxbuf=0,vectorized=1";
    table("packed", "packed_vq=1", vectorized)
}

/// Split rings, along the packets that go round.
///
/// # Errors
/// What is missing.
pub fn split_along() -> Result<Vec<Contender>, String> {
    curve("split", "packed_vq=0")
}

/// Packed rings, along the packets that go round.
///
/// # Errors
/// What is missing.
pub fn packed_along() -> Result<Vec<Contender>, String> {
    curve("packed", "packed_vq=1")
}

fn table(form: &str, options: &str, vectorized: &str) -> Result<Vec<Contender>, String> {
    let mut rig = Rig::new(form, 5)?;
    let ours = rig.ours(Loop::driver)?;
    let floor = rig.ours(Loop::bare)?;
    let theirs = rig.theirs(options, BURSTS)?;
    let first = rig.theirs(options, 1)?;
    let vectorized = rig.theirs(vectorized, BURSTS)?;
    rig.row("linecard, 128 packets", &ours, BURSTS);
    rig.row("linecard, 32 packets", &ours, 1);
    rig.row("bare rings, 128 packets", &floor, BURSTS);
    rig.row("bare rings, 32 packets", &floor, 1);
    rig.row("dpdk net_virtio_user, 128 packets", &theirs, BURSTS);
    rig.row("dpdk net_virtio_user, 32 packets", &first, 1);
    rig.row("dpdk, vectorized, 128 packets", &vectorized, BURSTS);
    Ok(rig.contenders())
}

fn curve(form: &str, options: &str) -> Result<Vec<Contender>, String> {
    let mut rig = Rig::new(form, 1 + BURSTS)?;
    let ours = rig.ours(Loop::driver)?;
    for bursts in 1..=BURSTS {
        let theirs = rig.theirs(options, bursts)?;
        let name = |who: &str| -> &'static str { format!("{who} @ {}", 32 * bursts).leak() };
        rig.point(name("linecard"), &ours, bursts);
        rig.point(name("dpdk net_virtio_user"), &theirs, bursts);
    }
    Ok(rig.contenders())
}

/// A socket's path.
pub(crate) fn socket(form: &str, index: usize) -> String {
    let name = format!("linecard-bench-{}-{form}-{index}.sock", std::process::id());
    std::env::temp_dir().join(name).display().to_string()
}

/// A back end with so many ports, and the front ends that it has by now.
struct Rig {
    form: String,
    pages: Pages,
    back_end: Rc<RefCell<Testpmd>>,
    front_ends: usize,
    contenders: Vec<Contender>,
}

/// A front end, and its port of the back end.
#[derive(Clone)]
struct FrontEnd {
    port: usize,
    who: Rc<RefCell<Who>>,
}

enum Who {
    /// A thread of this process.
    Ours(Loop),
    Theirs(Testpmd),
}

impl Who {
    /// Its process, if it is another one, or 0.
    fn process(&self) -> u32 {
        match self {
            Self::Ours(_) => 0,
            Self::Theirs(testpmd) => testpmd.id(),
        }
    }

    /// How long so many packets take.
    fn take(&mut self, units: u64, bursts: usize) -> Duration {
        match self {
            Self::Ours(front_end) => front_end.run(units, bursts),
            Self::Theirs(testpmd) => measure(testpmd, units),
        }
    }
}

impl Rig {
    fn new(form: &str, ports: usize) -> Result<Self, String> {
        if thread::available_parallelism().map_or(1, usize::from) < 2 {
            return Err("wants two cores".into());
        }
        let device = |port| format!("net_vhost{port},iface={},queues=1", socket(form, port));
        let devices: Vec<String> = (0..ports).map(device).collect();
        let pages = Pages::ask((1 + ports) * PROCESS);
        let back_end = Testpmd::new(1, &pages, &devices, &["--record-core-cycles"])?;
        Ok(Self {
            form: form.to_owned(),
            pages,
            back_end: Rc::new(RefCell::new(back_end)),
            front_ends: 0,
            contenders: Vec::new(),
        })
    }

    fn next(&mut self) -> (usize, String) {
        let port = self.front_ends;
        self.front_ends += 1;
        (port, socket(&self.form, port))
    }

    /// A thread of this process's own.
    fn ours(&mut self, make: fn(&str, bool) -> Result<Loop, String>) -> Result<FrontEnd, String> {
        let (port, path) = self.next();
        let front_end = make(&path, self.form == "packed")?;
        Ok(FrontEnd {
            port,
            who: Rc::new(RefCell::new(Who::Ours(front_end))),
        })
    }

    /// DPDK's, with these options of `net_virtio_user`, and so many bursts of 32 going round for as long
    /// as it lives.
    fn theirs(&mut self, options: &str, bursts: usize) -> Result<FrontEnd, String> {
        let (port, path) = self.next();
        let device = format!("net_virtio_user0,path={path},queues=1,{options}");
        let mut peer = Testpmd::new(0, &self.pages, &[device], &[])?;
        self.back_end.borrow_mut().start(port)?;
        peer.ask(&format!("start tx_first {bursts}"), "io packet forwarding")?;
        // Its back end looks for new connections once a second.
        thread::sleep(Duration::from_millis(1200));
        if peer.received()? == 0 {
            return Err(format!("net_virtio_user, {options}: nothing goes round"));
        }
        peer.hold(true);
        self.back_end.borrow_mut().stop()?;
        Ok(FrontEnd {
            port,
            who: Rc::new(RefCell::new(Who::Theirs(peer))),
        })
    }

    /// Adds a front end with so many bursts under way; and behind it, for how much of its last turn the
    /// back end was at work: no front end can go faster than that.
    fn row(&mut self, name: &'static str, front_end: &FrontEnd, bursts: usize) {
        let nanos = self.point(name, front_end, bursts);
        let at_work = move |units| Duration::from_secs_f64(nanos.get() * units as f64 / 1e9);
        let at_work = Contender::new("    the back end, at work", at_work);
        self.contenders.push(at_work);
    }

    /// Adds a front end with so many bursts under way; gives where the time stands for which the back
    /// end was at work for a packet of its last turn.
    fn point(&mut self, name: &'static str, front_end: &FrontEnd, bursts: usize) -> Rc<Cell<f64>> {
        let back_end = Rc::clone(&self.back_end);
        let front_end = front_end.clone();
        let nanos = Rc::new(Cell::new(0.0));
        let at_work = Rc::clone(&nanos);
        let run = move |units| {
            let mut back_end = back_end.borrow_mut();
            back_end.hold(false);
            back_end
                .start(front_end.port)
                .expect("the back end forwards");
            let mut who = front_end.who.borrow_mut();
            let quiet = Turn::new(&[back_end.id(), who.process()]);
            let took = who.take(units, bursts);
            back_end.hold(true);
            drop(quiet);
            // Not before: who waits for a thread of lower priority on its own processor waits for ever.
            back_end.hold(false);
            at_work.set(back_end.stop().expect("the back end has forwarded"));
            back_end.hold(true);
            took
        };
        self.contenders.push(Contender::new(name, run));
        nanos
    }

    fn contenders(self) -> Vec<Contender> {
        self.back_end.borrow().hold(true);
        self.contenders
    }
}

/// How long testpmd takes for so many packets: by its rate over a while.
fn measure(peer: &mut Testpmd, units: u64) -> Duration {
    peer.hold(false);
    thread::sleep(Duration::from_millis(20));
    let mut look = || (Instant::now(), peer.received().unwrap_or(0));
    let (began, before) = look();
    thread::sleep(SLICE);
    let (ended, after) = look();
    peer.hold(true);
    let packets = after.saturating_sub(before).max(1);
    (ended - began).mul_f64(units as f64 / packets as f64)
}

/// Bursts of 32 packets that go round at most: half of a ring, so that none is lost.
pub(crate) const BURSTS: usize = 4;
/// Of the pool.
pub(crate) const FRAMES: usize = 4096;
/// Of memory that one process asks for: testpmd's own and what its ports add, or a pool and its rings.
pub(crate) const PROCESS: usize = 288 << 20;
/// Of a peer, whose counters are read over a pipe.
const SLICE: Duration = Duration::from_millis(100);

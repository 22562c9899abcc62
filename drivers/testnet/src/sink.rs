//! Where packets end, and are counted.

use std::io;
use std::os::fd::OwnedFd;

use crate::Flood;
use crate::bpf::{self, Code, Map};

/// A program in the driver of an interface that drops all that comes in there, and counts it.
///
/// ```no_run
/// use linecard_testnet::{Namespace, Sink};
///
/// # fn example() -> std::io::Result<()> {
/// let there = Namespace::new()?;
/// let sink = there.inside(|| Sink::on("veth1"))?;
/// println!("{} packets", sink.count()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sink {
    /// The count, and then the ages that were written down.
    map: Map,
    _link: OwnedFd,
}

impl Sink {
    /// On an interface of the calling thread's namespace.
    ///
    /// # Errors
    /// That there is no such interface, or what the kernel says of the program.
    pub fn on(interface: &str) -> io::Result<Self> {
        Self::new(interface, 0)
    }

    /// Likewise, and writes down how old the last so many packets are, a power of two: by the time that a
    /// [`Flood`] has stamped them with.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn of_stamped(interface: &str, most: u32) -> io::Result<Self> {
        Self::new(interface, most)
    }

    fn new(interface: &str, most: u32) -> io::Result<Self> {
        let map = Map::array(1 + most, 8)?;
        let (mut code, data, age, count) = (Code::default(), 6, 7, 8);
        if most > 0 {
            let stamp = Flood::STAMP as i32;
            code.load(4, data, 1, 0).load(4, 2, 1, 4);
            code.copy(3, data).add(3, stamp + 8).if_more(3, 2, 1);
            code.load(8, 9, data, stamp as i16);
            code.call(bpf::TIME).copy(age, 0).subtract(age, 9);
        }
        code.set(0, 0).look_up(&map).if_is(0, 0, 1);
        code.load(8, count, 0, 0).set(1, 1).add_at(0, 0, 1);
        if most > 0 {
            code.copy(0, count).and(0, most as i32 - 1).add(0, 1);
            code.look_up(&map).if_is(0, 0, 1).store(8, 0, 0, age);
        }
        code.label(1).give(bpf::XDP_DROP);
        let link = bpf::attach(&code.program(bpf::XDP)?, bpf::interface(interface)?)?;
        Ok(Self { map, _link: link })
    }

    /// Packets so far.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn count(&self) -> io::Result<u64> {
        self.map.read(0).map(|[count]| count)
    }

    /// The age, in nanoseconds, of packet number so many, counted from 0, if it is one of the last.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn age(&self, number: u64, most: u32) -> io::Result<u64> {
        let key = (number % u64::from(most)) as u32 + 1;
        self.map.read(key).map(|[age]| age)
    }
}

//! DPDK's `dpdk-testpmd`, as a peer and as a back end.

use linecard_testnet::Namespace;

use crate::testpmd_ports::Pages;

/// A running testpmd, ended with this value.
#[derive(Debug)]
pub struct Testpmd(linecard_testnet::Testpmd);

impl Testpmd {
    /// Starts one whose two threads are on that CPU, on these pages, of which threads one forwards what
    /// comes in back out once it is told to.
    ///
    /// # Errors
    /// That it is not there, or does not come up.
    pub fn new(
        cpu: usize,
        pages: &Pages,
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        Self::on(&format!("0@{cpu},1@{cpu}"), pages.shared(), devices, more)
    }

    /// Starts one with these threads, on these pages; otherwise as [`new`](Self::new).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn on(
        lcores: &str,
        pages: &[&str],
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        Self::by(None, lcores, pages, devices, more)
    }

    /// Starts one in a network namespace; otherwise as [`on`](Self::on).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn inside(
        namespace: &Namespace,
        lcores: &str,
        pages: &[&str],
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        Self::by(Some(namespace), lcores, pages, devices, more)
    }

    fn by(
        inside: Option<&Namespace>,
        lcores: &str,
        pages: &[&str],
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        let mut eal = vec!["--lcores", lcores, "--force-max-simd-bitwidth=512"];
        eal.extend(pages);
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        linecard_testnet::Testpmd::start(inside, &eal, &devices, more).map(Self)
    }

    /// Gives a command, and waits for a line with this text.
    ///
    /// # Errors
    /// That no such line comes.
    pub fn ask(&mut self, command: &str, answer: &str) -> Result<String, String> {
        self.0.ask(command, answer)
    }

    /// Has it forward on that port alone, until it is [stopped](Self::stop).
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn start(&mut self, port: usize) -> Result<(), String> {
        self.ask(
            &format!("set portlist {port}\nstart"),
            "io packet forwarding",
        )?;
        Ok(())
    }

    /// Stops it; gives for how many ns it was at work for each packet, if it was started with
    /// `--record-core-cycles`: looking for packets in vain does not count.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn stop(&mut self) -> Result<f64, String> {
        let line = self.ask("stop", "CPU cycles/packet=")?;
        let mut numbers = line
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|number| number.parse::<f64>().ok());
        let cycles = numbers.next();
        let clock = line.split(" at ").nth(1).and_then(|text| {
            let megahertz = text.split_whitespace().next()?;
            megahertz.parse::<f64>().ok()
        });
        let nanos = cycles
            .zip(clock)
            .map(|(cycles, clock)| cycles * 1e3 / clock);
        nanos.ok_or(format!("no numbers in `{line}`"))
    }

    /// Packets that its port 0 has received.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn received(&mut self) -> Result<u64, String> {
        let line = self.ask("show port stats 0", "RX-packets:")?;
        let mut words = line.split_whitespace();
        let number = words.nth(1).and_then(|number| number.parse().ok());
        number.ok_or(format!("no number in `{line}`"))
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Keeps it from running, or lets it go on.
    pub fn hold(&self, held: bool) {
        self.0.hold(held);
    }
}

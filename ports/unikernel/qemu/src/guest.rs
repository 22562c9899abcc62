//! QEMU with an image in it.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::{Image, Machine, Tap};

/// How a guest is set up.
///
/// ```
/// let setup = linecard_qemu::Setup::default();
/// assert_eq!((setup.memory, setup.packed), (16, false));
/// ```
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The machine.
    pub machine: Machine,
    /// More of its properties in QEMU's words, as `virtualization=on`.
    pub properties: &'a [&'a str],
    /// Whether the image can tell an exit code; a machine where it cannot is turned off at the end.
    pub exit_code: bool,
    /// Mebibytes of memory.
    pub memory: u32,
    /// Whether the devices offer packed rings.
    pub packed: bool,
    /// The ports' other ends; without any, none.
    pub taps: &'a [Tap],
    /// The kernel command line.
    pub command_line: &'a str,
    /// A file that becomes the module.
    pub module: Option<&'a Path>,
    /// Where what is written to the debug console goes, or to the semihosting console on `virt`.
    pub output: Option<&'a Path>,
}

impl Default for Setup<'_> {
    /// q35, 16 MiB, split rings.
    fn default() -> Self {
        Self {
            machine: Machine::Q35,
            properties: &[],
            exit_code: true,
            memory: 16,
            packed: false,
            taps: &[],
            command_line: "",
            module: None,
            output: None,
        }
    }
}

/// QEMU, running. Its process is ended with this value.
///
/// ```no_run
/// use core::time::Duration;
/// use linecard_qemu::{Guest, Processor, Setup, build};
/// let image = build(Processor::X86_64, &[])?;
/// let mut guest = Guest::start(&image, &Setup::default()).map_err(|error| error.to_string())?;
/// assert!(!guest.ends_well(Duration::from_secs(10)), "it wants ports");
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct Guest {
    process: Child,
    printed: Arc<Mutex<String>>,
    /// Who reads what it prints, until its end.
    readers: Vec<JoinHandle<()>>,
    /// When QEMU was started.
    pub started: Instant,
}

impl Guest {
    /// Starts QEMU by software emulation alone: KVM is not asked for.
    ///
    /// # Errors
    /// If there is no QEMU ([`Processor::emulator`](crate::Processor::emulator)), or a tap cannot be
    /// passed on.
    pub fn start(image: &Image, setup: &Setup<'_>) -> io::Result<Self> {
        let mut command = Command::new(setup.machine.processor().emulator().0);
        command
            .args(setup.machine.arguments(setup.properties))
            .args(["-accel", "tcg", "-m"])
            .arg(setup.memory.to_string())
            .args(["-nodefaults", "-display", "none", "-no-reboot"])
            .args([
                "-serial",
                "stdio",
                "-global",
                "virtio-mmio.force-legacy=false",
            ])
            .arg("-kernel")
            .arg(&image.boot)
            .args(["-append", setup.command_line]);
        for (index, tap) in setup.taps.iter().enumerate() {
            let number = tap.pass_to(&mut command)?;
            command.args(["-netdev", &format!("tap,id=net{index},fd={number}")]);
            let device = setup.machine.device();
            let packed = if setup.packed { "on" } else { "off" };
            let mac = mac(index);
            command.args([
                "-device",
                &format!("{device},netdev=net{index},mac={mac},packed={packed},mrg_rxbuf=on"),
            ]);
        }
        if let Some(module) = setup.module {
            command.arg("-initrd").arg(module);
        }
        if let Some(output) = setup.output {
            // A comma in a path is doubled.
            let path = output.display().to_string().replace(',', ",,");
            command.args(["-chardev", &format!("file,id=out,path={path}")]);
        }
        if setup.exit_code {
            command.args(setup.machine.debug(setup.output.is_some()));
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut process = command.spawn()?;
        let printed = Arc::new(Mutex::new(String::new()));
        let mut readers = Vec::new();
        if let Some(out) = process.stdout.take() {
            readers.push(collect(out, Arc::clone(&printed)));
        }
        if let Some(err) = process.stderr.take() {
            readers.push(collect(err, Arc::clone(&printed)));
        }
        Ok(Self {
            process,
            printed,
            readers,
            started,
        })
    }

    /// What it has printed so far.
    #[must_use]
    pub fn printed(&self) -> String {
        self.printed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace('\r', "")
    }

    /// Waits until it has printed this; whether it has.
    pub fn wait_for(&mut self, text: &str, within: Duration) -> bool {
        let end = Instant::now() + within;
        loop {
            if self.printed().contains(text) {
                return true;
            }
            if Instant::now() > end || self.has_ended() {
                return self.printed().contains(text);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Presses a key on its console.
    ///
    /// # Errors
    /// If it has ended.
    pub fn press(&mut self, key: u8) -> io::Result<()> {
        let Some(stdin) = &mut self.process.stdin else {
            return Ok(());
        };
        stdin.write_all(&[key])?;
        stdin.flush()
    }

    /// Whether it has ended; all that it printed is there then.
    pub fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    /// How it has ended, if it has.
    fn status(&mut self) -> Option<ExitStatus> {
        let status = self.process.try_wait().ok()??;
        // What was printed last may still be on its way; nobody else has the other end.
        for reader in self.readers.drain(..) {
            // It does not panic.
            let _ = reader.join();
        }
        Some(status)
    }

    /// Waits for its end; whether the image said that all went well, with every frame accounted for.
    pub fn ends_well(&mut self, within: Duration) -> bool {
        let end = Instant::now() + within;
        while Instant::now() < end {
            if let Some(status) = self.status() {
                return well(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What `isa-debug-exit` makes of the image's word that all went well, and what semihosting is told.
fn well(status: ExitStatus) -> bool {
    status.code() == Some(33)
}

/// The Ethernet address of a port.
fn mac(index: usize) -> String {
    format!("02:00:00:00:01:{:02x}", index + 1)
}

fn collect(mut from: impl Read + Send + 'static, printed: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
            printed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&text);
        }
    })
}

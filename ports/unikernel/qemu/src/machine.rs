//! What QEMU plays.

/// A machine that QEMU plays.
///
/// ```
/// use linecard_qemu::{Machine, Processor};
/// assert_eq!("microvm".parse(), Ok(Machine::Microvm));
/// assert_eq!(Machine::Virt.processor(), Processor::Aarch64);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// A PC with PCI Express.
    Q35,
    /// A machine without PCI: its devices are on MMIO.
    Microvm,
    /// An aarch64 machine with its devices on MMIO.
    Virt,
    /// The same with its devices on PCI, to which no firmware has given places.
    VirtPci,
}

/// What an image is built for.
///
/// ```
/// use linecard_qemu::Processor;
/// assert_eq!(Processor::Aarch64.emulator(), ("qemu-system-aarch64", "qemu-system-arm"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// x86-64.
    X86_64,
    /// aarch64.
    Aarch64,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Q35, Self::Microvm, Self::Virt, Self::VirtPci];

    /// What an image for it is built for.
    #[must_use]
    pub const fn processor(self) -> Processor {
        match self {
            Self::Q35 | Self::Microvm => Processor::X86_64,
            Self::Virt | Self::VirtPci => Processor::Aarch64,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Q35 => "q35",
            Self::Microvm => "microvm",
            Self::Virt => "virt",
            Self::VirtPci => "virt-pci",
        }
    }

    /// The machine for QEMU's command line, with its processor where there is a choice.
    pub(crate) fn arguments(self, properties: &[&str]) -> Vec<String> {
        let name = match self {
            Self::VirtPci => "virt",
            other => other.name(),
        };
        let machine = [&[name], properties].concat().join(",");
        let mut arguments = vec!["-machine".into(), machine];
        if self.processor() == Processor::Aarch64 {
            // Of ARMv8.0, which is what the image asks for.
            arguments.extend(["-cpu".into(), "cortex-a72".into()]);
        }
        arguments
    }

    /// The network device for QEMU's command line.
    pub(crate) const fn device(self) -> &'static str {
        match self {
            Self::Q35 => "virtio-net-pci,disable-legacy=on",
            Self::Microvm | Self::Virt => "virtio-net-device",
            // Its boot code is for firmware, and in a package of its own.
            Self::VirtPci => "virtio-net-pci,disable-legacy=on,romfile=",
        }
    }

    /// How the image tells its exit code, and writes to the character device `out` if there is one.
    pub(crate) fn debug(self, out: bool) -> Vec<&'static str> {
        match (self.processor(), out) {
            (Processor::X86_64, false) => vec!["-device", EXIT],
            (Processor::X86_64, true) => {
                vec![
                    "-device",
                    EXIT,
                    "-device",
                    "isa-debugcon,iobase=0xe9,chardev=out",
                ]
            }
            (Processor::Aarch64, false) => {
                vec!["-semihosting-config", "enable=on,target=native"]
            }
            (Processor::Aarch64, true) => {
                vec!["-semihosting-config", "enable=on,target=native,chardev=out"]
            }
        }
    }
}

impl Processor {
    /// QEMU for it, and the Debian package that it is in.
    #[must_use]
    pub const fn emulator(self) -> (&'static str, &'static str) {
        match self {
            Self::X86_64 => ("qemu-system-x86_64", "qemu-system-x86"),
            Self::Aarch64 => ("qemu-system-aarch64", "qemu-system-arm"),
        }
    }
}

impl core::str::FromStr for Machine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|machine| machine.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no machine `{text}`; known: {names}")
        })
    }
}

const EXIT: &str = "isa-debug-exit,iobase=0xf4,iosize=0x04";

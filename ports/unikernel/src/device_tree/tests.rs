//! Trees that are made here, whole and broken.

use std::vec::Vec;

use super::*;

/// A tree under construction.
#[derive(Default)]
struct Builder {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Builder {
    fn word(&mut self, word: u32) {
        self.structure.extend(word.to_be_bytes());
    }

    fn pad(&mut self) {
        self.structure
            .resize(self.structure.len().next_multiple_of(4), 0);
    }

    fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.word(1);
        self.structure.extend(name.bytes());
        self.structure.push(0);
        self.pad();
        inside(self);
        self.word(2);
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.word(3);
        self.word(value.len() as u32);
        self.word(self.strings.len() as u32);
        self.strings.extend(name.bytes());
        self.strings.push(0);
        self.structure.extend(value);
        self.pad();
        self.word(4);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.bytes(name, &[value.as_bytes(), &[0]].concat());
    }

    fn cells(&mut self, name: &str, cells: &[u32]) {
        self.bytes(
            name,
            &cells
                .iter()
                .flat_map(|cell| cell.to_be_bytes())
                .collect::<Vec<u8>>(),
        );
    }

    fn finish(mut self) -> Vec<u8> {
        self.word(9);
        let reserved = [0x4000_0000u64, 0x1000, 0, 0]
            .map(u64::to_be_bytes)
            .concat();
        let structure = 40 + reserved.len();
        let strings = structure + self.structure.len();
        let len = strings + self.strings.len();
        let (structure_len, strings_len) = (self.structure.len(), self.strings.len());
        let header = [
            0xd00d_feed,
            len,
            structure,
            strings,
            40,
            17,
            16,
            0,
            strings_len,
            structure_len,
        ];
        let header: Vec<u8> = header
            .iter()
            .flat_map(|&n| (n as u32).to_be_bytes())
            .collect();
        [header, reserved, self.structure, self.strings].concat()
    }
}

/// A machine of QEMU's kind.
fn machine() -> Vec<u8> {
    let mut tree = Builder::default();
    tree.node("", |root| {
        root.cells("#address-cells", &[2]);
        root.cells("#size-cells", &[2]);
        root.node("psci", |node| {
            node.text("method", "hvc");
            node.text("compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci");
        });
        root.node("memory@40000000", |node| {
            node.cells("reg", &[0, 0x4000_0000, 0, 0x0100_0000]);
            node.text("device_type", "memory");
        });
        root.node("reserved-memory", |node| {
            node.cells("#address-cells", &[2]);
            node.cells("#size-cells", &[2]);
            node.bytes("ranges", &[]);
            node.node("firmware@40f00000", |node| {
                node.cells("reg", &[0, 0x40f0_0000, 0, 0x10_0000]);
            });
        });
        for place in [0x0a00_0000, 0x0a00_0200] {
            root.node("virtio_mmio", |node| {
                node.cells("reg", &[0, place, 0, 0x200]);
                node.text("compatible", "virtio,mmio");
            });
        }
        root.node("pl011@9040000", |node| {
            node.text("status", "disabled");
            node.text("compatible", "arm,pl011\0arm,primecell");
            node.cells("reg", &[0, 0x0904_0000, 0, 0x1000]);
        });
        root.node("pl011@9000000", |node| {
            node.text("compatible", "arm,pl011\0arm,primecell");
            node.cells("reg", &[0, 0x0900_0000, 0, 0x1000]);
        });
        root.node("timer", |node| {
            node.text("compatible", "arm,armv8-timer\0arm,armv7-timer");
            node.cells("clock-frequency", &[62_500_000]);
        });
        root.node("pcie@10000000", |node| {
            node.text("compatible", "pci-host-ecam-generic");
            node.cells("reg", &[0x40, 0x1000_0000, 0, 0x1000_0000]);
            node.cells("bus-range", &[0, 255]);
            let io = [0x0100_0000, 0, 0, 0, 0x3eff_0000, 0, 0x1_0000];
            let memory = [0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000];
            node.cells("ranges", &[io, memory].concat());
        });
        // A bus with addresses of its own: what is on it is not where it says.
        root.node("soc", |node| {
            node.cells("#address-cells", &[1]);
            node.cells("#size-cells", &[1]);
            node.cells("ranges", &[0, 0, 0x5000_0000, 0x100_0000]);
            node.node("virtio_mmio@0", |node| {
                node.cells("reg", &[0, 0x200]);
                node.text("compatible", "virtio,mmio");
            });
        });
        // One that passes them on.
        root.node("bus", |node| {
            node.cells("#address-cells", &[1]);
            node.cells("#size-cells", &[1]);
            node.bytes("ranges", &[]);
            node.node("virtio_mmio@b000000", |node| {
                node.cells("reg", &[0x0b00_0000, 0x200]);
                node.text("compatible", "virtio,mmio");
            });
        });
        root.node("chosen", |node| {
            node.cells("linux,initrd-start", &[0x4080_0000]);
            node.cells("linux,initrd-end", &[0, 0x4080_1234]);
            node.text("bootargs", "--forwarder router");
        });
    });
    tree.finish()
}

#[test]
fn a_machine_is_read() {
    let blob = machine();
    let machine = Machine::of(&blob).unwrap();
    assert_eq!(machine.command_line, "--forwarder router");
    assert_eq!(machine.memory, [(0x4000_0000, 0x0100_0000)]);
    let reserved = [(0x4000_0000, 0x1000), (0x40f0_0000, 0x10_0000)];
    assert_eq!(machine.reserved, reserved);
    assert_eq!(machine.module, Some((0x4080_0000, 0x1234)));
    assert_eq!(machine.serial, Some(0x0900_0000), "the other is disabled");
    let places = [
        (0x0b00_0000, 0x200),
        (0x0a00_0200, 0x200),
        (0x0a00_0000, 0x200),
    ];
    assert_eq!(machine.places, places, "the last first");
    assert_eq!(machine.power, Some(PowerCall::Hypervisor));
    assert_eq!(machine.timer, Some(62_500_000));
    let ecam = machine.ecam.unwrap();
    assert_eq!(ecam.config, (0x40_1000_0000, 0x1000_0000));
    assert_eq!(
        (ecam.buses, ecam.memory),
        (0..=255, Some((0x1000_0000, 0x2eff_0000)))
    );
}

#[test]
fn a_tree_in_a_larger_blob_is_read() {
    let mut blob = machine();
    blob.resize(1 << 16, 0xff);
    assert_eq!(Machine::of(&blob).unwrap().memory.len(), 1);
    let header = *blob.first_chunk().unwrap();
    assert_eq!(Tree::len_of(&header), Some(machine().len()));
}

#[test]
fn other_bytes_are_refused() {
    assert_eq!(Tree::new(&[]).unwrap_err(), TreeError::NoTree);
    let whole = machine();
    let with = |word: usize, value: u32| {
        let mut blob = whole.clone();
        blob[4 * word..4 * word + 4].copy_from_slice(&value.to_be_bytes());
        Tree::new(&blob).unwrap_err()
    };
    assert_eq!(with(0, 0xedfe_0dd0), TreeError::NoTree);
    assert_eq!(with(1, u32::MAX), TreeError::Part("its end"));
    assert_eq!(with(1, 20), TreeError::Part("its header"));
    assert_eq!(with(2, u32::MAX), TreeError::Part("its structure"));
    assert_eq!(with(9, u32::MAX), TreeError::Part("its structure"));
    assert_eq!(with(3, u32::MAX), TreeError::Part("its strings"));
    assert_eq!(with(8, u32::MAX), TreeError::Part("its strings"));
    assert_eq!(with(4, u32::MAX), TreeError::Part("its reserved memory"));
    assert_eq!(with(6, 18), TreeError::Version(18));
}

/// Whatever one byte is changed to, and wherever the tree is cut: it is read to some end.
#[test]
fn a_broken_tree_ends() {
    let whole = machine();
    let mut blob = whole.clone();
    let mut read = 0;
    for at in 0..blob.len() {
        for byte in [0, 1, 2, 3, 4, 9, 0x7f, 0x80, 0xfc, 0xff] {
            blob[at] = byte;
            read += usize::from(Machine::of(&blob).is_ok());
        }
        blob[at] = whole[at];
        assert!(Machine::of(&whole[..at]).is_err());
    }
    assert!(read > whole.len(), "most changes leave a tree: {read}");
}

#[test]
fn nodes_deeper_than_any_machines_end_the_walk() {
    fn nest(tree: &mut Builder, levels: u32) {
        if levels > 0 {
            tree.node("deeper", |tree| nest(tree, levels - 1));
        }
    }
    let mut tree = Builder::default();
    nest(&mut tree, 100);
    let blob = tree.finish();
    let deepest = Tree::new(&blob).unwrap().nodes().last().unwrap().depth;
    assert_eq!(deepest, 15);
}

#[test]
fn more_than_there_is_room_for_is_left_out() {
    let mut tree = Builder::default();
    tree.node("", |root| {
        root.cells("#address-cells", &[1]);
        root.cells("#size-cells", &[1]);
        for place in 0..100 {
            root.node("virtio_mmio", |node| {
                node.cells("reg", &[0x1000 * place, 0x200]);
                node.text("compatible", "virtio,mmio");
            });
        }
    });
    let blob = tree.finish();
    let places = Machine::of(&blob).unwrap().places;
    assert_eq!((places.len(), places[31]), (32, (0, 0x200)));
    assert_eq!(places[0], (0x1f000, 0x200));
}

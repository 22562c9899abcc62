//! A file system for a guest kernel: BusyBox, the modules that it needs, and an `init` that does
//! what it is told on the serial line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A kernel and its file system.
#[derive(Debug)]
pub(crate) struct Boot {
    pub(crate) kernel: PathBuf,
    pub(crate) initrd: PathBuf,
}

/// Of Debian's packages, unpacked in one folder: a kernel with its modules, and `busybox-static`.
/// The file system is written to `folder`.
pub(crate) fn build(packages: &Path, folder: &Path) -> io::Result<Boot> {
    let kernel = only(&packages.join("boot"), "vmlinuz-")?;
    let modules = only(&packages.join("lib/modules"), "")?;
    let mut archive = Archive::default();
    for folder in ["bin", "dev", "lib", "proc", "srv", "sys", "tmp"] {
        archive.entry(folder, 0o040_755, &[]);
    }
    archive.entry(
        "bin/busybox",
        0o100_755,
        &fs::read(packages.join("bin/busybox"))?,
    );
    archive.entry("bin/sh", 0o120_777, b"busybox");
    let mut names = Vec::new();
    for module in MODULES {
        load(&modules, module, &mut archive, &mut names)?;
    }
    let init = INIT.replace("MODULES", &names.join(" "));
    archive.entry("init", 0o100_755, init.as_bytes());
    let initrd = folder.join("initrd");
    fs::write(&initrd, archive.finish())?;
    Ok(Boot { kernel, initrd })
}

/// Adds a module, after those that it needs, unless it is there.
fn load(from: &Path, name: &str, archive: &mut Archive, names: &mut Vec<String>) -> io::Result<()> {
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    let file = format!("{name}.ko");
    let path = find(from, &file)?.ok_or_else(|| missing(&from.join(&file)))?;
    let bytes = fs::read(path)?;
    let needs = depends(&bytes);
    for needed in needs.split(',').filter(|needed| !needed.is_empty()) {
        load(from, needed, archive, names)?;
    }
    archive.entry(&format!("lib/{file}"), 0o100_644, &bytes);
    names.push(name.into());
    Ok(())
}

/// What a module says that it needs, in its section `.modinfo`: names with commas between them.
fn depends(module: &[u8]) -> String {
    let key = b"\0depends=";
    let at = module.windows(key.len()).position(|window| window == key);
    let value = at.map_or(&[][..], |at| &module[at + key.len()..]);
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(0);
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// The file of this name, somewhere below `folder`.
fn find(folder: &Path, name: &str) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = if entry.file_type()?.is_dir() {
            find(&entry.path(), name)?
        } else {
            (entry.file_name() == name).then(|| entry.path())
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The entry of a folder that begins like this.
fn only(folder: &Path, start: &str) -> io::Result<PathBuf> {
    let mut entries = fs::read_dir(folder)?;
    let found = entries.find_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name();
        name.to_str()?.starts_with(start).then(|| entry.path())
    });
    found.ok_or_else(|| missing(&folder.join(start)))
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no {}", path.display()))
}

/// An archive of cpio's "newc" form, as the kernel unpacks it (its own
/// `Documentation/driver-api/early-userspace/buffer-format.rst`).
#[derive(Debug, Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// A file, folder or link, by its mode.
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let (name_len, len) = (name.len() as u32 + 1, content.len() as u32);
        // Number, mode, user, group, links, time, length, device, its device, name's length, sum.
        let fields = [self.entries, mode, 0, 0, 1, 0, len, 0, 0, 0, 0, name_len, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(content);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }
}

/// What is loaded, and what that needs: the network device, and the kernel's packet generator.
const MODULES: [&str; 3] = ["virtio_pci", "virtio_net", "pktgen"];

/// Reads commands, line by line, and gives the status of each on a line of its own.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
stty -echo -onlcr
for module in MODULES; do insmod /lib/$module.ko; done
ip link set lo up
echo "::0"
while read -r line; do eval "$line"; echo "::$?"; done
poweroff -f
"#;

#[test]
fn an_archive_is_as_the_kernel_wants_it() {
    let mut archive = Archive::default();
    archive.entry("a", 0o100_644, b"hello");
    let bytes = archive.finish();
    assert_eq!(&bytes[..14], b"07070100000001");
    assert_eq!(&bytes[110..112], b"a\0");
    assert_eq!(&bytes[112..120], b"hello\0\0\0");
    assert_eq!(&bytes[120..126], b"070701");
    assert_eq!(bytes.len() % 4, 0);
    assert_eq!(
        depends(b"x\0depends=virtio,virtio_ring\0y"),
        "virtio,virtio_ring"
    );
    assert_eq!(depends(b"x\0depends=\0y"), "");
}

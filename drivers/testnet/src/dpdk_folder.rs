//! What DPDK leaves in the file system by itself.

use std::path::PathBuf;

/// The folder that DPDK makes for a process by its `--file-prefix`, even where it is told to make no
/// file (`--no-shconf`), and that it never removes, however the process ends. Removed when this is
/// dropped, if nothing is in it.
///
/// ```
/// use linecard_testnet::DpdkFolder;
/// let folder = DpdkFolder::of("example-that-nobody-has");
/// assert!(!folder.exists());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpdkFolder(String);

impl DpdkFolder {
    /// That of a process with this prefix, which need not run yet.
    #[must_use]
    pub fn of(prefix: &str) -> Self {
        Self(prefix.into())
    }

    /// Whether it is there, wherever DPDK may have put it (`eal_create_runtime_dir`): `/var/run` for
    /// root, and `XDG_RUNTIME_DIR` or `/tmp` for others.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.places().iter().any(|place| place.exists())
    }

    /// Removes it, unless something is in it. A process that was told to make no file does without.
    pub fn remove(&self) {
        for place in self.places() {
            // Most are not there.
            let _ = std::fs::remove_dir(place);
        }
    }

    fn places(&self) -> Vec<PathBuf> {
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let bases = ["/var/run", "/tmp"].into_iter().map(PathBuf::from);
        let bases = bases.chain(own);
        bases.map(|base| base.join("dpdk").join(&self.0)).collect()
    }
}

impl Drop for DpdkFolder {
    fn drop(&mut self) {
        self.remove();
    }
}

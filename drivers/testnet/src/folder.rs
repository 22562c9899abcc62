//! A place for a test's files.

use core::ops::Deref;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of a test's own, removed with all that is in it when this is dropped.
///
/// ```
/// use linecard_testnet::Folder;
/// let folder = Folder::new("example");
/// let file = folder.write("config.toml", "forwarder = \"udp\"");
/// assert_eq!(file, folder.join("config.toml"));
/// drop(folder);
/// assert!(!file.exists());
/// ```
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// One for the test of this name, which no other test of the process has.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn new(test: &str) -> Self {
        let name = format!("linecard-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(path)
    }

    /// Writes a file, and gives where it is.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Of no use to anybody else.
        let _ = fs::remove_dir_all(&self.0);
    }
}

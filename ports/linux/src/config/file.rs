//! The configuration file: TOML into a [`Draft`], every value with its line and column.

use core::ops::Range;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::draft::{Draft, DraftDpdk, DraftPort, Setting};
use super::error::{ConfigError, Origin, Problem};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    forwarder: Option<Spanned<String>>,
    duration: Option<Spanned<String>>,
    #[serde(default, rename = "port")]
    ports: Vec<FilePort>,
    #[serde(default)]
    routes: Vec<Spanned<String>>,
    #[serde(default)]
    neighbours: Vec<Spanned<String>>,
    listener_reports: Option<Spanned<u64>>,
    #[serde(default)]
    connect: Vec<Spanned<String>>,
    malformed: Option<Spanned<String>>,
    #[serde(default)]
    udp: Vec<Spanned<String>>,
    #[serde(default)]
    pool: FilePool,
    #[serde(default)]
    worker: FileWorker,
    #[serde(default)]
    dpdk: FileDpdk,
    #[serde(default)]
    stats: FileStats,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FilePort {
    device: Spanned<String>,
    name: Option<Spanned<String>>,
    #[serde(default)]
    addresses: Vec<Spanned<String>>,
    mac: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FilePool {
    frames: Option<Spanned<u64>>,
    frame_size: Option<Spanned<u64>>,
    huge_pages: Option<Spanned<String>>,
    reserve_huge_pages: Option<Spanned<bool>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileWorker {
    burst: Option<Spanned<u64>>,
    count: Option<Spanned<u64>>,
    cpu: Option<Spanned<u64>>,
    cpus: Option<Spanned<Vec<u64>>>,
    idle: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileDpdk {
    file_prefix: Option<Spanned<String>>,
    huge_pages: Option<Spanned<bool>>,
    memory: Option<Spanned<u64>>,
    pci: Option<Spanned<bool>>,
    iova: Option<Spanned<String>>,
    log_level: Option<Spanned<String>>,
    #[serde(default)]
    arguments: Vec<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileStats {
    interval: Option<Spanned<String>>,
    json: Option<Spanned<PathBuf>>,
}

impl Draft {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Problem::Unreadable`], or what [`parse`](Self::parse) says.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| {
            ConfigError::new(
                None,
                Problem::Unreadable {
                    reason: format!("{}: {error}", path.display()),
                },
            )
        })?;
        Self::parse(path, &text)
    }

    /// Takes `text` for what is in the file called `path`.
    ///
    /// # Errors
    /// [`Problem::Syntax`] with its place, if it is no TOML, has a key that is not known, or a
    /// value of the wrong type.
    ///
    /// ```
    /// use linecard_linux::config::Draft;
    /// use std::path::Path;
    ///
    /// let error = Draft::parse(Path::new("router.toml"), "burst = 32").unwrap_err();
    /// assert!(error.to_string().starts_with("router.toml:1:1: unknown field `burst`"));
    /// ```
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source { path, text };
        let file: File = toml::from_str(text).map_err(|error| {
            ConfigError::new(
                Some(source.origin(error.span().unwrap_or(0..0), String::new())),
                Problem::Syntax {
                    message: error.message().into(),
                },
            )
        })?;
        let cpus = source.cpus(file.worker.cpu, file.worker.cpus)?;
        Ok(Self {
            forwarder: source.one("forwarder", file.forwarder),
            duration: source.one("duration", file.duration),
            ports: file
                .ports
                .into_iter()
                .enumerate()
                .map(|(index, port)| source.port(index, port))
                .collect(),
            routes: source.list("routes", file.routes),
            neighbours: source.list("neighbours", file.neighbours),
            listener_reports: source.one("listener-reports", file.listener_reports),
            connect: source.list("connect", file.connect),
            malformed: source.one("malformed", file.malformed),
            udp: source.list("udp", file.udp),
            frames: source.one("pool.frames", file.pool.frames),
            frame_size: source.one("pool.frame-size", file.pool.frame_size),
            huge_pages: source.one("pool.huge-pages", file.pool.huge_pages),
            reserve_huge_pages: source.one("pool.reserve-huge-pages", file.pool.reserve_huge_pages),
            burst: source.one("worker.burst", file.worker.burst),
            workers: source.one("worker.count", file.worker.count),
            cpus,
            idle: source.one("worker.idle", file.worker.idle),
            dpdk: DraftDpdk {
                file_prefix: source.one("dpdk.file-prefix", file.dpdk.file_prefix),
                huge_pages: source.one("dpdk.huge-pages", file.dpdk.huge_pages),
                memory: source.one("dpdk.memory", file.dpdk.memory),
                pci: source.one("dpdk.pci", file.dpdk.pci),
                iova: source.one("dpdk.iova", file.dpdk.iova),
                log_level: source.one("dpdk.log-level", file.dpdk.log_level),
                arguments: source.list("dpdk.arguments", file.dpdk.arguments),
            },
            stats_interval: source.one("stats.interval", file.stats.interval),
            stats_json: source.one("stats.json", file.stats.json),
        })
    }
}

/// The text, to turn byte offsets into places.
struct Source<'t> {
    path: &'t Path,
    text: &'t str,
}

impl Source<'_> {
    fn setting<T>(&self, key: String, value: Spanned<T>) -> Setting<T> {
        Setting {
            origin: self.origin(value.span(), key),
            value: value.into_inner(),
        }
    }

    fn one<T>(&self, key: &str, value: Option<Spanned<T>>) -> Option<Setting<T>> {
        value.map(|value| self.setting(key.into(), value))
    }

    fn list(&self, key: &str, values: Vec<Spanned<String>>) -> Vec<Setting> {
        values
            .into_iter()
            .enumerate()
            .map(|(index, value)| self.setting(format!("{key}[{index}]"), value))
            .collect()
    }

    /// One CPU or several.
    fn cpus(
        &self,
        one: Option<Spanned<u64>>,
        several: Option<Spanned<Vec<u64>>>,
    ) -> Result<Option<Setting<Vec<u64>>>, ConfigError> {
        let one = self.one("worker.cpu", one).map(|cpu| Setting {
            value: vec![cpu.value],
            origin: cpu.origin,
        });
        match (one, self.one("worker.cpus", several)) {
            (Some(_), Some(several)) => Err(several.error(Problem::Misplaced {
                what: "a list of CPUs",
                reason: "there is `cpu` as well",
            })),
            (one, several) => Ok(one.or(several)),
        }
    }

    fn port(&self, index: usize, port: FilePort) -> DraftPort {
        DraftPort {
            device: self.setting(format!("port[{index}].device"), port.device),
            name: self.one(&format!("port[{index}].name"), port.name),
            addresses: self.list(&format!("port[{index}].addresses"), port.addresses),
            mac: self.one(&format!("port[{index}].mac"), port.mac),
        }
    }

    fn origin(&self, span: Range<usize>, key: String) -> Origin {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Origin::File {
            path: self.path.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Draft, String> {
        Draft::parse(Path::new("f.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let draft = parse(
            "# ü\nforwarder = \"router\"\n\n[[port]]\ndevice = \"loopback\"\n\
             addresses = [\"10.0.0.1/8\", \"ü\"]\n[pool]\nframes = 16_384\n",
        )
        .unwrap();
        let origin = |line, column, key: &str| Origin::File {
            path: "f.toml".into(),
            line,
            column,
            key: key.into(),
        };
        assert_eq!(draft.forwarder.unwrap().origin, origin(2, 13, "forwarder"));
        let port = &draft.ports[0];
        assert_eq!(port.device.origin, origin(5, 10, "port[0].device"));
        assert_eq!(
            port.addresses[1].origin,
            origin(6, 28, "port[0].addresses[1]")
        );
        assert_eq!(draft.frames.unwrap().value, 16_384);
    }

    #[test]
    fn what_toml_refuses_has_a_place() {
        for (text, message) in [
            (
                "[pool]\nframe = 1",
                "f.toml:2:1: unknown field `frame`, expected one of \
                 `frames`, `frame-size`, `huge-pages`, `reserve-huge-pages`",
            ),
            (
                "[pool]\nframes = \"many\"",
                "f.toml:2:10: invalid type: string \"many\", expected u64",
            ),
            (
                "[pool]\nframes = -1",
                "f.toml:2:10: invalid value: integer `-1`, expected u64",
            ),
            (
                "[[port]]\nname = \"a\"",
                "f.toml:1:1: missing field `device`",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), message, "{text}");
        }
        assert!(
            parse("forwarder = ")
                .unwrap_err()
                .starts_with("f.toml:1:13: ")
        );
    }

    #[test]
    fn a_file_that_is_not_there() {
        let error = Draft::read(Path::new("/nonexistent/f.toml")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read the configuration: \
             /nonexistent/f.toml: No such file or directory (os error 2)"
        );
    }
}

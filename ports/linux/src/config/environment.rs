//! DPDK's environment, checked as it is written.

use super::check::{in_range, invalid};
use super::device::choice;
use super::draft::{DraftDpdk, Setting};
use super::error::ConfigError;
use super::{Eal, Iova};

/// The environment that a draft says.
pub(super) fn eal(draft: &DraftDpdk) -> Result<Eal, ConfigError> {
    let default = Eal::default();
    let file_prefix = draft.file_prefix.as_ref().map(|setting| {
        let name = &setting.value;
        let good = !name.is_empty() && !name.contains(|c: char| c == '/' || c.is_whitespace());
        match good {
            true => Ok(name.clone()),
            false => Err(invalid(
                setting,
                "file prefix",
                "letters without blanks or slashes",
            )),
        }
    });
    let level = draft.log_level.as_ref().map(|setting| {
        let known = Eal::LOG_LEVELS.map(|name| (name, name));
        choice("log level", &setting.value, &known).map_err(|problem| setting.error(problem))
    });
    let iova = draft.iova.as_ref().map(|setting| {
        choice("iova", &setting.value, &Iova::NAMES).map_err(|problem| setting.error(problem))
    });
    let argument = |setting: &Setting| match setting.value.contains('\0') {
        true => Err(invalid(setting, "argument", "no zero byte")),
        false => Ok(setting.value.clone()),
    };
    let yes = |setting: &Option<Setting<bool>>| setting.as_ref().map(|setting| setting.value);
    Ok(Eal {
        file_prefix: file_prefix.transpose()?,
        huge_pages: yes(&draft.huge_pages).unwrap_or(default.huge_pages),
        megabytes: in_range(
            draft.memory.as_ref(),
            "megabytes",
            default.megabytes.into(),
            LEAST_MEMORY,
            MOST_MEMORY,
        )? as u32,
        pci: yes(&draft.pci),
        iova: iova.transpose()?.unwrap_or(default.iova),
        log_level: level.transpose()?.map_or(default.log_level, String::from),
        arguments: draft
            .arguments
            .iter()
            .map(argument)
            .collect::<Result<_, _>>()?,
    })
}

/// With less, DPDK's own start fails.
const LEAST_MEMORY: u64 = 8;
/// A terabyte.
const MOST_MEMORY: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Draft;

    fn parsed(table: &str) -> Result<Eal, String> {
        let text = format!("[dpdk]\n{table}");
        let draft = Draft::parse(Path::new("f.toml"), &text).map_err(|error| error.to_string())?;
        eal(&draft.dpdk).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_of_the_table() {
        assert_eq!(parsed(""), Ok(Eal::default()));
        let table = r#"
            file-prefix = "router-a"
            huge-pages = true
            memory = 256
            pci = false
            iova = "physical"
            log-level = "debug"
            arguments = ["--legacy-mem", "--vdev=net_null0"]
        "#;
        let all = Eal {
            file_prefix: Some("router-a".into()),
            huge_pages: true,
            megabytes: 256,
            pci: Some(false),
            iova: Iova::Physical,
            log_level: "debug".into(),
            arguments: vec!["--legacy-mem".into(), "--vdev=net_null0".into()],
        };
        assert_eq!(parsed(table), Ok(all));
    }

    #[test]
    fn what_is_wrong_has_a_place() {
        for (table, message) in [
            (
                "memory = 4",
                "f.toml:2:10: dpdk.memory: megabytes 4 is out of range; choose 8 to 1048576",
            ),
            (
                "iova = \"phys\"",
                "f.toml:2:8: dpdk.iova: unknown iova `phys`; known: auto, virtual, physical",
            ),
            (
                "log-level = \"eror\"",
                "f.toml:2:13: dpdk.log-level: unknown log level `eror`; did you mean `error`?",
            ),
            (
                "file-prefix = \"a/b\"",
                "f.toml:2:15: dpdk.file-prefix: `a/b` is no file prefix; expected letters without \
                 blanks or slashes",
            ),
            (
                "arguments = [\"a\\u0000\"]",
                "f.toml:2:14: dpdk.arguments[0]: `a\0` is no argument; expected no zero byte",
            ),
        ] {
            assert_eq!(parsed(table).unwrap_err(), message, "{table}");
        }
        let unknown = parsed("prefix = \"a\"").unwrap_err();
        assert!(
            unknown.starts_with("f.toml:2:1: unknown field `prefix`"),
            "{unknown}"
        );
    }
}

//! Every committed input again, and random ones.

use std::fs;
use std::path::{Path, PathBuf};

use linecard_harness::TARGETS;
use proptest::test_runner::{Config, TestRunner};

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files in `fuzz/KIND/TARGET`, if there is such a folder.
fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let folder = fuzz_folder().join(kind).join(target);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn replay(kind: &str) {
    for target in TARGETS {
        for path in inputs(kind, target.name) {
            println!("{}", path.display());
            (target.run)(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn saved_crashers() {
    replay("crashers");
}

#[test]
fn committed_corpora() {
    replay("corpus");
    for target in TARGETS {
        assert!(
            !inputs("corpus", target.name).is_empty(),
            "{} has no corpus",
            target.name
        );
    }
}

#[test]
fn any_bytes() {
    for target in TARGETS {
        let mut runner = TestRunner::new(Config {
            cases: 64,
            failure_persistence: None,
            ..Config::default()
        });
        let bytes = proptest::collection::vec(proptest::num::u8::ANY, 0..512);
        let run = runner.run(&bytes, |bytes| {
            (target.run)(&bytes);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{}: {error}", target.name));
    }
}

/// The fuzz workspace is apart, so that nothing else notices a target that only one of them has.
#[test]
fn targets_binaries_and_folders_agree() {
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    let binaries: Vec<_> = manifest
        .lines()
        .filter_map(|line| {
            line.strip_prefix("path = \"fuzz_targets/")?
                .strip_suffix(".rs\"")
        })
        .collect();
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert!(names.is_sorted());
    assert_eq!(binaries, names);
    for kind in ["corpus", "crashers"] {
        let Ok(entries) = fs::read_dir(fuzz_folder().join(kind)) else {
            continue;
        };
        for entry in entries {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                names.contains(&name.as_str()),
                "fuzz/{kind}/{name} is of no target"
            );
        }
    }
}

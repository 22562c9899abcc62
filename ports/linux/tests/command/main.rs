//! The `linecard` command as somebody at a shell meets it: what it prints, with which exit code it
//! ends, and what it leaves behind.

mod ending;
mod malformed;
mod refusals;
mod scene;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The command with these arguments.
fn linecard(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linecard"));
    command.args(arguments);
    command
}

/// Runs it to its end: exit code, standard output, standard error.
fn ends(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// It must end with this code and say this on standard error, and nothing else but notes before.
#[track_caller]
fn refuses(command: &mut Command, code: i32, message: &str) {
    let (status, stdout, stderr) = ends(command);
    let last = stderr.lines().last().unwrap_or_default();
    assert!(
        last.strip_prefix("linecard: ")
            .is_some_and(|said| said.contains(message)),
        "{message:?} is not in {stderr:?}"
    );
    assert_eq!(status, Some(code), "{stderr}");
    assert_eq!(stdout, "", "a refusal has no report");
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("linecard-command-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a name").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

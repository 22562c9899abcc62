//! The `linecard` command as somebody at a shell meets it: what it prints, with which exit code it
//! ends, and what it leaves behind.

mod ending;
mod malformed;
mod refusals;
mod scene;

use core::time::Duration;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// The command with these arguments.
fn linecard(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linecard"));
    command.args(arguments);
    command
}

/// Runs it to its end: exit code, standard output, standard error.
fn ends(command: &mut Command) -> (Option<i32>, String, String) {
    ends_within(command, Duration::from_secs(60))
}

/// The same; kills it, and fails, if it has not ended by then.
fn ends_within(command: &mut Command, bound: Duration) -> (Option<i32>, String, String) {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().expect("the command starts");
    let stdout = collect(process.stdout.take().expect("a pipe"));
    let stderr = collect(process.stderr.take().expect("a pipe"));
    let began = Instant::now();
    let status = loop {
        match process.try_wait().expect("a child of this process") {
            Some(status) => break Some(status),
            None if began.elapsed() > bound => break None,
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    if status.is_none() {
        // It can have ended just now, which is as late.
        let _ = process.kill();
        process.wait().expect("a child of this process");
    }
    let text = |reader: JoinHandle<Vec<u8>>| {
        let bytes = reader.join().expect("a reader");
        String::from_utf8(bytes).expect("it prints UTF-8")
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    let status =
        status.unwrap_or_else(|| panic!("still running after {bound:?}: {stdout}{stderr}"));
    (status.code(), stdout, stderr)
}

/// Reads all that there comes, beside the process that it comes from.
fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).expect("it can be read");
        all
    })
}

#[test]
#[should_panic(expected = "still running after 200ms: it began")]
fn a_command_that_does_not_end_fails_its_test() {
    let script = "echo it began; exec sleep 60";
    ends_within(
        Command::new("sh").args(["-c", script]),
        Duration::from_millis(200),
    );
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

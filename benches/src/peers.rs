//! Peers in C over the distribution's libdpdk: one child process that measures what it is told.
//!
//! The [build script](../build/main.rs) compiles `peers/*.c` where there is a libdpdk. The child works
//! on the processor that asks for it, gives the time that its own thread took, and sleeps in between. It has huge
//! pages where this process may reserve them (they are given back when the last contender of the scenario
//! is dropped), and says so in the contender's name.

use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::{Rc, Weak};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use linecard_linux::memory::Reservation;

use crate::counts::is_simulated;
use crate::harness::Contender;

/// The program of this scenario's peers.
#[derive(Debug, Clone)]
pub struct Peers(Rc<RefCell<Program>>);

impl Peers {
    /// The running program; started if no contender holds one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start() -> Result<Self, PeerError> {
        thread_local!(static RUNNING: RefCell<Weak<RefCell<Program>>> = const { RefCell::new(Weak::new()) });
        RUNNING.with_borrow_mut(|running| {
            if let Some(program) = running.upgrade() {
                return Ok(Self(program));
            }
            let program = Rc::new(RefCell::new(Program::start(Wanted::Best)?));
            *running = Rc::downgrade(&program);
            Ok(Self(program))
        })
    }

    /// One of its own, on 4 KiB pages: for what is not measured.
    ///
    /// # Errors
    /// Why there is none.
    pub fn on_small_pages() -> Result<Self, PeerError> {
        Ok(Self(Rc::new(RefCell::new(Program::start(Wanted::Small)?))))
    }

    /// Has a peer read its input, and build what it needs.
    ///
    /// # Errors
    /// As any question to the program.
    pub fn prepare(&self, peer: &str, input: Option<&[u8]>) -> Result<(), PeerError> {
        let mut program = self.0.borrow_mut();
        let Some(input) = input else {
            return program.ask_ok(&format!("prepare {peer} -"));
        };
        let file = Scratch::new();
        fs::write(&file.0, input).map_err(|error| file.failed(&error))?;
        program.ask_ok(&format!("prepare {peer} {}", file.0.display()))
    }

    /// Runs a peer; gives the time that it took.
    ///
    /// # Errors
    /// As any question to the program.
    pub fn run(&self, peer: &str, units: u64) -> Result<Duration, PeerError> {
        let cpu = rustix::thread::sched_getcpu();
        let question = format!("run {peer} {units} {cpu}");
        let answer = self.0.borrow_mut().ask(&question)?;
        match answer.parse() {
            Ok(nanos) => Ok(Duration::from_nanos(nanos)),
            Err(_) => Err(PeerError::Answer { question, answer }),
        }
    }

    /// What a peer computes of its input.
    ///
    /// # Errors
    /// As any question to the program.
    pub fn answer(&self, peer: &str) -> Result<Vec<u8>, PeerError> {
        let file = Scratch::new();
        let question = format!("answer {peer} {}", file.0.display());
        self.0.borrow_mut().ask_ok(&question)?;
        fs::read(&file.0).map_err(|error| file.failed(&error))
    }

    /// A peer that was prepared, as a contender.
    ///
    /// # Panics
    /// When run, if the program does not answer: with what is wrong.
    #[must_use]
    pub fn contender(&self, name: &str, peer: &'static str) -> Contender {
        let peers = self.clone();
        let pages = self.0.borrow().pages();
        let name: &'static str = format!("{name} ({pages})").leak();
        Contender::new(name, move |units| match peers.run(peer, units) {
            Ok(took) => took,
            Err(error) => panic!("{name}: {error}"),
        })
    }
}

/// Peers that need no input, by name and by their name in the program; behind those that are there.
/// What cannot be had is said in one line.
pub fn add(contenders: &mut Vec<Contender>, who: &'static str, peers: &[(&str, &'static str)]) {
    add_with(contenders, who, |program| {
        peers
            .iter()
            .map(|&(name, peer)| {
                program.prepare(peer, None)?;
                Ok(program.contender(name, peer))
            })
            .collect()
    });
}

/// Peers that `make` makes ready; what cannot be had is said in one line.
pub fn add_with(
    contenders: &mut Vec<Contender>,
    who: &'static str,
    make: impl FnOnce(&Peers) -> Result<Vec<Contender>, PeerError>,
) {
    if is_simulated() {
        return;
    }
    match Peers::start().and_then(|program| make(&program)) {
        Ok(more) => contenders.extend(more),
        Err(why) => contenders.push(Contender::missing(who, why.to_string())),
    }
}

/// What goes wrong with the peers in C.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerError {
    /// They were not built, for this reason.
    Missing(&'static str),
    /// The program does not start.
    Start(String),
    /// It ended, at this question.
    Ended(String),
    /// It does not answer this question in time.
    Silent(String),
    /// It cannot do what was asked, and says why.
    Refused(String),
    /// Its answer is none to the question.
    Answer {
        /// What it was asked.
        question: String,
        /// What it said.
        answer: String,
    },
    /// What they are to be compared with cannot be made.
    Ours(String),
    /// It computes something else than Linecard does.
    Differs(String),
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) => f.write_str(why),
            Self::Start(why) => write!(f, "the peers in C do not start: {why}"),
            Self::Ended(question) => write!(f, "the peers in C ended at `{question}`"),
            Self::Silent(question) => write!(f, "the peers in C do not answer `{question}`"),
            Self::Refused(why) | Self::Ours(why) => f.write_str(why),
            Self::Answer { question, answer } => {
                write!(f, "the peers in C answer `{answer}` to `{question}`")
            }
            Self::Differs(what) => write!(f, "not what Linecard computes: {what}"),
        }
    }
}

impl core::error::Error for PeerError {}

/// The pages that a program shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Huge ones if they can be reserved.
    Best,
    Small,
}

/// The child process; ended with this value.
#[derive(Debug)]
struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Its pages, given back once it has ended.
    huge: Option<Reservation>,
}

impl Program {
    fn start(wanted: Wanted) -> Result<Self, PeerError> {
        let Some(path) = option_env!("LINECARD_PEERS") else {
            let why = option_env!("LINECARD_PEERS_MISSING").unwrap_or("not built");
            return Err(PeerError::Missing(why));
        };
        let reservation = (wanted == Wanted::Best)
            .then(|| Reservation::for_bytes(MEMORY).ok())
            .flatten();
        if let Some(huge) = reservation {
            match Self::start_on(path, Some(huge)) {
                Ok(program) => return Ok(program),
                // Reserved pages may still be out of reach (a container): then as if there were none.
                Err(why) => println!("no huge pages for the peers in C: {why}"),
            }
        }
        Self::start_on(path, None)
    }

    fn start_on(path: &str, huge: Option<Reservation>) -> Result<Self, PeerError> {
        let pages = if huge.is_some() { "huge" } else { "plain" };
        let mut child = Command::new(path)
            .args([pages, &rustix::thread::sched_getcpu().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| PeerError::Start(format!("{path}: {error}")))?;
        let (to, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                // Ends with the program's output, or with the program's owner.
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if to.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let stdin = child.stdin.take();
        let program = Self {
            child,
            stdin,
            lines,
            huge,
        };
        match program.answer_to("start") {
            Ok(line) if line == "ready" => Ok(program),
            Ok(line) => Err(PeerError::Start(line)),
            Err(error) => Err(PeerError::Start(error.to_string())),
        }
    }

    fn pages(&self) -> &'static str {
        match self.huge {
            Some(_) => "huge",
            None => "4 KiB",
        }
    }

    fn ask(&mut self, question: &str) -> Result<String, PeerError> {
        let ended = |_| PeerError::Ended(question.to_owned());
        let stdin = self.stdin.as_mut();
        let stdin = stdin.ok_or(PeerError::Ended(question.to_owned()))?;
        stdin
            .write_all(format!("{question}\n").as_bytes())
            .map_err(ended)?;
        let answer = self.answer_to(question)?;
        match answer.strip_prefix("error ") {
            Some(why) => Err(PeerError::Refused(why.to_owned())),
            None => Ok(answer),
        }
    }

    fn ask_ok(&mut self, question: &str) -> Result<(), PeerError> {
        let answer = self.ask(question)?;
        if answer == "ok" {
            return Ok(());
        }
        let question = question.to_owned();
        Err(PeerError::Answer { question, answer })
    }

    fn answer_to(&self, question: &str) -> Result<String, PeerError> {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        self.lines
            .recv_timeout(PATIENCE)
            .map_err(|error| match error {
                Timeout => PeerError::Silent(question.to_owned()),
                Disconnected => PeerError::Ended(question.to_owned()),
            })
    }
}

impl Drop for Program {
    /// It ends with its input; by force if that takes too long. Its pages can be given back only then.
    fn drop(&mut self) {
        self.stdin = None;
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file for one question, removed with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        use core::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("linecard-peers-{}-{count}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn failed(&self, error: &std::io::Error) -> PeerError {
        PeerError::Refused(format!("{}: {error}", self.0.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What the program takes at its start, and some pages more: for what the allocator does not fit.
const MEMORY: usize = 784 << 20;

/// A turn is milliseconds, a table of half a million routes seconds; a machine with much else to do
/// takes some times as long.
const PATIENCE: Duration = Duration::from_secs(120);

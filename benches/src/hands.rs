//! Threads that work together, on processors of one's choice: time on the clock, as none of them can
//! go faster than the others.

use core::time::Duration;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use linecard_linux::affinity;

use crate::harness::Contender;

/// A thread that does units of work when it is told to; it ends when this is dropped.
pub struct Hand {
    go: SyncSender<u64>,
    done: Receiver<()>,
}

impl Hand {
    /// A thread, pinned if it is given a processor, for what `make` makes there.
    ///
    /// # Errors
    /// That it cannot be pinned, or what `make` says.
    pub fn new<W: FnMut(u64)>(
        cpu: Option<usize>,
        make: impl FnOnce() -> Result<W, String> + Send + 'static,
    ) -> Result<Self, String> {
        let (go, wanted) = sync_channel::<u64>(1);
        let (answer, done) = sync_channel(1);
        let (ready, is_ready) = sync_channel(1);
        let begin = move || {
            if let Some(cpu) = cpu {
                affinity::pin(cpu).map_err(|error| error.to_string())?;
            }
            make()
        };
        let run = move || match begin() {
            Ok(mut work) => {
                let _ = ready.send(Ok(()));
                for units in wanted {
                    work(units);
                    if answer.send(()).is_err() {
                        return;
                    }
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let thread = thread::Builder::new().name("poller".into());
        thread.spawn(run).map_err(|error| error.to_string())?;
        is_ready.recv().map_err(|error| error.to_string())??;
        Ok(Self { go, done })
    }
}

/// A contender of several threads, each of which does all the units.
pub fn together(name: &'static str, hands: Vec<Hand>) -> Contender {
    Contender::new(name, move |units| turn(&hands, units))
}

/// A contender of several threads that share the units.
pub fn sharing(name: &'static str, hands: Vec<Hand>) -> Contender {
    Contender::new(name, move |units| {
        let each = units.div_ceil(hands.len() as u64);
        let took = turn(&hands, each);
        took.mul_f64(units as f64 / (each * hands.len() as u64) as f64)
    })
}

fn turn(hands: &[Hand], units: u64) -> Duration {
    let start = Instant::now();
    for hand in hands {
        hand.go.send(units).expect("the thread waits");
    }
    for hand in hands {
        hand.done.recv().expect("the thread has not panicked");
    }
    start.elapsed()
}

/// Two processors that this program may use.
///
/// # Errors
/// That there is one.
pub fn two() -> Result<[usize; 2], String> {
    match affinity::allowed().map_err(|error| error.to_string())?[..] {
        [one, other, ..] => Ok([one, other]),
        _ => Err("wants two processors".into()),
    }
}

/// Waits for another thread: spins, and now and then lets it have the processor, which it may need.
pub fn wait(spins: &mut u32) {
    *spins = spins.wrapping_add(1);
    if spins.is_multiple_of(64) {
        thread::yield_now();
    } else {
        core::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn each_does_all_or_they_share() {
        let done = Arc::new(AtomicU64::new(0));
        let hands = || -> Vec<Hand> {
            let hand = || {
                let done = Arc::clone(&done);
                Hand::new(None, move || {
                    Ok(move |units| {
                        done.fetch_add(units, Ordering::Relaxed);
                    })
                })
            };
            vec![hand().expect("a thread"), hand().expect("a thread")]
        };
        together("t", hands()).build().expect("it is there")(100);
        assert_eq!(done.swap(0, Ordering::Relaxed), 200);
        sharing("s", hands()).build().expect("it is there")(101);
        assert_eq!(done.load(Ordering::Relaxed), 102);
        let refused = Hand::new(None, || Err::<fn(u64), _>("no memory".into()));
        assert_eq!(refused.err().as_deref(), Some("no memory"));
    }
}

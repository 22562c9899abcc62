//! Two threads, each on a processor of its own.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use linecard_linux::affinity;

use crate::harness::{Contender, cpu_time};
use crate::place;

/// A contender of two threads: `there` gives units and `here` takes them, at the same time.
///
/// Its time is the processor's time of `here`, which polls: waiting for the other thread counts, and
/// what other processes do on this thread's processor does not. Between turns the other thread
/// sleeps.
pub fn contender(
    name: &'static str,
    mut here: impl FnMut(u64) + 'static,
    mut there: impl FnMut(u64) + Send + 'static,
) -> Contender {
    Contender::lazy(name, move || {
        let allowed = affinity::allowed().map_err(|error| error.to_string())?;
        let &[first, second, ..] = allowed.as_slice() else {
            return Err("two threads need two processors".into());
        };
        let (go, asked) = channel::<u64>();
        let (finish, finished) = channel::<()>();
        // Turns that the other thread has begun.
        let begun = Arc::new(AtomicU64::new(0));
        let begins = Arc::clone(&begun);
        thread::spawn(move || {
            // Where it cannot be pinned it is slower, and the spread shows it.
            let _ = affinity::pin(second);
            for units in asked {
                begins.fetch_add(1, Ordering::Release);
                there(units);
                if finish.send(()).is_err() {
                    return;
                }
            }
        });
        let mut turns = 0;
        Ok(Contender::new(name, move |units| {
            turns += 1;
            place::on(first, || {
                if go.send(units).is_err() {
                    panic!("{name}: its other thread is gone");
                }
                while begun.load(Ordering::Acquire) < turns {
                    spin_loop();
                }
                let start = cpu_time();
                here(units);
                let took = cpu_time().saturating_sub(start);
                if finished.recv().is_err() {
                    panic!("{name}: its other thread is gone");
                }
                took
            })
        }))
    })
}

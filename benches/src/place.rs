//! On which processor a turn is.

use linecard_linux::affinity;
use rustix::thread::{sched_getaffinity, sched_setaffinity};

/// Does the work on that processor; afterwards the thread goes where it likes again. Where it cannot be
/// pinned the work is done all the same.
pub fn on<T>(cpu: usize, work: impl FnOnce() -> T) -> T {
    let before = sched_getaffinity(None);
    let _ = affinity::pin(cpu);
    let done = work();
    if let Ok(before) = before {
        let _ = sched_setaffinity(None, &before);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_alone_is_pinned() {
        let before = affinity::allowed().expect("the kernel says");
        let &last = before.last().expect("one at least");
        assert_eq!(on(last, || affinity::allowed().ok()), Some(vec![last]));
        assert_eq!(affinity::allowed().ok(), Some(before));
    }
}

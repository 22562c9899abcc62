//! Which worker has which queue of which port.

/// The queues of all ports, shared out among the workers.
///
/// A port with a queue for each worker or more gives queue *i* to worker *i* modulo their number. Of
/// ports with fewer, each queue goes to the worker whose turn it is. A worker without a queue of some
/// port sends by the one that has the port's first.
#[derive(Debug)]
pub(super) struct Shares {
    /// For each port, and each queue of it, the worker.
    workers: Vec<Vec<usize>>,
    count: usize,
}

impl Shares {
    /// Shares out so many queues of each port.
    pub(super) fn new(queues: impl IntoIterator<Item = usize>, count: usize) -> Self {
        let count = count.max(1);
        let mut turn = 0;
        let workers = queues.into_iter().map(|queues| {
            let first = if queues < count { turn } else { 0 };
            if queues < count {
                turn += queues;
            }
            (0..queues).map(|queue| (first + queue) % count).collect()
        });
        Self {
            workers: workers.collect(),
            count,
        }
    }

    /// The worker of each queue of a port.
    pub(super) fn of_port(&self, port: usize) -> &[usize] {
        self.workers.get(port).map_or(&[], Vec::as_slice)
    }

    /// The worker by which those send that have no queue of the port; none where all have one.
    pub(super) fn owner(&self, port: usize) -> Option<usize> {
        let workers = self.of_port(port);
        let all = (0..self.count).all(|worker| workers.contains(&worker));
        workers.first().copied().filter(|_| !all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_has_everything_and_nobody_hands_over() {
        let shares = Shares::new([1, 4, 2], 1);
        for port in 0..3 {
            assert!(shares.of_port(port).iter().all(|worker| *worker == 0));
            assert_eq!(shares.owner(port), None);
        }
    }

    #[test]
    fn queues_go_round_and_ports_with_few_of_them_too() {
        let shares = Shares::new([1, 1, 3, 2, 7, 1], 3);
        let all: Vec<_> = (0..6).map(|port| shares.of_port(port)).collect();
        let expected: [&[usize]; 6] = [
            &[0],
            &[1],
            &[0, 1, 2],
            &[2, 0],
            &[0, 1, 2, 0, 1, 2, 0],
            &[1],
        ];
        assert_eq!(all, expected);
        let owners: Vec<_> = (0..6).map(|port| shares.owner(port)).collect();
        let expected = [Some(0), Some(1), None, Some(2), None, Some(1)];
        assert_eq!(owners, expected);
    }
}

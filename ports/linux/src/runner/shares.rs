//! Which worker has which queue of which port.

/// The queues of all ports, shared out among the workers.
///
/// A port with a queue for each worker or more gives queue *i* to worker *i* modulo their number. Of
/// ports with fewer, each queue goes to the worker whose turn it is. A worker without a queue of some
/// port, or with none that sends, sends by the one that has the port's first.
#[derive(Debug)]
pub(super) struct Shares {
    /// For each port, and each queue of it, the worker.
    workers: Vec<Vec<usize>>,
    /// For each port, how many of its first queues send.
    sending: Vec<usize>,
    count: usize,
}

impl Shares {
    /// Shares out so many queues of each port, of which all send.
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
        let workers: Vec<Vec<usize>> = workers.collect();
        Self {
            sending: workers.iter().map(Vec::len).collect(),
            workers,
            count,
        }
    }

    /// The same, where only so many of each port's first queues send.
    pub(super) fn sending(self, queues: impl IntoIterator<Item = usize>) -> Self {
        Self {
            sending: queues.into_iter().collect(),
            ..self
        }
    }

    /// The worker of each queue of a port.
    pub(super) fn of_port(&self, port: usize) -> &[usize] {
        self.workers.get(port).map_or(&[], Vec::as_slice)
    }

    /// The workers of those queues of a port that send.
    fn senders(&self, port: usize) -> &[usize] {
        let sending = self.sending.get(port).copied().unwrap_or(0);
        self.of_port(port).get(..sending).unwrap_or_default()
    }

    /// Whether a worker sends by a port itself.
    pub(super) fn sends(&self, port: usize, worker: usize) -> bool {
        self.senders(port).contains(&worker)
    }

    /// The worker by which those send that have no queue of the port that does; none where all have one,
    /// and where no queue sends.
    pub(super) fn owner(&self, port: usize) -> Option<usize> {
        let senders = self.senders(port);
        let all = (0..self.count).all(|worker| senders.contains(&worker));
        senders.first().copied().filter(|_| !all)
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
        // Port 2 sends by its first two queues alone, port 4 by none.
        let shares = shares.sending([1, 1, 2, 2, 0, 1]);
        assert_eq!((shares.owner(2), shares.owner(4)), (Some(0), None));
        let sends = [0, 1, 2].map(|worker| shares.sends(2, worker));
        assert_eq!(sends, [true, true, false]);
    }
}

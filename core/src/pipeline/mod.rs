//! Stages on bursts, verdicts and drop reasons, the run-to-completion worker.

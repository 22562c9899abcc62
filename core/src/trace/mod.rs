//! Counters, fixed-size latency histograms, stage timers.

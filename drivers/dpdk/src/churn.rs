//! Mbufs out of a pool and back, as DPDK's drivers take and free them: to measure what the mempool
//! costs.

use core::ptr;

use linecard::mempool::Cache;

use crate::eal;
use crate::ffi::{self, Mbuf};
use crate::memory::Memory;
use crate::scope::Scope;

impl Memory {
    /// Lets DPDK allocate 32 mbufs at once, and free them one by one, so many times: what a port of
    /// software does with a burst received and sent. Gives how many mbufs there were.
    ///
    /// ```no_run
    /// # fn example(memory: linecard_dpdk::Memory) -> Result<(), linecard::mempool::PoolError> {
    /// let mut cache = linecard::mempool::Cache::new(memory.pool(), "core 0", 512)?;
    /// assert_eq!(memory.churn(&mut cache, 10), 320, "a frame each");
    /// # Ok(())
    /// # }
    /// ```
    pub fn churn(&self, cache: &mut Cache<'_>, times: u64) -> u64 {
        eal::enlist();
        let (shared, mempool) = (self.shared(), self.shared().mempool());
        let mut mbufs: [*mut Mbuf; BURST] = [ptr::null_mut(); BURST];
        let mut all = 0;
        for _ in 0..times {
            let count = BURST as u32;
            let first = mbufs.as_mut_ptr();
            let mut scope = Scope::new(shared, shared.account(), cache);
            // SAFETY: the mempool is this memory's, and `mbufs` has room for as many.
            if scope.enter(|| unsafe { ffi::lc_dpdk_alloc_burst(mempool, first, count) }) != 0 {
                break;
            }
            drop(scope);
            let mut scope = Scope::new(shared, shared.account(), cache);
            // SAFETY: these were allocated above, and nobody else knows them.
            scope.enter(|| unsafe { ffi::lc_dpdk_free_each(first, count) });
            all += BURST as u64;
        }
        all
    }
}

const BURST: usize = 32;

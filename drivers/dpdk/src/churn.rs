//! Mbufs out of a pool and back, as DPDK's drivers take and free them: to measure what the mempool
//! costs.

use core::ptr;

use linecard::mempool::Cache;

use crate::eal;
use crate::ffi::{self, CHURN, Mbuf};
use crate::memory::Memory;
use crate::scope::Scope;

impl Memory {
    /// Lets DPDK allocate 32 mbufs at once, and free them one by one, so many times: what a port of
    /// software does with a burst received and sent, and counted as that by the burst. Gives how many
    /// mbufs there were: none, if the pool has too many accounts.
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
        let shared = self.shared();
        let Ok(account) = shared.account_named("churn") else {
            return 0;
        };
        let mut from = account.id().number();
        let mut mbufs: [*mut Mbuf; CHURN] = [ptr::null_mut(); CHURN];
        let mut all = 0;
        for _ in 0..times {
            let mut scope = Scope::new(shared, cache);
            // SAFETY: the mempool is this memory's.
            let (got, freed) = scope.burst(|mempool, kept| unsafe {
                ffi::lc_dpdk_alloc_burst(mempool, &mut mbufs, kept)
            });
            let received = got as i32;
            let more = freed.wrapping_add(received).wrapping_neg();
            if more != 0 {
                shared.settle_posted(account, account, more, &mut from);
            }
            if got == 0 {
                break;
            }
            account.count(0, received);
            // SAFETY: these were allocated above, and nobody else knows them.
            let (_, freed) = scope.burst(|mempool, kept| unsafe {
                ffi::lc_dpdk_free_each(mempool, &mut mbufs, kept)
            });
            shared.settle_completing(account, freed.wrapping_neg());
            all += CHURN as u64;
        }
        Scope::new(shared, cache).enter(&[], || {});
        all
    }
}

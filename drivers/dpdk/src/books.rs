//! How many frames DPDK has, and whose they are in the ledger.
//!
//! DPDK frees and allocates by a cache of its own for each thread, and nobody hears of it mbuf by mbuf.
//! What is known of each call is how many frames went into it and came out, and how many more or fewer
//! are in the thread's cache and have been through the mempool's operations: so it is known how many
//! were freed, all less those allocated. By that the account of the call's queue is settled:
//!
//! - a transmit queue has what it was given, less what was freed in its calls;
//! - a receive queue has what was allocated in its calls, less what was received.
//!
//! Whoever has less than was taken from it got it from elsewhere: over a ring in memory, or out of what
//! was allocated when the port was started. That is counted off where it can have been. So the sum is
//! right at every moment, and no account has fewer than none.

use linecard::mempool::SharedAccount;

use crate::memory::Shared;

/// Where frames that an account did not have are looked for first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// They were received: what nobody's burst allocated, then what was sent.
    Allocated,
    /// They were freed: what was sent.
    Sent,
}

impl Shared {
    /// Settles a receive queue's account: so many more frames are posted than before its burst.
    /// `sender` is the account of the queue's sending half, and `from` the one that had frames last when
    /// neither did.
    #[inline]
    pub(crate) fn settle_posted(
        &'static self,
        account: &SharedAccount<'static>,
        sender: &'static SharedAccount<'static>,
        more: i32,
        from: &mut u8,
    ) {
        let own = (account.posted() as i32).wrapping_add(more);
        if own >= 0 {
            account.count(more, 0);
            return;
        }
        account.count(more.wrapping_sub(own), 0);
        let mut short = own.unsigned_abs();
        // What one's own ring brings back: of whoever polls this half alone.
        short -= sender.take_returned(short);
        if short > 0 {
            self.settle_received(short, from);
        }
    }

    /// Counts off what was received and came from elsewhere.
    #[cold]
    #[inline(never)]
    fn settle_received(&'static self, mut short: u32, from: &mut u8) {
        if let Some(last) = self.account_by(*from) {
            short -= last.take_completing(short);
        }
        if short > 0
            && let Some(last) = self.count_off(short, &[], First::Allocated)
        {
            *from = last;
        }
    }

    /// Settles a transmit queue's account: so many more frames are completing than before its burst.
    #[inline]
    pub(crate) fn settle_completing(&'static self, account: &SharedAccount<'static>, more: i32) {
        let own = (account.completing() as i32).wrapping_add(more);
        if own >= 0 {
            account.count(0, more);
            return;
        }
        account.count(0, more.wrapping_sub(own));
        self.count_off(own.unsigned_abs(), &[], First::Sent);
    }

    /// Settles what was done outside of bursts: so many frames were freed, less those allocated, for a
    /// port with these accounts.
    pub(crate) fn settle_freed(&'static self, freed: i32, port: &[u8]) {
        match u32::try_from(freed) {
            Ok(0) => {}
            Ok(freed) => {
                self.count_off(freed, port, First::Sent);
            }
            Err(_) => self.account().count_shared(freed.wrapping_neg(), 0),
        }
    }

    /// Counts frames off that the accounts of these numbers have, or else others; gives the number of
    /// the last one that had sent any.
    #[cold]
    #[inline(never)]
    fn count_off(&'static self, mut short: u32, port: &[u8], first: First) -> Option<u8> {
        let mut last = None;
        for account in port.iter().filter_map(|&number| self.account_by(number)) {
            short -= account.take_completing(short);
            short -= account.take_posted(short);
        }
        if first == First::Allocated {
            short -= self.account().take_posted(short);
        }
        for account in self.accounts() {
            if short == 0 {
                return last;
            }
            let taken = account.take_completing(short);
            if taken > 0 {
                last = Some(account.id().number());
            }
            short -= taken;
        }
        for account in self.accounts() {
            short -= account.take_posted(short);
        }
        last
    }
}

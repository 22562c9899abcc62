//! Frames whose completion never comes.

use heapless::Vec;

use super::{Account, Frame, FrameIndex, Pool, PoolError};

/// Up to `N` frames that were sent and of which nothing was heard again; the ledger shows them
/// as completing, under the account's name, until this is dropped.
///
/// For devices that lose completions on purpose, and for drivers whose device did.
///
/// ```
/// # use linecard::mempool::{Limbo, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 4 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 4];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut limbo: Limbo<'_, 8> = Limbo::new(&pool, "lossy")?;
/// limbo.hold(pool.alloc().unwrap()).expect("there is room");
/// assert_eq!(pool.ledger().completing, 1);
/// drop(limbo);
/// pool.audit().expect("it came back with the holder");
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
#[derive(Debug)]
pub struct Limbo<'p, const N: usize> {
    account: Account<'p>,
    frames: Vec<FrameIndex, N>,
}

impl<'p, const N: usize> Limbo<'p, N> {
    /// Nothing in it yet; `name` is for the ledger.
    ///
    /// # Errors
    ///
    /// [`PoolError::TooManyAccounts`].
    pub fn new(pool: &'p Pool<'p>, name: &str) -> Result<Self, PoolError> {
        Ok(Self {
            account: Account::register(pool, name)?,
            frames: Vec::new(),
        })
    }

    /// Holds a frame.
    ///
    /// # Errors
    ///
    /// The frame itself: there are `N`, or it is of another pool, or others are chained to it.
    pub fn hold(&mut self, frame: Frame<'p>) -> Result<(), Frame<'p>> {
        if self.frames.is_full() {
            return Err(frame);
        }
        let index = self.account.send(frame)?;
        // There is room: looked at above.
        let _ = self.frames.push(index);
        Ok(())
    }

    /// Frames in it.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

impl<const N: usize> Drop for Limbo<'_, N> {
    fn drop(&mut self) {
        // SAFETY: `hold` sent each of these through this account, nothing takes them out, and
        // there is no device.
        unsafe { self.account.complete_shared(&self.frames) };
    }
}

//! The first bytes of four frames at a time.

use super::Frame;
use super::frame::{CHAINED, LEN};
use crate::platform::Numbers;

/// The first `N` bytes of each of four frames, and the frames' lengths; `None` if one of them has fewer or has others
/// chained to it. One question for all four in place of two for each.
#[inline(always)]
pub(crate) fn heads<'a, const N: usize>(
    frames: [&'a Frame<'_>; 4],
) -> Option<([&'a [u8; N]; 4], Numbers)> {
    let lens = lens::<N>(frames)?;
    // SAFETY: `data` says why the frame's bytes may be read for as long as it is borrowed; `lens` has found
    // that there are `N` of them, and an array of bytes may begin anywhere.
    let heads = frames.map(|frame| unsafe { frame.as_ptr().cast().as_ref() });
    Some((heads, lens))
}

/// Likewise, to be changed.
#[inline(always)]
pub(crate) fn heads_mut<'a, const N: usize>(
    frames: [&'a mut Frame<'_>; 4],
) -> Option<([&'a mut [u8; N]; 4], Numbers)> {
    let lens = lens::<N>(frames.each_ref().map(|frame| &**frame))?;
    // SAFETY: as in `heads`; the exclusive borrows make these the only references, as in `data_mut`.
    let heads = frames.map(|frame| unsafe { frame.as_ptr().cast().as_mut() });
    Some((heads, lens))
}

/// The lengths of four frames; `None` if one is less than `N`, or if others are chained to one.
#[inline(always)]
fn lens<const N: usize>(frames: [&Frame<'_>; 4]) -> Option<Numbers> {
    const { assert!(N <= LEN as usize) };
    let words = frames.map(|frame| frame.word() as u32);
    let lens = Numbers::from(words) & Numbers::splat((CHAINED | LEN) as u32);
    // Each of the two sums has its highest bit set if it is so.
    let short = lens + Numbers::splat((N as u32).wrapping_neg());
    let chained = lens + Numbers::splat((1 << 31) - CHAINED as u32);
    ((short | chained).signs() == 0).then_some(lens)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec;

    use super::*;
    use crate::mempool::{Pool, PoolConfig, Region, Slot};

    #[test]
    fn four_have_as_many_bytes_or_none() {
        let mut memory = vec![0u8; 8 * 2048 + 63];
        let slots = [const { Slot::new() }; 8];
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
        let mut frames = [(); 4].map(|()| pool.alloc().unwrap());
        for (at, frame) in frames.iter_mut().enumerate() {
            let len = 34 + at * 500;
            frame.append(len).unwrap().fill(at as u8);
        }
        let (found, lens) = heads::<34>(frames.each_ref()).unwrap();
        assert_eq!(found, [&[0; 34], &[1; 34], &[2; 34], &[3; 34]]);
        assert_eq!(<[u32; 4]>::from(lens), [34, 534, 1034, 1534]);
        assert!(heads::<35>(frames.each_ref()).is_none());
        let (found, _) = heads_mut::<34>(frames.each_mut()).unwrap();
        for head in found {
            head[33] = 9;
        }
        assert!(frames.iter().all(|frame| frame.data()[33] == 9));
        for at in 0..4 {
            frames[at].chain(pool.alloc().unwrap()).unwrap();
            assert!(heads::<34>(frames.each_ref()).is_none(), "{at} is chained");
            assert!(heads_mut::<0>(frames.each_mut()).is_none());
            drop(frames[at].unchain());
            let len = frames[at].len();
            frames[at].trim_back(len - 33).unwrap();
            assert!(heads::<34>(frames.each_ref()).is_none(), "{at} is short");
            assert!(heads_mut::<34>(frames.each_mut()).is_none());
            frames[at].append(len - 33).unwrap();
        }
        let all = frames[0].len();
        frames[0].trim_front(all).unwrap();
        assert!(heads::<1>(frames.each_ref()).is_none());
        assert!(heads::<0>(frames.each_ref()).is_some());
    }
}

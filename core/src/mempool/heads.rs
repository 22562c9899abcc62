//! The first bytes of four or eight frames at a time.

use super::Frame;
use super::frame::{CHAINED, LEN};
use crate::platform::{Avx2, Columns, Eight, Numbers};

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

/// Likewise of eight frames.
#[inline(always)]
pub(crate) fn eight_heads<'a, const N: usize>(
    avx2: Avx2,
    frames: [&'a Frame<'_>; 8],
) -> Option<([&'a [u8; N]; 8], Eight)> {
    let lens = eight_lens::<N>(avx2, frames)?;
    // SAFETY: as in `heads`, by `eight_lens`.
    let heads = frames.map(|frame| unsafe { frame.as_ptr().cast().as_ref() });
    Some((heads, lens))
}

/// Likewise, to be changed.
#[inline(always)]
pub(crate) fn eight_heads_mut<'a, const N: usize>(
    avx2: Avx2,
    frames: [&'a mut Frame<'_>; 8],
) -> Option<([&'a mut [u8; N]; 8], Eight)> {
    let lens = eight_lens::<N>(avx2, frames.each_ref().map(|frame| &**frame))?;
    // SAFETY: as in `heads_mut`, by `eight_lens`.
    let heads = frames.map(|frame| unsafe { frame.as_ptr().cast().as_mut() });
    Some((heads, lens))
}

/// The lengths of four frames; `None` if one is less than `N`, or if others are chained to one.
#[inline(always)]
fn lens<const N: usize>(frames: [&Frame<'_>; 4]) -> Option<Numbers> {
    fit::<_, N>(Numbers::from(frames.map(|frame| frame.word() as u32)))
}

/// Likewise of eight frames.
#[inline(always)]
fn eight_lens<const N: usize>(avx2: Avx2, frames: [&Frame<'_>; 8]) -> Option<Eight> {
    let [words, _] = Eight::turn_ends(avx2, frames.map(Frame::row));
    fit::<_, N>(words)
}

#[inline(always)]
fn fit<C: Columns, const N: usize>(words: C) -> Option<C> {
    const { assert!(N <= LEN as usize) };
    let lens = words & words.all((CHAINED | LEN) as u32);
    // Each of the two sums has its highest bit set if it is so.
    let short = lens + lens.all((N as u32).wrapping_neg());
    let chained = lens + lens.all((1 << 31) - CHAINED as u32);
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

    #[test]
    fn eight_have_as_many_bytes_or_none() {
        let Some(avx2) = Avx2::known() else { return };
        let mut memory = vec![0u8; 16 * 2048 + 63];
        let slots = [const { Slot::new() }; 16];
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
        let mut frames = [(); 8].map(|()| pool.alloc().unwrap());
        for (at, frame) in frames.iter_mut().enumerate() {
            frame.append(34 + at * 200).unwrap().fill(at as u8);
        }
        let (found, lens) = eight_heads::<34>(avx2, frames.each_ref()).unwrap();
        let expected: [[u8; 34]; 8] = core::array::from_fn(|at| [at as u8; 34]);
        assert_eq!(found, expected.each_ref());
        let lens: [u32; 8] = lens.into();
        assert_eq!(lens, core::array::from_fn(|at| 34 + at as u32 * 200));
        assert!(eight_heads::<35>(avx2, frames.each_ref()).is_none());
        let (found, _) = eight_heads_mut::<34>(avx2, frames.each_mut()).unwrap();
        for (at, head) in found.into_iter().enumerate() {
            head[33] = 9 + at as u8;
        }
        let changed = |(at, frame): (usize, &Frame<'_>)| frame.data()[33] == 9 + at as u8;
        assert!(frames.iter().enumerate().all(changed));
        for at in 0..8 {
            frames[at].chain(pool.alloc().unwrap()).unwrap();
            assert!(
                eight_heads::<34>(avx2, frames.each_ref()).is_none(),
                "{at} is chained"
            );
            assert!(eight_heads_mut::<0>(avx2, frames.each_mut()).is_none());
            drop(frames[at].unchain());
            let len = frames[at].len();
            frames[at].trim_back(len - 33).unwrap();
            assert!(
                eight_heads::<34>(avx2, frames.each_ref()).is_none(),
                "{at} is short"
            );
            assert!(eight_heads_mut::<34>(avx2, frames.each_mut()).is_none());
            frames[at].append(len - 33).unwrap();
        }
    }
}

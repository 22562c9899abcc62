//! Many addresses, a chunk at a time.

use super::NextHop;

/// Addresses that a table looks up together: a burst, whose 32 independent misses are more than a core can have
/// under way.
pub(super) const CHUNK: usize = 32;

/// What looks addresses up.
///
/// A trait and no closures: its methods are inlined always, also into what is compiled for one processor.
pub(super) trait Look<A>: Copy {
    /// Addresses of which it is quicker to look up fewer one by one than to fill a chunk.
    const FEW: usize;

    /// A chunk.
    fn many(self, addresses: &[A; CHUNK], answers: &mut [Option<NextHop>; CHUNK]);

    /// One.
    fn one(self, address: A) -> Option<NextHop>;
}

/// Answers for as many addresses as both slices hold, a chunk at a time; what is left behind whole chunks is filled up
/// to one, unless it is little.
#[inline(always)]
pub(super) fn by_chunks<A: Copy + Default, L: Look<A>>(
    look: L,
    addresses: &[A],
    answers: &mut [Option<NextHop>],
) {
    let count = addresses.len().min(answers.len());
    let (address_chunks, addresses) = addresses.split_at(count).0.as_chunks();
    let (answer_chunks, answers) = answers.split_at_mut(count).0.as_chunks_mut();
    for (addresses, answers) in address_chunks.iter().zip(answer_chunks) {
        look.many(addresses, answers);
    }
    if addresses.len() < L::FEW {
        for (address, answer) in addresses.iter().zip(answers) {
            *answer = look.one(*address);
        }
        return;
    }
    let (mut padded, mut found) = ([A::default(); CHUNK], [None; CHUNK]);
    for (place, address) in padded.iter_mut().zip(addresses) {
        *place = *address;
    }
    look.many(&padded, &mut found);
    for (answer, found) in answers.iter_mut().zip(found) {
        *answer = found;
    }
}

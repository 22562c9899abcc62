//! Mbufs four at a time, by vectors, where the processor has AVX2: the same as one by one, in little more than
//! half the instructions.
//!
//! What is asked of every mbuf is asked of four at once, and of each only one line is read, by two loads, and
//! written, by one store. Four of which one is not like most are left as they are, for who goes over them one
//! by one.

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::{Lending, Taking};
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use none::{Lending, Taking};

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::x86_64::{
        __m128i, __m256i, _mm_cvtsi64_si128, _mm_set_epi64x, _mm256_add_epi64, _mm256_and_si256,
        _mm256_castsi128_si256, _mm256_castsi256_pd, _mm256_inserti128_si256, _mm256_load_si256,
        _mm256_movemask_pd, _mm256_or_si256, _mm256_permute2x128_si256, _mm256_set1_epi64x,
        _mm256_setr_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi32, _mm256_srl_epi64,
        _mm256_storeu_si256, _mm256_sub_epi64, _mm256_testz_si256, _mm256_unpackhi_epi64,
        _mm256_unpacklo_epi64, _mm256_xor_si256,
    };
    use core::mem::MaybeUninit;
    use core::ptr::with_exposed_provenance_mut;

    use linecard::mempool::{Frame, PoolTag};
    use linecard::packet::{Offloads, Packet};

    use crate::ffi::Mbuf;
    use crate::frames::{Frames, Shape};
    use crate::glance::Plain;
    use crate::mbuf::{self, META};
    use crate::memory::HEADROOM;
    use crate::tx::ETHERNET_HEADER;

    /// Writes the mbufs of packets to be sent. That there is one is the proof that there is AVX2.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Lending {
        /// The pool, as its frames name it.
        pool: u64,
        /// Bytes that a packet may have behind its Ethernet header.
        spare: u64,
        shape: Shape,
    }

    impl Lending {
        /// Of a `Lender` that has these; none without AVX2.
        pub(crate) fn new(pool: PoolTag, spare: u64, frames: Frames) -> Option<Self> {
            has_avx2().then(|| Self {
                pool: pool.bits(),
                spare,
                shape: frames.shape(),
            })
        }

        /// Writes the mbufs of packets, and marks them as DPDK's, up to the first four of which one is not like
        /// most; gives how many packets, and their bytes.
        #[inline]
        pub(crate) fn prepare(
            &self,
            packets: &[Packet<'_>],
            mbufs: &mut [MaybeUninit<*mut Mbuf>],
        ) -> (usize, u64) {
            // SAFETY: there is AVX2, or `new` would have made none.
            unsafe { self.prepare_by_vectors(packets, mbufs) }
        }

        #[inline(never)]
        #[target_feature(enable = "avx2")]
        fn prepare_by_vectors(
            &self,
            packets: &[Packet<'_>],
            mbufs: &mut [MaybeUninit<*mut Mbuf>],
        ) -> (usize, u64) {
            let Shape {
                first,
                start,
                shift,
                colours,
            } = self.shape;
            let [first, start, colours] = [first, start, colours].map(|word| each(word));
            let [shift, shift_less] = [shift, shift - 5].map(|bits| bits_of(bits));
            let [header, spare] = [ETHERNET_HEADER as u64, self.spare].map(|word| each(word));
            let pool = _mm256_unpacklo_epi64(_mm256_setzero_si256(), each(self.pool));
            let [low, alone] = [0xffff, mbuf::REARM].map(|word| each(word));
            let (mut count, mut bytes) = (0, _mm256_setzero_si256());
            let fours = packets.as_chunks::<4>().0.iter();
            for (four, places) in fours.zip(mbufs.as_chunks_mut::<4>().0) {
                // Where the data begins, and its length, of every second one.
                let [a, b, c, d] = four.each_ref().map(|packet| words(packet));
                let [even, odd] = [[a, c], [b, d]].map(|two| _mm256_xor_si256(join(two), pool));
                let data = _mm256_unpacklo_epi64(even, odd);
                let len = _mm256_unpackhi_epi64(even, odd);
                // What is shorter than its header is below zero in the first, and what is too long, or not the
                // pool's alone, in either.
                let more = _mm256_sub_epi64(len, header);
                let other = _mm256_or_si256(more, _mm256_sub_epi64(spare, more));
                let asked = four
                    .iter()
                    .fold(Offloads::empty(), |all, packet| all | packet.offloads);
                if any_below_zero(other) || asked.intersects(mbuf::ASKED) {
                    break;
                }
                // As `Frames::mbuf_around`.
                let at = _mm256_sub_epi64(data, first);
                let number = _mm256_srl_epi64(at, shift);
                let colour = _mm256_xor_si256(_mm256_srl_epi64(at, shift_less), number);
                let frame = _mm256_add_epi64(_mm256_and_si256(at, start), first);
                let mbuf = _mm256_add_epi64(frame, _mm256_and_si256(colour, colours));
                // SAFETY: there is room for four addresses, and any alignment will do.
                unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), mbuf) };
                // The pool has exposed its region.
                let mbufs = lanes(mbuf)
                    .map(|address| with_exposed_provenance_mut::<Mbuf>(address as usize));
                // SAFETY: each frame is the program's: the packet is borrowed. The mbuf's first eight bytes are
                // where its buffer begins, in the frame, and not behind the data.
                let [e, f, g, h] = mbufs.map(|mbuf| unsafe { mbuf.cast::<i64>().read() });
                let offset = _mm256_sub_epi64(data, _mm256_setr_epi64x(e, f, g, h));
                let rearm = _mm256_or_si256(_mm256_and_si256(offset, low), alone);
                // No flags.
                let none = _mm256_setzero_si256();
                let even_rearm = _mm256_unpacklo_epi64(rearm, none);
                let odd_rearm = _mm256_unpackhi_epi64(rearm, none);
                // No type, the length of the packet, and that of the segment.
                let [even, odd] = [even, odd].map(|two| _mm256_shuffle_epi32::<0b11_10_10_11>(two));
                let metas = [
                    _mm256_permute2x128_si256::<0x20>(even_rearm, even),
                    _mm256_permute2x128_si256::<0x20>(odd_rearm, odd),
                    _mm256_permute2x128_si256::<0x31>(even_rearm, even),
                    _mm256_permute2x128_si256::<0x31>(odd_rearm, odd),
                ];
                for (mbuf, meta) in mbufs.into_iter().zip(metas) {
                    // SAFETY: a `Meta` is 32 bytes in the mbuf, which is the program's, as above.
                    unsafe { _mm256_storeu_si256(mbuf.wrapping_byte_add(META).cast(), meta) };
                }
                bytes = _mm256_add_epi64(bytes, len);
                count += 4;
            }
            (count, lanes(bytes).iter().sum())
        }
    }

    /// Takes received mbufs over. That there is one is the proof that there is AVX2.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Taking {
        /// The pool, as its frames name it.
        pool: PoolTag,
        plain: Plain,
    }

    impl Taking {
        /// Those that are plain, into packets of this pool; none without AVX2.
        pub(crate) fn new(pool: PoolTag, plain: Plain) -> Option<Self> {
            has_avx2().then_some(Self { pool, plain })
        }

        /// Makes packets of the mbufs, and marks these as the program's, up to the first four of which one is not
        /// [plain](Plain::data); gives how many, and their bytes.
        ///
        /// # Safety
        ///
        /// A driver has just handed the mbufs out, and has them no more. `plain` is of the mempool whose frames are
        /// the pool's, and that lives as long as `'p`.
        #[inline]
        pub(crate) unsafe fn accept<'p>(
            &self,
            mbufs: &[*mut Mbuf],
            places: &mut [MaybeUninit<Packet<'p>>],
        ) -> (usize, u64) {
            // SAFETY: there is AVX2, or `new` would have made none; the rest is the caller's promise.
            unsafe { self.accept_by_vectors(mbufs, places) }
        }

        /// # Safety
        ///
        /// As for [`accept`](Self::accept).
        #[inline(never)]
        #[target_feature(enable = "avx2")]
        unsafe fn accept_by_vectors<'p>(
            &self,
            mbufs: &[*mut Mbuf],
            places: &mut [MaybeUninit<Packet<'p>>],
        ) -> (usize, u64) {
            let Plain {
                mempool,
                without,
                room,
            } = self.plain;
            let [mempool, without] = [mempool as u64, without].map(|word| upper(word));
            let [alone, counts] = [mbuf::REARM, mbuf::COUNTS].map(|word| upper(word));
            let all = upper(u64::MAX);
            let [low, headroom] = [0xffff, HEADROOM as u64].map(|word| each(word));
            let last = each((room as u64).wrapping_sub(1));
            let pool = each(self.pool.bits());
            let (mut count, mut bytes) = (0, _mm256_setzero_si256());
            let fours = mbufs.as_chunks::<4>().0.iter();
            for (four, places) in fours.zip(places.as_chunks_mut::<4>().0) {
                let halves = |at: usize| {
                    // SAFETY: half an mbuf's first line, which it is aligned to; nobody else has it.
                    four.map(|mbuf| unsafe { _mm256_load_si256(mbuf.wrapping_byte_add(at).cast()) })
                };
                let ([a, b, c, d], [e, f, g, h]) = (halves(0), halves(32));
                // Of two mbufs each: below where the buffer begins, above the offset and the counts.
                let [i, j] = [[a, b], [c, d]].map(|[a, b]| _mm256_unpacklo_epi64(a, b));
                // Above the flags.
                let [k, l] = [[a, b], [c, d]].map(|[a, b]| _mm256_unpackhi_epi64(a, b));
                // Below the length, above the mempool.
                let [m, n] = [[e, f], [g, h]].map(|[a, b]| _mm256_unpackhi_epi64(a, b));
                let wrong = |one, other, right, bits| {
                    let one = _mm256_xor_si256(one, right);
                    let other = _mm256_xor_si256(other, right);
                    _mm256_and_si256(_mm256_or_si256(one, other), bits)
                };
                let counted = wrong(i, j, alone, counts);
                let flagged = _mm256_and_si256(_mm256_or_si256(k, l), without);
                let foreign = wrong(m, n, mempool, all);
                let wrong = _mm256_or_si256(_mm256_or_si256(counted, flagged), foreign);
                let offset = _mm256_and_si256(_mm256_permute2x128_si256::<0x31>(i, j), low);
                let len = _mm256_and_si256(_mm256_permute2x128_si256::<0x20>(m, n), low);
                let behind = _mm256_sub_epi64(last, _mm256_add_epi64(offset, len));
                let outside = _mm256_or_si256(behind, _mm256_sub_epi64(offset, headroom));
                if _mm256_testz_si256(wrong, wrong) == 0 || any_below_zero(outside) {
                    break;
                }
                let buffer = _mm256_permute2x128_si256::<0x20>(i, j);
                let data = lanes(_mm256_add_epi64(buffer, offset));
                let words = lanes(_mm256_or_si256(len, pool));
                let frames = data.into_iter().zip(words);
                for ((&mbuf, place), (data, word)) in four.iter().zip(places).zip(frames) {
                    // SAFETY: by its mark DPDK had it, and has handed it out; where its window is was asked
                    // above, as `Intake::accept_each` says. The mark is changed below.
                    let frame = unsafe { Frame::of_words([data, word]) };
                    // SAFETY: its frame is the program's now.
                    unsafe { mbuf::mark(mbuf, mbuf::OURS) };
                    place.write(Packet::new(frame));
                }
                bytes = _mm256_add_epi64(bytes, len);
                count += 4;
            }
            (count, lanes(bytes).iter().sum())
        }
    }

    fn has_avx2() -> bool {
        std::arch::is_x86_feature_detected!("avx2")
    }

    /// Where the packet's data begins, and how long it is in which pool.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn words(packet: &Packet<'_>) -> __m128i {
        let [data, word] = packet.frame().words();
        _mm_set_epi64x(word.cast_signed(), data.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn join([low, high]: [__m128i; 2]) -> __m256i {
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
    }

    /// The same word four times.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn each(word: u64) -> __m256i {
        _mm256_set1_epi64x(word.cast_signed())
    }

    /// The same word in the upper half, and nothing in the lower.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn upper(word: u64) -> __m256i {
        let word = word.cast_signed();
        _mm256_setr_epi64x(0, 0, word, word)
    }

    /// A number of bits to shift by.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits_of(bits: u32) -> __m128i {
        _mm_cvtsi64_si128(bits.into())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn any_below_zero(vector: __m256i) -> bool {
        _mm256_movemask_pd(_mm256_castsi256_pd(vector)) != 0
    }

    #[inline]
    fn lanes(vector: __m256i) -> [u64; 4] {
        // SAFETY: as many bytes, and all are numbers.
        unsafe { core::mem::transmute(vector) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod none {
    //! For other processors there is none of these.

    use core::mem::MaybeUninit;

    use linecard::mempool::PoolTag;
    use linecard::packet::Packet;

    use crate::ffi::Mbuf;
    use crate::frames::Frames;
    use crate::glance::Plain;

    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Lending {}

    impl Lending {
        pub(crate) fn new(_: PoolTag, _: u64, _: Frames) -> Option<Self> {
            None
        }

        pub(crate) fn prepare(
            &self,
            _: &[Packet<'_>],
            _: &mut [MaybeUninit<*mut Mbuf>],
        ) -> (usize, u64) {
            match *self {}
        }
    }

    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Taking {}

    impl Taking {
        pub(crate) fn new(_: PoolTag, _: Plain) -> Option<Self> {
            None
        }

        pub(crate) unsafe fn accept<'p>(
            &self,
            _: &[*mut Mbuf],
            _: &mut [MaybeUninit<Packet<'p>>],
        ) -> (usize, u64) {
            match *self {}
        }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
#[path = "fours_tests.rs"]
mod tests;

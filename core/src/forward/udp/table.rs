//! Rules in their order, found by destination port.
//!
//! ```text
//!   destination port ──hash──> bucket: first ─────────┐
//!                                      of this port ──┤   each rule knows the next of its chain
//!   any ── rules that name no destination port ───────┘
//! ```
//!
//! A rule that names a destination port stands in the chain of that port's bucket, one that names
//! none in the chain `any`. Both chains go up, so that the one that is behind is looked at next and
//! the first rule that takes a packet is the first of all rules that would.

use heapless::Vec;

use super::key::Compiled;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::rows::Rows;
use super::rule::UdpRuleError;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::packet::PortId;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::Numbers;

/// Up to `RULES` rules, and at most 65,535.
pub(super) struct Table<const RULES: usize> {
    rules: Vec<Entry, RULES>,
    /// What they are to AVX2, by the same numbers; made when a lot first wants them.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    rows: Vec<Rows, RULES>,
    /// More buckets than rules, so that few ports share one.
    buckets: [[Bucket; BUCKETS]; RULES],
    /// The first rule that names no destination port.
    any: u16,
}

/// A rule, and the next one of its chain.
struct Entry {
    rule: Compiled,
    next: u16,
}

/// Where to look for the rules of some destination ports.
#[derive(Clone, Copy)]
struct Bucket {
    /// The first rule to be looked at: of these ports, or of any.
    first: u16,
    /// The first rule of these ports.
    named: u16,
}

/// The number of a rule that names no destination port, or of none.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[derive(Clone, Copy)]
pub(super) struct AnyRule(u16);

impl<const RULES: usize> Table<RULES> {
    /// No rules.
    pub(super) const fn new() -> Self {
        Self {
            rules: Vec::new(),
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            rows: Vec::new(),
            buckets: [[Bucket {
                first: NONE,
                named: NONE,
            }; BUCKETS]; RULES],
            any: NONE,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Adds a rule behind the others.
    pub(super) fn push(&mut self, rule: Compiled) -> Result<(), UdpRuleError> {
        let most = RULES.min(NONE.into());
        let at = match u16::try_from(self.rules.len()) {
            Ok(at) if at < NONE => at,
            _ => return Err(UdpRuleError::TooMany(most)),
        };
        let port = rule.destination_port();
        let entry = Entry { rule, next: NONE };
        self.rules
            .push(entry)
            .map_err(|_| UdpRuleError::TooMany(most))?;
        let buckets = self.buckets.as_flattened_mut();
        let head = match port {
            None => {
                for bucket in buckets {
                    bucket.first = bucket.first.min(at);
                }
                self.any = self.any.min(at);
                self.any
            }
            Some(port) => match buckets.get_mut(Self::bucket(port)) {
                Some(bucket) => {
                    bucket.first = bucket.first.min(at);
                    bucket.named = bucket.named.min(at);
                    bucket.named
                }
                None => NONE,
            },
        };
        self.append(head, at);
        Ok(())
    }

    /// The first rule that `takes` what goes to this port.
    #[inline(always)]
    pub(super) fn find(
        &self,
        port: u16,
        takes: impl Fn(&Compiled) -> bool + Copy,
    ) -> Option<&Compiled> {
        let bucket = self.buckets.as_flattened().get(Self::bucket(port))?;
        let entry = self.rules.get(usize::from(bucket.first))?;
        if takes(&entry.rule) {
            return Some(&entry.rule);
        }
        self.find_behind(*bucket, takes)
    }

    /// The first rule that names no destination port and takes what came in by `from`; or one before it, so
    /// that no packet's turn is longer for it than that of one that such a rule takes.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline]
    pub(super) fn any_from(&self, from: PortId) -> AnyRule {
        let mut any = self.any;
        for _ in 0..NEAR {
            match self.rules.get(usize::from(any)) {
                Some(entry) if entry.rule.words.elsewhere(from) != 0 => any = entry.next,
                _ => break,
            }
        }
        AnyRule(any)
    }

    /// The rule to be looked at first for what goes to a port of this [bucket](Self::buckets_of), where
    /// `any` is the one that names none.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn first_of(&self, bucket: u32, AnyRule(any): AnyRule) -> Option<&Compiled> {
        let bucket = self.buckets.as_flattened().get(bucket as usize)?;
        let entry = self.rules.get(usize::from(bucket.named.min(any)))?;
        Some(&entry.rule)
    }

    /// The number of the rule to be looked at first for what goes to this port; another number where there is none.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn first_number(&self, port: u16, AnyRule(any): AnyRule) -> u32 {
        let bucket = self.buckets.as_flattened().get(Self::bucket(port));
        bucket.map_or(NONE, |bucket| bucket.named).min(any).into()
    }

    /// The rule of this number.
    #[cfg(all(test, target_arch = "x86_64", target_feature = "sse2"))]
    pub(super) fn rule(&self, number: u32) -> Option<&Compiled> {
        Some(&self.rules.get(number as usize)?.rule)
    }

    /// Makes the rows of those rules that have none yet. Not in [`push`](Self::push): an image whose lots have no known
    /// port would hold the code in vain.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline]
    pub(super) fn complete_rows(&mut self) {
        if self.rows.len() < self.rules.len() {
            self.add_rows();
        }
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[cold]
    #[inline(never)]
    fn add_rows(&mut self) {
        // There is room for as many as there are rules: `extend` would panic if not.
        for entry in self.rules.iter().skip(self.rows.len()) {
            if self.rows.push(Rows::new(&entry.rule)).is_err() {
                return;
            }
        }
    }

    /// What the rule of this number is to AVX2, once the rows are [complete](Self::complete_rows).
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn rows(&self, number: u32) -> Option<&Rows> {
        self.rows.get(number as usize)
    }

    /// As [`find`](Self::find), in both chains from their heads.
    #[inline(never)]
    fn find_behind(
        &self,
        bucket: Bucket,
        takes: impl Fn(&Compiled) -> bool + Copy,
    ) -> Option<&Compiled> {
        let (mut named, mut any) = (bucket.named, self.any);
        loop {
            // `NONE` is the highest number, and of no rule.
            let at = named.min(any);
            let entry = self.rules.get(usize::from(at))?;
            if takes(&entry.rule) {
                return Some(&entry.rule);
            }
            match at == named {
                true => named = entry.next,
                false => any = entry.next,
            }
        }
    }

    /// Puts rule `at` at the end of the chain that begins with `head`, unless it is the chain.
    fn append(&mut self, head: u16, at: u16) {
        let mut last = head;
        while last != at
            && let Some(entry) = self.rules.get_mut(usize::from(last))
        {
            last = entry.next;
            if last == NONE {
                entry.next = at;
            }
        }
    }

    /// The number of a port's bucket: the upper bits of a product.
    #[inline(always)]
    const fn bucket(port: u16) -> usize {
        // As it lies in memory: who has it as such need not swap it.
        let port = (port.swap_bytes() as u32) << 16;
        (port.wrapping_mul(GOLDEN) >> (u32::BITS - Self::BITS)) as usize
    }

    /// Likewise of four ports, which are in the upper halves as they lie in memory.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn buckets_of(ports: Numbers) -> Numbers {
        ports
            .times_halves(Numbers::splat(GOLDEN << 16))
            .right_by(u32::BITS - Self::BITS)
    }

    /// Bits of a bucket's number: as many as there are buckets for, and not more than a port has.
    const BITS: u32 = match (BUCKETS * RULES).checked_ilog2() {
        Some(0) | None => 1,
        Some(bits @ 1..16) => bits,
        Some(_) => 16,
    };
}

/// Rules that are passed over at most, once for a lot, to find the first for its port.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
const NEAR: usize = 8;
/// The number of no rule.
const NONE: u16 = u16::MAX;
/// Buckets for each rule.
const BUCKETS: usize = 4;
/// 2^16 divided by the golden ratio, odd: products of neighbours lie far apart (Knuth, The Art of
/// Computer Programming, volume 3, section 6.4).
const GOLDEN: u32 = 0x9e37;

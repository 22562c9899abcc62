//! Numbered frames, and what of them is still to come.

use std::collections::VecDeque;

/// Writes frame `number` of `len` bytes in place of what `out` held: addresses, an ethertype for
/// experiments, the number, and bytes that follow from it; or as much of that as there is room for.
pub(crate) fn write(number: u64, len: usize, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&HEADER);
    out.extend_from_slice(&number.to_be_bytes());
    let mut word = number.wrapping_mul(GOLDEN);
    while out.len() < len {
        word = word.rotate_left(23).wrapping_add(GOLDEN);
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.truncate(len);
}

/// The number of a frame that is long enough to have one.
pub(crate) fn number_of(frame: &[u8]) -> Option<u64> {
    let header = frame.get(..HEADER.len())?;
    let number = frame.get(HEADER.len()..HEADER.len() + 8)?;
    (header == HEADER).then_some(u64::from_be_bytes(number.try_into().ok()?))
}

/// Frames that are under way in one direction, in the order in which they are to arrive.
#[derive(Debug)]
pub(crate) struct Expected {
    /// For messages.
    way: &'static str,
    queue: VecDeque<Due>,
    /// How many at the front may be missing: they were under way when the port was reset.
    optional: usize,
    /// Whether any may be missing, as long as they are counted somewhere.
    pub(crate) lossy: bool,
    /// How many were missing that were allowed to be, but for the optional ones.
    pub(crate) lost: u64,
    /// Shorter frames may have grown to this.
    pads_to: usize,
    scratch: Vec<u8>,
}

/// A frame under way.
#[derive(Debug, Clone, Copy)]
struct Due {
    number: u64,
    len: usize,
    /// It may be missing: the driver may refuse it.
    doubtful: bool,
}

impl Expected {
    pub(crate) fn new(way: &'static str, pads_to: usize) -> Self {
        Self {
            way,
            queue: VecDeque::new(),
            optional: 0,
            lossy: false,
            lost: 0,
            pads_to,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, number: u64, len: usize) {
        let doubtful = false;
        self.queue.push_back(Due {
            number,
            len,
            doubtful,
        });
    }

    /// A frame of which it is not said that it arrives.
    pub(crate) fn push_doubtful(&mut self, number: u64, len: usize) {
        let doubtful = true;
        self.queue.push_back(Due {
            number,
            len,
            doubtful,
        });
    }

    /// Frames under way, without those that a reset may have lost.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() - self.optional
    }

    /// Whether everything has arrived that must.
    pub(crate) fn is_complete(&self) -> bool {
        self.lossy || self.must_come().next().is_none()
    }

    fn must_come(&self) -> impl Iterator<Item = &Due> {
        self.queue
            .iter()
            .skip(self.optional)
            .filter(|due| !due.doubtful)
    }

    /// What has not arrived by now will not: what was allowed to is lost.
    pub(crate) fn give_up(&mut self) {
        assert!(self.is_complete(), "{}: {}", self.way, self.missing());
        self.lost += self.len() as u64;
        self.queue.clear();
        self.optional = 0;
    }

    /// What is under way now may be lost, without being counted.
    pub(crate) fn forgive(&mut self) {
        self.optional = self.queue.len();
    }

    /// Nothing is under way any more: the port starts over.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.optional = 0;
    }

    /// Which frames are missing, for a message.
    pub(crate) fn missing(&self) -> String {
        let missing = self.must_come().count();
        match self.must_come().next() {
            Some(first) => format!(
                "{missing} frames lost, the first is number {} of {} bytes",
                first.number, first.len
            ),
            None => "nothing is missing".into(),
        }
    }

    /// A frame has arrived: it must be the next one, whole and unchanged. Gives its number.
    pub(crate) fn arrived(&mut self, frame: &[u8]) -> u64 {
        loop {
            let Some(&due) = self.queue.front() else {
                panic!("{}: {} came, and none was due", self.way, describe(frame));
            };
            if self.same(due, frame) {
                self.queue.pop_front();
                self.optional = self.optional.saturating_sub(1);
                return due.number;
            }
            let may_miss = self.optional > 0 || due.doubtful || self.lossy;
            assert!(may_miss, "{}", self.mismatch(due, frame));
            self.queue.pop_front();
            match self.optional {
                0 => self.lost += 1,
                _ => self.optional -= 1,
            }
        }
    }

    fn same(&mut self, due: Due, frame: &[u8]) -> bool {
        let padded = due.len < self.pads_to && frame.len() == self.pads_to;
        if frame.len() != due.len && !padded {
            return false;
        }
        write(due.number, due.len, &mut self.scratch);
        self.scratch.resize(frame.len(), 0);
        self.scratch == frame
    }

    fn mismatch(&self, due: Due, frame: &[u8]) -> String {
        let Due { number, len, .. } = due;
        let came = describe(frame);
        let why = match number_of(frame) {
            Some(came) if came == number => "it has changed on the way",
            Some(came) if self.queue.iter().any(|later| later.number == came) => {
                "frames were lost or are out of order"
            }
            Some(_) => "it came twice or is out of order",
            None => "it is none of those that were sent",
        };
        let way = self.way;
        format!("{way}: {came} came where number {number} of {len} bytes was due: {why}")
    }
}

/// A frame, for a message.
fn describe(frame: &[u8]) -> String {
    let len = frame.len();
    match number_of(frame) {
        Some(number) => format!("frame {number} of {len} bytes"),
        None => format!("a frame of {len} bytes without a number"),
    }
}

/// Locally administered addresses, and IEEE 802's ethertype for local experiments.
const HEADER: [u8; 14] = [0x02, 0, 0, 0, 0x1c, 1, 0x02, 0, 0, 0, 0x1c, 2, 0x88, 0xb5];

/// 2^64 divided by the golden ratio: its multiples look random.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64, len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write(number, len, &mut out);
        out
    }

    fn three() -> Expected {
        let mut expected = Expected::new("test", 0);
        (0..3).for_each(|number| expected.push(number, 60));
        expected
    }

    #[test]
    fn frames_have_their_length_and_number() {
        for len in [0, 1, 13, 14, 21, 22, 23, 60, 1514, 2048] {
            assert_eq!(frame(7, len).len(), len);
            assert_eq!(number_of(&frame(7, len)), (len >= 22).then_some(7));
        }
        assert_ne!(frame(1, 1514)[22..], frame(2, 1514)[22..]);
    }

    #[test]
    fn in_order_is_right() {
        let mut expected = three();
        for number in 0..3 {
            assert_eq!(expected.arrived(&frame(number, 60)), number);
        }
        assert!(expected.is_complete());
        expected.give_up();
    }

    #[test]
    #[should_panic = "1 frames lost, the first is number 2"]
    fn a_lost_frame_is_missed() {
        let mut expected = three();
        expected.arrived(&frame(0, 60));
        expected.arrived(&frame(1, 60));
        expected.give_up();
    }

    #[test]
    #[should_panic = "frames were lost or are out of order"]
    fn a_gap_is_seen() {
        three().arrived(&frame(1, 60));
    }

    #[test]
    #[should_panic = "it came twice"]
    fn a_double_is_seen() {
        let mut expected = three();
        expected.arrived(&frame(0, 60));
        expected.arrived(&frame(0, 60));
    }

    #[test]
    #[should_panic = "none was due"]
    fn one_too_many_is_seen() {
        let mut expected = three();
        expected.clear();
        expected.arrived(&frame(0, 60));
    }

    #[test]
    #[should_panic = "changed on the way"]
    fn a_flipped_bit_is_seen() {
        let mut bytes = frame(0, 60);
        bytes[59] ^= 1;
        three().arrived(&bytes);
    }

    #[test]
    #[should_panic = "changed on the way"]
    fn a_cut_is_seen() {
        three().arrived(&frame(0, 59));
    }

    #[test]
    fn padding_is_let_pass_where_it_is_announced() {
        let mut expected = Expected::new("test", 60);
        expected.push(0, 30);
        let mut bytes = frame(0, 30);
        bytes.resize(60, 0);
        assert_eq!(expected.arrived(&bytes), 0);
    }

    #[test]
    fn what_may_miss_may_miss() {
        let mut expected = three();
        expected.forgive();
        expected.push(3, 60);
        assert_eq!(expected.arrived(&frame(1, 60)), 1);
        assert_eq!(expected.arrived(&frame(3, 60)), 3);
        assert_eq!(expected.lost, 0);
        let mut expected = three();
        expected.lossy = true;
        assert_eq!(expected.arrived(&frame(1, 60)), 1);
        expected.give_up();
        assert_eq!(expected.lost, 2);
    }
}

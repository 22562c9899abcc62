//! How often a way is tried that takes what is alike, where traffic is not.

/// Tries in vain, lot after lot, and for how many lots none is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    vain: u8,
    pause: u8,
}

impl Patience {
    pub(super) const NEW: Self = Self { vain: 0, pause: 0 };

    /// Whether to try with this lot.
    #[inline]
    pub(super) const fn tries(&mut self) -> bool {
        match self.pause.checked_sub(1) {
            Some(fewer) => {
                self.pause = fewer;
                false
            }
            None => true,
        }
    }

    /// Takes note of whether a try has paid.
    #[inline]
    pub(super) const fn note(&mut self, paid: bool) {
        if paid {
            self.vain = 0;
        } else if self.vain < VAIN {
            self.vain += 1;
        } else {
            self.pause = PAUSE;
        }
    }
}

/// Lots in a row that are tried in vain before there is a pause, and behind each pause one: so one odd packet now and
/// then does not end what pays.
const VAIN: u8 = 4;
/// Lots of a pause: what a try costs is spread over so many.
const PAUSE: u8 = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rare_until_one_pays() {
        let mut patience = Patience::NEW;
        let mut tried = |lots: u32, paid| {
            let mut tries = 0;
            for _ in 0..lots {
                if patience.tries() {
                    patience.note(paid);
                    tries += 1;
                }
            }
            tries
        };
        assert_eq!(tried(100, true), 100);
        assert_eq!(tried(4, false), 4, "nothing is given up yet");
        assert_eq!(tried(100, true), 100);
        assert_eq!(tried(5, false), 5);
        assert_eq!(tried(64 * 10, false), 10);
        assert_eq!(tried(63, true), 0);
        assert_eq!(tried(100, true), 100);
    }
}

//! Which features are accepted of those that a device offers.

use super::{Config, NetError};
use crate::Features;

/// What this driver can use.
pub(crate) const SUPPORTED: Features = Features::VERSION_1
    .union(Features::MAC)
    .union(Features::STATUS)
    .union(Features::MTU)
    .union(Features::CSUM)
    .union(Features::GUEST_CSUM)
    .union(Features::MRG_RXBUF)
    .union(Features::CTRL_VQ)
    .union(Features::CTRL_RX)
    .union(Features::CTRL_VLAN)
    .union(Features::CTRL_MAC_ADDR)
    .union(Features::GUEST_ANNOUNCE)
    .union(Features::MQ)
    .union(Features::RSS)
    .union(Features::HASH_REPORT)
    .union(Features::SPEED_DUPLEX)
    .union(Features::INDIRECT_DESC)
    .union(Features::EVENT_IDX)
    .union(Features::RING_PACKED)
    .union(Features::IN_ORDER)
    .union(Features::RING_RESET)
    .union(Features::NOTIFICATION_DATA)
    .union(Features::ACCESS_PLATFORM)
    .union(Features::ORDER_PLATFORM);

/// What is accepted although the configuration leaves it out: without them the device, or its
/// memory, would not be understood (sections 6.1 and 2.1.2).
const ALWAYS: Features = Features::VERSION_1
    .union(Features::ACCESS_PLATFORM)
    .union(Features::ORDER_PLATFORM);

/// What is of use with several queue pairs alone.
const SPREADS: Features = Features::MQ.union(Features::RSS);

/// Each feature beside what it is useless without, so that this is offered too (section 5.1.3.1).
const NEEDS: &[(Features, Features)] = &[
    (Features::GUEST_ANNOUNCE, Features::CTRL_VQ),
    (Features::GUEST_ANNOUNCE, Features::STATUS),
    (Features::MQ, Features::CTRL_VQ),
    (Features::RSS, Features::CTRL_VQ),
    (Features::HASH_REPORT, Features::CTRL_VQ),
    (Features::CTRL_RX, Features::CTRL_VQ),
    (Features::CTRL_VLAN, Features::CTRL_VQ),
    (Features::CTRL_MAC_ADDR, Features::CTRL_VQ),
];

/// The features to accept.
///
/// A feature that is offered without what it needs is left; [`NetError::Missing`] names those that
/// the configuration requires.
pub(crate) fn negotiate(offered: Features, config: &Config) -> Result<Features, NetError> {
    if !offered.contains(Features::VERSION_1) {
        return Err(NetError::Legacy);
    }
    let wanted = config.accept | config.require | ALWAYS;
    let mut accepted = offered & wanted & SUPPORTED;
    if config.queues < 2 {
        // With one pair there is nothing to spread, and a device might take pains to.
        accepted -= SPREADS - config.require;
    }
    for &(feature, needed) in NEEDS {
        if accepted.contains(feature) && offered.contains(needed) {
            // The control queue is wanted by whoever wants what goes over it.
            accepted |= needed;
        } else {
            accepted.remove(feature);
        }
    }
    match config.require - accepted {
        missing if missing.is_empty() => Ok(accepted),
        missing => Err(NetError::Missing(missing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(accept: Features, require: Features) -> Config {
        Config {
            queues: 2,
            accept,
            require,
            ..Config::default()
        }
    }

    #[test]
    fn a_legacy_device_is_named() {
        let all = config(Features::all(), Features::empty());
        let refused = negotiate(Features::MAC | Features::RING_PACKED, &all);
        assert_eq!(refused, Err(NetError::Legacy));
    }

    #[test]
    fn what_is_offered_without_its_need_is_left() {
        let offered = Features::VERSION_1 | Features::MQ | Features::GUEST_ANNOUNCE;
        let all = config(Features::all(), Features::empty());
        assert_eq!(negotiate(offered, &all), Ok(Features::VERSION_1));
        let with_queue = offered | Features::CTRL_VQ;
        let accepted = Features::VERSION_1 | Features::MQ | Features::CTRL_VQ;
        assert_eq!(negotiate(with_queue, &all), Ok(accepted));
        let required = config(Features::empty(), Features::MQ | Features::EVENT_IDX);
        let missing = NetError::Missing(Features::EVENT_IDX);
        assert_eq!(negotiate(with_queue, &required), Err(missing));
    }

    #[test]
    fn what_needs_the_control_queue_brings_it() {
        let offered = Features::VERSION_1 | Features::MQ | Features::CTRL_VQ;
        let only_mq = config(Features::MQ, Features::empty());
        assert_eq!(negotiate(offered, &only_mq), Ok(offered));
    }

    #[test]
    fn one_pair_spreads_nothing_unless_it_must() {
        let offered = Features::VERSION_1 | Features::MQ | Features::RSS | Features::CTRL_VQ;
        let one = Config {
            queues: 1,
            ..config(Features::all(), Features::empty())
        };
        assert_eq!(
            negotiate(offered, &one),
            Ok(Features::VERSION_1 | Features::CTRL_VQ)
        );
        let must = Config {
            require: Features::MQ,
            ..one
        };
        assert_eq!(negotiate(offered, &must), Ok(offered - Features::RSS));
    }

    proptest! {
        #[test]
        fn nothing_is_accepted_that_was_not_offered_or_is_not_understood(
            offered: u64, accept: u64, require: u64,
        ) {
            let offered = Features::from_bits_retain(offered | 1 << 32);
            let accept = Features::from_bits_retain(accept);
            let require = Features::from_bits_retain(require & !0xff);
            for require in [Features::empty(), require] {
                let config = config(accept, require);
                match negotiate(offered, &config) {
                    Ok(accepted) => {
                        prop_assert!(offered.contains(accepted) && SUPPORTED.contains(accepted));
                        prop_assert!(accepted.contains(require));
                        for &(feature, needed) in NEEDS {
                            prop_assert!(!accepted.contains(feature) || accepted.contains(needed));
                        }
                    }
                    Err(NetError::Missing(missing)) => prop_assert!(require.contains(missing)),
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
        }
    }
}

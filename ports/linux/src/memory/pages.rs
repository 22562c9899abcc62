//! Which pages to ask for, and which were given.

use core::fmt;
use core::str::FromStr;

/// Which pages a mapping may be made of.
///
/// ```
/// use linecard_linux::memory::PagePolicy;
///
/// assert_eq!("require".parse(), Ok(PagePolicy::Require));
/// assert_eq!(PagePolicy::default(), PagePolicy::Prefer);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PagePolicy {
    /// Huge pages where there are any, otherwise 4 KiB pages.
    #[default]
    Prefer,
    /// Huge pages (hugetlb, or transparent ones for the whole mapping), otherwise an error.
    Require,
    /// 4 KiB pages: for measuring what huge pages are worth.
    Never,
}

impl PagePolicy {
    /// Every policy, by the name that the command line and the configuration use.
    pub const NAMES: [&'static str; 3] = ["prefer", "require", "never"];
}

impl FromStr for PagePolicy {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "never" => Ok(Self::Never),
            _ => Err(()),
        }
    }
}

impl fmt::Display for PagePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::Never => "never",
        })
    }
}

/// The pages that a mapping got.
///
/// ```
/// use linecard_linux::memory::Pages;
///
/// assert!(Pages::Huge2M.is_huge());
/// assert!(Pages::Small.to_string().contains("twice"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// hugetlb pages of 1 GiB.
    Huge1G,
    /// hugetlb pages of 2 MiB.
    Huge2M,
    /// Transparent huge pages for `huge` bytes of the mapping, 4 KiB pages for the rest.
    Transparent {
        /// Bytes of the mapping that lie on 2 MiB pages, as `/proc/self/smaps` counts them.
        huge: usize,
        /// Bytes of the whole mapping.
        total: usize,
    },
    /// 4 KiB pages only.
    Small,
}

impl Pages {
    /// Whether every byte lies on a huge page.
    #[must_use]
    pub fn is_huge(self) -> bool {
        match self {
            Self::Huge1G | Self::Huge2M => true,
            Self::Transparent { huge, total } => huge >= total,
            Self::Small => false,
        }
    }

    /// A name for machine-readable output: `1G`, `2M`, `transparent` or `4K`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Huge1G => "1G",
            Self::Huge2M => "2M",
            Self::Transparent { .. } => "transparent",
            Self::Small => "4K",
        }
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Huge1G => f.write_str("1 GiB huge pages"),
            Self::Huge2M => f.write_str("2 MiB huge pages"),
            Self::Transparent { huge, total } if huge >= total => {
                f.write_str("transparent 2 MiB pages")
            }
            Self::Transparent { huge, total } => write!(
                f,
                "transparent huge pages for {} of {} MiB, 4 KiB pages for the rest",
                huge >> 20,
                total >> 20
            ),
            Self::Small => f.write_str(
                "4 KiB pages: expect about twice the time per packet; \
                 give huge pages by `sysctl vm.nr_hugepages=N` or `--reserve-huge-pages`",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_name_parses_and_prints_alike() {
        for name in PagePolicy::NAMES {
            assert_eq!(name.parse::<PagePolicy>().unwrap().to_string(), name);
        }
        assert_eq!("Prefer".parse::<PagePolicy>(), Err(()));
    }

    #[test]
    fn half_a_mapping_on_huge_pages_is_not_huge() {
        let half = Pages::Transparent {
            huge: 2 << 20,
            total: 4 << 20,
        };
        assert!(!half.is_huge());
        assert_eq!(
            half.to_string(),
            "transparent huge pages for 2 of 4 MiB, 4 KiB pages for the rest"
        );
        assert!(
            Pages::Transparent {
                huge: 4 << 20,
                total: 4 << 20
            }
            .is_huge()
        );
    }
}

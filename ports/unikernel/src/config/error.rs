//! What is wrong with a command line.

use core::fmt;

/// A mistake in the command line.
///
/// ```
/// use linecard_unikernel::config::Config;
/// let error = Config::parse("--forwarder rooter").unwrap_err();
/// assert_eq!(error.to_string(), "--forwarder cannot be `rooter`");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError<'a> {
    /// No such flag or word.
    Unknown(&'a str),
    /// A flag at the end, without its value.
    NoValue(&'a str),
    /// A value that the flag does not take.
    Value {
        /// The flag.
        flag: &'a str,
        /// The value.
        value: &'a str,
    },
    /// More of these than there is room for.
    TooMany(&'a str),
}

impl<'a> ConfigError<'a> {
    pub(super) const fn word(word: &'a str) -> Self {
        Self::Unknown(word)
    }
}

impl fmt::Display for ConfigError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "unknown word `{word}`"),
            Self::NoValue(flag) => write!(f, "{flag} wants a value"),
            Self::Value { flag, value } => write!(f, "{flag} cannot be `{value}`"),
            Self::TooMany(flag) => write!(f, "there are too many of {flag}"),
        }
    }
}

impl core::error::Error for ConfigError<'_> {}

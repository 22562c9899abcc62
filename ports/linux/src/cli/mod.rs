//! The `linecard` command.
//!
//! | command | what it does |
//! |---|---|
//! | `linecard check` | says what works on this machine and what to do about the rest |

pub mod args;
pub mod check;

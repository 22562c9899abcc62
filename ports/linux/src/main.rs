//! The `linecard` command.

fn main() {}

//! The `inzage` command.

fn main() {}

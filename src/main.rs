//! The `tillsight` program.

fn main() {}

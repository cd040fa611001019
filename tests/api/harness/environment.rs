//! What the environment says about tests that exist in several sizes.

/// A part of the size of a load: what the environment says, or else `usual`.
pub fn environment_number(name: &str, usual: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is \"{text}\", which is no number")),
        Err(_) => usual,
    }
}

/// The program that server processes run: the one built with the tests, which is not optimised, or the one that
/// `LOAD_PROGRAM` names, for measurements.
pub fn server_program() -> String {
    std::env::var("LOAD_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tillsight").to_owned())
}

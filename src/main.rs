//! The `tillsight` program: parses its arguments, runs the command, maps errors to exit codes.

use clap::Parser;
use tillsight::cli::{Arguments, print_error, run};

fn main() -> std::process::ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            std::process::ExitCode::from(error.exit_code())
        }
    }
}

//! The `tillsight` program: reads its arguments, does what they say, turns failures into exit codes.

use clap::Parser;
use tillsight::cli::{Arguments, run, tell_failure};

fn main() -> std::process::ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tell_failure(&error);
            std::process::ExitCode::from(error.exit_code())
        }
    }
}

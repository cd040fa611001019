//! `tillsight completions` and `tillsight man`: made from the definition of the commands, so that they fit this version.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Arguments, CliError};
use crate::terminal::say;

#[derive(Debug, Args)]
pub(super) struct CompletionOptions {
    /// The shell to complete in.
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManOptions {
    /// The folder to write them to, for example /usr/local/share/man/man1. It is made if it is missing.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn print_completions(options: &CompletionOptions) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "tillsight", &mut script);
    say!("{}", String::from_utf8_lossy(&script).trim_end());
}

pub(super) fn write_man_pages(options: &ManOptions) -> Result<(), CliError> {
    let folder = &options.folder;
    let failed = |error| CliError::File(folder.clone(), error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        write_man_pages(&ManOptions { folder: folder.path().join("man1") }).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join("man1").join(name)).unwrap();
        assert!(read("tillsight.1").contains("doctor") && read("tillsight-numbering-check.1").contains("deep"));
        for command in Arguments::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(read(&format!("tillsight-{}.1", command.get_name())).starts_with(".ie"), "{}", command.get_name());
        }
    }
}

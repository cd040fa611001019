//! Every `tillsight …` that a page shows is one that the program takes, and the reference lists every command.

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};
use tillsight::cli::Arguments;

use super::pages::{code_spans, fences, pages, root};

/// What stands for a value that only the reader knows.
const SOME_ID: &str = "00000000-0000-0000-0000-000000000000";

/// The command lines of a page: those of its code spans, and those of its shell blocks.
fn command_lines(text: &str) -> Vec<String> {
    let blocks = fences(text).1.into_iter().filter(|(language, _)| matches!(language.as_str(), "sh" | ""));
    let shell = blocks.flat_map(|(_, block)| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>());
    shell.chain(code_spans(text)).filter_map(|line| command_of(&line)).collect()
}

/// The part of a line that begins with the program, if it is called there: after settings, or from its folder.
fn command_of(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let program = words.next()?;
    let is_ours = program == "tillsight" || program.ends_with("/tillsight");
    is_ours.then(|| words.collect::<Vec<_>>().join(" "))
}

/// The words up to what only people understand, with placeholders filled in.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_text = false;
    for part in line.split('"') {
        if is_text {
            words.push(part.to_owned());
        } else {
            for word in part.split_whitespace() {
                let word = if word == "." { word } else { word.trim_matches(['[', ']', ',', '.', ';', ':', '(', ')']) };
                if word.starts_with(['#', '|', '>', '&', '…', '<']) || word.contains('…') || word == "COMMAND" {
                    return words;
                }
                let alternative = word.split('|').next().unwrap_or_default();
                words.push(match alternative {
                    "ID" | "$STORE" => SOME_ID.to_owned(),
                    _ => alternative.to_owned(),
                });
            }
        }
        is_text = !is_text;
    }
    words
}

/// Why the program would not take the words, but for arguments that are left out.
fn refusal(words: &[String]) -> Option<String> {
    let given = std::iter::once("tillsight".to_owned()).chain(words.iter().cloned());
    let error = Arguments::try_parse_from(given).err()?;
    let is_incomplete = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayVersion
    );
    (!is_incomplete).then(|| error.to_string().lines().next().unwrap_or_default().to_owned())
}

#[test]
fn every_command_line_is_taken_by_the_program() {
    let mut refused = Vec::new();
    let mut seen = 0;
    for (page, text) in pages() {
        for line in command_lines(&text) {
            seen += 1;
            if let Some(reason) = refusal(&words(&line)) {
                refused.push(format!("{}: tillsight {line}: {reason}", page.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} command lines found");
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

#[test]
fn the_reference_lists_every_command() {
    let page = std::fs::read_to_string(root().join("docs/reference/command-line.md")).unwrap();
    let mut missing = Vec::new();
    let mut open: Vec<(String, Command)> = vec![("tillsight".to_owned(), Arguments::command())];
    while let Some((name, command)) = open.pop() {
        let below: Vec<&Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
        if below.is_empty() && !page.contains(&format!("| `{name}` |")) {
            missing.push(name.clone());
        }
        open.extend(below.into_iter().map(|below| (format!("{name} {}", below.get_name()), below.clone())));
    }
    assert!(missing.is_empty(), "docs/reference/command-line.md lacks {missing:?}");
}

#[test]
fn what_the_program_does_not_take_is_found() {
    let refused = |line: &str| refusal(&words(&command_of(line).unwrap())).is_some();
    assert!(refused("tillsight sell"));
    assert!(refused("tillsight numbering check --deepest"));
    assert!(refused("A=b target/release/tillsight model adding net.onnx"));
    assert!(!refused("tillsight numbering repair void --store ID --reason \"a disk broke\" --apply"));
    assert!(!refused("tillsight model …"));
    assert_eq!(command_of("docker run tillsight"), None);
}

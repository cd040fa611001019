//! Why a file or a machine could not be reached, in plain words: the texts of the operating system end with a number, and some
//! are for programmers.

use std::io::{Error, ErrorKind};

const REASONS: [(ErrorKind, &str); 15] = [
    (ErrorKind::NotFound, "there is no such file or folder"),
    (ErrorKind::AlreadyExists, "it exists already"),
    (ErrorKind::PermissionDenied, "this user is not permitted to use it"),
    (ErrorKind::IsADirectory, "it is a folder"),
    (ErrorKind::NotADirectory, "a part of the path is a file, not a folder"),
    (ErrorKind::DirectoryNotEmpty, "the folder is not empty"),
    (ErrorKind::ReadOnlyFilesystem, "its disk may only be read"),
    (ErrorKind::StorageFull, "the disk is full"),
    (ErrorKind::ConnectionRefused, "nothing listens there (connection refused)"),
    (ErrorKind::AddrInUse, "another program uses this address and port"),
    (ErrorKind::AddrNotAvailable, "this machine has no such address"),
    (ErrorKind::UnexpectedEof, "it ends too early"),
    (ErrorKind::TimedOut, "it does not answer"),
    (ErrorKind::ConnectionReset, "the connection broke off"),
    (ErrorKind::BrokenPipe, "the connection broke off"),
];

/// The reason as the end of a sentence that names the file or the machine.
pub fn describe_io_error(error: &Error) -> String {
    let text = error.to_string();
    // A text of ours says more than its kind.
    if error.raw_os_error().is_none() && !text.contains("(os error") && error.get_ref().is_some() {
        return text;
    }
    if let Some((_, reason)) = REASONS.iter().find(|(kind, _)| *kind == error.kind()) {
        return (*reason).to_owned();
    }
    if text.contains("failed to lookup address") {
        return "no machine has this name".to_owned();
    }
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_the_operating_system_is_shown_and_our_own_texts_stay() {
        assert_eq!(describe_io_error(&std::fs::read("/nowhere").unwrap_err()), "there is no such file or folder");
        assert_eq!(describe_io_error(&std::fs::read("/").unwrap_err()), "it is a folder");
        assert_eq!(describe_io_error(&Error::other("it is not text in UTF-8")), "it is not text in UTF-8");
        // A code without a kind of its own keeps its text.
        let unknown = describe_io_error(&Error::from_raw_os_error(5));
        assert!(!unknown.is_empty() && !unknown.contains("os error"), "{unknown}");
    }
}

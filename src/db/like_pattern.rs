//! Patterns of `LIKE` from what a person types.

/// A pattern for text that contains `part`, in which `%`, `_` and `\` of the part stand for themselves. Queries say
/// `ESCAPE '\'`.
pub(super) fn containing(part: &str) -> String {
    let escaped = part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_of_patterns_are_escaped() {
        assert_eq!(containing("50%_ä\\"), "%50\\%\\_ä\\\\%");
    }
}

//! What a check of receipt numbers found, in the reader's language. The API and the log have the English sentences of
//! [`Finding::sentence`].

use super::page::Page;
use crate::domain::Series;
use crate::integrity::{Finding, FindingKind};

/// The most ranges of numbers that fit into a sentence.
const RANGES_MAX: usize = 12;

/// A sentence about one kind of fault in one series.
pub fn describe_finding(page: &Page, finding: &Finding) -> String {
    let kind = finding.kind.word().replace('_', "-");
    let count = finding.count.to_string();
    let subject = page.text1(subject_key(finding), "numbers", list_numbers(page, finding));
    page.text_with(&format!("finding-{kind}"), &[("subject", subject), ("count", count)])
}

fn subject_key(finding: &Finding) -> &'static str {
    match (finding.kind, finding.series) {
        (FindingKind::AuditChanged | FindingKind::AuditMissing, _) => "finding-subject-audit",
        (_, Series::Order) => "finding-subject-order",
        (_, Series::Payment) => "finding-subject-payment",
        (_, Series::Refund) => "finding-subject-refund",
        (_, Series::Closing) => "finding-subject-closing",
    }
}

fn list_numbers(page: &Page, finding: &Finding) -> String {
    let ranges: Vec<_> = finding.numbers.iter().take(RANGES_MAX).map(ToString::to_string).collect();
    let numbers = ranges.join(", ");
    if finding.numbers.len() > RANGES_MAX { page.text1("finding-more", "numbers", numbers) } else { numbers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::language::Language;
    use crate::web::messages;

    #[test]
    fn every_kind_of_finding_has_a_text_in_every_language() {
        for language in Language::ALL {
            for kind in FindingKind::ALL {
                let key = format!("finding-{}", kind.word().replace('_', "-"));
                assert!(messages::find(language, &key, None).is_some(), "{}: {key}", language.tag());
            }
        }
    }
}

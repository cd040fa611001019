//! The check of the audit log: its records have the numbers 1, 2, 3 …, each matches its seal, and the last one is that of the
//! log's head.
//!
//! Whoever cuts off the end of the log and sets its head back leaves no trace in the database; a back-up shows that.

use super::finding::{FindingKind, Findings};
use crate::db::audit::{self, AuditHead};
use crate::db::{Database, DatabaseError};
use crate::domain::Series;

/// Records that are read and hashed at a time.
const PAGE_SIZE: i64 = 200;
/// The log belongs to no series. Findings name one all the same, as those about a missing store do.
const SERIES: Series = Series::Order;

/// Checks the records up to the head; later ones are left to the next check.
pub(super) async fn check_audit_log(db: &Database, findings: &mut Findings) -> Result<(), DatabaseError> {
    let head = audit::read_head(&mut db.read().await?).await?;
    let mut chain = AuditChain { next: 1, previous: Some(Vec::new()) };
    while chain.next <= head.seq {
        let after = chain.next - 1;
        let page = audit::list(&mut db.read().await?, after, PAGE_SIZE).await;
        match page {
            // The rest was written meanwhile, or is missing.
            Ok(records) if records.first().is_none_or(|record| record.seq > head.seq) => break,
            Ok(records) => records.iter().filter(|record| record.seq <= head.seq).for_each(|record| {
                chain.check_record(record, findings);
            }),
            // One unreadable value hides its whole page, so read that page one by one.
            Err(DatabaseError::Unexpected(reason)) => {
                tracing::warn!(reason, "a record of the audit log cannot be read");
                if !chain.check_one_by_one(db, &head, findings).await? {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    chain.check_end(&head, findings);
    Ok(())
}

/// The state of a check that follows the chain.
struct AuditChain {
    /// The number that comes next.
    next: i64,
    /// The seal of the record before; `None` if that record is missing or unreadable.
    previous: Option<Vec<u8>>,
}

impl AuditChain {
    fn check_record(&mut self, record: &audit::AuditRecord, findings: &mut Findings) {
        if record.seq > self.next {
            findings.add_span(FindingKind::AuditMissing, SERIES, self.next, record.seq - 1);
            self.previous = None;
        }
        // After a gap the seal cannot be computed; the gap itself is the finding.
        if self.previous.as_ref().is_some_and(|previous| audit::seal_record(previous, record) != record.hash) {
            findings.add(FindingKind::AuditChanged, SERIES, record.seq);
        }
        self.next = record.seq.saturating_add(1);
        self.previous = Some(record.hash.clone());
    }

    /// Checks as many records as a page has; false if no more follow.
    async fn check_one_by_one(
        &mut self,
        db: &Database,
        head: &AuditHead,
        findings: &mut Findings,
    ) -> Result<bool, DatabaseError> {
        let end = self.next.saturating_add(PAGE_SIZE).min(head.seq.saturating_add(1));
        while self.next < end {
            let record = audit::list(&mut db.read().await?, self.next - 1, 1).await;
            match record {
                Ok(records) => match records.first().filter(|record| record.seq <= head.seq) {
                    Some(record) => self.check_record(record, findings),
                    None => return Ok(false),
                },
                Err(DatabaseError::Unexpected(_)) => {
                    findings.add(FindingKind::AuditChanged, SERIES, self.next);
                    self.next += 1;
                    self.previous = None;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn check_end(&self, head: &AuditHead, findings: &mut Findings) {
        if self.next <= head.seq {
            findings.add_span(FindingKind::AuditMissing, SERIES, self.next, head.seq);
        } else if head.seq > 0 && self.previous.as_ref().is_some_and(|seal| *seal != head.hash) {
            findings.add(FindingKind::AuditChanged, SERIES, head.seq);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::db::audit::AuditRecord;
    use crate::domain::Timestamp;

    fn log(count: i64) -> Vec<AuditRecord> {
        let mut records: Vec<AuditRecord> = Vec::new();
        for seq in 1..=count {
            let mut record = AuditRecord {
                seq,
                at: Timestamp::from_micros(seq),
                actor: "system".to_owned(),
                action: "store.change".to_owned(),
                subject: "a store".to_owned(),
                details: json!({"name": seq}),
                address: None,
                hash: Vec::new(),
            };
            record.hash = audit::seal_record(records.last().map_or(&[][..], |last| last.hash.as_slice()), &record);
            records.push(record);
        }
        records
    }

    /// Kind, first number and count of what is found in records whose head is that of `log(5)`.
    fn check(records: &[AuditRecord]) -> Vec<(FindingKind, i64, i64)> {
        let head = AuditHead { seq: 5, hash: log(5)[4].hash.clone() };
        let mut findings = Findings::default();
        let mut chain = AuditChain { next: 1, previous: Some(Vec::new()) };
        records.iter().for_each(|record| chain.check_record(record, &mut findings));
        chain.check_end(&head, &mut findings);
        let findings = findings.finish();
        findings.iter().map(|finding| (finding.kind, finding.numbers[0].first, finding.count)).collect()
    }

    #[test]
    fn each_change_is_found_where_it_is() {
        assert_eq!(check(&log(5)), []);
        let mut edited = log(5);
        edited[2].details = json!({"name": 7});
        assert_eq!(check(&edited), [(FindingKind::AuditChanged, 3, 1)]);
        // Sealed anew: the next record tells.
        edited[2].hash = audit::seal_record(&edited[1].hash, &edited[2]);
        assert_eq!(check(&edited), [(FindingKind::AuditChanged, 4, 1)]);
        let mut torn = log(5);
        torn.drain(1..3);
        assert_eq!(check(&torn), [(FindingKind::AuditMissing, 2, 2)]);
        assert_eq!(check(&log(5)[1..]), [(FindingKind::AuditMissing, 1, 1)]);
        assert_eq!(check(&log(3)), [(FindingKind::AuditMissing, 4, 2)], "the end is cut off");
        let mut last = log(5);
        last[4].subject = "another store".to_owned();
        last[4].hash = audit::seal_record(&last[3].hash, &last[4]);
        assert_eq!(check(&last), [(FindingKind::AuditChanged, 5, 1)]);
        assert_eq!(check(&[]), [(FindingKind::AuditMissing, 1, 5)]);
    }
}

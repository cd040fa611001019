//! How the till would judge a catalogue's photos, each searched for in the rest of the catalogue.

use super::LeftOutPhoto;
use crate::domain::Verdict;

/// Counts of photos. A photo is judged twice: by its product's other photos, if there are any, and as if its product had never
/// been taught.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    /// Photos whose product has others.
    pub known: usize,
    /// Of these: their product came first.
    pub first: usize,
    /// Their product was billed.
    pub billed: usize,
    /// Another product was billed.
    pub billed_wrongly: usize,
    /// The till asked.
    pub asked: usize,
    /// Photos that were searched for without their product.
    pub unseen: usize,
    /// Of these: another product was billed.
    pub unseen_billed: usize,
    /// The till asked whether it is another product.
    pub unseen_asked: usize,
}

impl VerdictCounts {
    pub fn add(&mut self, photo: &LeftOutPhoto) {
        if let Some(judged) = photo.judged {
            self.known += 1;
            self.first += usize::from(judged.is_first);
            match (judged.verdict, judged.is_first) {
                (Verdict::Matched, true) => self.billed += 1,
                (Verdict::Matched, false) => self.billed_wrongly += 1,
                (Verdict::Ambiguous, _) => self.asked += 1,
                (Verdict::Unknown, _) => {}
            }
        }
        self.unseen += 1;
        match photo.verdict_unseen {
            Verdict::Matched => self.unseen_billed += 1,
            Verdict::Ambiguous => self.unseen_asked += 1,
            Verdict::Unknown => {}
        }
    }
}

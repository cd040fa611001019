//! The memory that request bodies may take together.
//!
//! Each body is bounded, and a thousand at once must be bounded too. A request reserves memory as its bytes arrive and
//! releases it when it has been answered. When the budget is used up, the request is refused with 429.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::{Problem, ProblemKind};

const PERMIT_BYTES: usize = 64 * 1024;

/// Shared by all requests; cheap to clone.
#[derive(Debug, Clone)]
pub struct BodyBudget(Arc<Semaphore>);

impl BodyBudget {
    /// A budget of `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(PERMIT_BYTES).min(Semaphore::MAX_PERMITS))))
    }
}

/// The part of the budget that one request holds.
#[derive(Debug)]
pub(super) struct BodyReservation {
    budget: BodyBudget,
    bytes: usize,
    permits: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl BodyReservation {
    pub(super) fn new(budget: &BodyBudget) -> Self {
        Self { budget: budget.clone(), bytes: 0, permits: 0, held: None }
    }

    /// Reserves memory for `bytes` more that have arrived.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let permits = self.bytes.div_ceil(PERMIT_BYTES);
        let missing = u32::try_from(permits.saturating_sub(self.permits)).unwrap_or(u32::MAX);
        if missing == 0 {
            return Ok(());
        }
        let permit = Arc::clone(&self.budget.0).try_acquire_many_owned(missing).map_err(|_| {
            let detail = "The server is receiving too many large uploads. Try again in a second.";
            Problem::new(ProblemKind::Overloaded, detail).retry_after(1)
        })?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        self.permits = permits;
        Ok(())
    }

    /// Holds the memory until `request` has been answered.
    pub(super) fn hold_until_reply(self, request: &HttpRequest) {
        request.extensions_mut().insert(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_held_by_one_request_is_free_for_another_after_its_release() {
        let budget = BodyBudget::new(4 * PERMIT_BYTES);
        let (mut first, mut second) = (BodyReservation::new(&budget), BodyReservation::new(&budget));
        first.add(1).unwrap();
        first.add(3 * PERMIT_BYTES - 1).unwrap();
        second.add(PERMIT_BYTES).unwrap();
        assert_eq!(second.add(1).unwrap_err().kind(), ProblemKind::Overloaded);
        drop(first);
        second.add(PERMIT_BYTES).unwrap();
    }
}

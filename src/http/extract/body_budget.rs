//! How much memory bodies that are being received may take together.
//!
//! Each request may be large and each is bounded; thousands at once must be bounded too. A request takes its share as its
//! bytes arrive and gives it back when it has been answered; where nothing is left, it is refused with 429.

use std::sync::Arc;

use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::problem::{Kind, Problem};

/// Bytes of one permit.
const UNIT: usize = 64 * 1024;

/// What all requests share; cheap to clone.
#[derive(Debug, Clone)]
pub struct BodyBudget(Arc<Semaphore>);

impl BodyBudget {
    /// Room for `bytes` of bodies.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS))))
    }
}

/// What one request has received.
#[derive(Debug)]
pub(super) struct BodyReservation {
    budget: BodyBudget,
    bytes: usize,
    units: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl BodyReservation {
    pub(super) fn new(budget: &BodyBudget) -> Self {
        Self { budget: budget.clone(), bytes: 0, units: 0, held: None }
    }

    /// Counts bytes that have arrived, or refuses them.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let wanted = self.bytes.div_ceil(UNIT);
        let more = u32::try_from(wanted.saturating_sub(self.units)).unwrap_or(u32::MAX);
        if more == 0 {
            return Ok(());
        }
        let permit = Arc::clone(&self.budget.0).try_acquire_many_owned(more).map_err(|_| {
            Problem::new(Kind::Overloaded, "too many large bodies are being received; try again").retry_after(1)
        })?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        self.units = wanted;
        Ok(())
    }

    /// Keeps the share until the request has been answered.
    pub(super) fn keep(self, request: &HttpRequest) {
        request.extensions_mut().insert(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_request_holds_another_cannot_have_until_it_is_given_back() {
        let budget = BodyBudget::new(4 * UNIT);
        let (mut first, mut second) = (BodyReservation::new(&budget), BodyReservation::new(&budget));
        first.add(1).unwrap();
        first.add(3 * UNIT - 1).unwrap();
        second.add(UNIT).unwrap();
        assert_eq!(second.add(1).unwrap_err().kind(), Kind::Overloaded);
        drop(first);
        second.add(UNIT).unwrap();
    }
}

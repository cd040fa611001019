//! Frames: a photo from the kiosk's camera is recognised and adds what it shows to the bill.
//!
//! A frame that is sent again must not bill again. The client can say so with an Idempotency-Key. Without one the photo itself
//! is the key while the bill is as it left it: a camera never takes the same bytes twice, so the photo that made the newest change
//! of the bill is a repetition. After any other change, the same photo counts as a new one.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::view::FrameView;
use super::{BillChange, Checkout, CheckoutError};
use crate::db::{DatabaseError, checkout_sessions, recognitions};
use crate::idempotency::{IdempotentRequest, Reply, retry_key_race};
use crate::recognition::{RecognitionResult, RegionMode};

impl Checkout {
    /// Recognises a picture and adds one of each matched product. Ambiguous and unknown regions change nothing: the kiosk
    /// asks the shopper. The version is checked if it is given.
    pub async fn add_frame(
        &self,
        change: &BillChange<'_>,
        picture: Bytes,
        regions: RegionMode,
    ) -> Result<Reply, CheckoutError> {
        let content = hash_frame(picture.clone(), regions).await?;
        let mut reader = self.db.read().await?;
        let session = self.find_session(&mut reader, change.caller, change.session).await?;
        // A repetition needs no recognition.
        if let Some(reply) = frame_request(change, &content, session.version).find_reply(&mut reader).await? {
            return Ok(reply);
        }
        drop(reader);
        let recognition = self.recognition.recognize_picture(change.caller, picture, regions).await?;
        retry_key_race(async || self.bill_frame(change, &content, &recognition).await).await
    }

    async fn bill_frame(
        &self,
        change: &BillChange<'_>,
        content: &Value,
        recognition: &RecognitionResult,
    ) -> Result<Reply, CheckoutError> {
        let (id, caller) = (change.session, change.caller);
        let mut tx = self.db.begin().await?;
        let (precondition, now) = (self.precondition(change.version), self.clock.now());
        let advanced = checkout_sessions::advance(&mut tx, id, precondition, now).await?;
        // Two copies of the frame may have been recognised at the same time; the session's row lets one of them pass first.
        let version_before = match &advanced {
            Some(session) => session.version - 1,
            None => checkout_sessions::find(&mut tx, id).await?.map_or(0, |session| session.version),
        };
        if let Some(reply) = frame_request(change, content, version_before).find_reply(&mut tx).await? {
            return Ok(reply);
        }
        let session = self.check_advanced(&mut tx, change, advanced).await?;
        let request = frame_request(change, content, session.version);
        let added = self.add_recognized_products(&mut tx, &session, recognition).await?;
        let evidence = self.recognition.evidence(caller, Some(id), recognition);
        recognitions::insert(&mut tx, &evidence).await?;
        let session = self.load_checked_view(&mut tx, id).await?;
        let view = FrameView { recognition: recognition.clone().into_view(evidence.id), session };
        let reply = match added > 0 || change.key.is_some() {
            true => request.store_reply(&mut tx, &view, now).await?,
            // A camera sends many frames that add nothing. Repeating one is harmless, so their replies are not kept.
            false => Reply::first(&view)?,
        };
        tx.commit().await?;
        Ok(reply)
    }
}

/// What must be equal in two frames for one to be a repetition of the other.
async fn hash_frame(picture: Bytes, regions: RegionMode) -> Result<Value, CheckoutError> {
    // A large photo takes some milliseconds to hash, which an HTTP worker does not have.
    let hash = tokio::task::spawn_blocking(move || hex::encode(Sha256::digest(&picture))).await;
    let hash = hash.map_err(|error| DatabaseError::Unexpected(error.to_string()))?;
    Ok(json!([regions, hash]))
}

/// The request of a frame that left, or may have left, the bill at `bill_version`.
fn frame_request(change: &BillChange<'_>, content: &Value, bill_version: i64) -> IdempotentRequest {
    match change.key {
        Some(_) => change.request("frame", content),
        None => {
            let request = json!([change.session, change.version, content, bill_version]).to_string();
            IdempotentRequest::keyed_by_content("frame.photo", change.caller, &request)
        }
    }
}

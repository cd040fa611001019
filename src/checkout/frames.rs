//! Frames: a photo from the kiosk's camera is recognised and adds what it shows to the bill.
//!
//! A frame that is sent again must not bill again. The client can say so with an Idempotency-Key. Without one the photo itself
//! is the key while the bill is as it left it: a camera never takes the same bytes twice, so the photo that made the newest change
//! of the bill is a repetition, whoever sends it and whatever it names besides. After any other change, the same photo counts as
//! a new one. A frame that adds nothing changes nothing: it leaves the version, and no reply is kept.
//!
//! A camera sees one thing in many frames. The kiosk names what it has billed and still sees ([`FrameOptions::in_view`]).

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::view::FrameView;
use super::{BillChange, Checkout, CheckoutError};
use crate::db::{DatabaseError, checkout_sessions, recognitions};
use crate::domain::{ProductId, SessionId};
use crate::idempotency::{IdempotentRequest, Reply, retry_key_race};
use crate::recognition::{RecognitionResult, RegionMode};

/// How a frame is recognised and billed.
#[derive(Debug, Clone)]
pub struct FrameOptions {
    pub regions: RegionMode,
    /// Products that lie before the camera since an earlier frame, once for each piece: they are not billed again.
    pub in_view: Vec<ProductId>,
}

/// Under which the replies to photos are kept.
pub(super) const PHOTO_SCOPE: &str = "frame.photo";

impl Checkout {
    /// Recognises a picture and adds one of each matched product. Ambiguous and unknown regions change nothing: the kiosk
    /// asks the shopper. The version is checked if it is given.
    pub async fn add_frame(
        &self,
        change: &BillChange<'_>,
        picture: Bytes,
        options: &FrameOptions,
    ) -> Result<Reply, CheckoutError> {
        let FrameOptions { regions, in_view } = options;
        let photo = hash_photo(picture.clone()).await?;
        let keyed = change.key.map(|_| change.request("frame", &json!([regions, in_view, photo])));
        let mut reader = self.db.read().await?;
        let session = self.find_session(&mut reader, change.caller, change.session).await?;
        // A repetition needs no recognition.
        let by_photo = photo_request(change.session, &photo, session.version);
        if let Some(reply) = keyed.as_ref().unwrap_or(&by_photo).find_reply(&mut reader).await? {
            return Ok(reply);
        }
        drop(reader);
        let recognition = self.recognition.recognize_picture(change.caller, picture, *regions).await?;
        retry_key_race(async || self.bill_frame(change, keyed.as_ref(), &photo, &recognition, in_view).await).await
    }

    async fn bill_frame(
        &self,
        change: &BillChange<'_>,
        keyed: Option<&IdempotentRequest>,
        photo: &str,
        recognition: &RecognitionResult,
        in_view: &[ProductId],
    ) -> Result<Reply, CheckoutError> {
        let (id, caller) = (change.session, change.caller);
        let mut tx = self.db.begin().await?;
        let (precondition, now) = (self.precondition(change.version), self.clock.now());
        let touched = checkout_sessions::touch(&mut tx, id, precondition, now).await?;
        // Two copies of the frame may have been recognised at the same time; the session's row lets one of them pass first.
        let version = match &touched {
            Some(session) => session.version,
            None => checkout_sessions::find(&mut tx, id).await?.map_or(0, |session| session.version),
        };
        let by_photo = photo_request(id, photo, version);
        if let Some(reply) = keyed.unwrap_or(&by_photo).find_reply(&mut tx).await? {
            return Ok(reply);
        }
        let session = self.check_advanced(&mut tx, change, touched).await?;
        let added = self.add_recognized_products(&mut tx, &session, recognition, in_view).await?;
        if added > 0 {
            checkout_sessions::raise_version(&mut tx, id).await?;
        }
        let evidence = self.recognition.evidence(caller, Some(id), recognition);
        recognitions::insert(&mut tx, &evidence).await?;
        let session = self.load_checked_view(&mut tx, id).await?;
        let (version, recognition) = (session.version, recognition.clone().into_view(evidence.id));
        let view = FrameView { recognition, session };
        if added > 0 {
            // Also under the photo, since a client that lost the reply may come back without its key.
            for request in [Some(&photo_request(id, photo, version)), keyed].into_iter().flatten() {
                request.store_reply(&mut tx, &view, now).await?;
            }
        }
        let reply = Reply::first(&view)?;
        tx.commit().await?;
        Ok(reply)
    }
}

/// SHA-256 of the photo, in hexadecimal digits.
async fn hash_photo(picture: Bytes) -> Result<String, CheckoutError> {
    // A large photo takes some milliseconds to hash, which an HTTP worker does not have.
    let hash = tokio::task::spawn_blocking(move || hex::encode(Sha256::digest(&picture))).await;
    Ok(hash.map_err(|error| DatabaseError::Unexpected(error.to_string()))?)
}

/// The request of the photo that left, or may have left, the bill at `bill_version`.
fn photo_request(session: SessionId, photo: &str, bill_version: i64) -> IdempotentRequest {
    let request = json!([session, photo, bill_version]).to_string();
    IdempotentRequest::keyed_by_content(PHOTO_SCOPE, &request)
}

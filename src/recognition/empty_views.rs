//! The empty views of kiosks: set by staff or the kiosk, read with each of its frames, refreshed from frames of the empty place.
//!
//! A frame is answered before its kiosk's view is updated. An update is small, rare, and bounded in time and number. It may be
//! lost: the next frame repeats it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::{RecognitionError, RecognitionService};
use crate::db::kiosk_empty_views::{self, EmptyViewRow};
use crate::db::{Database, DatabaseError, audit, kiosks};
use crate::domain::{Actor, Caller, InvalidField, KioskId, Photo, Timestamp};
use crate::pool::Priority;
use crate::regions::{EmptyView, EmptyViewUse, FoundRegions};

/// A stored view older than this is replaced by a frame in which nothing differs from it.
const REFRESH_AFTER_S: i64 = 600;
/// Updates in progress at a time, per server; further ones are skipped.
const UPDATES_MAX: usize = 4;
const UPDATE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why an empty view was not set.
#[derive(Debug, thiserror::Error)]
pub enum EmptyViewError {
    /// Also for a kiosk of another store, and a revoked one.
    #[error("No kiosk with id {0} exists.")]
    KioskNotFound(KioskId),
    #[error("The kiosk has no empty view. Set one with PUT.")]
    NotSet,
    /// Not reached: any picture can be encoded.
    #[error("The empty view cannot be shown.")]
    Encoding,
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// The picture cannot be taken, or the server is busy.
    #[error(transparent)]
    Picture(#[from] RecognitionError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What a kiosk's camera sees when nothing lies before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EmptyViewSummary {
    pub kiosk_id: KioskId,
    /// Pixels of the picture that was sent.
    pub width: u32,
    /// Pixels of the picture that was sent.
    pub height: u32,
    pub set_at: Timestamp,
    /// Whether frames since then show that the camera was moved or covered.
    pub camera_moved: bool,
}

/// A kiosk's view as a frame is compared with it.
#[derive(Debug, Clone)]
pub(super) struct StoredView {
    kiosk: KioskId,
    pub(super) view: EmptyView,
    set_at: Timestamp,
    updated_at: Timestamp,
    camera_moved_at: Option<Timestamp>,
    is_old: bool,
}

/// What changes in the stored view after a frame was compared with it.
#[derive(Debug)]
enum ViewUpdate {
    Refresh(EmptyView),
    CameraMoved,
    CameraBack,
}

/// Permits for the updates in progress.
pub(super) fn update_permits() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(UPDATES_MAX))
}

impl StoredView {
    /// The view as `photo` shows it, if the photo shows nothing else and the stored view is old.
    pub(super) fn renewed_view(&self, found: &FoundRegions, photo: &Photo) -> Option<EmptyView> {
        (found.shows_empty_view && self.is_old).then(|| self.view.renewed(photo))
    }

    fn update(&self, use_of_view: Option<EmptyViewUse>, renewed: Option<EmptyView>) -> Option<ViewUpdate> {
        match (use_of_view, self.camera_moved_at, renewed) {
            (Some(EmptyViewUse::CameraMoved), None, _) => Some(ViewUpdate::CameraMoved),
            (Some(EmptyViewUse::Used), Some(_), _) => Some(ViewUpdate::CameraBack),
            (_, _, Some(view)) => Some(ViewUpdate::Refresh(view)),
            (_, _, None) => None,
        }
    }
}

impl RecognitionService {
    /// Sets the empty view of a kiosk. For the kiosk itself and the staff of its store, whose changes are audited.
    pub async fn set_empty_view(
        &self,
        caller: &Caller,
        kiosk: KioskId,
        picture: Bytes,
    ) -> Result<EmptyViewSummary, EmptyViewError> {
        // Checked before the picture is decoded.
        self.check_serves(caller, kiosk).await?;
        let view = self.read_empty_view(picture).await?;
        let now = self.clock.now();
        let row = EmptyViewRow {
            kiosk_id: kiosk,
            width: i64::from(view.width()),
            height: i64::from(view.height()),
            reduced_rgb: view.reduced_rgb().to_vec(),
            set_at: now,
            updated_at: now,
            camera_moved_at: None,
        };
        let mut tx = self.db.begin().await?;
        if !kiosk_empty_views::upsert(&mut tx, &row).await? {
            return Err(EmptyViewError::KioskNotFound(kiosk));
        }
        if caller.actor.kiosk_id().is_none() {
            let details = json!({"width": row.width, "height": row.height});
            let (action, subject) = ("kiosk.set_empty_view", kiosk.to_string());
            audit::append(&mut tx, audit::AuditEntry { at: now, caller, action, subject, details }).await?;
        }
        tx.commit().await?;
        let (width, height) = (view.width(), view.height());
        Ok(EmptyViewSummary { kiosk_id: kiosk, width, height, set_at: now, camera_moved: false })
    }

    /// The empty view of a kiosk as a PNG, reduced as it is compared. For the staff of its store.
    pub async fn show_empty_view(&self, caller: &Caller, kiosk: KioskId) -> Result<Vec<u8>, EmptyViewError> {
        self.check_serves(caller, kiosk).await?;
        let view = self.load_empty_view(kiosk).await?.ok_or(EmptyViewError::NotSet)?.view;
        let png = tokio::task::spawn_blocking(move || view.to_png()).await;
        png.ok().and_then(Result::ok).ok_or(EmptyViewError::Encoding)
    }

    /// Deletes the empty view of a kiosk, if it has one. For the staff of its store.
    pub async fn delete_empty_view(&self, caller: &Caller, kiosk: KioskId) -> Result<(), EmptyViewError> {
        self.check_serves(caller, kiosk).await?;
        let mut tx = self.db.begin().await?;
        if kiosk_empty_views::delete(&mut tx, kiosk).await? {
            let (at, action, subject) = (self.clock.now(), "kiosk.delete_empty_view", kiosk.to_string());
            audit::append(&mut tx, audit::AuditEntry { at, caller, action, subject, details: json!({}) }).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn check_serves(&self, caller: &Caller, kiosk: KioskId) -> Result<(), EmptyViewError> {
        let row = kiosks::find_unrevoked(&mut self.db.read().await?, kiosk).await?;
        let serves = |store| match caller.actor {
            Actor::Kiosk { id, .. } => id == kiosk,
            Actor::System | Actor::CommandLine | Actor::Person { .. } => caller.actor.serves(store),
        };
        match row {
            Some(row) if serves(row.store_id) => Ok(()),
            Some(_) | None => Err(EmptyViewError::KioskNotFound(kiosk)),
        }
    }

    async fn read_empty_view(&self, picture: Bytes) -> Result<EmptyView, EmptyViewError> {
        let embedder = Arc::clone(&self.active.current().embedder);
        let permit = embedder.admit(Priority::Interactive).await.map_err(RecognitionError::from)?;
        let photo = embedder.decode(&permit, picture).await.map_err(RecognitionError::from)?.photo;
        let read = embedder.run_on_decode_threads(&permit, move || EmptyView::from_photo(&photo)).await;
        let (view, _queue) = read.map_err(RecognitionError::from)?;
        Ok(view.map_err(|fault| InvalidField::new("image", fault.to_string()))?)
    }

    /// The view that the caller's frames are compared with; only a kiosk has one.
    pub(super) async fn find_empty_view(&self, caller: &Caller) -> Result<Option<StoredView>, DatabaseError> {
        match caller.actor.kiosk_id() {
            Some(kiosk) => self.load_empty_view(kiosk).await,
            None => Ok(None),
        }
    }

    async fn load_empty_view(&self, kiosk: KioskId) -> Result<Option<StoredView>, DatabaseError> {
        let Some(row) = kiosk_empty_views::find(&mut self.db.read().await?, kiosk).await? else { return Ok(None) };
        let EmptyViewRow { width, height, reduced_rgb, set_at, updated_at, camera_moved_at, .. } = row;
        let sides = (u32::try_from(width), u32::try_from(height));
        let view = match sides {
            (Ok(width), Ok(height)) => EmptyView::from_stored(width, height, reduced_rgb),
            (_, _) => None,
        };
        let Some(view) = view else {
            tracing::warn!(kiosk.id = %kiosk, "the stored empty view of a kiosk is damaged and not used; set it again");
            return Ok(None);
        };
        let now = self.clock.now();
        // A view from the future was stored before the clock was set back.
        let is_old = updated_at.plus_seconds(REFRESH_AFTER_S) < now || now.plus_seconds(REFRESH_AFTER_S) < updated_at;
        Ok(Some(StoredView { kiosk, view, set_at, updated_at, camera_moved_at, is_old }))
    }

    /// Updates the stored view from what a frame showed of it, in a task of its own.
    pub(super) fn note_empty_view(
        &self,
        stored: Option<StoredView>,
        use_of_view: Option<EmptyViewUse>,
        renewed: Option<EmptyView>,
    ) {
        let Some(stored) = stored else { return };
        let Some(update) = stored.update(use_of_view, renewed) else { return };
        let Ok(permit) = Arc::clone(&self.view_update_permits).try_acquire_owned() else { return };
        let (db, now) = (self.db.clone(), self.clock.now());
        tokio::spawn(async move {
            let _in_progress = permit;
            let written = tokio::time::timeout(UPDATE_TIMEOUT, apply_update(&db, &stored, &update, now)).await;
            if let Err(error) = written.unwrap_or_else(|_| Err(DatabaseError::TimedOut("it was busy".to_owned()))) {
                tracing::warn!(%error, kiosk.id = %stored.kiosk, "the empty view of a kiosk could not be updated; the next frame tries again");
            }
        });
    }
}

async fn apply_update(
    db: &Database,
    stored: &StoredView,
    update: &ViewUpdate,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let (mut tx, kiosk) = (db.begin().await?, stored.kiosk);
    let is_new = match update {
        ViewUpdate::Refresh(view) => {
            kiosk_empty_views::refresh(&mut tx, kiosk, stored.updated_at, view.reduced_rgb(), now).await?
        }
        ViewUpdate::CameraMoved => kiosk_empty_views::mark_camera_moved(&mut tx, kiosk, stored.set_at, now).await?,
        ViewUpdate::CameraBack => kiosk_empty_views::clear_camera_moved(&mut tx, kiosk).await?,
    };
    tx.commit().await?;
    match update {
        ViewUpdate::CameraMoved if is_new => tracing::warn!(
            kiosk.id = %kiosk,
            "the camera of a kiosk was moved or covered since its empty view was set; set the view again"
        ),
        ViewUpdate::CameraBack if is_new => {
            tracing::info!(kiosk.id = %kiosk, "a kiosk's frames match its empty view again")
        }
        ViewUpdate::CameraMoved | ViewUpdate::CameraBack | ViewUpdate::Refresh(_) => {}
    }
    Ok(())
}

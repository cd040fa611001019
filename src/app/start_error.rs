//! Why the server cannot start. The texts are for the person who starts it.

use std::path::{Path, PathBuf};

use super::CertificateError;
use crate::alerts::SinkError;
use crate::auth::AuthError;
use crate::automation::AutomationError;
use crate::backup::BackupError;
use crate::db::DatabaseError;
use crate::db::blobs::BlobError;
use crate::domain::{InvalidField, describe_io_error};
use crate::index_feed::FollowError;
use crate::models::SwitchError;

/// Why the server cannot start or run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Logs(String),
    /// The model or ONNX Runtime cannot be used.
    #[error(transparent)]
    Model(#[from] SwitchError),
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    /// A new shop would begin beside the traces of an old one.
    #[error(
        "{database} is empty or missing, but {} is from a shop that was here: its database is lost or elsewhere. Put it back, \
         restore a back-up (`tillsight restore`), or set TILLSIGHT_DATABASE_URL to where it is. To begin a new shop here, start \
         with `tillsight serve --new-store`",
        trace.display()
    )]
    LostDatabase { trace: PathBuf, database: String },
    #[error(
        "the database {} is damaged ({damage}). Perhaps an older copy was put beside the -wal of another one. Keep all files; then \
         restore a back-up{}, or put the right file and its -wal together, and start again",
        file.display(), describe_rescued(.rescued.as_deref())
    )]
    DamagedDatabase {
        file: PathBuf,
        damage: String,
        /// What a server saved of a lost database.
        rescued: Option<PathBuf>,
    },
    #[error(transparent)]
    LastNumbers(#[from] BackupError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error(transparent)]
    Alerts(#[from] SinkError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("tasks: {0}")]
    Automation(#[from] AutomationError),
    #[error("photos: {0}")]
    Photos(#[from] BlobError),
    #[error("the index cannot be filled: {0}")]
    Index(#[from] FollowError),
    #[error(
        "this server would sign logins with another key than {other_server}, which runs on the same database, so each would refuse \
         the logins of the other. Give all servers the same TILLSIGHT_TOKEN_SECRET. If the other was killed just now, start again \
         in half a minute"
    )]
    OtherTokenKey { other_server: String },
    #[error(
        "the photos in {} are not those of {other_server}, which runs on the same database, so each would miss the photos of the \
         other. Mount one folder on all servers and name it with TILLSIGHT_DATA_DIR. If the other was killed just now, start \
         again in half a minute",
        folder.display()
    )]
    OtherPhotoFolder { folder: PathBuf, other_server: String },
    #[error(transparent)]
    Catalog(#[from] InvalidField),
    #[error("cannot start a thread: {0}")]
    Threads(std::io::Error),
    #[error("cannot listen on {address}: {}; choose another address with TILLSIGHT_BIND", describe_io_error(error))]
    Bind { address: std::net::SocketAddr, error: std::io::Error },
    /// The server stopped without a stop signal.
    #[error("the HTTP server failed: {0}")]
    Server(std::io::Error),
}

fn describe_rescued(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| {
        format!(", or put {} in its place without a -wal (a server saved it there)", file.display())
    })
}

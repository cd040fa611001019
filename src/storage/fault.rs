//! What can be wrong with the places that the server writes to, in words for the person who mends it.

/// A kind of fault. At most one fault of a kind is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorageFaultKind {
    /// The database was removed or exchanged: what is written now is lost, so every change is refused.
    DatabaseLost,
    /// The file of the database is damaged: it was written over, or the disk fails. Every change is refused.
    DatabaseDamaged,
    /// The database has forgotten numbers that were given, and would give them again: an older copy was put in its place.
    NumbersForgotten,
    /// A folder or file that the next start needs is gone. The server works on.
    FilesMissing,
    /// A write failed because the disk is full. Reading and recognition work.
    DiskFull,
}

impl StorageFaultKind {
    pub const ALL: [Self; 5] =
        [Self::DatabaseLost, Self::DatabaseDamaged, Self::NumbersForgotten, Self::FilesMissing, Self::DiskFull];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::DatabaseLost => "database-lost",
            Self::DatabaseDamaged => "database-damaged",
            Self::NumbersForgotten => "numbers-forgotten",
            Self::FilesMissing => "files-missing",
            Self::DiskFull => "disk-full",
        }
    }
}

impl StorageFaultKind {
    /// What everybody may read: nothing of files, processes or back-ups.
    pub fn public_text(self) -> &'static str {
        match self {
            Self::DatabaseLost | Self::DatabaseDamaged | Self::NumbersForgotten => {
                "The server cannot rely on its database, so sales and changes are refused. Reading works. Tell an admin: the \
                 alert, the log and GET /api/monitoring/storage say what to do."
            }
            Self::FilesMissing => {
                "Files that the next start needs are missing. Selling goes on. Tell an admin: the alert, the log and GET \
                 /api/monitoring/storage name them."
            }
            Self::DiskFull => {
                "A disk of the server is full: nothing can be sold or changed. Reading and recognition work. Tell an admin."
            }
        }
    }
}

/// A present fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageFault {
    pub kind: StorageFaultKind,
    /// What happened, and what to do. For admins alone; strangers get [`StorageFaultKind::public_text`].
    pub text: String,
}

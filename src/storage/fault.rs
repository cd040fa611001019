//! What can be wrong with the places that the server writes to, in words for the person who mends it.

/// A kind of fault. At most one fault of a kind is present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorageFaultKind {
    /// The database was removed or exchanged: what is written now is lost, so every change is refused.
    DatabaseLost,
    /// The database has forgotten numbers that were given, and would give them again: an older copy was put in its place.
    NumbersForgotten,
    /// A folder or file that the next start needs is gone. The server works on.
    FilesMissing,
    /// A write failed because the disk is full. Reading and recognition work.
    DiskFull,
}

impl StorageFaultKind {
    pub const ALL: [Self; 4] = [Self::DatabaseLost, Self::NumbersForgotten, Self::FilesMissing, Self::DiskFull];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::DatabaseLost => "database-lost",
            Self::NumbersForgotten => "numbers-forgotten",
            Self::FilesMissing => "files-missing",
            Self::DiskFull => "disk-full",
        }
    }
}

/// A present fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageFault {
    pub kind: StorageFaultKind,
    /// What happened, and what to do.
    pub text: String,
}

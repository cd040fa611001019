//! Automation: how many jobs of tasks a server works on, and how long what they tidy is kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutomationSettings {
    /// Jobs that this server works on at the same time; 0: it leaves them to other servers.
    pub workers: usize,
    /// Days for which the evidence of recognitions is kept.
    pub evidence_kept_days: i64,
    /// Days for which finished jobs and the log of tasks are kept.
    pub history_kept_days: i64,
    /// Folder of the back-ups that tasks write; a relative one is in the data folder.
    pub backup_dir: PathBuf,
    /// Bytes of one uploaded file.
    pub upload_bytes: u64,
    /// Bytes of all files of an import together, unpacked.
    pub import_bytes: u64,
}

/// The most workers of one server.
pub const WORKERS_MAX: usize = 16;

impl Default for AutomationSettings {
    fn default() -> Self {
        Self {
            workers: 2,
            evidence_kept_days: 90,
            history_kept_days: 30,
            backup_dir: PathBuf::from("backups"),
            upload_bytes: 1 << 31,
            import_bytes: 1 << 33,
        }
    }
}

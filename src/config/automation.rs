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
    pub download: DownloadSettings,
}

/// Downloads of photos by imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DownloadSettings {
    /// Names of the servers that photos may come from, if they are at public addresses; `*` is every one. Empty: none.
    pub hosts: Vec<String>,
    /// `host:port` of servers that may be at private addresses.
    pub private_servers: Vec<String>,
    /// Named in each request: an address of the web or of mail.
    pub contact: Option<String>,
    /// The least pause between two requests to one server.
    pub delay_ms: u64,
    /// For each request with its answer.
    pub timeout_s: u64,
}

impl Default for DownloadSettings {
    fn default() -> Self {
        Self { hosts: Vec::new(), private_servers: Vec::new(), contact: None, delay_ms: 1_000, timeout_s: 10 }
    }
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
            download: DownloadSettings::default(),
        }
    }
}

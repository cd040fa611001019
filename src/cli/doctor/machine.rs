//! What the machine allows: open files, memory, threads; and ffmpeg.

use std::process::Command;

use procfs::process::{LimitValue, Process};
use procfs::{Current as _, Meminfo};

use super::check::Check;
use crate::app::{open_files_allowed, open_files_needed, open_files_needed_least};
use crate::config::Settings;

/// The model, its sessions and a small index: 270 MB were measured under load.
const OWN_BYTES: u64 = 400 << 20;
/// Threads of ONNX Runtime, SQLite and the asynchronous runtime beside the pools.
const OTHER_THREADS: u64 = 64;

pub(super) fn check_open_files(settings: &Settings) -> Check {
    const NAME: &str = "open files";
    let needed = open_files_needed(settings);
    // The server raises its own limit so far.
    let Some(allowed) = open_files_allowed() else {
        return Check::good(NAME, "there is no limit");
    };
    let connections = settings.limits.connections;
    let finding = format!("{allowed} are allowed, and limits.connections = {connections} needs {needed}");
    if allowed >= needed {
        return Check::good(NAME, finding);
    }
    let advice = format!(
        "Raise it (ulimit -n {needed}; LimitNOFILE={needed} for systemd; --ulimit nofile={needed} for Docker), or lower limits.connections."
    );
    if allowed < open_files_needed_least(settings) {
        return Check::broken(NAME, finding, advice);
    }
    Check::warning(NAME, finding, advice)
}

pub(super) fn check_memory(settings: &Settings) -> Check {
    const NAME: &str = "memory";
    let limits = &settings.limits;
    let needed = OWN_BYTES + limits.bodies_bytes as u64;
    let Some(available) = available_bytes() else {
        return Check::good(NAME, "this system does not tell how much there is");
    };
    let megabytes = |bytes: u64| format!("{} MB", bytes / 1_000_000);
    let finding = format!(
        "{} are available, and up to {} may be needed (limits.bodies_bytes = {})",
        megabytes(available),
        megabytes(needed),
        limits.bodies_bytes
    );
    match available {
        enough if enough >= needed => Check::good(NAME, finding),
        some if some >= OWN_BYTES => Check::warning(NAME, finding, "Add memory, or lower limits.bodies_bytes."),
        _ => Check::broken(NAME, finding, "Add memory, or stop other programs: the model alone does not fit."),
    }
}

pub(super) fn check_threads(settings: &Settings) -> Check {
    const NAME: &str = "threads";
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let engine = &settings.engine;
    let or_cores = |threads: usize| if threads == 0 { cores } else { threads };
    let sessions =
        if engine.model_sessions == 0 { (cores / engine.threads_per_session).max(1) } else { engine.model_sessions };
    let pools = [
        ("http_workers", or_cores(settings.http_workers)),
        ("engine.decode_threads", or_cores(engine.decode_threads)),
        ("engine.model_sessions × engine.threads_per_session", sessions * engine.threads_per_session),
        ("engine.search_threads", or_cores(engine.search_threads)),
        ("engine.hash_threads", or_cores(engine.hash_threads)),
    ];
    let all: usize = pools.iter().map(|(_, threads)| threads).sum();
    let needed = all as u64 + OTHER_THREADS;
    if let Some(allowed) = processes_allowed().filter(|allowed| *allowed < needed) {
        let finding = format!("{allowed} processes and threads are allowed, and the server starts about {needed}");
        return Check::broken(
            NAME,
            finding,
            format!("Raise the limit (ulimit -u {needed}; TasksMax={needed} for systemd)."),
        );
    }
    if let Some((name, threads)) = pools.into_iter().find(|(_, threads)| *threads > 4 * cores) {
        let finding = format!("{name} is {threads}, and there are {cores} cores, so they wait for each other");
        return Check::warning(NAME, finding, "Set it to 0, which follows the number of cores.");
    }
    Check::good(NAME, format!("{all} threads of pools on {cores} cores"))
}

pub(super) fn check_ffmpeg() -> Check {
    const NAME: &str = "ffmpeg";
    let printed = Command::new("ffmpeg").arg("-version").output();
    match printed.ok().filter(|printed| printed.status.success()) {
        Some(printed) => {
            let text = String::from_utf8_lossy(&printed.stdout).into_owned();
            let version = text.split_whitespace().nth(2).unwrap_or("of an unknown version").to_owned();
            Check::good(NAME, format!("version {version} is installed, for imports of clips"))
        }
        None => Check::good(NAME, "not installed; only imports of clips need it (apt install ffmpeg)"),
    }
}

/// The most processes and threads of this user; `None` if there is no limit.
fn processes_allowed() -> Option<u64> {
    match Process::myself().ok()?.limits().ok()?.max_processes.hard_limit {
        LimitValue::Value(most) => Some(most),
        LimitValue::Unlimited => None,
    }
}

/// What the machine has free, or what the container's limit leaves, whichever is less.
fn available_bytes() -> Option<u64> {
    let free = Meminfo::current().ok()?.mem_available?;
    let read = |file: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok()
    };
    let left = read("memory.max").map(|most| most.saturating_sub(read("memory.current").unwrap_or_default()));
    Some(left.map_or(free, |left| left.min(free)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_threads_than_cores_can_run_are_named() {
        let settings = Settings::from_toml("[engine]\ndecode_threads = 1024").unwrap();
        let check = check_threads(&settings);
        assert!(check.finding.contains("engine.decode_threads is 1024"), "{check:?}");
    }
}

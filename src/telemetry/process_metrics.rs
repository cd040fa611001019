//! The figures of this process in Prometheus' text format, under the names that Prometheus' own clients use.
//!
//! Read when the metrics are rendered. What the system does not tell is left out.

use std::fmt::Write as _;

use procfs::process::{LimitValue, Process};

/// Name, type and help text of each.
pub const PROCESS_METRICS: [(&str, &str, &str); 8] = [
    ("process_cpu_seconds_total", "counter", "Seconds of processor time that the process has used."),
    ("process_open_fds", "gauge", "Files that the process has open, connections included."),
    ("process_max_fds", "gauge", "The most files that the process may have open."),
    ("process_resident_memory_bytes", "gauge", "Bytes of memory that the process occupies."),
    ("process_virtual_memory_bytes", "gauge", "Bytes of address space."),
    ("process_virtual_memory_max_bytes", "gauge", "The most bytes of address space; -1 if there is no limit."),
    ("process_start_time_seconds", "gauge", "Unix time at which the process started."),
    ("process_threads", "gauge", "Threads of the process."),
];

pub(super) fn render() -> String {
    let mut text = String::new();
    let Ok(process) = Process::myself() else { return text };
    let (stat, limits) = (process.stat().ok(), process.limits().ok());
    let ticks = procfs::ticks_per_second() as f64;
    let values: [Option<f64>; 8] = [
        stat.as_ref().map(|stat| (stat.utime + stat.stime) as f64 / ticks),
        process.fd_count().ok().map(|files| files as f64),
        limits.as_ref().map(|limits| limit(limits.max_open_files.soft_limit)),
        stat.as_ref().map(|stat| (stat.rss * procfs::page_size()) as f64),
        stat.as_ref().map(|stat| stat.vsize as f64),
        limits.as_ref().map(|limits| limit(limits.max_address_space.soft_limit)),
        stat.as_ref().and_then(|stat| Some(procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks)),
        stat.as_ref().map(|stat| stat.num_threads as f64),
    ];
    for ((name, kind, help), value) in PROCESS_METRICS.into_iter().zip(values) {
        if let Some(value) = value {
            let _in_memory = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
        }
    }
    text
}

fn limit(value: LimitValue) -> f64 {
    match value {
        LimitValue::Value(most) => most as f64,
        LimitValue::Unlimited => -1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_of_this_process_is_there_and_plausible() {
        let text = render();
        let value = |name: &str| {
            let line =
                text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{text}"));
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        };
        assert!(PROCESS_METRICS.iter().all(|(name, ..)| value(name) >= -1.0), "{text}");
        assert!(value("process_open_fds") <= value("process_max_fds") && value("process_threads") >= 1.0, "{text}");
        assert!(value("process_resident_memory_bytes") > 1e6 && value("process_start_time_seconds") > 1.7e9, "{text}");
    }
}

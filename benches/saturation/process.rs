//! What a server takes of the machine: seconds of processors and memory of its processes, as Linux counts them in
//! `/proc`.

use std::fs;

/// Ticks per second in `/proc/PID/stat`; Linux shows programs this many whatever the kernel's own are.
const TICKS: f64 = 100.0;

/// What was taken in one measurement, by the process and those that it started.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Seconds of processors.
    pub cpu_s: f64,
    /// The same of this program: what asking took.
    pub client_cpu_s: f64,
    /// Most memory that was resident at a time, in MB; summed over the processes, so that what they share counts for
    /// each.
    pub peak_mb: f64,
}

/// Watches a process and its descendants from lap to lap.
pub struct Watch {
    root: u32,
    cpu_s: f64,
    client_cpu_s: f64,
}

impl Watch {
    pub fn start(root: u32) -> Self {
        let mut watch = Self { root, cpu_s: 0.0, client_cpu_s: 0.0 };
        watch.lap();
        watch
    }

    /// What was taken since the last lap.
    pub fn lap(&mut self) -> Usage {
        let family = family(self.root);
        let cpu_s = family.iter().filter_map(|pid| cpu_s(*pid)).sum();
        let peak_mb = family.iter().filter_map(|pid| peak_mb(*pid)).sum();
        for pid in family {
            // 5 lets the peak begin anew. Where it may not be written, peaks are those since the start: no less true.
            drop(fs::write(format!("/proc/{pid}/clear_refs"), "5"));
        }
        let before = std::mem::replace(&mut self.cpu_s, cpu_s);
        let client = self::cpu_s(std::process::id()).unwrap_or_default();
        let client_before = std::mem::replace(&mut self.client_cpu_s, client);
        Usage { cpu_s: cpu_s - before, client_cpu_s: client - client_before, peak_mb }
    }
}

/// `root` and every process that descends from it.
fn family(root: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("Linux's /proc");
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, stat(pid)?.get(1)?.parse().ok()?))).collect();
    let mut family = vec![root];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

/// The fields of `/proc/PID/stat` behind the program's name, which may hold blanks: state, parent, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn cpu_s(pid: u32) -> Option<f64> {
    let stat = stat(pid)?;
    // The 14th and 15th field of the line: in user mode and in the kernel.
    let ticks = |field: usize| stat.get(field - 3)?.parse::<f64>().ok();
    Some((ticks(14)? + ticks(15)?) / TICKS)
}

fn peak_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024.0 / 1e6)
}

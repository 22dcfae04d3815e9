//! What a process costs, read from `/proc`: processor time and memory.

use std::fs;

/// Clock ticks a second of `/proc/*/stat`; 100 on every Linux that we run on.
const TICKS: f64 = 100.0;

/// The fields of `/proc/<pid>/stat` behind the name: state, parent, …
fn fields(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().map(str::to_owned).collect()
}

/// Processor seconds (user and system) that a process has used.
pub fn cpu_seconds(pid: u32) -> f64 {
    let fields = fields(pid);
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

pub fn parent(pid: u32) -> Option<u32> {
    fields(pid).get(1)?.parse().ok()
}

/// Resident memory in megabytes: now, and the most it ever was.
pub fn memory(pid: u32) -> (f64, f64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let of = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|text| text.parse::<f64>().ok())
            .map_or(0.0, |kilobytes| kilobytes / 1024.0)
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Processor seconds of all processes that `pid` started and that still run: the back ends of a PostgreSQL server.
pub fn cpu_seconds_below(pid: u32) -> f64 {
    let Ok(entries) = fs::read_dir("/proc") else { return 0.0 };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|child| parent(*child) == Some(pid))
        .map(cpu_seconds)
        .sum()
}

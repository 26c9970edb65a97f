//! How much memory there is, so that too large a size is refused before anything is allocated.

use std::fs::read_to_string;

/// Bytes that this process may still take, or `None` where the system does not say.
pub(crate) fn available() -> Option<u64> {
    let of_machine = read_to_string("/proc/meminfo").ok().and_then(|text| available_in(&text));
    let of_group = group_limit();
    match (of_machine, of_group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (machine, group) => machine.or(group),
    }
}

/// `MemAvailable` of Linux's table.
fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}

/// The limit of the control group, for containers that have one.
fn group_limit() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|path| read_to_string(path).ok()?.trim().parse().ok())
}

/// Bytes in a unit that fits, as in `1.2 GB`.
pub(crate) fn shown(bytes: u128) -> String {
    const UNITS: [&str; 7] = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_system_is_read() {
        let text = "MemTotal:  24 kB\nMemAvailable:       12 kB\n";
        assert_eq!(available_in(text), Some(12 * 1024));
        assert_eq!(available_in("MemTotal: 1 kB\n"), None);
        assert_eq!(available_in("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn bytes_have_a_unit() {
        assert_eq!(shown(12), "12 bytes");
        assert_eq!(shown(1_234_000), "1.2 MB");
        assert_eq!(shown(23_400_000_000), "23 GB");
        assert_eq!(shown(u128::MAX).split(' ').next_back(), Some("EB"));
    }
}

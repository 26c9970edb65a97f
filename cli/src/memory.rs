//! How much memory there is, so that too large a size is refused before anything is allocated.

use std::fs::read_to_string;

/// What is taken to be free where the system does not say.
const UNKNOWN: u64 = 10_000_000_000;

/// So many tenths of the bytes that this process may still take.
pub(crate) fn tenths(count: u64) -> u64 {
    available().unwrap_or(UNKNOWN) / 10 * count
}

/// Bytes that this process may still take, or `None` where the system does not say.
fn available() -> Option<u64> {
    let of_machine = read_to_string("/proc/meminfo").ok().and_then(|text| available_in(&text));
    let of_group = left_in_group();
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

/// What the limit of the control group leaves, for containers that have one.
fn left_in_group() -> Option<u64> {
    let files = [
        ["memory.max", "memory.current", "memory.stat"],
        ["memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"],
    ];
    files.into_iter().find_map(|names| {
        let [limit, used, table] =
            names.map(|name| read_to_string(format!("/sys/fs/cgroup/{name}")).unwrap_or_default());
        left_of(&limit, &used, &table)
    })
}

/// A limit less what is used. What files have in memory, and nobody has looked at of late, is given up when
/// memory is short.
fn left_of(limit: &str, used: &str, table: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let used: u64 = used.trim().parse().unwrap_or(0);
    let files = table.lines().find_map(|line| line.strip_prefix("inactive_file "));
    let files: u64 = files.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(files)))
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
    fn a_group_leaves_its_limit_less_what_is_used() {
        let table = "anon 50\nfile 40\ninactive_file 30\n";
        assert_eq!(left_of("1000\n", "90\n", table), Some(940));
        assert_eq!(left_of("1000\n", "2000\n", ""), Some(0));
        assert_eq!(left_of("1000\n", "", ""), Some(1000));
        assert_eq!(left_of("max\n", "90\n", table), None);
    }

    #[test]
    fn bytes_have_a_unit() {
        assert_eq!(shown(12), "12 bytes");
        assert_eq!(shown(1_234_000), "1.2 MB");
        assert_eq!(shown(23_400_000_000), "23 GB");
        assert_eq!(shown(u128::MAX).split(' ').next_back(), Some("EB"));
    }
}

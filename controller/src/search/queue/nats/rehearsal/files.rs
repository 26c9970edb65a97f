//! How many files this process may open.

/// Raises the limit of open files to so many if it is lower and may be raised; how many there may be then, if that is known.
#[cfg(target_os = "linux")]
pub fn allow_files(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = current?;
    if current >= wanted {
        return Some(current);
    }
    let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let limit = Rlimit { current: Some(raised), maximum };
    Some(if setrlimit(Resource::Nofile, limit).is_ok() { raised } else { current })
}

/// Raises the limit of open files to so many if it is lower and may be raised; how many there may be then, if that is known.
#[cfg(not(target_os = "linux"))]
pub fn allow_files(_: u64) -> Option<u64> {
    None
}

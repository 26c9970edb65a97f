//! Ctrl-C: the first asks a command to stop and keep what it has, the second ends it at once.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::output::message;
use crate::source::warn;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Exit code of what Ctrl-C has ended, as shells have it: 128 and the number of the signal.
pub(crate) const EXIT_CODE: u8 = 130;

/// From here on Ctrl-C, and what asks a program to end, sets what [`is_asked`] returns.
pub(crate) fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let result = ctrlc::set_handler(|| {
            if is_asked() {
                quit();
            }
            // First, so that it stands before what comes of it.
            message("stopping; what is done is kept. Once more quits at once");
            ASKED.store(true, Ordering::Relaxed);
        });
        if let Err(error) = result {
            warn(&format!("Ctrl-C will quit at once: {error}"));
        }
    });
}

#[expect(clippy::exit, reason = "asked for twice")]
fn quit() {
    std::process::exit(i32::from(EXIT_CODE));
}

/// Whether somebody has asked to stop.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

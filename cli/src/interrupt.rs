//! Ctrl-C: the first asks a command to stop and keep what it has, the second ends it at once.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::output::message;
use crate::source::warn;

static ASKED: AtomicU32 = AtomicU32::new(0);

/// Exit code of what Ctrl-C has ended, as shells have it: 128 and the number of the signal.
pub(crate) const EXIT_CODE: u8 = 130;

/// From here on Ctrl-C, and what asks a program to end, sets what [`is_asked`] returns.
pub(crate) fn listen() {
    listen_for("stopping; what is done is kept. Once more quits at once", 1);
}

/// The same for a command that has something to do when it is asked twice.
#[cfg(feature = "nats")]
pub(crate) fn listen_twice(text: &'static str) {
    listen_for(text, 2);
}

/// Says what comes of it the first time, and ends the program once it was asked more than so many times.
fn listen_for(text: &'static str, most: u32) {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        let result = ctrlc::set_handler(move || {
            if times_asked() >= most {
                quit();
            }
            // First, so that it stands before what comes of it.
            if !is_asked() {
                message(text);
            }
            ASKED.fetch_add(1, Ordering::Relaxed);
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
    times_asked() > 0
}

/// How often somebody has.
pub(crate) fn times_asked() -> u32 {
    ASKED.load(Ordering::Relaxed)
}

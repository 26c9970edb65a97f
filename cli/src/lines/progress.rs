//! How far a long list has come, on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::common::styled;
use crate::output::message;

/// A bar on standard error if that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar for this many bytes, if it is known how many there are.
    pub(crate) fn new(bytes: Option<u64>) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let template = match bytes {
                Some(_) => "{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left",
                None => "{msg}, {bytes}, {elapsed}",
            };
            let bar = ProgressBar::with_draw_target(bytes, target);
            styled(bar, template)
        });
        Progress { bar }
    }

    /// No bar: where results go to the same terminal as they come.
    pub(crate) fn hidden() -> Progress {
        Progress { bar: None }
    }

    pub(super) fn set(&self, bytes: u64, rules: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.set_message(format!("{} rules", grouped(rules)));
        }
    }

    /// Shows a message that the bar does not write over.
    pub(super) fn message(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| message(text)),
            None => message(text),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A number with a comma every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn large_numbers_have_commas() {
        let texts = [0, 12, 123, 1234, 123_456, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "12", "123", "1,234", "123,456", "1,234,567"]);
    }
}

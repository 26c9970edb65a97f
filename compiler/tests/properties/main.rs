//! Properties of all rules, and the limits of the language, as one binary.

#![expect(clippy::panic, reason = "a test stops at the first surprise")]

mod canonical_form;
mod conversions;
mod formatting;
mod generated_rules;
mod limits;
mod messages;
mod normal_forms;
mod schedules;
mod support;
mod written_text;

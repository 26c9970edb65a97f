//! The command as its users meet it: arguments in, text, files and exit codes out.

mod check;
mod compile;
mod explain;
mod run;
mod session;
mod train;

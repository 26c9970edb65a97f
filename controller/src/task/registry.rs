//! Tasks by name, for the command line and for a trial's record.

use super::contract::{Task, TaskError};
use super::digits::Digits;
use super::quadratic::Quadratic;
use super::rosenbrock::Rosenbrock;

/// The names that [`open`] knows.
pub const NAMES: [&str; 3] = [Rosenbrock::NAME, Quadratic::NAME, Digits::NAME];

/// The task of this name, with its data loaded.
///
/// # Errors
///
/// [`TaskError::UnknownTask`], or an error of its data.
pub fn open(name: &str) -> Result<Box<dyn Task>, TaskError> {
    match name {
        Rosenbrock::NAME => Ok(Box::new(Rosenbrock)),
        Quadratic::NAME => Ok(Box::new(Quadratic::default())),
        Digits::NAME => Ok(Box::new(Digits::load()?)),
        _ => Err(TaskError::UnknownTask { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, open};

    #[test]
    fn every_name_opens_the_task_of_that_name() {
        for name in NAMES {
            assert_eq!(open(name).unwrap().name(), name);
        }
        let message = open("mnist").unwrap_err().to_string();
        assert_eq!(message, "unknown task `mnist`; the tasks are rosenbrock, quadratic, digits");
    }
}

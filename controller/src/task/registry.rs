//! Tasks by name, for the command line and for a trial's record.

use std::path::PathBuf;

use super::contract::{Task, TaskError};
use super::digits::Digits;
use super::images::Images;
use super::quadratic::Quadratic;
use super::rosenbrock::Rosenbrock;
use crate::dataset::shapes::Shapes;
use crate::dataset::{SplitSizes, cifar10, digits};

/// The names that [`open`] knows.
pub const NAMES: [&str; 6] = [
    Rosenbrock::NAME,
    Quadratic::NAME,
    Digits::NAME,
    Images::DIGITS,
    Images::SHAPES,
    Images::CIFAR10,
];

/// What a task may be told about its data; each takes what it has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskOptions {
    /// `cifar10`: the folder or the archive of the official binary files.
    pub data: Option<PathBuf>,
    /// `shapes`: pixels of a side.
    pub side: Option<usize>,
    /// `shapes`: number of classes.
    pub classes: Option<usize>,
    /// `shapes`: from 0 to 1.
    pub difficulty: Option<f64>,
    /// `shapes` and `cifar10`: number of training images.
    pub count: Option<usize>,
}

/// The task of this name, with its data loaded.
///
/// # Errors
///
/// [`TaskError::UnknownTask`], or an error of its data.
pub fn open(name: &str) -> Result<Box<dyn Task>, TaskError> {
    open_with(name, &TaskOptions::default())
}

/// The same with what it may be told about its data.
///
/// # Errors
///
/// As [`open`]; [`TaskError::Option`] for an option that the task does not have, [`TaskError::NoData`] without
/// one that it needs.
pub fn open_with(name: &str, options: &TaskOptions) -> Result<Box<dyn Task>, TaskError> {
    let known = |names: &[&str]| names.contains(&name);
    let given = [
        ("data", options.data.is_some(), &[Images::CIFAR10][..]),
        ("side", options.side.is_some(), &[Images::SHAPES]),
        ("classes", options.classes.is_some(), &[Images::SHAPES]),
        ("difficulty", options.difficulty.is_some(), &[Images::SHAPES]),
        ("count", options.count.is_some(), &[Images::SHAPES, Images::CIFAR10]),
    ];
    if NAMES.contains(&name)
        && let Some((option, _, tasks)) =
            given.into_iter().find(|(_, is_given, tasks)| *is_given && !known(tasks))
    {
        return Err(TaskError::Option { option, task: name.to_owned(), tasks: tasks.join(", ") });
    }
    match name {
        Images::DIGITS => Ok(Box::new(Images::new(
            Images::DIGITS,
            "Handwritten digits, the paper's child",
            "A net of two convolutions on 1,797 images of 8x8 pixels: E. Alpaydin and C. Kaynak, Optical \
             Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998, \
             https://doi.org/10.24432/C50P49, CC BY 4.0.",
            digits::load()?,
        )?)),
        Images::SHAPES => Ok(Box::new(Images::new(
            Images::SHAPES,
            "Drawn shapes, the paper's child",
            "A net of two convolutions on images of shapes and textures that are drawn by a fixed rule.",
            shapes(options).generate()?,
        )?)),
        Images::CIFAR10 => {
            let data = options.data.as_deref().ok_or(TaskError::NoData)?;
            Ok(Box::new(Images::new(
                Images::CIFAR10,
                "CIFAR-10, the paper's child",
                "A net of two convolutions on CIFAR-10: A. Krizhevsky, Learning Multiple Layers of Features \
                 from Tiny Images, 2009.",
                cifar10::load(data, options.count)?,
            )?))
        }
        Rosenbrock::NAME => Ok(Box::new(Rosenbrock)),
        Quadratic::NAME => Ok(Box::new(Quadratic::default())),
        Digits::NAME => Ok(Box::new(Digits::load()?)),
        _ => Err(TaskError::UnknownTask { name: name.to_owned() }),
    }
}

fn shapes(options: &TaskOptions) -> Shapes {
    let usual = Shapes::default();
    Shapes {
        side: options.side.unwrap_or(usual.side),
        classes: options.classes.unwrap_or(usual.classes),
        difficulty: options.difficulty.unwrap_or(usual.difficulty),
        sizes: SplitSizes { train: options.count.unwrap_or(usual.sizes.train), ..usual.sizes },
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, TaskOptions, open, open_with};

    #[test]
    fn every_name_opens_the_task_of_that_name() {
        // Those that need files, or time to draw, have tests of their own.
        for name in NAMES.into_iter().filter(|name| !["cifar10", "shapes"].contains(name)) {
            assert_eq!(open(name).unwrap().name(), name);
        }
        let message = open("cifar10").unwrap_err().to_string();
        assert!(message.contains("--data DIR"), "{message}");
        let side = TaskOptions { side: Some(32), ..TaskOptions::default() };
        let message = open_with("digits", &side).unwrap_err().to_string();
        assert_eq!(message, "`digits` takes no `--side`: it is an option of shapes");
        let message = open("mnist").unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown task `mnist`; the tasks are rosenbrock, quadratic, digits, \
             digits-convnet, shapes, cifar10"
        );
    }
}

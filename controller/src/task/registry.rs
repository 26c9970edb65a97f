//! Tasks by name, for the command line and for a trial's record.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::contract::{Task, TaskError};
use super::quadratic::Quadratic;
use super::rosenbrock::Rosenbrock;
use super::supervised::{Supervised, Words};
use crate::child::Model;
use crate::child::layers::LayeredModel;
use crate::child::lstm::{TextModel, TextSettings};
use crate::child::net::{ConvNetModel, Path};
use crate::child::softmax::SoftmaxModel;
use crate::dataset::shapes::Shapes;
use crate::dataset::text::novel;
use crate::dataset::{ImageData, SplitSizes, cifar10, digits};

/// The names that [`open`] knows.
pub const NAMES: [&str; 6] = [Rosenbrock::NAME, Quadratic::NAME, DIGITS, SHAPES, CIFAR10, TEXT];

/// Name of the handwritten digits.
const DIGITS: &str = digits::NAME;
/// Name of the drawn images.
const SHAPES: &str = "shapes";
/// Name of CIFAR-10.
const CIFAR10: &str = "cifar10";

/// Name of the text.
const TEXT: &str = "text";

/// Those with images, for which there is a choice of children.
pub const IMAGES: [&str; 3] = [DIGITS, SHAPES, CIFAR10];

/// The paper's child, which image tasks train if nothing is said.
const CONVNET: &str = "convnet";
/// Softmax regression.
const SOFTMAX: &str = "softmax";
/// A deeper net of convolutions.
const DEEP: &str = "deep";
/// A small residual net.
const RESIDUAL: &str = "residual";
/// The children of image tasks.
pub const CHILDREN: [&str; 4] = [CONVNET, SOFTMAX, DEEP, RESIDUAL];

/// The norm that the paper clips the gradients of recurrent nets to (section 6.2).
const TEXT_NORM: f64 = 5.0;

/// The paper's batch.
const BATCH_SIZE: usize = 100;

/// What a task may be told about its data and its child; each takes what it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
    /// Images: one of [`CHILDREN`].
    pub child: Option<String>,
    /// Examples a step; if left out 100 images, or 50 windows of text.
    pub batch: Option<usize>,
    /// Images, but for `softmax`: the kernels, the fastest that run here if left out.
    pub path: Option<Path>,
    /// `quadratic`: standard deviation of the noise in gradients.
    pub noise: Option<f64>,
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
/// one that it needs, [`TaskError::UnknownChild`].
pub fn open_with(name: &str, options: &TaskOptions) -> Result<Box<dyn Task>, TaskError> {
    check_options(name, options)?;
    match name {
        Rosenbrock::NAME => Ok(Box::new(Rosenbrock)),
        Quadratic::NAME => {
            let noise = options.noise.unwrap_or(0.0);
            let task = Quadratic::with_noise(noise).ok_or(TaskError::Noise { noise })?;
            Ok(Box::new(task))
        }
        DIGITS => images(
            DIGITS,
            "Handwritten digits",
            "1,797 images of 8x8 pixels: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten \
             Digits, UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0.",
            options,
            || Ok(digits::load()?),
        ),
        SHAPES => images(
            SHAPES,
            "Drawn shapes",
            "Images of shapes and textures that are drawn by a fixed rule.",
            options,
            || Ok(shapes(options).generate()?),
        ),
        CIFAR10 => {
            let data = options.data.as_deref().ok_or(TaskError::NoData)?;
            images(
                CIFAR10,
                "CIFAR-10",
                "CIFAR-10: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.",
                options,
                || Ok(cifar10::load(data, options.count)?),
            )
        }
        TEXT => text(options),
        _ => Err(TaskError::UnknownTask { name: name.to_owned() }),
    }
}

/// Whether a task needs files that are not part of nosc: [`TaskOptions::data`].
pub fn needs_data(name: &str) -> bool {
    name == CIFAR10
}

/// Looks whether there is such a task and it has all options that are given, without loading anything.
///
/// # Errors
///
/// [`TaskError::UnknownTask`], [`TaskError::Option`].
pub fn check_options(name: &str, options: &TaskOptions) -> Result<(), TaskError> {
    let given = [
        ("data", options.data.is_some(), &[CIFAR10][..]),
        ("side", options.side.is_some(), &[SHAPES]),
        ("classes", options.classes.is_some(), &[SHAPES]),
        ("difficulty", options.difficulty.is_some(), &[SHAPES]),
        ("count", options.count.is_some(), &[SHAPES, CIFAR10]),
        ("child", options.child.is_some(), &IMAGES),
        ("batch", options.batch.is_some(), &[DIGITS, SHAPES, CIFAR10, TEXT]),
        ("path", options.path.is_some(), &IMAGES),
        ("noise", options.noise.is_some(), &[Quadratic::NAME]),
    ];
    let mut wrong =
        given.into_iter().filter(|(_, is_given, tasks)| *is_given && !tasks.contains(&name));
    match wrong.next() {
        _ if !NAMES.contains(&name) => Err(TaskError::UnknownTask { name: name.to_owned() }),
        Some((option, _, tasks)) => {
            Err(TaskError::Option { option, task: name.to_owned(), tasks: tasks.join(", ") })
        }
        None => Ok(()),
    }
}

/// The child that is asked for, on the images that `load` returns. What can be wrong with the options
/// is looked at before they are loaded.
fn images(
    task: &'static str,
    title: &str,
    source: &str,
    options: &TaskOptions,
    load: impl FnOnce() -> Result<ImageData, TaskError>,
) -> Result<Box<dyn Task>, TaskError> {
    let name = options.child.as_deref().unwrap_or(CONVNET);
    let child = CHILDREN.into_iter().find(|child| *child == name);
    let child = child.ok_or_else(|| TaskError::UnknownChild { name: name.to_owned() })?;
    if options.path.is_some() && child == SOFTMAX {
        return Err(TaskError::Path { child });
    }
    let batch = options.batch.unwrap_or(BATCH_SIZE);
    let data = load()?;
    // A child has memory for a whole batch.
    let batch = batch.min(data.sizes().train.max(1));
    let (net, epochs) = match child {
        SOFTMAX => ("softmax regression", 20),
        DEEP => ("a deeper net of convolutions", 5),
        RESIDUAL => ("a small residual net", 5),
        _ => ("the paper's child", 5),
    };
    let words = Words {
        task,
        child,
        title: format!("{title}, {net}"),
        summary: source.to_owned(),
        digest: data.digest(),
    };
    let model: Box<dyn Model> = match child {
        SOFTMAX => Box::new(SoftmaxModel::new(data, batch)?),
        DEEP => Box::new(LayeredModel::deep(data.normalized(), batch, options.path)?),
        RESIDUAL => Box::new(LayeredModel::residual(data.normalized(), batch, options.path)?),
        _ => Box::new(ConvNetModel::new(data.normalized(), batch, options.path)?),
    };
    let task = Supervised::new(words, model, batch, epochs);
    Ok(Box::new(if child == SOFTMAX { task.with_full_sweep() } else { task }))
}

/// The recurrent net on the novel.
fn text(options: &TaskOptions) -> Result<Box<dyn Task>, TaskError> {
    let text = novel::load()?;
    let usual = TextSettings::default();
    let settings = TextSettings { batch: options.batch.unwrap_or(usual.batch), ..usual };
    let words = Words {
        task: TEXT,
        child: "lstm",
        title: "Characters of a novel, LSTM".to_owned(),
        summary: text.description().to_owned(),
        digest: text.digest(),
    };
    let model = TextModel::new(&text, settings)?;
    let task = Supervised::new(words, Box::new(model), settings.batch, 5);
    Ok(Box::new(task.with_clip_norm(TEXT_NORM)))
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
    use crate::child::net::Path;

    fn message(name: &str, options: &TaskOptions) -> String {
        open_with(name, options).unwrap_err().to_string()
    }

    #[test]
    fn every_name_opens_the_task_of_that_name() {
        // Those that need files, or time to draw, have tests of their own.
        for name in NAMES.into_iter().filter(|name| !["cifar10", "shapes"].contains(name)) {
            assert_eq!(open(name).unwrap().name(), name);
        }
        let small = TaskOptions {
            side: Some(8),
            classes: Some(2),
            count: Some(20),
            child: Some("softmax".to_owned()),
            batch: Some(7),
            ..TaskOptions::default()
        };
        let task = open_with("shapes", &small).unwrap();
        let description = task.description();
        assert_eq!((task.name(), task.steps_per_epoch()), ("shapes", 3));
        assert_eq!((description.child, description.batch_size), (Some("softmax"), 7));
        assert_eq!(description.title, "Drawn shapes, softmax regression");
        assert_eq!(description.data_digest.unwrap().len(), 64);
    }

    #[test]
    fn what_a_task_does_not_have_is_named_with_those_that_have_it() {
        let none = TaskOptions::default();
        assert!(message("cifar10", &none).contains("--data DIR"));
        let side = TaskOptions { side: Some(32), ..none.clone() };
        assert_eq!(
            message("digits", &side),
            "`digits` takes no `--side`: it is an option of shapes"
        );
        let child = TaskOptions { child: Some("resnet".to_owned()), ..none.clone() };
        assert_eq!(
            message("digits", &child),
            "unknown child `resnet`; the children are convnet, softmax, deep, residual"
        );
        assert!(message("rosenbrock", &child).contains("digits, shapes, cifar10"));
        let path = TaskOptions {
            path: Some(Path::Gemm),
            child: Some("softmax".to_owned()),
            ..none.clone()
        };
        assert_eq!(
            message("digits", &path),
            "the child softmax has no `--path`: there is one way to compute it"
        );
        for child in ["convnet", "deep", "residual"] {
            let path = TaskOptions { child: Some(child.to_owned()), ..path.clone() };
            assert!(open_with("digits", &path).is_ok());
        }
        let noise = TaskOptions { noise: Some(-1.0), ..none.clone() };
        assert_eq!(
            message("quadratic", &noise),
            "noise of -1 is not a standard deviation; expected 0 or more"
        );
        let batch = TaskOptions { batch: Some(0), ..none.clone() };
        assert_eq!(message("digits", &batch), "batch must be 1 to 65536, not 0");
        assert_eq!(
            message("mnist", &none),
            "unknown task `mnist`; the tasks are rosenbrock, quadratic, digits, shapes, cifar10, text"
        );
    }
}

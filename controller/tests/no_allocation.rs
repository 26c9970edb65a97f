//! After construction, a pass of a net by kernels of our own allocates nothing, and neither does a step of a child.

use std::ops::ControlFlow;

use nosc_controller::child::layers::LayeredModel;
use nosc_controller::child::net::{ConvNet, Path, Prepared, Shape};
use nosc_controller::child::{Model, Part};
use nosc_controller::compiled_stepper::CompiledMaker;
use nosc_controller::dataset::{ImageData, ImageShape, LabelledImages};
use nosc_controller::task::{Budget, Event, TaskOptions, open_with};
use nosc_runtime::{Backend, CompiledRule, library};

/// All of it: the net's pass, the losses that are watched, the step of a compiled rule with a state.
#[test]
fn after_the_first_steps_a_child_allocates_nothing() {
    let options = TaskOptions { side: Some(8), count: Some(6000), ..TaskOptions::default() };
    let task = open_with("shapes", &options).unwrap();
    let rule = library::rule("powersign").unwrap();
    let maker = CompiledMaker::new(CompiledRule::new(&rule, Backend::Auto).unwrap());
    let allocations = |steps| {
        let budget = Budget { patience: Some(5), ..Budget::new(1e-3, steps, 0) };
        let mut progress = |_: Event<'_>| ControlFlow::Continue(());
        let mut path = None;
        let used = allocation_counter::measure(|| {
            path = task.train(&maker, &budget, &mut progress).unwrap().outcome.path;
        });
        (used.count_total, path)
    };
    // What is kept across children, such as names, is there after the first.
    allocations(1);
    let (few, path) = allocations(12);
    // Both are within the first epoch. The crate behind the path gemm allocates.
    if path != Some(Path::Gemm) {
        assert_eq!(allocations(60).0, few);
    }
}

#[test]
fn passes_of_direct_paths_allocate_nothing() {
    for (side, channels) in [(8, 1), (12, 3)] {
        let shape = Shape::new(side, channels, 10, 6).unwrap();
        let mut images = LabelledImages::new(shape.image_length());
        for label in 0..10 {
            images.push((0..shape.image_length()).map(|i| (i % 7) as f32), label);
        }
        let images = Prepared::new(shape, &images).unwrap();
        let parameters = shape.initial_parameters(1);
        let mut gradients = vec![0.0; parameters.len()];
        let paths = [Path::Avx512, Path::Avx2].into_iter().filter(|path| path.runs(&shape));
        for path in paths {
            let mut net = ConvNet::on_path(shape, path).unwrap();
            let used = allocation_counter::measure(|| {
                for batch in [&[0, 1, 2, 3, 4, 5][..], &[9, 0, 7]] {
                    net.forward_backward(&parameters, &images, batch, &mut gradients).unwrap();
                }
                net.evaluate(&parameters, &images, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
            });
            assert_eq!(used.count_total, 0, "{path}: {used:?}");
        }
    }
}

#[test]
fn passes_of_the_deep_and_the_residual_net_allocate_nothing() {
    let shape = ImageShape::new(12, 3, 10).unwrap();
    let part = || {
        let mut images = LabelledImages::new(shape.image_length());
        for label in 0..10 {
            images.push((0..shape.image_length()).map(|i| (i % 7) as f32), label);
        }
        images
    };
    let data = ImageData::new("dots", String::new(), shape, [part(), part(), part()]).unwrap();
    for path in Path::ALL {
        let check = |model: &dyn Model| {
            let (parameters, mut child) = (model.initial_parameters(1), model.child());
            let mut gradients = vec![0.0; parameters.len()];
            let used = allocation_counter::measure(|| {
                for batch in [&[0, 1, 2, 3, 4, 5][..], &[9, 0, 7]] {
                    child.differentiate(&parameters, batch, &mut gradients).unwrap();
                }
                child.evaluate(&parameters, Part::Validation).unwrap();
            });
            assert_eq!(used.count_total, 0, "{path}: {used:?}");
        };
        // A processor without the vectors of a path has no such child.
        if let Ok(deep) = LayeredModel::deep(data.clone(), 6, Some(path)) {
            check(&deep);
        }
        if let Ok(residual) = LayeredModel::residual(data.clone(), 6, Some(path)) {
            check(&residual);
        }
    }
}

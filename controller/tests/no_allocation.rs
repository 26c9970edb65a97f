//! After construction, a pass of the net by direct kernels allocates nothing.

use nosc_controller::child::net::{ConvNet, Path, Prepared, Shape};
use nosc_controller::dataset::LabelledImages;

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

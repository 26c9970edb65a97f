//! The paper's net with a data set: what its children share.

use super::{ConvNet, Path, Prepared, Shape};
use crate::child::{Child, ChildError, Model, Part, Score};
use crate::dataset::ImageData;

/// The paper's net on images. Its children share the prepared images.
#[derive(Debug)]
pub struct ConvNetModel {
    shape: Shape,
    path: Path,
    train: Prepared,
    validation: Prepared,
    test: Prepared,
}

/// A net, and the images it learns.
struct ConvNetChild<'a> {
    model: &'a ConvNetModel,
    net: ConvNet,
    indices: Vec<usize>,
}

impl ConvNetModel {
    /// The net for the sizes of a data set and batches of at most `batch` images, on `path` or the
    /// fastest one that runs here.
    ///
    /// The images should be normalized. Others are learned too, but lose digits in the first batch norm:
    /// its variance is `mean(z^2) - mean(z)^2`, of patch moments that are rounded to f32 for each image,
    /// an error of about 1e-7 of `mean(z^2)`.
    ///
    /// # Errors
    ///
    /// [`ChildError`] for sizes that the net does not take, or a path that does not run here.
    pub fn new(data: ImageData, batch: usize, path: Option<Path>) -> Result<Self, ChildError> {
        let images = data.shape();
        let shape = Shape::new(images.side(), images.channels(), images.classes(), batch)?;
        let path = match path {
            Some(path) if !path.runs(&shape) => return Err(ChildError::Path { path }),
            Some(path) => path,
            None => Path::fastest(&shape),
        };
        // One part after another is given up as soon as it is prepared.
        let [train, validation, test] = data.into_parts();
        let train = Prepared::new(shape, &{ train })?;
        let validation = Prepared::for_evaluation(shape, &{ validation })?;
        let test = Prepared::for_evaluation(shape, &{ test })?;
        Ok(Self { shape, path, train, validation, test })
    }

    fn part(&self, part: Part) -> &Prepared {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }
}

impl Model for ConvNetModel {
    fn examples(&self, part: Part) -> usize {
        self.part(part).len()
    }

    fn initial_parameters(&self, seed: u64) -> Vec<f32> {
        self.shape.initial_parameters(seed)
    }

    fn path(&self) -> Option<Path> {
        Some(self.path)
    }

    fn child(&self) -> Box<dyn Child + '_> {
        // `new` has looked whether the path runs here.
        let net = ConvNet::on_path(self.shape, self.path);
        let net = net.unwrap_or_else(|_| ConvNet::new(self.shape));
        Box::new(ConvNetChild { model: self, net, indices: Vec::new() })
    }
}

impl Child for ConvNetChild<'_> {
    fn differentiate(
        &mut self,
        parameters: &[f32],
        batch: &[usize],
        gradients: &mut [f32],
    ) -> Result<f64, ChildError> {
        let train = &self.model.train;
        Ok(self.net.forward_backward(parameters, train, batch, gradients)?.loss)
    }

    fn evaluate(&mut self, parameters: &[f32], part: Part) -> Result<Score, ChildError> {
        let images = self.model.part(part);
        self.indices.clear();
        self.indices.extend(0..images.len());
        self.net.evaluate(parameters, images, &self.indices)
    }
}

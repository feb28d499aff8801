//! A channel's coding in a container: of a model, of a training's cache.

use std::sync::Arc;

use ndarray::Array2;

use super::error::{ModelFileError, mismatch};
use crate::bow::config::ChannelConfig;
use crate::bow::words::MappingConfig;
use crate::bow::words::coding::Coding;
use crate::bow::words::mapping::fisher::Fisher;
use crate::bow::words::mapping::mapping;
use crate::bow::words::mixture::GaussianMixture;
use crate::bow::words::nearest::NearestWords;
use crate::bow::words::principal::PrincipalComponents;
use crate::format::container::{Container, Reader, Values};

/// Adds the coding of channel `u`.
pub(in crate::bow) fn insert(container: &mut Container, u: usize, coding: &Coding, config: &ChannelConfig) {
    let name = |tensor: &str| format!("channels.{u}.{tensor}");
    let flat = |array: &Array2<f32>| Values::F32(array.iter().copied().collect());
    match coding {
        Coding::Words { nearest, variance, .. } => {
            container.insert(name("vocabulary"), nearest.words().shape(), flat(nearest.words()));
            if config.mapping.kind.needs_variance() {
                container.insert(name("soft_variance"), &[1], Values::F64(vec![*variance]));
            }
        }
        Coding::Mixture(fisher) => {
            let mixture = fisher.mixture();
            for (tensor, array) in [("mixture_means", mixture.means()), ("mixture_variances", mixture.variances())] {
                container.insert(name(tensor), array.shape(), Values::F64(array.iter().copied().collect()));
            }
            let weights = mixture.weights().to_vec();
            container.insert(name("mixture_weights"), &[weights.len()], Values::F64(weights));
            if let Some(principal) = fisher.principal() {
                let mean = principal.mean().to_vec();
                container.insert(name("principal_mean"), &[mean.len()], Values::F32(mean));
                container.insert(name("principal_axes"), principal.axes().shape(), flat(principal.axes()));
            }
        }
    }
}

/// Reads the coding of channel `u`.
///
/// # Errors
/// [`ModelFileError`] if anything is missing, of another shape, not finite or out of range.
pub(in crate::bow) fn read(reader: &Reader<'_>, u: usize, config: &ChannelConfig) -> Result<Coding, ModelFileError> {
    let tensors = Tensors { reader, u };
    let words = config.vocabulary.words;
    let width = crate::bow::features::family(&config.descriptor).width();
    let Some(mapping) = mapping(&config.mapping) else {
        return Ok(Coding::Mixture(Arc::new(fisher(&tensors, &config.mapping, words, width)?)));
    };
    let nearest = NearestWords::new(tensors.singles("vocabulary", (words, width))?);
    let needed = config.mapping.kind.needs_variance();
    let variance = if needed { tensors.positive("soft_variance", &[1])?[0] } else { 1.0 };
    Ok(Coding::Words { nearest, variance, mapping })
}

fn fisher(
    tensors: &Tensors<'_>,
    config: &MappingConfig,
    components: usize,
    width: usize,
) -> Result<Fisher, ModelFileError> {
    let (principal, reduced) = match config.reduced {
        0 => (None, width),
        reduced => {
            let mean = tensors.reader.finite_f32s(&tensors.name("principal_mean"), &[width])?;
            let axes = tensors.singles("principal_axes", (reduced, width))?;
            (Some(PrincipalComponents::new(mean, axes)), reduced)
        }
    };
    let shape = [components, reduced];
    let means = tensors.reader.finite_f64s(&tensors.name("mixture_means"), &shape)?;
    let means = tensors.matrix("mixture_means", (components, reduced), means)?;
    let variances = tensors.positive("mixture_variances", &shape)?;
    let variances = tensors.matrix("mixture_variances", (components, reduced), variances)?;
    let weights = tensors.positive("mixture_weights", &[components])?;
    let sum: f64 = weights.iter().sum();
    if (sum - 1.0).abs() > 1e-9 {
        return Err(mismatch(format!("sum of {}", tensors.name("mixture_weights")), 1, sum));
    }
    Ok(Fisher::new(config, principal, GaussianMixture::new(means, variances, weights)))
}

/// The tensors of one channel.
struct Tensors<'a> {
    reader: &'a Reader<'a>,
    u: usize,
}

impl Tensors<'_> {
    fn name(&self, tensor: &str) -> String {
        format!("channels.{}.{tensor}", self.u)
    }

    fn singles(&self, tensor: &str, shape: (usize, usize)) -> Result<Array2<f32>, ModelFileError> {
        let values = self.reader.finite_f32s(&self.name(tensor), &[shape.0, shape.1])?;
        self.matrix(tensor, shape, values)
    }

    fn positive(&self, tensor: &str, shape: &[usize]) -> Result<Vec<f64>, ModelFileError> {
        let values = self.reader.finite_f64s(&self.name(tensor), shape)?;
        match values.iter().find(|value| **value <= 0.0) {
            Some(value) => Err(mismatch(self.name(tensor), "positive", value)),
            None => Ok(values),
        }
    }

    fn matrix<T>(&self, tensor: &str, shape: (usize, usize), values: Vec<T>) -> Result<Array2<T>, ModelFileError> {
        Array2::from_shape_vec(shape, values).map_err(|error| mismatch(self.name(tensor), "a matrix", error))
    }
}

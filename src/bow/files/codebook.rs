//! A channel's codebook in a container: of a model, of a training's cache.

use std::sync::Arc;

use ndarray::Array2;

use super::error::{ModelFileError, mismatch};
use crate::bow::config::ChannelConfig;
use crate::bow::words::codebook::Codebook;
use crate::bow::words::mapping::MappingKind;
use crate::bow::words::mapping::fisher::Fisher;
use crate::bow::words::mixture::GaussianMixture;
use crate::bow::words::nearest::NearestWords;
use crate::bow::words::principal::PrincipalComponents;
use crate::format::container::{Container, Reader, Values};

/// Adds the codebook of channel `u`.
pub(in crate::bow) fn insert(container: &mut Container, u: usize, codebook: &Codebook, config: &ChannelConfig) {
    let name = |tensor: &str| format!("channels.{u}.{tensor}");
    let flat = |array: &Array2<f32>| Values::F32(array.iter().copied().collect());
    match codebook {
        Codebook::Words(nearest, variance) => {
            container.insert(name("vocabulary"), nearest.words().shape(), flat(nearest.words()));
            if config.mapping.kind.needs_variance() {
                container.insert(name("soft_variance"), &[1], Values::F64(vec![*variance]));
            }
        }
        Codebook::Mixture(fisher) => {
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

/// The codebook of channel `u`.
///
/// # Errors
/// [`ModelFileError`] where anything is missing, of another shape, not finite or out of range.
pub(in crate::bow) fn read(reader: &Reader<'_>, u: usize, config: &ChannelConfig) -> Result<Codebook, ModelFileError> {
    let name = |tensor: &str| format!("channels.{u}.{tensor}");
    let single = |tensor: &str, shape: (usize, usize)| -> Result<Array2<f32>, ModelFileError> {
        let values = reader.finite_f32s(&name(tensor), &[shape.0, shape.1])?;
        Array2::from_shape_vec(shape, values).map_err(|error| mismatch(name(tensor), "a matrix", error))
    };
    let (count, width) = (config.vocabulary.words, crate::bow::features::family(&config.descriptor).width());
    let positive = |tensor: &str, values: Vec<f64>| match values.iter().find(|value| **value <= 0.0) {
        Some(value) => Err(mismatch(name(tensor), "positive", value)),
        None => Ok(values),
    };
    if config.mapping.kind != MappingKind::Fisher {
        let words = single("vocabulary", (count, width))?;
        let variance = if config.mapping.kind.needs_variance() {
            positive("soft_variance", reader.finite_f64s(&name("soft_variance"), &[1])?)?[0]
        } else {
            1.0
        };
        return Ok(Codebook::Words(NearestWords::new(words), variance));
    }
    let (principal, reduced) = match config.mapping.reduced {
        0 => (None, width),
        reduced => {
            let mean = reader.finite_f32s(&name("principal_mean"), &[width])?;
            (Some(PrincipalComponents::new(mean, single("principal_axes", (reduced, width))?)), reduced)
        }
    };
    let matrix = |tensor: &str, values: Vec<f64>| {
        Array2::from_shape_vec((count, reduced), values).map_err(|error| mismatch(name(tensor), "a matrix", error))
    };
    let read = |tensor: &str| reader.finite_f64s(&name(tensor), &[count, reduced]);
    let means = matrix("mixture_means", read("mixture_means")?)?;
    let variances = positive("mixture_variances", read("mixture_variances")?)?;
    let variances = matrix("mixture_variances", variances)?;
    let weights = positive("mixture_weights", reader.finite_f64s(&name("mixture_weights"), &[count])?)?;
    let sum: f64 = weights.iter().sum();
    if (sum - 1.0).abs() > 1e-9 {
        return Err(mismatch(format!("sum of {}", name("mixture_weights")), 1, sum));
    }
    let fisher = Fisher::new(&config.mapping, principal, GaussianMixture::new(means, variances, weights));
    Ok(Codebook::Mixture(Arc::new(fisher)))
}

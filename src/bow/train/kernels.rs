//! Training step 3: the channels' kernels, scaled and weighted.

use ndarray::{Array2, CowArray, Ix2};

use super::TrainError;
use crate::bow::config::Settings;
use crate::bow::score::gram::{gram, variance, width};

/// The channels' kernels between the pictures of the pool, with width and scale of the pictures that are fitted to.
pub(super) struct ScaledKernels<'a> {
    pub(super) channels: Vec<ScaledKernel<'a>>,
}

pub(super) struct ScaledKernel<'a> {
    pub(super) gram: CowArray<'a, f32, Ix2>,
    pub(super) width: f64,
    pub(super) scale: f64,
    pub(super) beta: f64,
}

impl<'a> ScaledKernels<'a> {
    pub(super) fn new(settings: &Settings, sums: &'a [Array2<f32>], rows: &[usize]) -> Result<Self, TrainError> {
        let total: f64 = settings.channel.iter().map(|channel| channel.weight).sum();
        let channels = settings.channel.iter().zip(sums).enumerate().map(|(channel, (config, sums))| {
            let kind = config.kernel.kind;
            let width = if kind.has_width() { width(sums.view(), rows) } else { 1.0 };
            let gram = gram(kind.with_width(width), sums.view());
            let scale = variance(gram.view(), rows);
            // Written so that NaN fails: without any distance the width is 0.
            if !(width > 0.0 && scale > 1e-12) {
                return Err(TrainError::NoVariance { channel });
            }
            Ok(ScaledKernel { gram, width, scale, beta: config.weight / total })
        });
        Ok(Self { channels: channels.collect::<Result<_, _>>()? })
    }

    /// `Σ_u (β_u/s_u) K_u` for `rows` × `columns`.
    pub(super) fn combine(&self, rows: &[usize], columns: &[usize]) -> Array2<f32> {
        Array2::from_shape_fn((rows.len(), columns.len()), |(i, j)| {
            let value = |channel: &ScaledKernel<'_>| {
                channel.beta / channel.scale * f64::from(channel.gram[(rows[i], columns[j])])
            };
            self.channels.iter().map(value).sum::<f64>() as f32
        })
    }
}

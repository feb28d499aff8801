//! Training step 3: the channels' kernels, scaled; [`super::weights`] weighs them.

use ndarray::{Array2, ArrayView1, CowArray, Ix2};
use rayon::prelude::*;

use super::error::TrainError;
use super::histograms::Part;
use crate::bow::config::Settings;
use crate::bow::score::gram::{gram, variance, width};
use crate::numeric::matrix;

/// The channels' kernels between the pictures of the pool, with width, scale and weight from the pictures that are fitted to.
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
    /// Scales the kernels, and weighs them as the settings say before anything is learnt.
    pub(super) fn new(settings: &Settings, sums: &'a [Array2<f32>], fit: &Part) -> Result<Self, TrainError> {
        let total: f64 = settings.channel.iter().map(|channel| channel.weight).sum();
        let channels = settings.channel.iter().zip(sums).enumerate().map(|(channel, (config, sums))| {
            let kind = config.kernel.kind;
            let width = if kind.has_width() { width(sums.view(), &fit.rows) } else { 1.0 };
            let gram = gram(kind.with_width(width), sums.view());
            let scale = variance(gram.view(), &fit.rows);
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
        let betas: Vec<f64> = self.channels.iter().map(|channel| channel.beta).collect();
        self.combine_by(&betas, rows, columns)
    }

    /// The same by other weights.
    pub(super) fn combine_by(&self, betas: &[f64], rows: &[usize], columns: &[usize]) -> Array2<f32> {
        let factors: Vec<f64> = self.channels.iter().zip(betas).map(|(channel, beta)| beta / channel.scale).collect();
        let mut values = vec![0.0f32; rows.len() * columns.len()];
        values.par_chunks_mut(columns.len().max(1)).zip(rows).for_each(|(values, &row)| {
            let grams: Vec<_> = self.channels.iter().map(|channel| channel.gram.row(row)).collect();
            for (value, &column) in values.iter_mut().zip(columns) {
                let of = |(gram, factor): (&ArrayView1<'_, f32>, &f64)| factor * f64::from(gram[column]);
                *value = grams.iter().zip(&factors).map(of).sum::<f64>() as f32;
            }
        });
        matrix((rows.len(), columns.len()), values)
    }
}

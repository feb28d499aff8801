//! Kernel machines: `f(x) = b + Σ_i a_i Σ_u (β_u/s_u) k_u(x_i, x)`, one row of dual coefficients per category.

use std::sync::OnceLock;

use ndarray::Array2;

use super::decision::{Channel, Decision};
use super::kernel::{self, Kernel};
use crate::explanation::Target;
use crate::numeric::lanes;

/// What a kernel machine knows of one channel.
pub struct KernelChannel {
    /// Kernel inputs of the support pictures, n×D, row by row.
    histograms: Array2<f32>,
    /// The largest value of all histograms, once it was asked for.
    largest: OnceLock<f32>,
    /// The kernel.
    pub kernel: Kernel,
    /// w of the kernel; 1 if it has none.
    pub width: f64,
    /// s: the kernel's variance over the training pictures.
    pub scale: f64,
    /// β: the channel's share, Σβ = 1.
    pub beta: f64,
}

impl KernelChannel {
    /// A channel whose support pictures have these `histograms` (n×D).
    pub fn new(kernel: Kernel, histograms: Array2<f32>, scale: f64, beta: f64) -> Self {
        let width = match kernel {
            Kernel::Additive(_) => 1.0,
            Kernel::Product { width, .. } => width,
        };
        // Fisher vectors are long: no copy unless one is needed.
        let histograms =
            if histograms.is_standard_layout() { histograms } else { histograms.as_standard_layout().into_owned() };
        Self { histograms, largest: OnceLock::new(), kernel, width, scale, beta }
    }

    /// Kernel inputs of the pictures that are a support vector of any category, n×D.
    pub fn histograms(&self) -> &Array2<f32> {
        &self.histograms
    }

    /// β/s.
    pub fn factor(&self) -> f64 {
        self.beta / self.scale
    }

    /// The histograms' values, row by row.
    fn values(&self) -> &[f32] {
        self.histograms.as_slice().expect("histograms are stored row by row")
    }

    /// The largest value of all histograms.
    fn largest(&self) -> f32 {
        // On one thread: one that takes up other work meanwhile might come to wait for itself.
        *self.largest.get_or_init(|| kernel::largest(self.values()))
    }
}

/// Sums over dimensions of a channel's rows with several pictures' histograms, pictures × rows.
type Sums = fn(&KernelChannel, &[&[f32]], &[&[f32]], &mut [f64]);

/// Sums in f64.
fn precise(channel: &KernelChannel, rows: &[&[f32]], points: &[&[f32]], out: &mut [f64]) {
    for (point, out) in points.iter().zip(out.chunks_exact_mut(rows.len().max(1))) {
        let point: Vec<f64> = point.iter().copied().map(f64::from).collect();
        channel.kernel.terms().sums(rows, &[&point], out);
    }
}

/// Sums in tiles, some kernels' in f32.
fn fast(channel: &KernelChannel, rows: &[&[f32]], points: &[&[f32]], out: &mut [f64]) {
    kernel::rectangle(channel.kernel.terms(), rows, &|| channel.largest(), points, out);
}

/// One kernel machine per category, over common support pictures.
pub struct KernelMachine {
    /// What it knows of each channel.
    pub channels: Vec<KernelChannel>,
    /// a_i = α_i y_i, categories × support pictures.
    pub dual: Array2<f64>,
    /// b of every category.
    pub bias: Vec<f64>,
    /// f of the support pictures, categories × support pictures.
    pub train_scores: Array2<f64>,
    /// +1, −1, 0 (difficult), categories × support pictures.
    pub labels: Array2<i8>,
}

impl KernelMachine {
    /// Whether every kernel is a sum over dimensions, so that single training pictures' contributions have maps.
    pub fn is_additive(&self) -> bool {
        self.channels.iter().all(|channel| matches!(channel.kernel, Kernel::Additive(_)))
    }

    /// f in every category of pictures given by one histogram per channel, in f64.
    pub(super) fn scores(&self, pictures: &[Vec<&[f32]>]) -> Vec<Vec<f64>> {
        self.scores_by(precise, pictures)
    }

    /// The same, faster: see [`super::Classifier::scores_of_many`].
    pub(super) fn fast_scores(&self, pictures: &[Vec<&[f32]>]) -> Vec<Vec<f64>> {
        self.scores_by(fast, pictures)
    }

    fn scores_by(&self, sums: Sums, pictures: &[Vec<&[f32]>]) -> Vec<Vec<f64>> {
        let (support, count) = (self.dual.ncols(), pictures.len());
        // Pictures × support pictures.
        let mut kernels = vec![0.0; count * support];
        let mut found = vec![0.0; count * support];
        for (number, channel) in self.channels.iter().enumerate() {
            let points: Vec<&[f32]> = pictures.iter().map(|histograms| histograms[number]).collect();
            let rows: Vec<&[f32]> = channel.values().chunks_exact(channel.histograms.ncols().max(1)).collect();
            sums(channel, &rows, &points, &mut found);
            for (kernel, &sum) in kernels.iter_mut().zip(&found) {
                *kernel += channel.factor() * channel.kernel.of_sum(sum);
            }
        }
        let dual = self.dual.as_standard_layout();
        let duals: Vec<&[f64]> = dual.rows().into_iter().map(|row| row.to_slice().expect("standard layout")).collect();
        let kernels: Vec<&[f64]> = kernels.chunks_exact(support.max(1)).collect();
        let mut products = vec![0.0; duals.len() * count];
        lanes::products(&duals, &kernels, &mut products);
        let score = |picture: usize| {
            self.bias.iter().enumerate().map(|(category, bias)| bias + products[category * count + picture]).collect()
        };
        (0..count).map(score).collect()
    }

    /// The score in question, ready to be split; `histograms` holds one histogram per channel.
    pub(in crate::bow) fn decision<'a>(&'a self, histograms: &[&'a [f32]], target: Target) -> Decision<'a> {
        let difference = |rows: &Array2<f64>| {
            let mut row = rows.row(target.category).to_vec();
            if let Some(other) = target.against {
                row.iter_mut().zip(rows.row(other)).for_each(|(a, b)| *a -= b);
            }
            row
        };
        let channel = |(channel, &histogram): (&'a KernelChannel, &&'a [f32])| Channel {
            kernel: channel.kernel,
            factor: channel.factor(),
            train: channel.values(),
            histogram,
        };
        Decision {
            channels: self.channels.iter().zip(histograms).map(channel).collect(),
            dual: difference(&self.dual),
            bias: target.of(|category| self.bias[category]),
            train_scores: difference(&self.train_scores),
        }
    }
}

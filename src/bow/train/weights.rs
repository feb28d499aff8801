//! The channels' weights β: uniform, aligned to the labels, or learnt with the classifiers.
//!
//! **Aligned** (Cristianini et al. 2002; centred as by Cortes, Mohri & Rostamizadeh 2012): `β_u ∝ max(0, ⟨H K_u H, yyᵀ⟩ / ‖H K_u H‖)` with
//! `H = I − 11ᵀ/n` over a category's pictures without difficult ones, averaged over the categories.
//!
//! **ℓp-norm multiple kernel learning** (Kloft et al. 2011): the β of `‖β‖_p = 1` whose SVMs have the smallest sum of objectives, one β for all
//! categories. In turns: SVMs with `Σ_u β_u K_u/s_u`, then `β_u ∝ (Σ_c ‖w_uc‖²)^(1/(p+1))`, where
//! `‖w_uc‖² = β_u² Σ_ij a_ci a_cj K_u,ij / s_u`. The C of these SVMs is the given one, or 1 where C is validated: with kernels of unit
//! variance β hardly depends on it, and C is then chosen with the β found.
//!
//! Both see only the pictures that are fitted to, and both are brought to `Σβ = 1`.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::classifiers::{Machines, learnable};
use super::error::TrainError;
use super::histograms::Part;
use super::kernels::ScaledKernels;
use crate::bow::config::{ChannelWeights, Cost, Settings};
use crate::progress::Progress;

/// C of multiple kernel learning if C is to be validated.
const C_BEFORE_VALIDATION: f64 = 1.0;
/// Maximum number of rounds of multiple kernel learning.
const ROUNDS: usize = 100;
/// A round that moves no weight by more than this is the last.
const STILL: f64 = 1e-4;

/// Scales the channels' kernels between the pictures of `sums`, and weighs them.
pub(super) fn weighted_kernels<'a>(
    settings: &Settings,
    sums: &'a [Array2<f32>],
    fit: &Part,
    progress: &dyn Progress,
) -> Result<ScaledKernels<'a>, TrainError> {
    let mut kernels = ScaledKernels::new(settings, sums, fit)?;
    if let Some(learnt) = weights(settings, &kernels, fit, progress) {
        kernels.channels.iter_mut().zip(learnt).for_each(|(channel, beta)| channel.beta = beta);
    }
    Ok(kernels)
}

/// β of every channel, Σβ = 1; nothing if the settings give them.
fn weights(settings: &Settings, kernels: &ScaledKernels<'_>, fit: &Part, progress: &dyn Progress) -> Option<Vec<f64>> {
    let channels = kernels.channels.len();
    let uniform = vec![1.0 / channels as f64; channels];
    let found = match settings.combination.weights {
        ChannelWeights::Given => return None,
        ChannelWeights::Uniform => return Some(uniform),
        _ if channels == 1 => return Some(uniform),
        ChannelWeights::Aligned => aligned(kernels, fit),
        ChannelWeights::Mkl => mkl(settings, kernels, fit, progress),
    };
    let total: f64 = found.iter().sum();
    // NaN is not above 0 either.
    if total > 0.0 {
        return Some(found.iter().map(|beta| beta / total).collect());
    }
    progress.warn("no channel's kernel has anything to do with the labels: all channels weigh the same");
    Some(uniform)
}

fn aligned(kernels: &ScaledKernels<'_>, fit: &Part) -> Vec<f64> {
    let categories = fit.categories();
    kernels
        .channels
        .par_iter()
        .map(|channel| {
            let of = |category: usize| {
                let labelled = || fit.rows.iter().zip(&fit.labels).map(|(&row, labels)| (row, labels[category]));
                let (rows, labels): (Vec<usize>, Vec<i8>) = labelled().filter(|(_, label)| *label != 0).unzip();
                alignment(channel.gram.view(), &rows, &labels).max(0.0)
            };
            (0..categories).map(of).sum::<f64>() / categories.max(1) as f64
        })
        .collect()
}

/// `⟨H K H, yyᵀ⟩ / ‖H K H‖` over the pictures `rows` with `labels` ±1; 0 where K is constant.
fn alignment(gram: ArrayView2<'_, f32>, rows: &[usize], labels: &[i8]) -> f64 {
    let n = rows.len() as f64;
    let at = |i: usize, j: usize| f64::from(gram[(rows[i], rows[j])]);
    let means: Vec<f64> = (0..rows.len()).map(|i| (0..rows.len()).map(|j| at(i, j)).sum::<f64>() / n).collect();
    let mean = means.iter().sum::<f64>() / n;
    let (mut product, mut squares) = (0.0, 0.0);
    for i in 0..rows.len() {
        for j in 0..rows.len() {
            let centred = at(i, j) - means[i] - means[j] + mean;
            product += centred * f64::from(labels[i] * labels[j]);
            squares += centred * centred;
        }
    }
    if squares > 0.0 { product / squares.sqrt() } else { 0.0 }
}

fn mkl(settings: &Settings, kernels: &ScaledKernels<'_>, fit: &Part, progress: &dyn Progress) -> Vec<f64> {
    let p = settings.combination.norm;
    let c = match settings.svm.c {
        Cost::Fixed(c) => c,
        Cost::Validate => C_BEFORE_VALIDATION,
    };
    let learnable = learnable(fit);
    let of_norm_1 = |beta: Vec<f64>| -> Vec<f64> {
        let norm = beta.iter().map(|beta| beta.powf(p)).sum::<f64>().powf(1.0 / p);
        beta.into_iter().map(|beta| beta / norm).collect()
    };
    let mut beta = of_norm_1(vec![1.0; kernels.channels.len()]);
    let mut fits = Vec::new();
    let mut moved = f64::INFINITY;
    progress.begin("channel weights", ROUNDS);
    for _ in 0..ROUNDS {
        let matrix = kernels.combine_by(&beta, &fit.rows, &fit.rows);
        let machines = Machines { settings, matrix: matrix.view(), labels: &fit.labels };
        fits = machines.fit_all(&learnable, c, &fits);
        let squared_norms: Vec<f64> = kernels
            .channels
            .par_iter()
            .zip(&beta)
            .map(|(channel, beta)| {
                let forms = fits.iter().map(|solved| {
                    let dual = &solved.solution.dual;
                    let support: Vec<usize> = (0..dual.len()).filter(|&i| dual[i] != 0.0).collect();
                    let row = |&i: &usize| {
                        let value = |&j: &usize| dual[j] * f64::from(channel.gram[(fit.rows[i], fit.rows[j])]);
                        dual[i] * support.iter().map(value).sum::<f64>()
                    };
                    support.iter().map(row).sum::<f64>()
                });
                // The f32 matrix of a kernel without variance in these pictures may fall below 0.
                (beta * beta / channel.scale * forms.sum::<f64>()).max(0.0)
            })
            .collect();
        let next = of_norm_1(squared_norms.iter().map(|norm| norm.powf(1.0 / (p + 1.0))).collect());
        moved = beta.iter().zip(&next).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        beta = next;
        progress.step();
        // Without any norm the weights are not numbers, and no further round mends them.
        if moved <= STILL || beta.iter().any(|beta| beta.is_nan()) {
            break;
        }
    }
    progress.end();
    if moved > STILL {
        progress.warn(&format!("the channels' weights still moved by {moved:.1e} after {ROUNDS} rounds"));
    }
    beta
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bow::config::{ChannelConfig, Configuration};
    use crate::bow::score::gram::variance;
    use crate::bow::score::svm::{Problem, solve};
    use crate::bow::train::kernels::ScaledKernel;
    use crate::bow::twins::TrainingPicture;
    use crate::numeric::random::stream;
    use crate::progress::Silent;
    use rand::RngExt;

    const PICTURES: usize = 40;

    fn part() -> Part {
        let labels = (0..PICTURES).map(|i| vec![if i % 3 == 0 { 1 } else { -1 }, if i % 5 < 2 { 1 } else { -1 }]);
        Part {
            name: "part".into(),
            pictures: (0..PICTURES).map(|i| TrainingPicture::new(i.to_string(), false)).collect(),
            rows: (0..PICTURES).collect(),
            labels: labels.collect(),
        }
    }

    /// The linear kernel of points that lie about `distance·y` of every category, with noise of their own.
    fn gram(distance: f32, seed: u64) -> Array2<f32> {
        let mut random = stream(seed, "weights");
        let part = part();
        let points = Array2::from_shape_fn((PICTURES, 12), |(i, d)| {
            let truth = part.labels[i].get(d).map_or(0.0, |label| distance * f32::from(*label));
            truth + random.random::<f32>() - 0.5
        });
        points.dot(&points.t())
    }

    fn kernels(grams: Vec<Array2<f32>>) -> ScaledKernels<'static> {
        let rows: Vec<usize> = (0..PICTURES).collect();
        let channel = |gram: Array2<f32>| {
            let scale = variance(gram.view(), &rows);
            ScaledKernel { gram: gram.into(), width: 1.0, scale, beta: f64::NAN }
        };
        ScaledKernels { channels: grams.into_iter().map(channel).collect() }
    }

    fn settings(weights: ChannelWeights, channels: usize, norm: f64) -> Settings {
        let channel = vec![ChannelConfig::default(); channels];
        let mut configuration = Configuration { channel, ..Configuration::default() };
        configuration.combination.weights = weights;
        configuration.combination.norm = norm;
        configuration.svm.tolerance = 1e-8;
        configuration.check().unwrap()
    }

    fn learnt(weights: ChannelWeights, grams: Vec<Array2<f32>>) -> Option<Vec<f64>> {
        super::weights(&settings(weights, grams.len(), 2.0), &kernels(grams), &part(), &Silent)
    }

    #[test]
    fn an_informative_channel_outweighs_noise_and_equal_ones_weigh_the_same() {
        for weights in [ChannelWeights::Aligned, ChannelWeights::Mkl] {
            let beta = learnt(weights, vec![gram(0.0, 1), gram(1.0, 2), gram(0.3, 3)]).unwrap();
            assert!((beta.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(beta[1] > beta[2] && beta[2] > beta[0], "{weights}: {beta:?}");
            assert!(beta[1] > 1.5 * beta[0], "{weights}: {beta:?}");
            let twins = learnt(weights, vec![gram(0.5, 4), gram(0.5, 4)]).unwrap();
            assert!((twins[0] - 0.5).abs() < 1e-12, "{weights}: {twins:?}");
        }
    }

    #[test]
    fn weights_are_given_uniform_or_alone() {
        let grams = || vec![gram(0.0, 1), gram(1.0, 2)];
        assert_eq!(learnt(ChannelWeights::Given, grams()), None);
        assert_eq!(learnt(ChannelWeights::Uniform, grams()), Some(vec![0.5, 0.5]));
        for &weights in ChannelWeights::ALL.iter().filter(|weights| **weights != ChannelWeights::Given) {
            assert_eq!(learnt(weights, vec![gram(0.4, 1)]), Some(vec![1.0]));
        }
    }

    #[test]
    fn alignment_is_the_formula() {
        let (gram, part) = (gram(0.4, 5), part());
        let rows: Vec<usize> = (0..PICTURES).filter(|i| i % 4 != 1).collect();
        let n = rows.len();
        let labels: Vec<i8> = rows.iter().map(|&i| part.labels[i][0]).collect();
        let k = Array2::from_shape_fn((n, n), |(i, j)| f64::from(gram[(rows[i], rows[j])]));
        let h = Array2::from_shape_fn((n, n), |(i, j)| if i == j { 1.0 } else { 0.0 } - 1.0 / n as f64);
        let centred = h.dot(&k).dot(&h);
        let target = Array2::from_shape_fn((n, n), |(i, j)| f64::from(labels[i]) * f64::from(labels[j]));
        let expected = (&centred * &target).sum() / (&centred * &centred).sum().sqrt();
        assert!((alignment(gram.view(), &rows, &labels) / expected - 1.0).abs() < 1e-10);
        assert_eq!(alignment(Array2::from_elem((4, 4), 2.0f32).view(), &[0, 1, 2, 3], &[1, -1, 1, -1]), 0.0);
    }

    #[test]
    fn difficult_pictures_do_not_count_in_their_category() {
        let mut easy = part();
        let mut difficult = part();
        for i in 0..8 {
            difficult.labels[i] = vec![0, 0];
        }
        easy.rows.drain(..8);
        easy.labels.drain(..8);
        let kernels = kernels(vec![gram(0.2, 1), gram(0.7, 2)]);
        assert_eq!(aligned(&kernels, &easy), aligned(&kernels, &difficult));
        let settings = settings(ChannelWeights::Mkl, 2, 2.0);
        for (a, b) in mkl(&settings, &kernels, &easy, &Silent).iter().zip(mkl(&settings, &kernels, &difficult, &Silent))
        {
            assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn kernels_that_say_nothing_weigh_the_same() {
        let constant = || Array2::from_elem((PICTURES, PICTURES), 1.0f32);
        let mut kernels = kernels(vec![constant(), constant()]);
        kernels.channels.iter_mut().for_each(|channel| channel.scale = 1.0);
        let settings = |weights| settings(weights, 2, 2.0);
        for weights in [ChannelWeights::Aligned, ChannelWeights::Mkl] {
            assert_eq!(super::weights(&settings(weights), &kernels, &part(), &Silent), Some(vec![0.5, 0.5]));
        }
    }

    /// No other weights of norm 1 have a smaller sum of SVM objectives: all of them are tried.
    #[test]
    fn mkl_finds_the_least_objective() {
        let kernels = kernels(vec![gram(0.15, 6), gram(0.35, 7)]);
        let part = part();
        let objective = |beta: [f64; 2]| -> f64 {
            let matrix = kernels.combine_by(&beta, &part.rows, &part.rows);
            let of = |category: usize| {
                let labels: Vec<f64> = part.labels.iter().map(|labels| f64::from(labels[category])).collect();
                let bounds = vec![C_BEFORE_VALIDATION; PICTURES];
                let problem =
                    Problem { gram: matrix.view(), labels: &labels, bounds: &bounds, tolerance: 1e-8, start: None };
                -solve(&problem).report.objective
            };
            of(0) + of(1)
        };
        for p in [1.0, 2.0, 4.0] {
            let found = mkl(&settings(ChannelWeights::Mkl, 2, p), &kernels, &part, &Silent);
            let own = objective([found[0], found[1]]);
            for step in 0..=200 {
                let first: f64 = f64::from(step) / 200.0;
                let other = [first, (1.0 - first.powf(p)).max(0.0).powf(1.0 / p)];
                assert!(own <= objective(other) + 1e-4 * own, "p = {p}: {found:?} is worse than {other:?}");
            }
        }
    }
}

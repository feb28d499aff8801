//! Training on a Gram matrix: the kernels of all pairs of pictures, C, one SVM per category. Memory grows with the square of the number of pictures.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use super::classifiers::{CategoryFit, Machines, support_pictures};
use super::cost::choose_cost;
use super::error::TrainError;
use super::histograms::{Pool, encode_pool};
use super::task::{Learnt, Task};
use super::weights::weighted_kernels;
use crate::bow::config::Cost;
use crate::bow::score::gram::sums;
use crate::bow::score::{Classifier, KernelChannel, KernelMachine};

pub(super) fn learn(task: &Task<'_>) -> Result<Learnt, TrainError> {
    let Task { settings, data, encoders, progress, .. } = *task;
    let (usable, histograms, left_out) = encode_pool(task, &Pool::new(data));
    let splits = task.splits(&usable, &left_out)?;

    progress.begin("kernels", encoders.len());
    let sums: Vec<Array2<f32>> = encoders
        .iter()
        .zip(&histograms)
        .map(|(encoder, histograms)| {
            let sums = sums(encoder.config.kernel.kind.with_width(1.0).terms(), histograms.view());
            progress.step();
            sums
        })
        .collect();
    progress.end();

    let categories = &data.split.categories;
    let (costs, validation) = match (settings.svm.c, &splits.validation[..]) {
        (Cost::Fixed(c), _) => (vec![c; categories.len()], None),
        (Cost::Validate, []) => return Err(data.nothing_to_validate()),
        (Cost::Validate, rounds) => {
            let (costs, validation) = choose_cost(settings, &sums, rounds, progress)?;
            (costs, Some(validation))
        }
    };

    let part = splits.fit_final;
    task.require_both_signs(&part)?;
    let kernels = weighted_kernels(settings, &sums, &part, progress)?;
    let matrix = kernels.combine(&part.rows, &part.rows);
    let machines = Machines { settings, matrix: matrix.view(), labels: &part.labels };
    progress.begin("classifiers", categories.len());
    let fits: Vec<CategoryFit> = (0..categories.len())
        .into_par_iter()
        .map(|category| {
            let fit = machines.fit(category, costs[category], None);
            progress.step();
            fit
        })
        .collect();
    progress.end();

    let support = support_pictures(&fits, part.rows.len());
    let shape = (categories.len(), support.len());
    let rows: Vec<usize> = support.iter().map(|&i| part.rows[i]).collect();
    let channels = histograms.iter().zip(&kernels.channels).zip(encoders).map(|((histograms, kernel), encoder)| {
        let function = encoder.config.kernel.kind.with_width(kernel.width);
        KernelChannel::new(function, histograms.select(Axis(0), &rows), kernel.scale, kernel.beta)
    });
    let machine = KernelMachine {
        channels: channels.collect(),
        dual: Array2::from_shape_fn(shape, |(category, i)| fits[category].solution.dual[support[i]]),
        bias: fits.iter().map(|fit| fit.solution.bias).collect(),
        train_scores: Array2::from_shape_fn(shape, |(category, i)| {
            fits[category].solution.score(matrix.row(support[i]))
        }),
        labels: Array2::from_shape_fn(shape, |(category, i)| part.labels[support[i]][category]),
    };
    let record = |(category, fit): (&String, &CategoryFit)| fit.costs.record(category, &fit.solution.report);
    Ok(Learnt {
        left_out,
        validation,
        solvers: categories.iter().zip(&fits).map(record).collect(),
        support,
        classifier: Classifier::Kernel(machine),
        part,
    })
}

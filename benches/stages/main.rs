//! Every stage, alone: `cargo bench --bench stages -- FILTER`, on all threads of `RAYON_NUM_THREADS`.
//!
//! The sizes are those of a photograph of 500×375 pixels and of a training on some thousand of them. How bowsight compares with other programs: `tools/compare_peers.py`.

mod generated;
#[path = "../../src/shared_data.rs"]
mod shared_data;
mod workload;

use bowsight::bow::features::dense_sift::Window;
use bowsight::bow::score::kernel::KernelKind;
use bowsight::bow::words::nearest::NearestWords;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, Axis};
use rayon::prelude::*;

/// Local features of a picture of 500×375 pixels.
const FEATURES: usize = 41_771;

fn pictures(criterion: &mut Criterion) {
    let bytes = generated::picture();
    criterion.bench_function("decode", |bencher| bencher.iter(|| workload::decode(&bytes)));
    let picture = workload::decode(&bytes).expect("a picture");
    let mut group = criterion.benchmark_group("dense-sift");
    group.sample_size(20);
    for window in [Window::Flat, Window::Gaussian] {
        let mut descriptors = Vec::new();
        group.bench_function(BenchmarkId::from_parameter(window), |bencher| {
            bencher.iter(|| workload::describe(&picture, window, &mut descriptors));
        });
    }
}

fn nearest(criterion: &mut Criterion) {
    let bytes = generated::picture();
    let rows = generated::descriptors(&bytes, FEATURES, 1);
    let mut group = criterion.benchmark_group("nearest");
    group.sample_size(10).throughput(Throughput::Elements(FEATURES as u64));
    for count in [1000, 4000] {
        let words = NearestWords::new(generated::descriptors(&bytes, count, 2));
        for k in [1, 8] {
            let mut found = vec![0; FEATURES * k];
            group.bench_function(BenchmarkId::new(format!("{k} of"), count), |bencher| {
                bencher.iter(|| workload::nearest_words(&words, rows.view(), k, &mut found));
            });
        }
    }
}

/// A pass is what 9 passes take more than 1, divided by 8; criterion sees the whole.
fn vocabulary(criterion: &mut Criterion) {
    let rows = generated::descriptors(&generated::picture(), 200_000, 3);
    let mut group = criterion.benchmark_group("k-means 200000x128 to 1000");
    group.sample_size(10);
    for passes in [1, 9] {
        group.bench_function(BenchmarkId::new("passes", passes), |bencher| {
            bencher.iter(|| workload::learn_words(rows.view(), 1000, passes));
        });
    }
}

fn kernels(criterion: &mut Criterion) {
    for kind in [KernelKind::Hik, KernelKind::Chi2] {
        let mut group = criterion.benchmark_group(format!("gram of 1000, {kind}"));
        group.sample_size(10);
        for dimensions in [1000, 4000, 8000] {
            let (histograms, _) = generated::histograms(1000, dimensions, 20, 4);
            group.throughput(Throughput::Elements(1000 * 1001 / 2 * dimensions as u64));
            group.bench_function(BenchmarkId::from_parameter(dimensions), |bencher| {
                bencher.iter(|| workload::gram_matrix(kind, histograms.view()));
            });
        }
    }
}

fn solvers(criterion: &mut Criterion) {
    for pictures in [1000, 2000] {
        let (histograms, labels) = generated::histograms(pictures, 1000, 20, 5);
        let gram = unit_variance(workload::gram_matrix(KernelKind::Hik, histograms.view()));
        let mut group = criterion.benchmark_group(format!("20 machines of {pictures}"));
        group.sample_size(10);
        for c in [1.0, 10.0, 100.0] {
            group.bench_function(BenchmarkId::new("C", c), |bencher| {
                bencher.iter(|| workload::solve(gram.view(), labels.view(), c));
            });
        }
    }
}

/// Divided by `mean_i K_ii − mean_ij K_ij`, as training does.
fn unit_variance(gram: Array2<f32>) -> Array2<f32> {
    let variance = gram.diag().mean().unwrap_or(1.0) - gram.mean().unwrap_or(0.0);
    gram / variance
}

fn scores(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scores of 400 pictures in 20 categories, 1000 support pictures");
    group.sample_size(10).throughput(Throughput::Elements(400));
    for dimensions in [1000, 8000] {
        let (histograms, _) = generated::histograms(1400, dimensions, 20, 6);
        let (train, test) = histograms.view().split_at(Axis(0), 1000);
        let model = workload::classifier(Array2::zeros((1000, 128)), train.to_owned(), generated::dual(20, 1000));
        group.bench_function(BenchmarkId::from_parameter(dimensions), |bencher| {
            bencher.iter(|| workload::scores(&model, test));
        });
    }
}

/// Several pictures at a time, as many as there are threads; and what an explanation adds.
fn chain(criterion: &mut Criterion) {
    const PICTURES: usize = 8;
    let bytes = generated::picture();
    let (histograms, _) = generated::histograms(579, 8000, 15, 7);
    let words = generated::descriptors(&bytes, 1000, 2);
    let model = workload::classifier(words, histograms, generated::dual(15, 579));
    let mut group = criterion.benchmark_group("chain");
    group.sample_size(10).throughput(Throughput::Elements(PICTURES as u64));
    let pictures = || (0..PICTURES).into_par_iter();
    group.bench_function("predict", |bencher| {
        bencher.iter(|| {
            pictures().map(|_| workload::predict(&model, &bytes)).collect::<Result<Vec<_>, _>>().expect("scores")
        });
    });
    group.bench_function("predict and explain", |bencher| {
        bencher.iter(|| {
            pictures().map(|_| workload::explain(&model, &bytes)).collect::<Result<Vec<_>, _>>().expect("maps")
        });
    });
}

criterion_group!(stages, pictures, nearest, vocabulary, kernels, solvers, scores, chain);
criterion_main!(stages);

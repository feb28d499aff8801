use std::path::Path;

use super::optimizer::Optimizer;
use super::recipe::Convolved;
use super::*;
use crate::dataset::{Entry, Layout};
use crate::nn::layers::Slope;
use crate::progress::Silent;

/// Pictures of 8×8 with a bright bar at the left or at the right, in grey noise.
fn bars(folder: &Path, count: usize) -> Dataset {
    let mut bytes = vec![0, 0, 8, 3];
    for length in [count as u32, 8, 8] {
        bytes.extend(length.to_be_bytes());
    }
    let mut pictures = Vec::new();
    for number in 0..count {
        let right = number % 3 == 0;
        for place in 0..64 {
            let bar = if right { place % 8 == 6 } else { place % 8 == 1 };
            let noise = ((number * 64 + place) * 7919 % 101) as u8;
            bytes.push(if bar { 200 + noise / 2 } else { noise });
        }
        let labels = if right { vec![-1, 1] } else { vec![1, -1] };
        pictures.push(Entry {
            id: format!("{number}"),
            path: format!("bars-idx3-ubyte#{number}"),
            labels,
            group: None,
        });
    }
    std::fs::write(folder.join("bars-idx3-ubyte"), bytes).unwrap();
    Dataset {
        root: folder.to_path_buf(),
        source: folder.to_path_buf(),
        layout: Layout::Idx,
        split: "train".to_string(),
        categories: ["left", "right"].map(String::from).to_vec(),
        pictures,
        notes: Vec::new(),
    }
}

fn recipe(optimizer: Optimizer) -> Recipe {
    let mut recipe = Recipe::named("mnist-rect-1296").unwrap();
    (recipe.side, recipe.hidden, recipe.batch, recipe.iterations) = (8, vec![12], 10, 60);
    (recipe.translation, recipe.noise, recipe.optimizer) = (1, 0.1, optimizer);
    recipe
}

const OPTIMIZERS: [Optimizer; 3] = [
    Optimizer::Sgd { momentum: 0.0 },
    Optimizer::Sgd { momentum: 0.5 },
    Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
];

fn request<'a>(data: &'a Dataset, recipe: &'a Recipe) -> Request<'a> {
    Request { data, recipe, seed: 3, held_out: 20, checkpoint: None, every: Duration::MAX, stop_after: None }
}

fn trained(request: &Request<'_>) -> Box<Network> {
    match train(request, &Silent).unwrap() {
        Outcome::Trained(network) => network,
        Outcome::Stopped(steps) => panic!("stopped after {steps}"),
    }
}

fn bytes(network: &Network) -> Vec<u8> {
    let mut bytes = Vec::new();
    crate::nn::file::to_container(network).write_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn networks_learn_what_is_easy() {
    let folder = tempfile::tempdir().unwrap();
    let data = bars(folder.path(), 80);
    for optimizer in OPTIMIZERS {
        let mut recipe = recipe(optimizer);
        recipe.rate = 0.02;
        let network = trained(&request(&data, &recipe));
        let Source::Trained { training } = &network.origin.source else { panic!("it was trained") };
        assert_eq!((training.pictures, training.held_out), (60, 20));
        assert!(training.accuracy.unwrap() >= 0.95, "{training:?}");
        assert_eq!(network.categories, ["left", "right"]);
    }
    let mut convolutional = recipe(Optimizer::Sgd { momentum: 0.9 });
    (convolutional.convolutions, convolutional.rate) = (vec![Convolved { channels: 4, window: 3 }], 0.01);
    let network = trained(&request(&data, &convolutional));
    let Source::Trained { training } = &network.origin.source else { panic!("it was trained") };
    assert!(training.accuracy.unwrap() >= 0.95, "{training:?}");
}

#[test]
fn threads_and_interruptions_change_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let data = bars(folder.path(), 80);
    let checkpoint = folder.path().join("checkpoint");
    for optimizer in OPTIMIZERS {
        let mut recipe = recipe(optimizer);
        recipe.hidden = vec![300, 300];
        let whole = bytes(&trained(&request(&data, &recipe)));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| bytes(&trained(&request(&data, &recipe)))) == whole, "{threads} threads");
        }
        for stop_after in [Some(20), Some(21)] {
            let part = Request { checkpoint: Some(&checkpoint), stop_after, ..request(&data, &recipe) };
            assert!(matches!(train(&part, &Silent), Ok(Outcome::Stopped(_))));
        }
        let rest = Request { checkpoint: Some(&checkpoint), ..request(&data, &recipe) };
        assert!(bytes(&trained(&rest)) == whole, "after an interruption");
        // A checkpoint every step.
        let all = Request { every: Duration::ZERO, ..rest };
        std::fs::remove_file(&checkpoint).unwrap();
        assert!(bytes(&trained(&all)) == whole, "with checkpoints");
        std::fs::remove_file(&checkpoint).unwrap();
    }
}

#[test]
fn a_checkpoint_of_another_run_or_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = bars(folder.path(), 80);
    let checkpoint = folder.path().join("checkpoint");
    let recipe = recipe(OPTIMIZERS[1].clone());
    let part = Request { checkpoint: Some(&checkpoint), stop_after: Some(5), ..request(&data, &recipe) };
    train(&part, &Silent).map(|_| ()).unwrap();
    let refused = |request: &Request<'_>, part: &str| {
        let error = train(request, &Silent).map(|_| ()).unwrap_err();
        assert!(error.hint().unwrap().contains("--restart"));
        let text = crate::causes::chain(&error);
        assert!(text.contains("checkpoint") && text.contains(part), "{text}");
    };
    refused(&Request { seed: 4, ..part }, "its seed differs");
    let other = Recipe { rate: 0.5, ..recipe.clone() };
    refused(&Request { recipe: &other, ..part }, "its recipe differs");
    refused(&Request { held_out: 10, ..part }, "held-out pictures differs");
    let bytes = std::fs::read(&checkpoint).unwrap();
    for length in [0, 7, 100, bytes.len() - 1] {
        std::fs::write(&checkpoint, &bytes[..length]).unwrap();
        refused(&part, "");
    }
}

#[test]
fn what_can_not_be_learnt_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = bars(folder.path(), 30);
    let recipe = recipe(OPTIMIZERS[0].clone());
    let fails = |request: &Request<'_>, part: &str| {
        let error = train(request, &Silent).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    fails(&Request { held_out: 30, ..request(&data, &recipe) }, "nothing is left");
    let wild = Recipe { rate: 1e30, ..recipe.clone() };
    fails(&request(&data, &wild), "diverged");
    data.pictures[4].labels = vec![1, 1];
    fails(&request(&data, &recipe), "picture \"4\" has 2 categories");
}

/// The gradients that layers learn by are central differences of the loss.
#[test]
fn gradients_of_constants_are_differences() {
    let mut recipe = recipe(OPTIMIZERS[0].clone());
    (recipe.convolutions, recipe.activation) = (vec![Convolved { channels: 3, window: 3 }], recipe::Hidden::Tanh);
    let graph = Arc::new(recipe.network(4, 1).unwrap());
    let labels = [1, 3];
    let inputs: Vec<f64> = (0..128).map(|i| f64::from(i * 37 % 29) / 29.0 - 0.5).collect();
    let loss = |runner: &Runner<f64>| {
        let logits = runner.logits(inputs.clone());
        let of = |(logits, label): (&[f64], &usize)| {
            logits.iter().map(|logit| logit.exp()).sum::<f64>().ln() - logits[*label]
        };
        logits.chunks(4).zip(&labels).map(of).sum::<f64>() / 2.0
    };
    let mut runner = Runner::<f64>::new(graph);
    let values = runner.forward(inputs.clone());
    let single: Vec<f32> = values.logits().iter().map(|&logit| logit as f32).collect();
    let (_, start) = cross_entropy(&single, &labels);
    let start = start.into_iter().map(f64::from).collect();
    let mut gradients = vec![Vec::new(); 8];
    runner.learn(&values, start, |place, layer, x, arriving| {
        let mut into: Vec<Vec<f64>> = layer.constants().iter().map(|values| vec![f64::NAN; values.len()]).collect();
        // What was there before must not matter where nothing is kept of it.
        into.iter_mut().flatten().for_each(|value| *value = 5.0);
        layer.add_gradient(2, x, arriving, 0.0, &mut into);
        gradients[place] = into;
    });
    let mut compared = 0;
    for (place, constants) in gradients.iter().enumerate() {
        for (number, derivatives) in constants.iter().enumerate() {
            for (i, &found) in derivatives.iter().enumerate() {
                let mut at = |h: f64| {
                    let moved = |runner: &mut Runner<f64>, by: f64| {
                        let (_, layer) = runner.learning().find(|(other, _)| *other == place).unwrap();
                        layer.constants()[number][i] += by;
                    };
                    moved(&mut runner, h);
                    let loss = loss(&runner);
                    moved(&mut runner, -h);
                    loss
                };
                let difference = (at(1e-4) - at(-1e-4)) / 2e-4;
                assert!((difference - found).abs() < 1e-5, "{place} {number} {i}: {found} instead of {difference}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 3 * 9 + 3 + 27 * 12 + 12 + 12 * 4 + 4);
    assert!(runner.gradient(&values, vec![1.0; 8], Slope::True).iter().any(|g| *g != 0.0));
}

//! Whole trainings: the same bytes whatever the threads, agreement with another solver, labels and pictures left out.

use std::path::Path;

use bowsight::bow::BagOfWords;
use bowsight::bow::config::{Configuration, Cost};
use bowsight::bow::model_file;
use bowsight::bow::score::KernelMachine;
use bowsight::bow::train::{TrainError, TrainingData, train};
use bowsight::bow::words::coding::Coding;
use bowsight::dataset::Dataset;
use bowsight::evaluate::PictureScores;
use bowsight::model::{Keep, Model};
use bowsight::picture::Picture;
use bowsight::progress::Silent;
use libsvm_rs::predict::predict_values;
use libsvm_rs::train::svm_train;
use libsvm_rs::{KernelType, SvmNode, SvmParameterBuilder, SvmProblem, SvmType};

use super::setting::{self, *};

fn small() -> Configuration {
    let mut configuration = Configuration::default();
    let channel = &mut configuration.channel[0];
    channel.vocabulary.words = 20;
    channel.vocabulary.sample = 3000;
    channel.vocabulary.max_iter = 5;
    channel.descriptor.sizes = vec![4, 6];
    channel.pooling.cells = "1x1".parse().unwrap();
    configuration.svm.c = Cost::Fixed(10.0);
    configuration
}

fn machine(model: &BagOfWords) -> &KernelMachine {
    model.kernel_machine().unwrap()
}

fn split(name: &str) -> Dataset {
    Dataset::open(shapes(), Some(name), None).unwrap()
}

#[test]
fn threads_and_repetition_do_not_change_a_byte() {
    for mapping in [
        &["--mapping", "soft"][..],
        &["--mapping", "fisher", "--kernel", "linear"],
        &["--solver", "linear", "--twins", "test", "--c", "validate"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for (name, threads) in [("a", "1"), ("b", "2"), ("c", "2")] {
            let path = folder.path().join(format!("{name}.bowsight"));
            setting::train(&path, &[&["--threads", threads], mapping].concat());
            files.push(std::fs::read(&path).unwrap());
            assert!(folder.path().join(format!("{name}.log.json")).is_file());
        }
        assert!(files[0] == files[1] && files[1] == files[2], "the model depends on threads or time");
        let other = folder.path().join("d.bowsight");
        setting::train(&other, &[&["--seed", "1"], mapping].concat());
        assert!(files[0] != std::fs::read(&other).unwrap(), "the seed does nothing");
    }
}

#[test]
fn learnt_weights_and_twins_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("two.toml");
    let channels = "[[channel]]\n[[channel]]\nkernel = { kind = \"chi2\" }\npooling = { cells = \"1x1\" }\n";
    std::fs::write(&config, channels).unwrap();
    for weights in ["aligned", "mkl"] {
        let mut files = Vec::new();
        for threads in ["1", "2"] {
            let path = folder.path().join(format!("{weights}{threads}.bowsight"));
            let more = ["--config", text(&config), "--weights", weights, "--twins", "test", "--threads", threads];
            setting::train(&path, &more);
            files.push(std::fs::read(&path).unwrap());
        }
        assert!(files[0] == files[1], "{weights}: the model depends on threads");
        let model = model_file::from_bytes(&files[0]).unwrap();
        let beta = {
            let betas = model.classifier.betas();
            [betas[0], betas[1]]
        };
        assert!(beta[0] != beta[1] && (beta[0] + beta[1] - 1.0).abs() < 1e-12, "{weights}: {beta:?}");
        // A file whose weights don't sum to 1 is none.
        let mut container = model_file::to_container(&model);
        let tensor = container.tensors.get_mut("channels.1.beta").unwrap();
        tensor.values = bowsight::format::container::Values::F64(vec![beta[0]]);
        let mut bytes = Vec::new();
        container.write_to(&mut bytes).unwrap();
        let error = model_file::from_bytes(&bytes).err().unwrap().to_string();
        assert!(error.contains("sum of the channels' \"beta\" must be 1"), "{error}");
    }
}

#[test]
fn a_model_loads_back_as_it_was() {
    for path in [model(), fisher_model(), linear_model()] {
        let loaded = model_file::load(path).unwrap();
        let mut bytes = Vec::new();
        model_file::to_container(&loaded).write_to(&mut bytes).unwrap();
        assert!(bytes == std::fs::read(path).unwrap(), "the bytes differ");
    }
}

/// What a file says of its maps must be what its kernel has; and linear classifiers have no support pictures.
#[test]
fn linear_models_that_contradict_themselves_are_refused() {
    use bowsight::format::container::Values;
    let loaded = model_file::load(linear_model()).unwrap();
    let refused = |tensor: &str, values: &[f64]| {
        let mut container = model_file::to_container(&loaded);
        let changed = container.tensors.get_mut(&format!("channels.0.{tensor}")).unwrap();
        changed.shape = vec![values.len()];
        changed.values = Values::F64(values.to_vec());
        let mut bytes = Vec::new();
        container.write_to(&mut bytes).unwrap();
        model_file::from_bytes(&bytes).err().unwrap().to_string()
    };
    assert!(refused("map_power", &[1.0]).contains("map_power must be 0.5, found 1"));
    assert!(refused("map_power", &[f64::NAN]).contains("map_power"));
    assert!(refused("map_amplitudes", &[1.0, 1.0]).contains("map_amplitudes"));
    assert!(refused("map_interval", &[f64::INFINITY]).contains("map_interval"));
    assert!(refused("weights", &[0.5; 7]).contains("weights"));
    let kernel_machine = model_file::load(model()).unwrap();
    let mut container = model_file::to_container(&kernel_machine);
    let config = container.metadata.get_mut("config").unwrap();
    *config = config.replace("\"solver\":\"smo\"", "\"solver\":\"linear\"");
    let mut bytes = Vec::new();
    container.write_to(&mut bytes).unwrap();
    let error = model_file::from_bytes(&bytes).err().unwrap().to_string();
    assert!(error.contains("support pictures of linear classifiers must be 0"), "{error}");
}

/// With a cache the model is the same to the byte, whether its steps were found or made, and a bad file in it costs only time.
#[test]
fn a_cache_changes_no_byte_and_survives_damage() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let train = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        setting::train(&path, &[&["--cache", text(&cache)], more].concat());
        std::fs::read(&path).unwrap()
    };
    let without = folder.path().join("without.bowsight");
    setting::train(&without, &[]);
    let without = std::fs::read(&without).unwrap();
    assert!(train("made.bowsight", &[]) == without, "a cache being filled changes the model");
    let before = contents(&cache);
    assert!(train("found.bowsight", &[]) == without, "a filled cache changes the model");
    assert_eq!(before.len(), contents(&cache).len());
    for (number, name) in before.keys().enumerate() {
        if number % 3 == 0 {
            std::fs::write(cache.join(name), &before[name][..before[name].len() / 2]).unwrap();
        }
    }
    assert!(train("mended.bowsight", &[]) == without, "a damaged cache changes the model");
    assert!(before == contents(&cache), "the damaged files are made again");
    // Another kernel needs no new step, another seed new ones of every kind.
    train("kernel.bowsight", &["--kernel", "chi2"]);
    assert_eq!(before.len(), contents(&cache).len());
    train("seed.bowsight", &["--seed", "4"]);
    assert_eq!(2 * before.len(), contents(&cache).len());
}

/// The words' examples lie where descriptors nearest to the words are, and stored patches are what would be cut there.
#[test]
fn words_know_where_examples_lie() {
    use bowsight::bow::words::examples::cut;
    use bowsight::picture::Picture;
    let data = TrainingData::new(split("trainval"), None);
    let mut configuration = small();
    configuration.channel[0].vocabulary.store_patches = true;
    let (model, _) = train(&configuration.check().unwrap(), &data, &Silent).unwrap();
    let examples = model.channels[0].examples.as_ref().unwrap();
    let encoder = &model.channels[0].encoder;
    let mut seen = 0;
    for (word, places) in examples.places.iter().enumerate() {
        for (number, example) in places.iter().enumerate() {
            let id = &model.training.pictures[example.picture as usize];
            let entry = data.split.pictures.iter().find(|entry| entry.id == *id).unwrap();
            let picture = Picture::open(data.split.file(entry), &Default::default()).unwrap();
            let features = encoder.features(&picture, false);
            let encoded = encoder.encode(&features, features.grid.region());
            let mut here = encoder.supports(&features, &encoded).zip(&features.assignment.words);
            assert!(here.any(|(support, w)| support == example.rectangle && *w as usize == word), "{word} {id}");
            let patch = cut(&picture, example.rectangle).unwrap();
            assert_eq!(examples.patches.as_ref().unwrap()[word][number], patch.into_raw());
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} examples");
    let mut bytes = Vec::new();
    model_file::to_container(&model).write_to(&mut bytes).unwrap();
    assert_eq!(model_file::from_bytes(&bytes).unwrap().channels[0].examples, model.channels[0].examples);
}

/// The stored training scores are those that the model gives to its training pictures.
#[test]
fn stored_scores_are_the_models_own() {
    use bowsight::model::{Keep, Model};
    let data = split("trainval");
    let models = [model(), fisher_model()].map(|path| model_file::load(path).unwrap());
    let rows = |model: &BagOfWords| model.training.support_pictures.clone().into_iter().enumerate().take(6);
    for (model, (row, support)) in models.iter().flat_map(|model| rows(model).map(move |row| (model, row))) {
        let id = support.id();
        let entry = data.pictures.iter().find(|entry| entry.id == id).unwrap();
        let picture = bowsight::picture::Picture::open(data.file(entry), &Default::default()).unwrap();
        let seen = model.forward(&picture, Keep::Nothing).unwrap();
        for (category, score) in seen.scores().iter().enumerate() {
            let stored = machine(model).train_scores[(category, row)];
            // The Gram matrix is stored in f32.
            assert!((score - stored).abs() < 1e-4 * score.abs().max(1.0), "{id}: {score}, stored {stored}");
        }
    }
}

/// libsvm-rs, given the model's own kernel matrix, finds the same scores.
#[test]
fn another_solver_finds_the_same_scores() {
    for kernel in ["hik", "linear"] {
        let mut configuration = small();
        configuration.channel[0].kernel.kind = kernel.parse().unwrap();
        configuration.svm.tolerance = 1e-8;
        let settings = configuration.check().unwrap();
        let data = split("trainval");
        let (model, _) = train(&settings, &TrainingData::new(data.clone(), None), &Silent).unwrap();
        let (encoder, channel) = (&model.channels[0].encoder, &machine(&model).channels[0]);
        let histograms: Vec<Vec<f32>> = data
            .pictures
            .iter()
            .map(|entry| {
                let picture = bowsight::picture::Picture::open(data.file(entry), &Default::default()).unwrap();
                encoder.histogram(&picture)
            })
            .collect();
        let gram = |i: usize, j: usize| {
            channel.factor() * f64::from(channel.kernel.value(&histograms[i], &histograms[j]) as f32)
        };
        let nodes = |i: usize| -> Vec<SvmNode> {
            let first = SvmNode { index: 0, value: (i + 1) as f64 };
            let rest =
                (0..histograms.len()).map(|j| SvmNode { index: j as i32 + 1, value: f64::from(gram(i, j) as f32) });
            std::iter::once(first).chain(rest).collect()
        };
        libsvm_rs::set_quiet(true);
        for (category, name) in data.categories.iter().enumerate() {
            let labels: Vec<f64> = data.pictures.iter().map(|entry| f64::from(entry.labels[category])).collect();
            let problem = SvmProblem { labels: labels.clone(), instances: (0..labels.len()).map(nodes).collect() };
            let parameter = SvmParameterBuilder::new()
                .svm_type(SvmType::CSvc)
                .kernel_type(KernelType::Precomputed)
                .c(10.0)
                .eps(1e-8)
                .build()
                .unwrap();
            let other = svm_train(&problem, &parameter);
            let sign = f64::from(other.labels()[0]);
            for (i, histogram) in histograms.iter().enumerate() {
                let mut value = [0.0];
                predict_values(&other, &nodes(i), &mut value);
                let own: f64 = machine(&model).bias[category]
                    + machine(&model)
                        .dual
                        .row(category)
                        .iter()
                        .zip(channel.histograms().rows())
                        .map(|(a, row)| a * channel.factor() * channel.kernel.value(row.as_slice().unwrap(), histogram))
                        .sum::<f64>();
                assert!(
                    (sign * value[0] - own).abs() < 1e-5,
                    "{kernel} {name} {i}: {own}, libsvm-rs {}",
                    sign * value[0]
                );
            }
        }
    }
}

#[test]
fn difficult_pictures_are_left_out_of_their_category_only() {
    let mut data = split("trainval");
    // Pictures 0 to 3 are difficult for circles: whatever their content, no coefficient may fall on them.
    for entry in data.pictures.iter_mut().take(4) {
        entry.labels[0] = 0;
    }
    let settings = small().check().unwrap();
    let (model, _) = train(&settings, &TrainingData::new(data.clone(), None), &Silent).unwrap();
    let mut seen = 0;
    for (row, support) in model.training.support_pictures.iter().enumerate() {
        if data.pictures.iter().take(4).any(|entry| entry.id == support.id()) {
            assert_eq!((machine(&model).dual[(0, row)], machine(&model).labels[(0, row)]), (0.0, 0));
            seen += 1;
        }
    }
    assert!(seen > 0, "none of them is a support picture of the other category: the test says nothing");
    let solver = &model.training.solvers[0];
    assert_eq!(solver.positives + solver.negatives, data.pictures.len() - 4);
}

/// With twins every picture and its mirror image are training pictures; the rows say which is which, and the scores are those of the model.
#[test]
fn mirror_twins_are_training_pictures_of_their_own() {
    use bowsight::bow::config::Twins;
    use bowsight::model::{Keep, Model};
    let mut configuration = small();
    configuration.picture.twins = Twins::Train;
    let data = TrainingData::new(split("trainval"), Some((split("train"), split("val"))));
    let (model, _) = train(&configuration.clone().check().unwrap(), &data, &Silent).unwrap();
    let pictures = data.split.pictures.len();
    assert_eq!((model.training.pictures.len(), model.training_pictures()), (pictures, 2 * pictures));
    for (category, solver) in model.training.solvers.iter().enumerate() {
        assert_eq!((solver.positives, solver.negatives), {
            let positives = 2 * data.split.positives(category);
            (positives, 2 * pictures - positives)
        });
    }
    let support = &model.training.support_pictures;
    assert!(
        support.iter().any(|picture| picture.is_mirrored()) && support.iter().any(|picture| !picture.is_mirrored())
    );
    let mut bytes = Vec::new();
    model_file::to_container(&model).write_to(&mut bytes).unwrap();
    assert_eq!(model_file::from_bytes(&bytes).unwrap().training, model.training);
    for (row, picture) in support.iter().enumerate() {
        let entry = data.split.pictures.iter().find(|entry| entry.id == picture.id()).unwrap();
        let own = bowsight::picture::Picture::open(data.split.file(entry), &Default::default()).unwrap();
        let image = if picture.is_mirrored() { own.mirrored() } else { own };
        let histogram = model.channels[0].encoder.histogram(&image);
        assert_eq!(machine(&model).channels[0].histograms().row(row).to_vec(), histogram, "{picture}");
        assert_eq!(machine(&model).labels.column(row).to_vec(), entry.labels);
        let seen = model.forward(&image, Keep::Nothing).unwrap();
        assert!((seen.scores()[0] - machine(&model).train_scores[(0, row)]).abs() < 1e-4, "{picture}");
    }
    // The words are learnt from the pictures as they are.
    let (without, _) = train(&small().check().unwrap(), &data, &Silent).unwrap();
    let words = |model: &BagOfWords| match &model.channels[0].encoder.coding {
        Coding::Words { nearest, .. } => nearest.words().clone(),
        Coding::Mixture(_) => unreachable!("hard mapping has words"),
    };
    assert_eq!(words(&without), words(&model));
}

/// With a kernel that is a product of features itself, linear classifiers are the kernel machines' own: on disk or in memory, pass by pass or pair by pair.
#[test]
fn linear_classifiers_are_kernel_machines_of_their_features() {
    use bowsight::bow::config::{Solver, Twins};
    use bowsight::bow::score::kernel::KernelKind;
    for (kernel, order, allowed) in
        [(KernelKind::Linear, 0, 1e-3), (KernelKind::Hellinger, 0, 1e-3), (KernelKind::AdditiveChi2, 8, 0.02)]
    {
        let fitted = |solver| {
            let mut configuration = small();
            configuration.channel.push(configuration.channel[0].clone());
            configuration.channel[1].pooling.cells = "2x2".parse().unwrap();
            configuration.channel[1].weight = 0.5;
            configuration.channel.iter_mut().for_each(|channel| channel.kernel.kind = kernel);
            configuration.svm.solver = solver;
            configuration.svm.map_order = order;
            configuration.svm.tolerance = 1e-6;
            configuration.picture.twins = Twins::Train;
            let data = TrainingData::new(split("train"), None);
            train(&configuration.check().unwrap(), &data, &Silent).unwrap().0
        };
        let (machine, linear) = (fitted(Solver::Smo), fitted(Solver::Linear));
        assert!(machine.kernel_machine().is_some() && linear.kernel_machine().is_none());
        for (a, b) in machine.training.solvers.iter().zip(&linear.training.solvers) {
            assert!(b.report.converged);
            assert!((a.report.objective / b.report.objective - 1.0).abs() < allowed, "{kernel}: {a:?} {b:?}");
        }
        for entry in &split("val").pictures {
            let picture = Picture::open(split("val").file(entry), &Default::default()).unwrap();
            let (a, b) =
                (machine.forward(&picture, Keep::Nothing).unwrap(), linear.forward(&picture, Keep::Nothing).unwrap());
            for (a, b) in a.scores().iter().zip(b.scores()) {
                assert!((a - b).abs() < allowed, "{kernel}: {a} and {b}");
            }
        }
    }
}

/// C is validated on means over twins where scores are such means: the validated precision is that of the fitted model's scores.
#[test]
fn validation_scores_as_the_model_will() {
    use bowsight::bow::config::{Solver, Twins};
    let mut precisions = Vec::new();
    for (&solver, twins) in Solver::ALL.iter().flat_map(|solver| Twins::ALL.iter().map(move |twins| (solver, twins))) {
        let mut configuration = small();
        configuration.picture.twins = *twins;
        configuration.svm.solver = solver;
        configuration.svm.c = Cost::Validate;
        configuration.svm.tolerance = 1e-7;
        let data = TrainingData::new(split("train"), Some((split("train"), split("val"))));
        let (model, _) = train(&configuration.check().unwrap(), &data, &Silent).unwrap();
        let validated = model.training.validation.clone().unwrap().average_precision;
        let scores = bowsight::evaluate::scores(&model, &split("val"), &Silent);
        let scored = bowsight::evaluate::precisions(&split("val"), &scores);
        for (validated, scored) in validated.iter().zip(scored) {
            assert!((validated.unwrap() - scored.unwrap().voc2010).abs() < 1e-9, "{solver}, {twins}");
        }
        precisions.push(scores.into_iter().map(Result::unwrap).collect::<Vec<_>>());
    }
    assert!(precisions.windows(2).all(|pair| pair[0] != pair[1]));
}

/// Pictures that are scored together have the scores that each has alone, and but for rounding those that are explained.
#[test]
fn scores_of_many_pictures_are_those_of_each() {
    use bowsight::bow::config::Twins;
    for twins in Twins::ALL {
        let mut configuration = small();
        configuration.picture.twins = *twins;
        let data = TrainingData::new(split("train"), None);
        let (model, _) = train(&configuration.check().unwrap(), &data, &Silent).unwrap();
        let val = split("val");
        let together = bowsight::evaluate::scores(&model, &val, &Silent);
        for (entry, scores) in val.pictures.iter().zip(&together) {
            let scores = scores.as_ref().unwrap();
            let picture = Picture::open(val.file(entry), &Default::default()).unwrap();
            for (found, expected) in scores.iter().zip(model.forward(&picture, Keep::Nothing).unwrap().scores()) {
                assert!((found - expected).abs() < 1e-4, "{twins}: {found} instead of {expected}");
            }
            let alone = model.scores(&mut std::iter::once(picture));
            assert_eq!(scores, alone.scores[0].as_ref().unwrap(), "{twins}");
        }
        let numbers = |scores: Vec<PictureScores>| scores.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let trained = bowsight::bow::train::scores(&model, &val, None, &Silent);
        assert_eq!(numbers(together), numbers(trained));
    }
}

/// Scores of many histograms differ from those in f64 by no more than what is said of their sums, and whose sums are in f64 not at all.
#[test]
fn scores_of_many_histograms_are_wrong_by_no_more_than_said() {
    use bowsight::bow::score::kernel::{Kernel, KernelKind};
    use rand::{RngExt, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    for &kind in KernelKind::ALL {
        let mut configuration = small();
        configuration.channel[0].kernel.kind = kind;
        let data = TrainingData::new(split("train"), None);
        let (model, _) = train(&configuration.check().unwrap(), &data, &Silent).unwrap();
        let channel = &machine(&model).channels[0];
        let rows = channel.histograms();
        let pictures: Vec<Vec<f32>> = (0..70)
            .map(|_| (0..rows.ncols()).map(|_| (random.random::<f32>() - 0.4).max(0.0).powi(3)).collect())
            .collect();
        let looks: Vec<Vec<&[f32]>> = pictures.iter().map(|picture| vec![picture.as_slice()]).collect();
        let largest = pictures.iter().flatten().chain(rows).fold(0.0f32, |largest, &value| largest.max(value));
        let in_f32 = matches!(kind, KernelKind::Hik | KernelKind::Chi2);
        for ((scores, look), picture) in model.classifier.scores_of_many(&looks).iter().zip(&looks).zip(&pictures) {
            assert_eq!(*scores, model.classifier.scores_of_many(std::slice::from_ref(look))[0], "{kind}");
            let expected = model.classifier.scores(vec![picture.as_slice()]);
            if !in_f32 {
                assert_eq!(*scores, expected, "{kind}");
            }
            for ((found, expected), dual) in scores.iter().zip(expected).zip(machine(&model).dual.rows()) {
                let mut bound = 1e-13;
                for (row, a) in rows.rows().into_iter().zip(dual) {
                    let sum = channel.kernel.terms().sum(row.as_slice().unwrap(), picture);
                    bound += channel.factor()
                        * a.abs()
                        * match channel.kernel {
                            Kernel::Additive(_) => 1.1e-6 * sum,
                            Kernel::Product { width, .. } => {
                                let sums = 2.3e-6 * sum + 1e-13 * (picture.len() as f32 * largest) as f64;
                                (-sum / width).exp() * sums / width
                            }
                        };
                }
                assert!((found - expected).abs() <= bound, "{kind}: {found} instead of {expected}, beyond {bound}");
            }
        }
    }
}

#[test]
fn balanced_weights_scale_c_by_class() {
    let mut configuration = small();
    configuration.svm.class_weight = "balanced".parse().unwrap();
    let settings = configuration.check().unwrap();
    let (model, _) = train(&settings, &TrainingData::new(split("trainval"), None), &Silent).unwrap();
    for solver in &model.training.solvers {
        let n = (solver.positives + solver.negatives) as f64;
        assert!((solver.c_positive - 10.0 * n / (2.0 * solver.positives as f64)).abs() < 1e-9);
        assert!((solver.c_negative - 10.0 * n / (2.0 * solver.negatives as f64)).abs() < 1e-9);
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused_before_any_work() {
    let settings = small().check().unwrap();
    let mut data = split("trainval");
    data.pictures.iter_mut().for_each(|entry| entry.labels[1] = -1);
    let error = train(&settings, &TrainingData::new(data, None), &Silent).err().unwrap();
    assert!(error.to_string().contains("\"polygon\"") && error.to_string().contains("0 positive"), "{error}");
    let mut data = split("trainval");
    data.pictures.iter_mut().for_each(|entry| entry.path = "nowhere.png".into());
    let error = train(&settings, &TrainingData::new(data, None), &Silent).err().unwrap();
    assert!(matches!(error, TrainError::Unreadable { unreadable: 24, pictures: 24, .. }), "{error}");
}

fn folders(root: &Path) {
    for (index, name) in ["plain", "noisy"].iter().enumerate() {
        std::fs::create_dir_all(root.join(name)).unwrap();
        for number in 0..6u32 {
            let image = image::RgbImage::from_fn(60, 50, |x, y| {
                let wave = ((x + number) / (3 + 4 * index as u32) + y / 5) % 2;
                image::Rgb([(wave * 160) as u8 + 20, (y * 3) as u8, 90])
            });
            image.save(root.join(name).join(format!("{number}.png"))).unwrap();
        }
    }
}

/// A folder of folders with bad pictures among the good: the good ones are used, the bad ones named, and the code says so.
#[test]
fn bad_training_pictures_cost_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data");
    folders(&root);
    std::fs::write(root.join("plain/broken.jpg"), b"\xff\xd8\xff\xe0 nothing").unwrap();
    image::RgbImage::new(5, 5).save(root.join("noisy/tiny.png")).unwrap();
    if let Some(hostile) = shared("data/hostile") {
        for name in ["truncated.jpg", "bomb_header.png", "one_row.png", "cmyk.jpg", "grey16.png"] {
            std::fs::copy(hostile.join(name), root.join("noisy").join(name)).unwrap();
        }
    }
    let path = folder.path().join("m.bowsight");
    let mut arguments = vec!["train", "--data", text(&root), "--model", text(&path), "--max-unreadable", "50"];
    arguments.extend(SMALL);
    arguments.push("--strict");
    let errors = fail(3, &arguments);
    assert!(
        errors.contains("plain/broken") && errors.contains("noisy/tiny") && errors.contains("random pairs of halves"),
        "{errors}"
    );
    let model = model_file::load(&path).unwrap();
    assert!(model.training.left_out.contains(&"plain/broken".to_string()));
    assert!(!model.training.pictures.iter().any(|id| model.training.left_out.contains(id)));
    assert!(!model.training.pictures.is_empty());
}

#[test]
fn pictures_without_any_difference_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    folders(folder.path());
    let same = std::fs::read(folder.path().join("plain/0.png")).unwrap();
    for name in ["plain", "noisy"] {
        for number in 0..6 {
            std::fs::write(folder.path().join(name).join(format!("{number}.png")), &same).unwrap();
        }
    }
    let data = Dataset::open(folder.path(), None, None).unwrap();
    let error = train(&small().check().unwrap(), &TrainingData::new(data, None), &Silent).err().unwrap();
    assert!(matches!(error, TrainError::NoVariance { channel: 0 }), "{error}");
}

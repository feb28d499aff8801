//! The laws that every explanation obeys, over random models and pictures and over every kernel, mapping and bias mode there is.

use std::sync::LazyLock;

use bowsight::bow::channel::{Encoded, Encoder};
use bowsight::bow::config::{ChannelConfig, Configuration, DescriptorConfig, Settings, Solver, Twins};
use bowsight::bow::features::dense_sift::Orientation;
use bowsight::bow::features::planes::Planes;
use bowsight::bow::features::quantiles::Region;
use bowsight::bow::features::{self, Family};
use bowsight::bow::model_file;
use bowsight::bow::score::feature_map::Weights;
use bowsight::bow::score::kernel::KernelKind;
use bowsight::bow::score::svm::Report;
use bowsight::bow::score::{
    BiasMode, Classifier, Decomposition, Explaining, KernelChannel, KernelMachine, LinearChannel, LinearMachine, Roots,
};
use bowsight::bow::twins::TrainingPicture;
use bowsight::bow::words::coding::Coding;
use bowsight::bow::words::mapping::fisher::Fisher;
use bowsight::bow::words::mapping::{MappingKind, mapping};
use bowsight::bow::words::mixture::GaussianMixture;
use bowsight::bow::words::nearest::NearestWords;
use bowsight::bow::words::pooling::PoolingKind;
use bowsight::bow::words::principal::PrincipalComponents;
use bowsight::bow::{BagOfWords, FittedChannel, SolverRecord, TrainingRecord};
use bowsight::explanation::{Explanation, Query, Target, Trace};
use bowsight::ledger::{Account, Note, TOLERANCE};
use bowsight::model::{Keep, Model, ModelError};
use bowsight::numeric::lanes::squared_distance;
use bowsight::numeric::random::stream;
use bowsight::picture::Picture;
use bowsight::picture::tiles::Tiles;
use ndarray::Array2;
use proptest::prelude::*;
use rand::RngExt;

const CATEGORIES: usize = 3;
const PICTURES: usize = 6;

/// Every kernel, mapping and pooling there is, in every combination that is allowed.
fn kinds() -> &'static [ChannelConfig] {
    static KINDS: LazyLock<Vec<ChannelConfig>> = LazyLock::new(|| {
        let mut kinds = Vec::new();
        for &kernel in KernelKind::ALL {
            for &mapping in MappingKind::ALL {
                for &pooling in PoolingKind::ALL {
                    let mut config = ChannelConfig::default();
                    config.kernel.kind = kernel;
                    config.mapping.kind = mapping;
                    config.mapping.neighbours = 4;
                    config.mapping.reduced = 6;
                    config.mapping.fisher_weights = true;
                    config.vocabulary.words = 12;
                    config.vocabulary.sample = 100;
                    config.pooling.kind = pooling;
                    config.descriptor.sizes = vec![2, 3];
                    config.descriptor.step = 3;
                    let whole = Configuration { channel: vec![config.clone()], ..Configuration::default() };
                    if whole.check().is_ok() {
                        kinds.push(config);
                    }
                }
            }
        }
        kinds
    });
    &KINDS
}

/// Every descriptor family, set of planes, orientation and region there is; what a family ignores just comes twice.
fn descriptors() -> &'static [DescriptorConfig] {
    static DESCRIPTORS: LazyLock<Vec<DescriptorConfig>> = LazyLock::new(|| {
        let mut descriptors = Vec::new();
        for &family in Family::ALL {
            for &planes in Planes::ALL {
                for &orientation in Orientation::ALL {
                    for &region in Region::ALL {
                        let own = DescriptorConfig { sizes: vec![2, 3], step: 3, ..DescriptorConfig::of(family) };
                        descriptors.push(DescriptorConfig { planes, orientation, region, ..own });
                    }
                }
            }
        }
        descriptors
    });
    &DESCRIPTORS
}

/// A channel of one of these kinds, by number.
fn channel(number: usize, cells: &str) -> ChannelConfig {
    let mut config = kinds()[number].clone();
    config.pooling.cells = cells.parse().unwrap();
    config
}

#[test]
fn kinds_leave_no_variant_out() {
    assert!(KernelKind::ALL.iter().all(|kind| kinds().iter().any(|config| config.kernel.kind == *kind)));
    assert!(MappingKind::ALL.iter().all(|kind| kinds().iter().any(|config| config.mapping.kind == *kind)));
    assert!(PoolingKind::ALL.iter().all(|kind| kinds().iter().any(|config| config.pooling.kind == *kind)));
}

fn settings(channels: Vec<ChannelConfig>) -> Settings {
    Configuration { channel: channels, ..Configuration::default() }.check().unwrap()
}

/// RootSIFT descriptors are not negative and have length 1; words near them.
fn words(count: usize, width: usize, random: &mut impl rand::Rng) -> Array2<f32> {
    let mut words = Array2::from_shape_fn((count, width), |_| random.random::<f32>().powi(4));
    for mut word in words.rows_mut() {
        let norm = word.dot(&word).sqrt();
        word /= norm;
    }
    words
}

/// Random words, or a random mixture on a random projection.
fn coding(config: &ChannelConfig, random: &mut impl rand::Rng) -> Coding {
    let (count, width) = (config.vocabulary.words, features::family(&config.descriptor).width());
    if config.mapping.kind != MappingKind::Fisher {
        return with_words(config, words(count, width, random));
    }
    let (mean, axes) = (words(1, width, random).row(0).to_vec(), words(config.mapping.reduced, width, random));
    let sign = |random: &mut dyn rand::Rng| if random.random::<bool>() { 1.0 } else { -1.0 };
    let axes = axes.mapv(|value| value * sign(random));
    let shape = (count, config.mapping.reduced);
    let means = Array2::from_shape_fn(shape, |_| random.random::<f64>() - 0.5);
    let variances = Array2::from_shape_fn(shape, |_| 0.02 + 0.2 * random.random::<f64>());
    let weights: Vec<f64> = (0..count).map(|_| 0.1 + random.random::<f64>()).collect();
    let sum: f64 = weights.iter().sum();
    mixture(config, mean, axes, GaussianMixture::new(means, variances, weights.iter().map(|w| w / sum).collect()))
}

fn with_words(config: &ChannelConfig, words: Array2<f32>) -> Coding {
    let mapping = mapping(&config.mapping).unwrap();
    Coding::Words { nearest: NearestWords::new(words), variance: 0.2, mapping }
}

fn mixture(config: &ChannelConfig, mean: Vec<f32>, axes: Array2<f32>, mixture: GaussianMixture) -> Coding {
    Coding::Mixture(Fisher::new(&config.mapping, Some(PrincipalComponents::new(mean, axes)), mixture).into())
}

/// The same words or components in another order.
fn reordered(config: &ChannelConfig, coding: &Coding, order: &[usize]) -> Coding {
    match coding {
        Coding::Words { nearest, .. } => with_words(config, nearest.words().select(ndarray::Axis(0), order)),
        Coding::Mixture(fisher) => {
            let (principal, old) = (fisher.principal().unwrap(), fisher.mixture());
            let [means, variances] = [old.means(), old.variances()].map(|a| a.select(ndarray::Axis(0), order));
            let weights = order.iter().map(|&k| old.weights()[k]).collect();
            let new = GaussianMixture::new(means, variances, weights);
            mixture(config, principal.mean().to_vec(), principal.axes().clone(), new)
        }
    }
}

/// The same, unable to tell a descriptor from its mirror image: words, or the projection's mean and axes, become the means of themselves and their mirror images.
fn mirror_symmetric(config: &ChannelConfig, coding: &Coding) -> Coding {
    // x bins swapped, orientation t → (4 − t) mod 8.
    let twin = |d: usize| (12 - d % 8) % 8 + 8 * ((3 - d / 8 % 4) + 4 * (d / 32));
    let symmetric = |rows: &Array2<f32>| {
        Array2::from_shape_fn(rows.dim(), |(row, d)| (rows[(row, d)] + rows[(row, twin(d))]) / 2.0)
    };
    match coding {
        Coding::Words { nearest, .. } => with_words(config, symmetric(nearest.words())),
        Coding::Mixture(fisher) => {
            let principal = fisher.principal().unwrap();
            let mean = Array2::from_shape_vec((1, 128), principal.mean().to_vec()).unwrap();
            let mean = symmetric(&mean).row(0).to_vec();
            mixture(config, mean, symmetric(principal.axes()), fisher.mixture().clone())
        }
    }
}

fn model(channels: Vec<ChannelConfig>, seed: u64) -> BagOfWords {
    let mut random = stream(seed, "model");
    let settings = settings(channels);
    let names: Vec<String> = (0..CATEGORIES).map(|c| format!("category {c}")).collect();
    let labels = Array2::from_shape_fn((CATEGORIES, PICTURES), |(c, i)| if (c + i) % 2 == 0 { 1i8 } else { -1 });
    let mut dual =
        Array2::from_shape_fn((CATEGORIES, PICTURES), |place| f64::from(labels[place]) * random.random::<f64>());
    // As after training: Σ a_i = 0.
    for mut row in dual.rows_mut() {
        let mean = row.sum() / PICTURES as f64;
        row -= mean;
    }
    let mut channels = Vec::new();
    let mut kernels = Vec::new();
    for config in &settings.channel {
        let coding = coding(config, &mut random);
        let mut histograms = Array2::from_shape_fn((PICTURES, config.dimensions()), |_| random.random::<f32>());
        for mut row in histograms.rows_mut() {
            let sum = row.sum();
            row /= sum;
        }
        channels.push(FittedChannel { encoder: Encoder::new(config.clone(), coding), examples: None });
        let (width, scale) = (0.2 + random.random::<f64>(), 0.05 + random.random::<f64>());
        let beta = 1.0 / settings.channel.len() as f64;
        kernels.push(KernelChannel::new(config.kernel.kind.with_width(width), histograms, scale, beta));
    }
    let report = Report {
        iterations: 0,
        objective: 0.0,
        duality_gap: 0.0,
        kkt_violation: 0.0,
        support_vectors: PICTURES,
        bounded: 0,
        converged: true,
    };
    let solver = |category: &String| SolverRecord {
        category: category.clone(),
        c: 1.0,
        c_positive: 1.0,
        c_negative: 1.0,
        positives: 3,
        negatives: 3,
        report: report.clone(),
    };
    let ids: Vec<String> = (0..PICTURES).map(|i| format!("p{i}")).collect();
    let training = TrainingRecord {
        pictures: ids.clone(),
        support_pictures: ids.iter().map(|id| TrainingPicture::new(id, false)).collect(),
        solvers: names.iter().map(solver).collect(),
        ..TrainingRecord::new(names, seed)
    };
    let bias = (0..CATEGORIES).map(|_| random.random::<f64>() - 0.5).collect();
    let train_scores = Array2::zeros((CATEGORIES, PICTURES));
    let machine = KernelMachine { channels: kernels, dual, bias, train_scores, labels };
    BagOfWords::new(settings, training, channels, Classifier::Kernel(machine))
}

fn machine(model: &BagOfWords) -> &KernelMachine {
    model.kernel_machine().unwrap()
}

fn machine_mut(model: &mut BagOfWords) -> &mut KernelMachine {
    match &mut model.classifier {
        Classifier::Kernel(machine) => machine,
        Classifier::Linear(_) => panic!("a kernel machine"),
    }
}

/// Blocks and noise, so that there are edges, textures and flat ground.
fn picture(width: usize, height: usize, seed: u64) -> Picture {
    let mut random = stream(seed, "picture");
    let blocks: Vec<u8> = (0..64).map(|_| random.random()).collect();
    let samples = (0..width * height)
        .flat_map(|at| {
            let (x, y) = (at % width, at / width);
            let block = blocks[(x / 9 % 8) + 8 * (y / 7 % 8)];
            let noise: u8 = if x < width / 2 { random.random_range(0..40) } else { 0 };
            [block.saturating_add(noise), block, block.saturating_sub(noise)]
        })
        .collect();
    Picture::from_rgb8(width, height, samples).unwrap()
}

fn query(category: usize) -> Query {
    Query::new(category)
}

fn query_against(category: usize, against: Option<usize>) -> Query {
    Query { target: Target { category, against }, ..Query::new(category) }
}

/// The usual method with the bias in this place.
fn with_bias(bias: BiasMode) -> Explaining {
    Explaining { bias, ..Explaining::default() }
}

fn explain_by(model: &BagOfWords, method: Explaining, picture: &Picture, query: Query) -> Explanation {
    let explainer = model.explainer(method).unwrap();
    explainer.forward(picture, Keep::Nothing).unwrap().explain(&query).unwrap()
}

fn explain(model: &BagOfWords, picture: &Picture, query: Query) -> Explanation {
    model.forward(picture, Keep::Nothing).unwrap().explain(&query).unwrap()
}

/// The picture in every channel.
fn encoded(model: &BagOfWords, picture: &Picture) -> Vec<Encoded> {
    let encode = |encoder: &Encoder| {
        let features = encoder.features(picture, false);
        encoder.encode(&features, features.grid.region())
    };
    model.channels.iter().map(|channel| encode(&channel.encoder)).collect()
}

/// Whether two of the words next to a feature are equally far from it.
fn has_ties(encoder: &Encoder, picture: &Picture) -> bool {
    let Coding::Words { nearest, .. } = &encoder.coding else { return false };
    let descriptors = encoder.features(picture, true).descriptors.unwrap();
    let slice = |row: ndarray::ArrayView1<'_, f32>| row.to_vec();
    descriptors.rows().into_iter().any(|descriptor| {
        let descriptor = slice(descriptor);
        let mut distances: Vec<f32> =
            nearest.words().rows().into_iter().map(|word| squared_distance(&descriptor, &slice(word))).collect();
        distances.sort_by(f32::total_cmp);
        distances.windows(2).take(encoder.config.neighbours()).any(|pair| pair[0] == pair[1])
    })
}

fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) -> bool {
    let scale = a.iter().chain(b).fold(1e-9f64, |m, v| m.max(v.abs()));
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * scale)
}

/// f of the support pictures, by the formula.
fn train_scores(model: &BagOfWords) -> Array2<f64> {
    Array2::from_shape_fn((CATEGORIES, PICTURES), |(category, i)| {
        let machine = machine(model);
        let mut score = machine.bias[category];
        for channel in &machine.channels {
            let row = |i: usize| channel.histograms().row(i).to_vec();
            for j in 0..PICTURES {
                score += machine.dual[(category, j)] * channel.factor() * channel.kernel.value(&row(j), &row(i));
            }
        }
        score
    })
}

/// What a random model and picture are made of.
#[derive(Debug, Clone)]
struct Recipe {
    kinds: Vec<(usize, usize)>,
    cells: &'static str,
    size: (usize, usize),
    seed: u64,
}

impl Recipe {
    fn make(&self) -> (BagOfWords, Picture) {
        let channels = self.kinds.iter().map(|&(kind, descriptor)| ChannelConfig {
            descriptor: descriptors()[descriptor].clone(),
            ..channel(kind, self.cells)
        });
        (model(channels.collect(), self.seed), picture(self.size.0, self.size.1, self.seed))
    }
}

/// A kind's number: every mapping as often, however many kinds it allows.
fn any_kind() -> impl Strategy<Value = usize> {
    let of = |mapping| (0..kinds().len()).filter(|&kind| kinds()[kind].mapping.kind == mapping).collect::<Vec<_>>();
    proptest::sample::select(MappingKind::ALL).prop_flat_map(move |mapping| proptest::sample::select(of(mapping)))
}

fn any_recipe() -> impl Strategy<Value = Recipe> {
    let numbers = proptest::collection::vec((any_kind(), 0..descriptors().len()), 1..3);
    let cells = prop_oneof![Just("1x1"), Just("1x1+2x2+3x1"), Just("3x4")];
    (numbers, cells, (12usize..50, 12usize..50), 0u64..10_000).prop_map(|(kinds, cells, size, seed)| Recipe {
        kinds,
        cells,
        size,
        seed,
    })
}

/// The same model with linear classifiers of random weights instead of support pictures, where its kernels have feature maps.
fn linear(model: BagOfWords, order: usize, seed: u64) -> Option<BagOfWords> {
    let mut random = stream(seed, "linear");
    let mut configuration = (*model.settings).clone();
    configuration.svm.solver = Solver::Linear;
    configuration.svm.map_order = order;
    let settings = configuration.check().ok()?;
    let Classifier::Kernel(machine) = model.classifier else { return None };
    let channels = model.channels.iter().zip(&machine.channels).map(|(channel, kernel)| {
        let map = channel.encoder.config.kernel.kind.feature_map(order).unwrap();
        let columns = map.width() * channel.encoder.config.dimensions();
        let values = Array2::from_shape_fn((CATEGORIES, columns), |_| random.random::<f64>() - 0.5);
        LinearChannel { weights: Weights::new(map, values), scale: kernel.scale, beta: kernel.beta }
    });
    let linear = LinearMachine { channels: channels.collect(), bias: machine.bias };
    let training = TrainingRecord { support_pictures: Vec::new(), ..model.training };
    Some(BagOfWords::new(settings, training, model.channels, Classifier::Linear(linear)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Linear classifiers: the score is the formula's, conserved in every bias mode and against another category, and a word's maps add up.
    #[test]
    fn linear_classifiers_are_conserved(recipe in any_recipe(), order in 0usize..4, category in 0..CATEGORIES, other in 0..CATEGORIES) {
        let (model, picture) = recipe.make();
        let model = linear(model, order, recipe.seed);
        prop_assume!(model.is_some());
        let model = model.unwrap();
        let against = (other != category).then_some(other);
        let Classifier::Linear(machine) = &model.classifier else { panic!("a linear machine") };
        let b = machine.bias[category] - against.map_or(0.0, |other| machine.bias[other]);
        let mut expected = b;
        let mut split = Vec::new();
        for (channel, encoded) in machine.channels.iter().zip(encoded(&model, &picture)) {
            let weights = &channel.weights;
            let (map, dimensions) = (weights.map(), encoded.histogram.len());
            let mut features = vec![0.0f64; map.width() * dimensions];
            map.map(&encoded.histogram, 1.0, &mut features);
            for d in 0..dimensions {
                let weight = |place| weights.values()[(category, place)] - against.map_or(0.0, |other| weights.values()[(other, place)]);
                let share: f64 = (0..map.width()).map(|j| weight(j * dimensions + d) * features[j * dimensions + d]).sum();
                expected += share;
                split.push(share);
            }
        }
        for &bias in BiasMode::ALL {
            let question = query_against(category, against);
            let explainer = model.explainer(with_bias(bias)).unwrap();
            let seen = explainer.forward(&picture, Keep::Nothing).unwrap();
            let explanation = seen.explain(&question).unwrap();
            prop_assert!((explanation.score - expected).abs() < 1e-9 * expected.abs().max(1.0));
            let ledger = &explanation.ledger;
            let total = explanation.relevance.sum() + ledger.kept(Account::BiasSink) + ledger.kept(Account::NoReceiver);
            prop_assert!((total - explanation.score).abs() <= TOLERANCE * expected.abs().max(1.0));
            let evidence = seen.evidence().unwrap();
            prop_assert!(evidence.contributions(question.target).is_empty() && model.kernel_machine().is_none());
            let words = evidence.elements(question.target).unwrap().ranked();
            let b = if bias == BiasMode::Sink { b } else { 0.0 };
            prop_assert!((words.iter().map(|word| word.relevance).sum::<f64>() + b - explanation.score).abs() < 1e-9);
        }
        // On disk and back.
        let mut bytes = Vec::new();
        model_file::to_container(&model).write_to(&mut bytes).unwrap();
        let explained = explain(&model, &picture, query(category));
        let loaded = model_file::from_bytes(&bytes).unwrap();
        let again = explain(&loaded, &picture, query(category));
        prop_assert_eq!((again.score.to_bits(), again.relevance), (explained.score.to_bits(), explained.relevance));
    }

    /// f = Σ pixels + what the ledger names, in every bias mode and against another category.
    #[test]
    fn scores_are_conserved(recipe in any_recipe(), category in 0..CATEGORIES, against in proptest::option::of(0..CATEGORIES)) {
        let (model, picture) = recipe.make();
        for &bias in BiasMode::ALL {
            let explainer = model.explainer(with_bias(bias)).unwrap();
            let seen = explainer.forward(&picture, Keep::Nothing).unwrap();
            let explanation = seen.explain(&query_against(category, against)).unwrap();
            let expected = seen.scores()[category] - against.map_or(0.0, |other| seen.scores()[other]);
            prop_assert_eq!(explanation.score, expected);
            let ledger = &explanation.ledger;
            let total = Account::ALL.iter().fold(explanation.relevance.sum(), |sum, account| sum + ledger.kept(*account));
            prop_assert!((total - expected).abs() <= TOLERANCE * expected.abs().max(1.0));
            let bias_of = |category: usize| machine(&model).bias[category];
            let b = bias_of(category) - against.map_or(0.0, bias_of);
            let (spread, sink) = if bias == BiasMode::Spread { (b, 0.0) } else { (0.0, b) };
            prop_assert!((ledger.kept(Account::BiasSink) - sink).abs() < 1e-12);
            // An additive kernel's term is 0 where the picture has no such word: only the bias goes through Z.
            let encoded = encoded(&model, &picture);
            let dimensions: usize = encoded.iter().map(|encoded| encoded.histogram.len()).sum();
            let seen: usize = encoded.iter().flat_map(|encoded| &encoded.histogram).filter(|value| **value != 0.0).count();
            let without = encoded.iter().filter(|e| e.members.is_empty()).map(|e| e.histogram.len()).sum::<usize>();
            // What is spread over channels without features reaches no pixel.
            let reached = spread * (dimensions - without) as f64 / dimensions as f64;
            prop_assert!((ledger.noted(Note::SpreadBias) - reached).abs() < 1e-12);
            let all_additive = machine(&model).is_additive();
            let through = spread * (dimensions - seen - without) as f64 / dimensions as f64;
            prop_assert!(!all_additive || (ledger.noted(Note::Lacking) - through).abs() < 1e-12);
            prop_assert!(!all_additive || (ledger.noted(Note::LackingBias) - through).abs() < 1e-12);
        }
    }

    /// A map less its spread bias is the map of the method that keeps the bias apart, of the picture and of windows; and places, what the picture
    /// lacks and the bias are the pixels' sum.
    #[test]
    fn the_spread_bias_can_be_told_apart(recipe in any_recipe(), category in 0..CATEGORIES, tiles in any::<bool>()) {
        let (model, picture) = recipe.make();
        let tiles = tiles.then_some(Tiles { side: 30, offset: 10 });
        let asked = Query { tiles, bias_apart: true, ..query(category) };
        let spread = explain_by(&model, with_bias(BiasMode::Spread), &picture, asked);
        let sunk = explain_by(&model, with_bias(BiasMode::Sink), &picture, asked);
        prop_assert!(sunk.spread_bias.is_none());
        let bias = spread.spread_bias.as_ref().expect("the bias is not 0");
        prop_assert!(close(&(&spread.relevance - bias), &sunk.relevance, 1e-9));
        let ledger = &spread.ledger;
        let parts = ledger.places() + ledger.lacking() + ledger.noted(Note::SpreadBias);
        prop_assert!((parts - ledger.sum_relevance).abs() < 1e-9);
        prop_assert!(tiles.is_some() || (bias.sum() - ledger.noted(Note::SpreadBias)).abs() < 1e-9);
        prop_assert!(tiles.is_some() || (ledger.places() - sunk.ledger.places()).abs() < 1e-9);
    }

    /// The explanation of a difference is the difference of the explanations.
    #[test]
    fn explanations_are_linear_in_the_classifier(recipe in any_recipe()) {
        let (model, picture) = recipe.make();
        let (a, b) = (explain(&model, &picture, query(0)), explain(&model, &picture, query(1)));
        let both = explain(&model, &picture, query_against(0, Some(1)));
        prop_assert!(close(&both.relevance, &(&a.relevance - &b.relevance), 1e-9));
    }

    /// Where scores are means over mirror twins, score and map are the means of both, conserved, and a mirrored picture has the same score and
    /// the mirrored map.
    #[test]
    fn mirror_twins_share_score_and_map(recipe in any_recipe(), category in 0..CATEGORIES, sink in proptest::bool::ANY) {
        let (mut model, picture) = recipe.make();
        let bias = if sink { BiasMode::Sink } else { BiasMode::Spread };
        let asked = query(category);
        let alone = [&picture, &picture.mirrored()].map(|picture| explain_by(&model, with_bias(bias), picture, asked));
        let mut configuration = (*model.settings).clone();
        configuration.picture.twins = Twins::Test;
        model.settings = configuration.check().unwrap();
        let together = [&picture, &picture.mirrored()].map(|picture| explain_by(&model, with_bias(bias), picture, asked));
        prop_assert_eq!(together[0].score, (alone[0].score + alone[1].score) / 2.0);
        let turned = alone[1].relevance.slice(ndarray::s![.., ..;-1]);
        prop_assert!(close(&together[0].relevance, &((&alone[0].relevance + &turned) / 2.0), 1e-12));
        let [a, b, mean] = [&alone[0], &alone[1], &together[0]].map(|found| found.ledger.kept(Account::BiasSink));
        prop_assert_eq!(mean, (a + b) / 2.0);
        prop_assert!(together[0].ledger.error.abs() <= TOLERANCE * together[0].score.abs().max(1.0));
        prop_assert_eq!(together[1].score, together[0].score);
        prop_assert_eq!(&together[1].relevance.slice(ndarray::s![.., ..;-1]), &together[0].relevance);
        let refusal = model.forward(&picture, Keep::Everything).unwrap().explain(&Query { trace: Trace::Everything, ..asked }).unwrap_err();
        let refused = matches!(refusal, ModelError::Unsupported { .. });
        prop_assert!(refused, "{}", refusal);
    }

    /// Twice the coefficients and the bias, twice the relevance.
    #[test]
    fn doubling_the_classifier_doubles_every_pixel(recipe in any_recipe(), category in 0..CATEGORIES) {
        let (mut model, picture) = recipe.make();
        let once = explain(&model, &picture, query(category));
        machine_mut(&mut model).dual *= 2.0;
        machine_mut(&mut model).bias.iter_mut().for_each(|b| *b *= 2.0);
        let twice = explain(&model, &picture, query(category));
        prop_assert_eq!(&once.relevance * 2.0, twice.relevance);
    }

    /// A pixel outside every support holds exactly nothing.
    #[test]
    fn pixels_outside_every_support_hold_nothing(recipe in any_recipe(), category in 0..CATEGORIES) {
        let (model, picture) = recipe.make();
        let relevance = explain(&model, &picture, query(category)).relevance;
        let mut covered = Array2::from_elem(relevance.dim(), false);
        for channel in &model.channels {
            let features = channel.encoder.features(&picture, false);
            let encoded = channel.encoder.encode(&features, features.grid.region());
            for support in channel.encoder.supports(&features, &encoded) {
                let part = ndarray::s![support.y0 as usize..support.y1 as usize, support.x0 as usize..support.x1 as usize];
                covered.slice_mut(part).fill(true);
            }
        }
        for (value, covered) in relevance.iter().zip(&covered) {
            prop_assert!(*covered || *value == 0.0);
        }
    }

    /// With Taylor's expansion the ledger's residual makes up the difference; where there is no root, it is an error.
    #[test]
    fn taylor_is_conserved_with_its_residual(recipe in any_recipe(), category in 0..CATEGORIES, roots in 0..Roots::ALL.len()) {
        let (mut model, picture) = recipe.make();
        let method = Explaining { decomposition: Decomposition::Taylor, roots: Roots::ALL[roots], ..Explaining::default() };
        // As in a model file: the support pictures' own scores.
        machine_mut(&mut model).train_scores = train_scores(&model);
        let Ok(explainer) = model.explainer(method) else {
            prop_assert!(model.settings.channel.iter().any(|channel| !channel.kernel.kind.is_differentiable()));
            return Ok(());
        };
        let seen = explainer.forward(&picture, Keep::Nothing).unwrap();
        let score = seen.scores()[category];
        for against in [None, Some((category + 1) % CATEGORIES)] {
            let other = |row: usize, i: usize| machine(&model).train_scores[(row, i)];
            let difference = |i: usize| other(category, i) - against.map_or(0.0, |against| other(against, i));
            let score = score - against.map_or(0.0, |against| seen.scores()[against]);
            let crosses = (0..PICTURES).any(|i| difference(i) * score < 0.0);
            match seen.explain(&query_against(category, against)) {
                Ok(explanation) => {
                    prop_assert!(crosses);
                    let ledger = &explanation.ledger;
                    prop_assert_eq!((ledger.kept(Account::BiasSink), ledger.noted(Note::SpreadBias)), (0.0, 0.0));
                    let kept = ledger.kept(Account::TaylorResidual) + ledger.kept(Account::NoReceiver);
                    prop_assert!((explanation.relevance.sum() + kept - score).abs() <= TOLERANCE * score.abs().max(1.0));
                }
                Err(error) => prop_assert!(!crosses && error.to_string().contains("category"), "{}", error),
            }
        }
    }

    /// Each window conserves its own score; tiles of the whole picture's size give the whole picture's map.
    #[test]
    fn tiles_conserve_by_window_and_one_tile_is_the_picture(recipe in any_recipe(), category in 0..CATEGORIES, side in 14usize..30) {
        let (model, picture) = recipe.make();
        let seen = model.forward(&picture, Keep::Nothing).unwrap();
        let whole = seen.explain(&query(category)).unwrap();
        let one = seen.explain(&Query { tiles: Some(Tiles { side: 50, offset: 10 }), ..query(category) }).unwrap();
        prop_assert_eq!(one.windows.len(), 1);
        prop_assert_eq!(&one.relevance, &whole.relevance);
        prop_assert_eq!(&one.windows[0].ledger, &whole.ledger);
        let tiles = Tiles { side, offset: side / 2 };
        let tiled = seen.explain(&Query { tiles: Some(tiles), trace: Trace::Everything, ..query(category) }).unwrap();
        prop_assert_eq!(tiled.windows.len(), tiles.windows(picture.width(), picture.height()).len());
        prop_assert_eq!(tiled.traces.len(), tiled.windows.len());
        prop_assert_eq!(tiled.score, whole.score);
        for (window, trace) in tiled.windows.iter().zip(&tiled.traces) {
            // A window is explained as a picture of its features alone would be: its own score, its own account.
            let ledger = &window.ledger;
            let total = ledger.sum_relevance + ledger.kept(Account::NoReceiver) + ledger.kept(Account::BiasSink);
            prop_assert!((total - ledger.score).abs() <= TOLERANCE * ledger.score.abs().max(1.0));
            let r = window.rectangle;
            prop_assert_eq!(&trace.tensors["relevance"].shape, &[(r.y1 - r.y0) as usize, (r.x1 - r.x0) as usize]);
        }
    }

    /// Training pictures' contributions sum to f − b, and each one's two maps to it; words' maps sum to the whole map.
    #[test]
    fn training_pictures_and_words_add_up(recipe in any_recipe(), category in 0..CATEGORIES, against in proptest::option::of(0..CATEGORIES)) {
        let (model, picture) = recipe.make();
        let seen = model.forward(&picture, Keep::Nothing).unwrap();
        let other = self::picture(38, 41, recipe.seed + 1);
        let question = query_against(category, against);
        let (whole, evidence) = (seen.explain(&question).unwrap(), seen.evidence().unwrap());
        let contributions = evidence.contributions(question.target);
        let bias_of = |category: usize| machine(&model).bias[category];
        let bias = bias_of(category) - against.map_or(0.0, bias_of);
        prop_assert!((contributions.iter().sum::<f64>() + bias - whole.score).abs() < 1e-11);
        let examples = evidence.examples(question.target, 2);
        prop_assert!((examples.score() - whole.score).abs() < 1e-11);
        prop_assert!(examples.supporting.iter().all(|n| n.contribution > 0.0 && n.contribution == contributions[n.row]));
        prop_assert!(examples.opposing.iter().all(|n| n.contribution < 0.0));
        for (row, contribution) in contributions.iter().enumerate() {
            // Any picture in the training picture's place takes the same sum.
            let Some(found) = evidence.match_example(question.target, row, &other).unwrap() else {
                prop_assert!(!machine(&model).is_additive());
                continue;
            };
            for part in [found.claimed, found.answering] {
                let sum = part.relevance.sum() + part.without_receiver;
                prop_assert!((sum - contribution).abs() < 1e-11 * contribution.abs().max(1.0));
            }
        }
        let elements = evidence.elements(question.target).unwrap();
        let words = elements.ranked();
        prop_assert_eq!(words.len(), model.channels.iter().map(|channel| channel.encoder.config.vocabulary.words).sum::<usize>());
        prop_assert!((words.iter().map(|word| word.relevance).sum::<f64>() - whole.score).abs() < 1e-11);
        prop_assert!(words.windows(2).all(|pair| pair[0].relevance.abs() >= pair[1].relevance.abs()));
        let mut sum = Array2::<f64>::zeros(whole.relevance.dim());
        for word in &words {
            let map = elements.map(word);
            prop_assert!((map.relevance.sum() + map.without_receiver - word.relevance).abs() < 1e-11);
            sum += &map.relevance;
        }
        prop_assert!(close(&sum, &whole.relevance, 1e-9));
    }

    /// The order of words, support pictures and categories is only an order; but for words that are equally near, of which the first is taken.
    #[test]
    fn permutations_change_nothing(kind in any_kind(), seed in 0u64..10_000) {
        let model = model(vec![channel(kind, "1x1+2x2")], seed);
        let picture = picture(40, 33, seed);
        prop_assume!(!has_ties(&model.channels[0].encoder, &picture));
        let mut turned = self::model(vec![channel(kind, "1x1+2x2")], seed);
        let (words, block) = (turned.settings.channel[0].vocabulary.words, turned.settings.channel[0].block());
        let order: Vec<usize> = (0..words).map(|w| (5 * w + 3) % words).collect();
        let rows: Vec<usize> = (0..PICTURES).rev().collect();
        let by_cell: Vec<usize> = (0..5).flat_map(|cell| order.iter().map(move |w| cell * words + w)).flat_map(|w| w * block..(w + 1) * block).collect();
        let config = turned.settings.channel[0].clone();
        let coding = reordered(&config, &turned.channels[0].encoder.coding, &order);
        turned.channels = vec![FittedChannel { encoder: Encoder::new(config, coding), examples: None }];
        let machine = machine_mut(&mut turned);
        let old = &machine.channels[0];
        let histograms = old.histograms().select(ndarray::Axis(0), &rows).select(ndarray::Axis(1), &by_cell);
        machine.channels = vec![KernelChannel::new(old.kernel, histograms, old.scale, old.beta)];
        machine.dual = machine.dual.select(ndarray::Axis(1), &rows).select(ndarray::Axis(0), &[2, 0, 1]);
        machine.bias = [2, 0, 1].iter().map(|&c: &usize| machine.bias[c]).collect();
        for (new, old) in [2, 0, 1].into_iter().enumerate() {
            let (a, b) = (explain(&model, &picture, query(old)), explain(&turned, &picture, query(new)));
            prop_assert!((a.score - b.score).abs() < 1e-5, "{} {}", a.score, b.score);
            prop_assert!(close(&a.relevance, &b.relevance, 1e-4));
        }
    }

    /// With one rank, rank mapping is hard mapping: its factor is taken out by L1.
    #[test]
    fn one_rank_is_hard_mapping(seed in 0u64..10_000, kind in 0..KernelKind::ALL.len()) {
        let mut hard = channel(0, "1x1+3x1");
        hard.kernel.kind = KernelKind::ALL[kind];
        let mut rank = hard.clone();
        rank.mapping.kind = MappingKind::Rank;
        rank.mapping.neighbours = 1;
        let picture = picture(44, 37, seed);
        let (a, b) = (explain(&model(vec![hard], seed), &picture, query(0)), explain(&model(vec![rank], seed), &picture, query(0)));
        prop_assert!((a.score - b.score).abs() < 1e-5);
        prop_assert!(close(&a.relevance, &b.relevance, 1e-4));
    }
}

/// A picture without contrast has no features, and its whole score is the ledger's.
#[test]
fn a_flat_picture_is_accounted_for_without_features() {
    for &bias in BiasMode::ALL {
        let model = model(vec![channel(0, "1x1+2x2")], 4);
        let flat = Picture::from_rgb8(40, 40, vec![90; 4800]).unwrap();
        let explanation = explain_by(&model, with_bias(bias), &flat, query(1));
        assert!(explanation.relevance.iter().all(|value| *value == 0.0));
        let ledger = &explanation.ledger;
        let kept = ledger.kept(Account::NoReceiver) + ledger.kept(Account::BiasSink);
        assert!((kept - explanation.score).abs() < 1e-12);
        assert_eq!(ledger.noted(Note::SpreadBias), 0.0, "what reaches no pixel is no part of the pixels' sum");
        assert!((explanation.score - machine(&model).bias[1]).abs() < 1e-12);
    }
}

/// With every descriptor, whatever the number of threads: the same bytes.
#[test]
fn every_descriptor_is_conserved_and_knows_no_threads() {
    for descriptor in descriptors() {
        let model = model(vec![ChannelConfig { descriptor: descriptor.clone(), ..channel(0, "1x1+2x2") }], 6);
        let picture = picture(41, 35, 6);
        let explain = || explain(&model, &picture, query(0));
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (one, many) = (pool(1).install(explain), pool(3).install(explain));
        assert!((one.relevance.sum() - one.score).abs() < TOLERANCE, "{descriptor:?}");
        assert!(one.relevance.iter().any(|value| *value != 0.0), "{descriptor:?}");
        assert_eq!((one.score.to_bits(), one.relevance), (many.score.to_bits(), many.relevance), "{descriptor:?}");
    }
}

/// Cell by cell, word by word, a word's dimensions side by side.
#[test]
fn every_dimension_has_its_word() {
    for kind in 0..kinds().len() {
        let (config, model) = (channel(kind, "1x1+2x2"), model(vec![channel(kind, "1x1+2x2")], 1));
        let cell = || (0..config.vocabulary.words).flat_map(|word| std::iter::repeat_n(word, config.block()));
        let expected: Vec<usize> = (0..5).flat_map(|_| cell()).collect();
        assert_eq!(expected.len(), config.dimensions());
        let found: Vec<usize> = (0..expected.len()).map(|d| model.channels[0].encoder.word_of(d)).collect();
        assert_eq!(found, expected);
    }
}

/// Too small a picture is an error that says how large it must be.
#[test]
fn a_picture_smaller_than_every_support_is_refused() {
    let model = model(vec![channel(0, "1x1")], 4);
    let error = match model.forward(&picture(7, 40, 1), Keep::Nothing) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("7×40 holds a feature of size 2?"),
    };
    assert!(error.contains("7×40") && error.contains("8×8"), "{error}");
}

/// Mirroring the picture mirrors the map when the words can't tell left from right.
#[test]
fn mirrored_pictures_have_mirrored_maps() {
    for kind in 0..kinds().len() {
        // One size, and a width for which the grid maps onto itself: (W − 1 − 3s) divisible by the step.
        let mut config = channel(kind, "1x1+3x1");
        config.descriptor.sizes = vec![3];
        let mut model = model(vec![config.clone()], 11);
        let width = 1 + 9 + 3 * 10;
        let picture = picture(width, 30, 8);
        let mirrored = {
            let image = image::imageops::flip_horizontal(&picture.rgb8());
            Picture::from_rgb8(width, 30, image.into_raw()).unwrap()
        };
        let coding = mirror_symmetric(&config, &model.channels[0].encoder.coding);
        model.channels[0].encoder = Encoder::new(config, coding);
        let (a, b) = (explain(&model, &picture, query(0)), explain(&model, &mirrored, query(0)));
        assert!((a.score - b.score).abs() < 1e-3 * a.score.abs().max(1.0), "{} {}", a.score, b.score);
        let back = b.relevance.slice(ndarray::s![.., ..;-1]).to_owned();
        // Supports are half-open squares about the centre: with an odd size they lie half a pixel to one side.
        let total = |map: &Array2<f64>| map.iter().map(|v| v.abs()).sum::<f64>();
        let column = |map: &Array2<f64>, x: usize| map.column(x).sum();
        let shifted: f64 = (1..width - 1)
            .map(|x| {
                let near = (x - 1..=x + 1).map(|other| (column(&a.relevance, x) - column(&back, other)).abs());
                near.fold(f64::INFINITY, f64::min)
            })
            .sum();
        assert!(shifted < 0.1 * total(&a.relevance), "{shifted} of {}", total(&a.relevance));
    }
}

//! Times one stage on given data, a run for every line of standard input: `tools/compare_peers.py` alternates it with other programs.
//!
//! ```text
//! cargo run --release --example stages -- nearest --rows descriptors.npy --words words.npy --neighbours 8 --threads 2 --runs 5
//! ```
//!
//! After a first run, which is not counted, it prints a line, and then `{"seconds": S}` for each run. What the last run found is written to `--result`, so that the answers can
//! be compared too.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bowsight::bow::features::dense_sift::Window;
use bowsight::bow::score::kernel::KernelKind;
use bowsight::bow::words::nearest::NearestWords;
use bowsight::nn::layers::Ties;
use bowsight::nn::network::{Explaining, Network, Precision};
use bowsight::nn::{Explainer, References};
use bowsight::{Model, Picture, Query};
use clap::{Parser, ValueEnum};
use ndarray::{Array1, Array2, Axis, concatenate};
use ndarray_npy::{ReadNpyExt, ReadableElement, WriteNpyExt};
use rayon::prelude::*;

#[path = "../benches/stages/workload.rs"]
mod workload;

#[derive(Clone, Copy, ValueEnum)]
enum Stage {
    /// `--picture` → pixels.
    Decode,
    /// `--picture` → descriptors, flat window.
    SiftFlat,
    /// `--picture` → descriptors, Gaussian window.
    SiftGaussian,
    /// `--rows`, `--words` → the `--neighbours` nearest words of every row.
    Nearest,
    /// `--rows` → `--count` words after `--passes` passes.
    Kmeans,
    /// `--rows` → their Gram matrix by histogram intersection.
    Hik,
    /// `--rows` → their Gram matrix by exponential χ².
    Chi2,
    /// `--rows` (a Gram matrix), `--labels` → per category dual coefficients, bias, objective.
    Svm,
    /// `--rows`, `--histograms`, `--dual` → scores.
    Scores,
    /// `--picture`, `--words`, `--histograms`, `--dual` → scores, for `--pictures` copies of the picture.
    Chain,
    /// The same, and the first category's score explained.
    Explain,
    /// `--model` (a network), `--rows` (inputs) → logits.
    Forward,
    /// The same, `--rules` → relevance of the first category's score at every input, and the sum of each.
    Relevance,
}

#[derive(Parser)]
struct Arguments {
    stage: Stage,
    /// A picture file.
    #[arg(long)]
    picture: Option<PathBuf>,
    /// Descriptors, histograms or a Gram matrix (.npy, f32).
    #[arg(long)]
    rows: Option<PathBuf>,
    /// Words (.npy, f32).
    #[arg(long)]
    words: Option<PathBuf>,
    /// Histograms of the support pictures (.npy, f32).
    #[arg(long)]
    histograms: Option<PathBuf>,
    /// Dual coefficients, categories × support pictures (.npy, f64).
    #[arg(long)]
    dual: Option<PathBuf>,
    /// ±1, categories × pictures (.npy, f64).
    #[arg(long)]
    labels: Option<PathBuf>,
    /// A network's file.
    #[arg(long)]
    model: Option<PathBuf>,
    /// The rules by which it is explained.
    #[arg(long, default_value = "epsilon-plus-flat")]
    rules: String,
    /// What it is computed in.
    #[arg(long, default_value = "double")]
    precision: Precision,
    #[arg(long, default_value_t = 1)]
    neighbours: usize,
    #[arg(long, default_value_t = 1000)]
    count: usize,
    #[arg(long, default_value_t = 1)]
    passes: usize,
    #[arg(long, default_value_t = 10.0)]
    c: f64,
    #[arg(long, default_value_t = 8)]
    pictures: usize,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// So many runs, whatever standard input says.
    #[arg(long)]
    runs: Option<usize>,
    /// Where to write what the last run found (.npy).
    #[arg(long)]
    result: Option<PathBuf>,
}

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments = Arguments::parse();
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads).build_global()?;
    match arguments.stage {
        Stage::Decode => {
            let bytes = std::fs::read(given(&arguments.picture, "--picture")?)?;
            let pixels = arguments.time(|| Ok(workload::decode(&bytes)?))?.rgb8();
            let shape = (pixels.height() as usize, 3 * pixels.width() as usize);
            arguments.write(&Array2::from_shape_vec(shape, pixels.into_raw())?)
        }
        Stage::SiftFlat => arguments.describe(Window::Flat),
        Stage::SiftGaussian => arguments.describe(Window::Gaussian),
        Stage::Nearest => {
            let (rows, words) = (read::<f32>(&arguments.rows, "--rows")?, read(&arguments.words, "--words")?);
            let (words, k) = (NearestWords::new(words), arguments.neighbours);
            let mut found = vec![0; rows.nrows() * k];
            arguments.time(|| {
                workload::nearest_words(&words, rows.view(), k, &mut found);
                Ok(())
            })?;
            arguments.write(&Array2::from_shape_vec((rows.nrows(), k), found)?)
        }
        Stage::Kmeans => {
            let rows = read(&arguments.rows, "--rows")?;
            let learn = || Ok(workload::learn_words(rows.view(), arguments.count, arguments.passes)?);
            arguments.write(arguments.time(learn)?.words())
        }
        Stage::Hik => arguments.gram(KernelKind::Hik),
        Stage::Chi2 => arguments.gram(KernelKind::Chi2),
        Stage::Svm => {
            let gram = read::<f32>(&arguments.rows, "--rows")?;
            let labels = read::<f64>(&arguments.labels, "--labels")?;
            let solutions = arguments.time(|| Ok(workload::solve(gram.view(), labels.view(), arguments.c)))?;
            let mut found = Array2::zeros((labels.nrows(), labels.ncols() + 2));
            for (mut row, solution) in found.rows_mut().into_iter().zip(solutions) {
                let rest = [solution.bias, solution.report.objective];
                let values = concatenate![Axis(0), Array1::from(solution.dual), Array1::from(rest.to_vec())];
                row.assign(&values);
            }
            arguments.write(&found)
        }
        Stage::Scores => {
            let rows = read(&arguments.rows, "--rows")?;
            let words = Array2::zeros((arguments.count, 128));
            let histograms = read(&arguments.histograms, "--histograms")?;
            let model = workload::classifier(words, histograms, read(&arguments.dual, "--dual")?);
            arguments.write(&matrix(arguments.time(|| Ok(workload::scores(&model, rows.view())))?)?)
        }
        Stage::Chain => arguments.chain(workload::predict),
        Stage::Explain => arguments.chain(|model, bytes| Ok(workload::explain(model, bytes)?.0)),
        Stage::Forward => {
            let (network, pictures) = (arguments.network()?, arguments.inputs()?);
            let explainer = arguments.explainer(&network)?;
            let scores = || Ok(explainer.scores(&mut pictures.iter().cloned()).scores);
            let scores: Result<Vec<Vec<f64>>, _> = arguments.time(scores)?.into_iter().collect();
            arguments.write(&matrix(scores?)?)
        }
        Stage::Relevance => {
            let (network, pictures) = (arguments.network()?, arguments.inputs()?);
            let explainer = arguments.explainer(&network)?;
            let all: Vec<&Picture> = pictures.iter().collect();
            let explain = || -> Outcome<Vec<Vec<f64>>> {
                let mut found = Vec::new();
                for batch in all.chunks(explainer.batch_of(all.len())) {
                    for explanation in explainer.together(batch)?.explain(&vec![Query::new(0); batch.len()]) {
                        found.push(explanation?.relevance.into_raw_vec_and_offset().0);
                    }
                }
                Ok(found)
            };
            arguments.write(&matrix(arguments.time(explain)?)?)
        }
    }
}

impl Arguments {
    /// Runs `stage` once for every order, says how long it took, and returns what it found last.
    fn time<T>(&self, mut stage: impl FnMut() -> Outcome<T>) -> Outcome<T> {
        let mut found = stage()?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{{\"ready\": true}}")?;
        out.flush()?;
        let orders: Box<dyn Iterator<Item = std::io::Result<String>>> = match self.runs {
            Some(runs) => Box::new((0..runs).map(|_| Ok(String::new()))),
            None => Box::new(std::io::stdin().lock().lines()),
        };
        for order in orders {
            order?;
            let began = Instant::now();
            found = stage()?;
            writeln!(out, "{}", serde_json::json!({"seconds": began.elapsed().as_secs_f64()}))?;
            out.flush()?;
        }
        Ok(found)
    }

    fn network(&self) -> Outcome<Network> {
        Ok(bowsight::nn::file::load(given(&self.model, "--model")?)?)
    }

    /// The rows as inputs; a network with an input of several axes takes them in its own shape.
    fn inputs(&self) -> Outcome<Vec<Picture>> {
        let rows = read::<f32>(&self.rows, "--rows")?;
        let shape = self.network()?.graph.input().to_vec();
        let input = |row: ndarray::ArrayView1<'_, f32>| {
            Picture::of_array(shape.clone(), row.iter().copied().map(f64::from).collect())
        };
        Ok(rows.rows().into_iter().map(input).collect::<Result<_, _>>()?)
    }

    fn explainer<'n>(&self, network: &'n Network) -> Outcome<Explainer<'n>> {
        let (name, precision) = (self.rules.clone(), self.precision);
        // Ties go to the first, as in the programs that it is compared with.
        let explaining =
            Explaining { way: name.parse()?, name, precision, max_pool: Ties::First, ..Explaining::default() };
        Ok(network.explainer(explaining, References::default())?)
    }

    fn describe(&self, window: Window) -> Outcome {
        let picture = workload::decode(&std::fs::read(given(&self.picture, "--picture")?)?)?;
        let mut descriptors = Vec::new();
        self.time(|| {
            workload::describe(&picture, window, &mut descriptors);
            Ok(())
        })?;
        self.write(&Array2::from_shape_vec((descriptors.len() / 128, 128), descriptors)?)
    }

    fn gram(&self, kind: KernelKind) -> Outcome {
        let rows = read(&self.rows, "--rows")?;
        self.write(&self.time(|| Ok(workload::gram_matrix(kind, rows.view())))?)
    }

    fn chain(&self, one: impl Fn(&bowsight::BagOfWords, &[u8]) -> Outcome<Vec<f64>> + Sync) -> Outcome {
        let bytes = std::fs::read(given(&self.picture, "--picture")?)?;
        let histograms = read(&self.histograms, "--histograms")?;
        let model = workload::classifier(read(&self.words, "--words")?, histograms, read(&self.dual, "--dual")?);
        let all = || (0..self.pictures).into_par_iter().map(|_| one(&model, &bytes)).collect();
        self.write(&matrix(self.time(all)?)?)
    }

    fn write<T: ndarray_npy::WritableElement>(&self, found: &Array2<T>) -> Outcome {
        if let Some(path) = &self.result {
            found.write_npy(std::io::BufWriter::new(std::fs::File::create(path)?))?;
        }
        Ok(())
    }
}

fn given<'a>(path: &'a Option<PathBuf>, flag: &str) -> Outcome<&'a Path> {
    path.as_deref().ok_or_else(|| format!("this stage needs {flag}").into())
}

fn read<T: ReadableElement>(path: &Option<PathBuf>, flag: &str) -> Outcome<Array2<T>> {
    let path = given(path, flag)?;
    let fail = |error: String| format!("\"{}\": {error}", path.display());
    let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    Ok(Array2::read_npy(std::io::BufReader::new(file)).map_err(|error| fail(error.to_string()))?)
}

fn matrix(rows: Vec<Vec<f64>>) -> Outcome<Array2<f64>> {
    let shape = (rows.len(), rows.first().map_or(0, Vec::len));
    Ok(Array2::from_shape_vec(shape, rows.into_iter().flatten().collect())?)
}

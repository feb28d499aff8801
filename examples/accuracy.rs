//! Trains and scores a table of settings, every seed of every row, and prints it as Markdown.
//!
//! ```text
//! cargo run --release --example accuracy -- --data VOC2012 --rows docs/accuracy.toml --cache CACHE --results results.jsonl
//! ```
//!
//! A row is a configuration as `bowsight train --config` takes it, with a `name`, and keys in `set` as `--set` takes them. Finished runs are found in the results file and
//! not made again; `--no-test` leaves the test split alone (for choosing between settings).

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use bowsight::bow::BagOfWords;
use bowsight::bow::train::cache::Cache;
use bowsight::bow::train::{TrainingData, scores, train_with};
use bowsight::dataset::Dataset;
use bowsight::evaluate;
use bowsight::progress::Silent;
use bowsight::settings::Draft;
use clap::Parser;
use serde::{Deserialize, Serialize};

#[derive(Parser)]
struct Arguments {
    /// A PASCAL VOC folder with the splits train, val, trainval and test.
    #[arg(long)]
    data: PathBuf,
    /// The rows.
    #[arg(long)]
    rows: PathBuf,
    /// Finished steps of trainings.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Finished runs, one JSON object a line.
    #[arg(long)]
    results: PathBuf,
    /// The seeds.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 1, 2])]
    seeds: Vec<i64>,
    /// Only the rows whose name contains this.
    #[arg(long)]
    only: Option<String>,
    /// Do not score the test split.
    #[arg(long)]
    no_test: bool,
}

/// One seed of one row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Run {
    name: String,
    seed: i64,
    costs: Vec<f64>,
    /// Mean AP (area) on `val` of a fit on `train`.
    val: f64,
    /// The mean of that and of the same with the two exchanged.
    both: f64,
    betas: Vec<f64>,
    /// 11 points and area, mean over the categories.
    test: Option<(f64, f64)>,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let table: toml::Table = std::fs::read_to_string(&arguments.rows)?.parse()?;
    let rows = table.get("row").and_then(toml::Value::as_array).ok_or("the file has no [[row]]")?;
    let mut runs: Vec<Run> = match std::fs::read_to_string(&arguments.results) {
        Ok(text) => text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?,
        Err(_) => Vec::new(),
    };
    let mut results = OpenOptions::new().create(true).append(true).open(&arguments.results)?;
    let cache = arguments.cache.as_ref().map(Cache::new);
    let split = |name: &str| Dataset::open(&arguments.data, Some(name), None);
    let trainval = split("trainval")?;
    let aligned = |name: &str| -> Result<Dataset, Box<dyn std::error::Error>> {
        Ok(split(name)?.align_categories(&trainval.categories).dataset)
    };
    let (train, val, test) = (aligned("train")?, aligned("val")?, aligned("test")?);
    let mut names = Vec::new();
    for row in rows {
        let mut row = row.as_table().cloned().ok_or("a row must be a table")?;
        let name = row.remove("name").and_then(|name| name.as_str().map(str::to_string)).ok_or("a row has no name")?;
        if arguments.only.as_ref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let set = row.remove("set").and_then(|set| set.as_array().cloned()).unwrap_or_default();
        names.push(name.clone());
        for &seed in &arguments.seeds {
            let same = |run: &&Run| run.name == name && run.seed == seed;
            if runs.iter().find(same).is_some_and(|run| run.test.is_some() || arguments.no_test) {
                continue;
            }
            let began = std::time::Instant::now();
            let mut draft = Draft::parse(&row.to_string(), &name)?;
            for assignment in set.iter().filter_map(toml::Value::as_str) {
                draft.assign(assignment)?;
            }
            draft.set("seed", seed);
            let settings = draft.resolve()?;
            let data = TrainingData::new(trainval.clone(), Some((train.clone(), val.clone())));
            let (model, _) = train_with(&settings, &data, cache.as_ref(), &Silent)?;
            let of = |model: &BagOfWords| model.training.validation.as_ref().map(|v| v.mean_average_precision);
            let forward = of(&model).ok_or("C must be validated")?;
            let data = TrainingData::new(trainval.clone(), Some((val.clone(), train.clone())));
            let backward =
                of(&train_with(&settings, &data, cache.as_ref(), &Silent)?.0).ok_or("C must be validated")?;
            let precision = (!arguments.no_test)
                .then(|| {
                    let scores = scores(&model, &test, cache.as_ref(), &Silent);
                    evaluate::mean_precision(&evaluate::precisions(&test, &scores))
                        .map(|mean| (mean.voc2007, mean.voc2010))
                })
                .flatten();
            let run = Run {
                name: name.clone(),
                seed,
                costs: model.training.solvers.iter().map(|solver| solver.c).collect(),
                val: forward,
                both: (forward + backward) / 2.0,
                betas: model.classifier.betas(),
                test: precision,
                seconds: began.elapsed().as_secs_f64(),
            };
            writeln!(results, "{}", serde_json::to_string(&run)?)?;
            eprintln!(
                "{name}, seed {seed}: val {:.2} both {:.2} test {:?} ({:.0} s)",
                100.0 * run.val,
                100.0 * run.both,
                run.test,
                run.seconds
            );
            runs.retain(|run| !same(&run));
            runs.push(run);
        }
    }
    println!(
        "| settings | C | `val` area | both ways | test, 11 points | test, area |\n| --- | --- | --- | --- | --- | --- |"
    );
    for name in names {
        let of_row: Vec<&Run> = arguments
            .seeds
            .iter()
            .filter_map(|seed| runs.iter().find(|run| run.name == name && run.seed == *seed))
            .collect();
        let costs: Vec<String> = of_row.iter().map(|run| format!("{:.3}", run.costs[0])).collect();
        let column = |value: &dyn Fn(&Run) -> Option<f64>| {
            let values: Vec<f64> = of_row.iter().filter_map(|run| value(run)).map(|value| 100.0 * value).collect();
            if values.is_empty() {
                return "–".to_string();
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let each: Vec<String> = values.iter().map(|value| format!("{value:.1}")).collect();
            format!("{mean:.2} ({})", each.join(", "))
        };
        println!(
            "| {name} | {} | {} | {} | {} | {} |",
            costs.join(", "),
            column(&|run| Some(run.val)),
            column(&|run| Some(run.both)),
            column(&|run| run.test.map(|test| test.0)),
            column(&|run| run.test.map(|test| test.1)),
        );
    }
    Ok(())
}

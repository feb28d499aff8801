//! Recipes: a network's layers, what is done to its inputs, and how its weights are found.

use serde::{Deserialize, Serialize};

use super::normal::fill_normal;
use super::optimizer::{Optimizer, OutOfRange};
use crate::nn::array::Array;
use crate::nn::graph::{Graph, GraphError, Node};
use crate::nn::layers::windows::Kernel;
use crate::nn::layers::{Activation, Convolution, Dense, Description, Form, Function, MaxPool, Moved};
use crate::numeric::random::stream;
use crate::settings::closed_set::nearest;

crate::closed_set! {
    /// The function behind every hidden layer.
    pub enum Hidden as "activation" {
        /// `tanh x`.
        Tanh = "tanh",
        /// `max(0, x)`.
        Relu = "relu",
    }
}

crate::closed_set! {
    /// The numbers that grey pixels become.
    pub enum Pixels as "pixels" {
        /// Mean 0 and variance 1 over all pixels of the training pictures.
        Standardised = "standardised",
        /// From −1 (a sample of 0) to 1 (255).
        PlusMinusOne = "plus-minus-one",
        /// From 0 to 1.
        ZeroToOne = "zero-to-one",
    }
}

crate::closed_set! {
    /// How the learning rate changes.
    pub enum Schedule as "schedule" {
        /// It falls linearly to 0.
        Linear = "linear",
        /// It stays.
        Constant = "constant",
    }
}

/// A convolution of a recipe; the hidden function and a max pooling of 2×2 follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolved {
    /// Number of channels that it makes.
    pub channels: usize,
    /// Width and height of its window; it is not padded.
    pub window: usize,
}

/// How a network is made and trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Its name.
    pub name: String,
    /// Width and height of the pictures, which are grey.
    pub side: u32,
    /// Convolutions, before the dense layers.
    #[serde(default)]
    pub convolutions: Vec<Convolved>,
    /// Widths of the hidden dense layers.
    pub hidden: Vec<usize>,
    /// The function behind every hidden layer.
    pub activation: Hidden,
    /// The numbers that pixels become.
    pub pixels: Pixels,
    /// Standard deviation of Gaussian noise that is added to every input.
    #[serde(default)]
    pub noise: f64,
    /// Largest random translation in pixels, each way and both ways.
    #[serde(default)]
    pub translation: u32,
    /// Share of pixels that become the lowest or the highest value, half of them each.
    #[serde(default)]
    pub salt_and_pepper: f64,
    /// Number of pictures of a step; they are drawn with replacement.
    pub batch: usize,
    /// Number of steps.
    pub iterations: usize,
    /// How weights follow their gradients.
    pub optimizer: Optimizer,
    /// Learning rate of the first step.
    pub rate: f64,
    /// How it changes.
    pub schedule: Schedule,
    /// The rules by which the network's scores are explained unless a command says otherwise.
    pub rules: String,
}

/// Why a text is no recipe, or can't be cooked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// There is no recipe of this name.
    #[error("\"{found}\" is no recipe: there is {}; or a file that ends in .toml", names().join(", "))]
    Unknown {
        /// The name.
        found: String,
    },
    /// A text is no recipe.
    #[error("the recipe is malformed: {0}")]
    Toml(String),
    /// A number is out of its range.
    #[error(transparent)]
    Range(#[from] OutOfRange),
    /// The layers don't fit.
    #[error("the recipe's layers don't fit")]
    Graph(#[from] GraphError),
}

impl RecipeError {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            RecipeError::Unknown { found } => {
                let names = names();
                nearest(found, names.iter().map(String::as_str)).map(|name| format!("--recipe {name}"))
            }
            _ => None,
        }
    }
}

/// The recipes that have names, as TOML: those of B15's experiments on MNIST, and a small convolutional network.
const KNOWN: [&str; 5] = [
    include_str!("recipes/mnist-tanh-400.toml"),
    include_str!("recipes/mnist-rect-1296.toml"),
    include_str!("recipes/mnist-rect-1296-short.toml"),
    include_str!("recipes/mnist-tanh-1296.toml"),
    include_str!("recipes/mnist-conv.toml"),
];

fn known() -> impl Iterator<Item = Recipe> {
    KNOWN.iter().map(|text| toml::from_str(text).expect("a test reads all of them"))
}

/// The names of the recipes that have one.
pub fn names() -> Vec<String> {
    known().map(|recipe| recipe.name).collect()
}

impl Recipe {
    /// The recipe of this name.
    ///
    /// # Errors
    /// [`RecipeError::Unknown`].
    pub fn named(name: &str) -> Result<Self, RecipeError> {
        known().find(|recipe| recipe.name == name).ok_or_else(|| RecipeError::Unknown { found: name.to_string() })
    }

    /// Reads a recipe from TOML.
    ///
    /// # Errors
    /// [`RecipeError`] for anything that is no recipe, with the line.
    pub fn from_toml(text: &str) -> Result<Self, RecipeError> {
        let recipe: Self = toml::from_str(text).map_err(|error| RecipeError::Toml(error.to_string()))?;
        recipe.check()?;
        Ok(recipe)
    }

    /// Requires that all numbers are in their ranges.
    ///
    /// # Errors
    /// [`RecipeError::Range`], with the first that is not.
    pub fn check(&self) -> Result<(), RecipeError> {
        let must = |holds: bool, key: &'static str, expected: &'static str, found: &dyn std::fmt::Display| match holds {
            true => Ok(()),
            false => Err(OutOfRange { key, expected, found: found.to_string() }),
        };
        must((1..=1 << 10).contains(&self.side), "side", "from 1 to 1024", &self.side)?;
        must((1..=1 << 20).contains(&self.batch), "batch", "from 1 to 1048576", &self.batch)?;
        must(self.iterations > 0, "iterations", "at least 1", &self.iterations)?;
        must(self.rate > 0.0 && self.rate.is_finite(), "rate", "a number above 0", &self.rate)?;
        must(self.noise >= 0.0 && self.noise.is_finite(), "noise", "a number of at least 0", &self.noise)?;
        must((0.0..=1.0).contains(&self.salt_and_pepper), "salt_and_pepper", "from 0 to 1", &self.salt_and_pepper)?;
        must(self.translation < self.side, "translation", "less than the side", &self.translation)?;
        for width in &self.hidden {
            must((1..=1 << 16).contains(width), "hidden", "of widths from 1 to 65536", width)?;
        }
        for Convolved { channels, window } in &self.convolutions {
            must((1..=1 << 12).contains(channels), "convolutions.channels", "from 1 to 4096", channels)?;
            must((1..=1 << 6).contains(window), "convolutions.window", "from 1 to 64", window)?;
        }
        Ok(self.optimizer.check()?)
    }

    /// The learning rate of a step, counted from 0.
    pub fn rate_at(&self, iteration: usize) -> f64 {
        match self.schedule {
            Schedule::Constant => self.rate,
            Schedule::Linear => self.rate * (1.0 - iteration as f64 / self.iterations as f64),
        }
    }

    /// The network before training, for `categories` categories. Weights are drawn from N(0, 1/n), behind rectifiers N(0, 2/n), n being the number of
    /// inputs of a unit, by the stream of the layer's name; biases are 0.
    ///
    /// # Errors
    /// [`RecipeError::Graph`] if convolutions leave nothing of the picture.
    pub fn network(&self, categories: usize, seed: u64) -> Result<Graph, RecipeError> {
        let gain: f64 = match self.activation {
            Hidden::Tanh => 1.0,
            Hidden::Relu => 2.0,
        };
        let weights = |name: &str, shape: Vec<usize>| {
            let inputs: usize = shape.iter().skip(1).product();
            let mut values = vec![0.0; shape.iter().product()];
            fill_normal(&mut stream(seed, &format!("weights of {name}")), &mut values);
            let deviation = (gain / inputs as f64).sqrt();
            Array::new(shape, values.iter().map(|&value| f64::from((deviation * f64::from(value)) as f32)).collect())
        };
        let zeros = |count: usize| Some(Array::new(vec![count], vec![0.0; count]));
        let hidden = || {
            let function = match self.activation {
                Hidden::Tanh => Function::Tanh,
                Hidden::Relu => Function::Relu,
            };
            Description::Activation(Activation::new(function))
        };
        let mut nodes: Vec<Node> = Vec::new();
        let push = |nodes: &mut Vec<Node>, name: String, layer: Description| {
            let reads = nodes.len();
            nodes.push(Node { name, layer, inputs: vec![reads] });
        };
        let side = self.side as usize;
        let mut shape = vec![side * side];
        if !self.convolutions.is_empty() {
            shape = vec![1, side, side];
        }
        let input = shape.clone();
        for (number, Convolved { channels, window }) in self.convolutions.iter().enumerate() {
            let name = format!("conv{}", number + 1);
            let weight = weights(&name, vec![*channels, shape[0], *window, *window]);
            let conv = Convolution { weight, bias: zeros(*channels), kernel: Kernel::new(vec![*window; 2]), groups: 1 };
            push(&mut nodes, name, Description::Conv(conv));
            push(&mut nodes, format!("{}{}", self.activation, number + 1), hidden());
            let kernel = Kernel { strides: vec![2, 2], ..Kernel::new(vec![2, 2]) };
            push(&mut nodes, format!("pool{}", number + 1), Description::MaxPool(MaxPool { kernel: Some(kernel) }));
            shape = Graph::new(input.clone(), nodes.clone())?.shape(nodes.len()).to_vec();
        }
        if shape.len() > 1 {
            shape = vec![shape.iter().product()];
            push(
                &mut nodes,
                "flatten".to_string(),
                Description::Form(Form { moved: Moved::Reshape { shape: shape.clone() } }),
            );
        }
        let widths = self.hidden.iter().copied().chain([categories]);
        for (number, outputs) in widths.enumerate() {
            let name = format!("dense{}", number + 1);
            let weight = weights(&name, vec![outputs, shape[0]]);
            push(&mut nodes, name, Description::Dense(Dense { weight, bias: zeros(outputs) }));
            if number < self.hidden.len() {
                push(&mut nodes, format!("{}{}", self.activation, self.convolutions.len() + number + 1), hidden());
            }
            shape = vec![outputs];
        }
        Ok(Graph::new(input, nodes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_recipes_make_networks() {
        assert!(names().contains(&"mnist-tanh-400".to_string()));
        for name in names() {
            let recipe = Recipe::named(&name).unwrap();
            recipe.check().unwrap();
            assert_eq!(Recipe::from_toml(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
            let graph = recipe.network(10, 0).unwrap();
            assert_eq!(graph.categories(), Ok(10));
            assert!(recipe.rules.parse::<crate::nn::network::Way>().is_ok());
        }
        let graph = Recipe::named("mnist-tanh-400").unwrap().network(10, 0).unwrap();
        let constants: usize = graph.nodes().iter().map(|node| node.layer.constants()).sum();
        assert_eq!(constants, 784 * 400 + 400 + 400 * 400 + 400 + 400 * 10 + 10);
    }

    #[test]
    fn what_is_wrong_with_a_recipe_is_named() {
        let error = Recipe::named("mnist-tanh-40").unwrap_err();
        assert!(error.to_string().contains("mnist-rect-1296-short"), "{error}");
        assert_eq!(error.hint().as_deref(), Some("--recipe mnist-tanh-400"));
        let text = KNOWN[0].to_string();
        let fails = |text: &str, part: &str| {
            let error = Recipe::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        fails(&text.replace("batch = 25", "batch = 0"), "\"batch\" of the recipe must be");
        fails(&text.replace("noise", "noice"), "noice");
        fails(&text.replace("rate = 0.05", "rate = -1"), "\"rate\"");
        fails(&text.replace("tanh\"", "tan\""), "tanh");
        fails("", "malformed");
        let mut deep = Recipe::named("mnist-conv").unwrap();
        deep.convolutions = vec![Convolved { channels: 1, window: 5 }; 4];
        assert!(matches!(deep.network(10, 0), Err(RecipeError::Graph(_))));
    }

    #[test]
    fn weights_have_the_variance_of_their_recipe() {
        let graph = Recipe::named("mnist-rect-1296-short").unwrap().network(10, 3).unwrap();
        let Description::Dense(dense) = &graph.nodes()[2].layer else { panic!("a dense layer") };
        let count = dense.weight.len() as f64;
        let mean = dense.weight.values.iter().sum::<f64>() / count;
        let variance = dense.weight.values.iter().map(|w| w * w).sum::<f64>() / count;
        assert!(mean.abs() < 1e-4 && (variance * 1296.0 / 2.0 - 1.0).abs() < 0.01, "{mean} {variance}");
    }
}

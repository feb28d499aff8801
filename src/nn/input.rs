//! What a network reads: inputs from pictures and arrays, and the other inputs that some ways need.

use std::borrow::Cow;

use super::layers::shape_text;
use super::network::Network;
use super::preparation::Preparation;
use crate::model::ModelError;
use crate::picture::Picture;

/// Other pictures that some ways need.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// x′ of integrated gradients.
    pub baseline: Baseline,
    /// Where the root point of a Taylor expansion is looked for (`taylor:nearest`).
    pub candidates: Vec<Picture>,
}

/// The baseline x′ of integrated gradients.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Baseline {
    /// An input of zeros.
    #[default]
    Zero,
    /// Every number is the mean of its channel in the very input that is explained.
    Mean,
    /// A picture, or an array.
    Picture(Box<Picture>),
}

impl Network {
    /// The input of a picture of the network's size, or of an array of its input's shape.
    pub(super) fn input<'p>(&self, picture: &'p Picture) -> Result<Cow<'p, [f64]>, ModelError> {
        match picture.prepared() {
            None => self.input_of(picture).map(Cow::Owned),
            Some(prepared) if prepared.shape == self.graph.input() => Ok(Cow::Borrowed(&prepared.values)),
            Some(prepared) => Err(ModelError::WrongShape {
                found: shape_text(&prepared.shape),
                needed: shape_text(self.graph.input()),
            }),
        }
    }

    fn input_of(&self, picture: &Picture) -> Result<Vec<f64>, ModelError> {
        let Some(preparation) = &self.preparation else {
            let (what, because) = ("a picture", "network was imported without a preparation, for arrays (.npy) alone");
            return Err(ModelError::Unsupported { what, because });
        };
        let fit = preparation.fit;
        let (width, height, needed) = (picture.width(), picture.height(), (fit.width as usize, fit.height as usize));
        if (width, height) != needed {
            return Err(ModelError::WrongSize { width, height, needed });
        }
        Ok(preparation.input(picture))
    }

    /// The input of a blank picture: black, or zeros where there is no preparation.
    pub(super) fn blank(&self) -> Vec<f64> {
        let zeros = || vec![0.0; self.graph.input().iter().product()];
        self.preparation.as_ref().map_or_else(zeros, Preparation::black)
    }

    /// Every number's channel mean.
    pub(super) fn channel_means(&self, input: &[f64]) -> Vec<f64> {
        let channels = self.channels();
        let channel = |place: usize| match &self.preparation {
            Some(preparation) => preparation.channel_of(place),
            None => place / (input.len() / channels),
        };
        let mut sums = vec![0.0; channels];
        input.iter().enumerate().for_each(|(place, x)| sums[channel(place)] += x);
        let area = (input.len() / channels) as f64;
        (0..input.len()).map(|place| sums[channel(place)] / area).collect()
    }

    /// Number of channels of the input.
    fn channels(&self) -> usize {
        match (&self.preparation, self.graph.input()) {
            (Some(preparation), _) => preparation.channels(),
            (None, [channels, _, _]) => *channels,
            (None, _) => 1,
        }
    }
}

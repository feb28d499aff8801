//! A trained classifier: immutable, put together by training or from a file.

use super::channel::Encoder;
use super::config::{Settings, Twins};
use super::record::TrainingRecord;
use super::score::{Classifier, KernelMachine};
use super::words::examples::WordExamples;
use crate::picture::DecodeOptions;

/// A trained Bag-of-Words classifier.
pub struct BagOfWords {
    /// The settings it was trained with.
    pub settings: Settings,
    /// How it was trained.
    pub training: TrainingRecord,
    /// Pictures to histograms, one item per channel.
    pub channels: Vec<FittedChannel>,
    /// Histograms to scores.
    pub classifier: Classifier,
    pub(super) reading: DecodeOptions,
}

/// A channel whose words are learnt.
pub struct FittedChannel {
    /// Picture → histogram.
    pub encoder: Encoder,
    /// Where examples of its words lie, if the model knows.
    pub examples: Option<WordExamples>,
}

impl BagOfWords {
    /// Puts a model together; channels and classifier are in the settings' order of channels.
    pub fn new(
        settings: Settings,
        training: TrainingRecord,
        channels: Vec<FittedChannel>,
        classifier: Classifier,
    ) -> Self {
        let reading = settings.reading();
        Self { settings, training, channels, classifier, reading }
    }

    /// Number of training pictures, mirrored ones included.
    pub fn training_pictures(&self) -> usize {
        self.training.pictures.len() * if self.settings.picture.twins == Twins::None { 1 } else { 2 }
    }

    /// The kernel machine of a model that has one: linear models keep no training pictures.
    pub fn kernel_machine(&self) -> Option<&KernelMachine> {
        self.classifier.kernel_machine()
    }
}

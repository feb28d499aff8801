//! From a picture to a network's input.

use serde::{Deserialize, Serialize};

use crate::picture::{DecodeOptions, Fit, Picture};

crate::closed_set! {
    /// The channels of a network's input, in their order.
    pub enum Colours as "colours" {
        /// Red, green, blue.
        Rgb = "rgb",
        /// Blue, green, red.
        Bgr = "bgr",
        /// One channel, `0.299 R + 0.587 G + 0.114 B`.
        Grey = "grey",
    }
}

crate::closed_set! {
    /// How channels and pixels lie in a network's input.
    pub enum Layout as "layout" {
        /// Channel after channel.
        ChannelsFirst = "channels-first",
        /// Pixel after pixel.
        ChannelsLast = "channels-last",
    }
}

/// From a picture to a network's input: `(scale v − mean)/deviation` of every sample v from 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// Size in pixels, and how pictures come to it.
    pub fit: Fit,
    /// The channels.
    pub colours: Colours,
    /// How they lie.
    pub layout: Layout,
    /// What samples from 0 to 255 are multiplied with.
    pub scale: f64,
    /// What is subtracted then: one number, or one for each channel.
    pub mean: Vec<f64>,
    /// What is divided by at last: one number, or one for each channel.
    pub deviation: Vec<f64>,
}

crate::closed_set! {
    /// Preparations that many networks share.
    pub enum Known as "preparation" {
        /// Blue, green, red from 0 to 255 less the means of ImageNet: Caffe's networks.
        CaffeBgr = "caffe-bgr",
        /// Red, green, blue from 0 to 1 less means and over deviations of ImageNet: torchvision's networks.
        ImagenetRgb = "imagenet-rgb",
        /// Grey from 0 to 1.
        Mnist = "mnist",
        /// From −1 to 1.
        PlusMinusOne = "plus-minus-one",
        /// From 0 to 1.
        ZeroToOne = "zero-to-one",
        /// From 0 to 255, as the file says it.
        Bytes = "bytes",
        /// None: the network reads arrays alone.
        None = "none",
    }
}

impl Known {
    /// Scale, means, deviations, and the channels if they are not those of the input's number.
    pub fn numbers(self) -> (f64, Vec<f64>, Vec<f64>, Option<Colours>) {
        let byte = 1.0 / 255.0;
        match self {
            Known::CaffeBgr => (1.0, vec![103.939, 116.779, 123.68], vec![1.0], Some(Colours::Bgr)),
            Known::ImagenetRgb => (byte, vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225], None),
            Known::Mnist => (byte, vec![0.0], vec![1.0], Some(Colours::Grey)),
            Known::PlusMinusOne => (byte, vec![0.5], vec![0.5], None),
            Known::ZeroToOne => (byte, vec![0.0], vec![1.0], None),
            Known::Bytes | Known::None => (1.0, vec![0.0], vec![1.0], None),
        }
    }
}

impl Preparation {
    /// Number of channels.
    pub fn channels(&self) -> usize {
        if self.colours == Colours::Grey { 1 } else { 3 }
    }

    /// Why these numbers prepare nothing; none if they do.
    pub(super) fn fault(&self) -> Option<String> {
        let fits = |values: &[f64]| values.len() == 1 || values.len() == self.channels();
        if !fits(&self.mean) || !fits(&self.deviation) {
            return Some(format!("mean and deviation must be 1 number or {}", self.channels()));
        }
        let finite = self.mean.iter().chain(&self.deviation).chain([&self.scale]).all(|value| value.is_finite());
        if !finite || self.deviation.contains(&0.0) || self.scale == 0.0 {
            return Some("scale, mean and deviation must be finite, scale and deviation not 0".to_string());
        }
        let Fit { width, height, .. } = self.fit;
        if width == 0 || height == 0 || width > 1 << 14 || height > 1 << 14 {
            return Some(format!("the size must be from 1×1 to 16384×16384, found {width}×{height}"));
        }
        None
    }

    /// How files become pictures of the network's size.
    pub(super) fn reading(&self) -> DecodeOptions {
        DecodeOptions { fit: Some(self.fit), ..DecodeOptions::default() }
    }

    /// The value of a sample from 0 to 255.
    fn value(&self, channel: usize, sample: f64) -> f64 {
        let of = |values: &[f64]| if values.len() == 1 { values[0] } else { values[channel] };
        (self.scale * sample - of(&self.mean)) / of(&self.deviation)
    }

    /// The network's input of a picture of the network's size.
    pub(super) fn input(&self, picture: &Picture) -> Vec<f64> {
        let rgb = picture.rgb8();
        let area = picture.width() * picture.height();
        let mut input = vec![0.0; area * self.channels()];
        for (place, pixel) in rgb.pixels().enumerate() {
            let [r, g, b] = pixel.0.map(f64::from);
            let samples = match self.colours {
                Colours::Rgb => [r, g, b],
                Colours::Bgr => [b, g, r],
                Colours::Grey => [0.299 * r + 0.587 * g + 0.114 * b; 3],
            };
            for channel in 0..self.channels() {
                input[self.at(channel, place, area)] = self.value(channel, samples[channel]);
            }
        }
        input
    }

    /// Where the input has a channel of a pixel.
    fn at(&self, channel: usize, place: usize, area: usize) -> usize {
        match self.layout {
            Layout::ChannelsFirst => channel * area + place,
            Layout::ChannelsLast => place * self.channels() + channel,
        }
    }

    /// The sum over the channels of every pixel, row by row.
    pub(super) fn by_pixel(&self, values: &[f64]) -> Vec<f64> {
        let area = values.len() / self.channels();
        (0..area).map(|place| (0..self.channels()).map(|channel| values[self.at(channel, place, area)]).sum()).collect()
    }

    /// One number, or one for each channel, over the whole input.
    pub(super) fn spread(&self, values: &[f64]) -> Vec<f64> {
        let area = (self.fit.width * self.fit.height) as usize;
        let mut spread = vec![0.0; area * self.channels()];
        for channel in 0..self.channels() {
            let value = if values.len() == 1 { values[0] } else { values[channel] };
            (0..area).for_each(|place| spread[self.at(channel, place, area)] = value);
        }
        spread
    }

    /// The channel of a number of the input.
    pub(super) fn channel_of(&self, place: usize) -> usize {
        match self.layout {
            Layout::ChannelsFirst => place / (self.fit.width * self.fit.height) as usize,
            Layout::ChannelsLast => place % self.channels(),
        }
    }

    /// The input of black.
    pub(super) fn black(&self) -> Vec<f64> {
        let black: Vec<f64> = (0..self.channels()).map(|channel| self.value(channel, 0.0)).collect();
        self.spread(&black)
    }

    /// The input of black and of white, the smaller first.
    pub(super) fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let ends = (0..self.channels()).map(|channel| [self.value(channel, 0.0), self.value(channel, 255.0)]);
        let (low, high): (Vec<f64>, Vec<f64>) = ends.map(|[black, white]| (black.min(white), black.max(white))).unzip();
        (self.spread(&low), self.spread(&high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Fitting;

    fn preparation(known: Known, layout: Layout) -> Preparation {
        let (scale, mean, deviation, colours) = known.numbers();
        let fit = Fit { width: 2, height: 1, how: Fitting::Stretch };
        Preparation { fit, colours: colours.unwrap_or(Colours::Rgb), layout, scale, mean, deviation }
    }

    #[test]
    fn samples_become_numbers_in_their_order() {
        let picture = Picture::from_rgb8(2, 1, vec![255, 0, 51, 0, 255, 102]).unwrap();
        let input = |known, layout| preparation(known, layout).input(&picture);
        assert_eq!(input(Known::Bytes, Layout::ChannelsFirst), [255.0, 0.0, 0.0, 255.0, 51.0, 102.0]);
        assert_eq!(input(Known::Bytes, Layout::ChannelsLast), [255.0, 0.0, 51.0, 0.0, 255.0, 102.0]);
        let caffe = input(Known::CaffeBgr, Layout::ChannelsFirst);
        assert_eq!(caffe[..2], [51.0 - 103.939, 102.0 - 103.939]);
        assert_eq!(caffe[4..], [255.0 - 123.68, -123.68]);
        assert_eq!(input(Known::PlusMinusOne, Layout::ChannelsLast)[..2], [1.0, -1.0]);
        assert_eq!(input(Known::Mnist, Layout::ChannelsFirst).len(), 2);
        for known in Known::ALL {
            assert_eq!(preparation(*known, Layout::ChannelsFirst).fault(), None);
        }
    }

    #[test]
    fn relevance_is_summed_over_the_channels_of_a_pixel() {
        let values = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
        assert_eq!(preparation(Known::Bytes, Layout::ChannelsFirst).by_pixel(&values), [111.0, 222.0]);
        assert_eq!(preparation(Known::Bytes, Layout::ChannelsLast).by_pixel(&values), [13.0, 320.0]);
        let (low, high) = preparation(Known::CaffeBgr, Layout::ChannelsFirst).bounds();
        assert_eq!((low[0], high[5]), (-103.939, 255.0 - 123.68));
    }
}

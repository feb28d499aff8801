//! Pictures of a fixed size, as networks read them.

use image::{DynamicImage, GenericImage, GenericImageView, imageops::FilterType};
use serde::{Deserialize, Serialize};

crate::closed_set! {
    /// What becomes of a picture whose sides have another ratio.
    pub enum Fitting as "fit" {
        /// It is shrunk or enlarged to fit inside and centred; the rest continues the pixels of its edges.
        Pad = "pad",
        /// It is shrunk or enlarged to cover all, and its middle is cut out.
        Crop = "crop",
        /// Its sides are shrunk or enlarged each for itself.
        Stretch = "stretch",
    }
}

/// A fixed size, and how pictures come to it. They are resampled by a triangle as wide as the scale (antialiased bilinear).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What becomes of other ratios.
    pub how: Fitting,
}

impl Fit {
    pub(super) fn apply(self, image: &DynamicImage) -> DynamicImage {
        let Self { width, height, how } = self;
        let (across, down) =
            (f64::from(width) / f64::from(image.width()), f64::from(height) / f64::from(image.height()));
        let scaled = |scale: f64, least: bool| {
            let side = |own: u32, wanted: u32| {
                let side = ((f64::from(own) * scale).round() as u32).max(1);
                if least { side.min(wanted) } else { side.max(wanted) }
            };
            image.resize_exact(side(image.width(), width), side(image.height(), height), FilterType::Triangle)
        };
        match how {
            Fitting::Stretch => image.resize_exact(width, height, FilterType::Triangle),
            Fitting::Crop => {
                let large = scaled(across.max(down), false);
                large.crop_imm((large.width() - width) / 2, (large.height() - height) / 2, width, height)
            }
            Fitting::Pad => {
                let small = scaled(across.min(down), true);
                let (left, above) = ((width - small.width()) / 2, (height - small.height()) / 2);
                let mut whole = small.resize_exact(width, height, FilterType::Nearest);
                for y in 0..height {
                    for x in 0..width {
                        let inside = |at: u32, before: u32, own: u32| at.saturating_sub(before).min(own - 1);
                        let (x0, y0) = (inside(x, left, small.width()), inside(y, above, small.height()));
                        whole.put_pixel(x, y, small.get_pixel(x0, y0));
                    }
                }
                whole
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    /// Columns of red 0, 10, 20 …, rows of green 0, 5, 10 ….
    fn ramp(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([(10 * x) as u8, (5 * y) as u8, 7])).into()
    }

    #[test]
    fn every_fit_has_its_size() {
        for how in Fitting::ALL {
            for (own, wanted) in
                [((20, 10), (8, 8)), ((3, 11), (8, 6)), ((8, 8), (8, 8)), ((1, 1), (5, 7)), ((7, 200), (4, 4))]
            {
                let fitted = Fit { width: wanted.0, height: wanted.1, how: *how }.apply(&ramp(own.0, own.1));
                assert_eq!((fitted.width(), fitted.height()), wanted, "{how} {own:?}");
            }
        }
    }

    #[test]
    fn padding_continues_the_edges_and_cropping_takes_the_middle() {
        let (wide, fit) = (ramp(20, 10), |how| Fit { width: 20, height: 20, how });
        let padded = fit(Fitting::Pad).apply(&wide).into_rgb8();
        for x in 0..20 {
            // Five rows above and five below.
            assert_eq!(padded.get_pixel(x, 0), &Rgb([(10 * x) as u8, 0, 7]));
            assert_eq!(padded.get_pixel(x, 7), &Rgb([(10 * x) as u8, 10, 7]));
            assert_eq!(padded.get_pixel(x, 19), &Rgb([(10 * x) as u8, 45, 7]));
        }
        let cropped = Fit { width: 10, height: 10, how: Fitting::Crop }.apply(&wide).into_rgb8();
        assert_eq!(cropped.get_pixel(0, 3), &Rgb([50, 15, 7]));
        assert_eq!(fit(Fitting::Stretch).apply(&ramp(20, 20)).into_rgb8(), ramp(20, 20).into_rgb8());
    }
}

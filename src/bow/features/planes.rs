//! The planes that descriptors are taken from: one number per pixel each, from its red, green and blue.

use std::f32::consts::SQRT_2;

use ndarray::Array2;

use crate::picture::Picture;

crate::closed_set! {
    /// The sets of planes; R, G, B in 0…1.
    pub enum Planes as "set of planes" {
        /// Grey, 0.299 R + 0.587 G + 0.114 B.
        Grey = "grey",
        /// R, G, B.
        Rgb = "rgb",
        /// (R − G)/√2, (R + G − 2B)/√6, (R + G + B)/√3 (van de Sande, Gevers, Snoek 2010).
        Opponent = "opponent",
        /// Grey and (R + G − 2B + 2)/4 (Bach et al. 2015).
        GreyBlue = "grey+blue",
    }
}

// Differences are taken of the samples as they are stored, so that a grey pixel's are exactly 0.

fn red_green([r, g, _]: [f32; 3]) -> f32 {
    (r - g) / (255.0 * SQRT_2)
}

fn yellow_blue([r, g, b]: [f32; 3]) -> f32 {
    (r + g - 2.0 * b) / (255.0 * 2.449_489_7)
}

fn brightness([r, g, b]: [f32; 3]) -> f32 {
    (r + g + b) / (255.0 * 1.732_050_8)
}

fn less_blue([r, g, b]: [f32; 3]) -> f32 {
    ((r + g - 2.0 * b) / 255.0 + 2.0) / 4.0
}

impl Planes {
    /// Number of planes.
    pub fn count(self) -> usize {
        match self {
            Planes::Grey => 1,
            Planes::GreyBlue => 2,
            Planes::Rgb | Planes::Opponent => 3,
        }
    }

    /// Whether the first plane is grey.
    pub fn begin_with_grey(self) -> bool {
        matches!(self, Planes::Grey | Planes::GreyBlue)
    }

    /// Computes the planes of `picture`, H×W each.
    pub fn extract(self, picture: &Picture) -> Vec<Array2<f32>> {
        // One loop per formula, so that the compiler can inline it.
        match self {
            Planes::Grey => vec![picture.grey()],
            Planes::Rgb => [0, 1, 2].map(|channel| picture.plane(|pixel| pixel[channel] / 255.0)).into(),
            Planes::Opponent => vec![picture.plane(red_green), picture.plane(yellow_blue), picture.plane(brightness)],
            Planes::GreyBlue => vec![picture.grey(), picture.plane(less_blue)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_the_formulas() {
        let (r, g, b) = (200.0f64 / 255.0, 30.0 / 255.0, 90.0 / 255.0);
        let picture = Picture::from_rgb8(1, 1, vec![200, 30, 90]).unwrap();
        for &planes in Planes::ALL {
            let expected = match planes {
                Planes::Grey => vec![0.299 * r + 0.587 * g + 0.114 * b],
                Planes::Rgb => vec![r, g, b],
                Planes::Opponent => {
                    vec![(r - g) / 2f64.sqrt(), (r + g - 2.0 * b) / 6f64.sqrt(), (r + g + b) / 3f64.sqrt()]
                }
                Planes::GreyBlue => vec![0.299 * r + 0.587 * g + 0.114 * b, (r + g - 2.0 * b + 2.0) / 4.0],
            };
            assert_eq!(planes.begin_with_grey(), planes.extract(&picture)[0] == picture.grey(), "{planes}");
            let found: Vec<f32> = planes.extract(&picture).iter().map(|plane| plane[(0, 0)]).collect();
            assert_eq!((found.len(), planes.count()), (expected.len(), expected.len()));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-7, "{planes}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn grey_pixels_have_no_colour() {
        let samples: Vec<u8> = (0..=255).flat_map(|v| [v; 3]).collect();
        let picture = Picture::from_rgb8(256, 1, samples).unwrap();
        let opponent = Planes::Opponent.extract(&picture);
        assert!(opponent[0].iter().chain(&opponent[1]).all(|value| *value == 0.0));
        assert!(Planes::GreyBlue.extract(&picture)[1].iter().all(|value| *value == 0.5));
    }
}

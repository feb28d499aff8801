//! Colours on −1…1.

crate::closed_set! {
    /// The palettes.
    pub enum Palette as "palette" {
        /// Blue – green – red, green is zero: as in the paper's figures.
        Jet = "jet",
        /// Blue – white – red, white is zero: ColorBrewer's RdBu (Brewer & Harrower, colorbrewer2.org), told apart with any kind of colour vision.
        Diverging = "diverging",
    }
}

/// ColorBrewer's RdBu in eleven classes, from −1 to 1.
const RED_BLUE: [[u8; 3]; 11] = [
    [5, 48, 97],
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
    [103, 0, 31],
];

impl Palette {
    /// The colour of `value`, cut to −1…1; no number is drawn as 0.
    pub fn colour(self, value: f64) -> [u8; 3] {
        let value = if value.is_nan() { 0.0 } else { value.clamp(-1.0, 1.0) };
        let u = (value + 1.0) / 2.0;
        match self {
            // Piecewise linear: each channel a trapezium of slope 4 over the unit interval.
            Palette::Jet => {
                let byte = |part: f64| (255.0 * part.clamp(0.0, 1.0) + 0.5) as u8;
                [3.0, 2.0, 1.0].map(|centre| byte(1.5 - (4.0 * u - centre).abs()))
            }
            Palette::Diverging => {
                let at = u * (RED_BLUE.len() - 1) as f64;
                let below = (at as usize).min(RED_BLUE.len() - 2);
                let part = at - below as f64;
                let mix =
                    |i: usize| (1.0 - part) * f64::from(RED_BLUE[below][i]) + part * f64::from(RED_BLUE[below + 1][i]);
                [0, 1, 2].map(|i| (mix(i) + 0.5) as u8)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_and_the_ends_have_their_colours() {
        assert_eq!(Palette::Jet.colour(0.0), [128, 255, 128]);
        assert_eq!(Palette::Jet.colour(1.0), [128, 0, 0]);
        assert_eq!(Palette::Jet.colour(-1.0), [0, 0, 128]);
        assert_eq!(Palette::Diverging.colour(0.0), [247, 247, 247]);
        assert_eq!(Palette::Diverging.colour(1.0), [103, 0, 31]);
        assert_eq!(Palette::Diverging.colour(-1.0), [5, 48, 97]);
        for palette in Palette::ALL {
            assert_eq!(palette.colour(f64::NAN), palette.colour(0.0));
            assert_eq!(palette.colour(f64::INFINITY), palette.colour(1.0));
            assert_eq!(palette.colour(-7.0), palette.colour(-1.0));
        }
    }

    fn linear(colour: [u8; 3]) -> [f64; 3] {
        colour.map(|byte| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// CIE L*, a*, b* of linear sRGB under D65.
    fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
        let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
        let x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
        let y = f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
        let z = f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// What a person without the second or the first kind of cone sees (Machado, Oliveira & Fernandes 2009, severity 1).
    const COLOUR_BLIND: [[[f64; 3]; 3]; 2] = [
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    ];

    #[test]
    fn for_and_against_are_told_apart_with_any_colour_vision() {
        for matrix in COLOUR_BLIND {
            let seen = |value: f64| {
                let colour = linear(Palette::Diverging.colour(value));
                lab(matrix.map(|row| row.iter().zip(colour).map(|(m, c)| m * c).sum::<f64>().clamp(0.0, 1.0)))
            };
            for tenth in 2..=10 {
                let value = f64::from(tenth) / 10.0;
                let difference = seen(value).iter().zip(seen(-value)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                assert!(difference > 15.0, "±{value}: {difference}");
            }
        }
    }

    proptest! {
        /// The farther from zero, the darker; equal magnitudes are about equally dark.
        #[test]
        fn diverging_darkens_evenly_to_both_ends(a in -1.0f64..1.0, b in -1.0f64..1.0) {
            let lightness = |value: f64| lab(linear(Palette::Diverging.colour(value)))[0];
            let (near, far) = if a.abs() < b.abs() { (a, b) } else { (b, a) };
            prop_assert!(near * far < 0.0 || lightness(near) >= lightness(far) - 0.5);
            prop_assert!((lightness(a) - lightness(-a)).abs() < 10.0);
        }

        /// Jet walks from blue to red; the negative of a value swaps them.
        #[test]
        fn jet_is_symmetric(a in -1.0f64..1.0, b in -1.0f64..1.0) {
            let [red, green, blue] = Palette::Jet.colour(a);
            prop_assert_eq!(Palette::Jet.colour(-a), [blue, green, red]);
            let balance = |v: f64| {
                let [red, _, blue] = Palette::Jet.colour(v).map(i32::from);
                red - blue
            };
            // Past three quarters jet's ends darken.
            let (low, high) = (0.75 * a.min(b), 0.75 * a.max(b));
            prop_assert!(balance(low) <= balance(high) + 1);
        }
    }
}

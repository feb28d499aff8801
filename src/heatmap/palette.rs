//! Colours on −1…1.

crate::closed_set! {
    /// The palettes.
    pub enum Palette as "palette" {
        /// Blue – green – red, green is zero: as in the paper's figures.
        Jet = "jet",
        /// Blue – white – red, white is zero: readable with any kind of colour vision.
        Diverging = "diverging",
    }
}

impl Palette {
    /// The colour of `value`, cut to −1…1; no number is drawn as 0.
    pub fn colour(self, value: f64) -> [u8; 3] {
        let value = if value.is_nan() { 0.0 } else { value.clamp(-1.0, 1.0) };
        let byte = |part: f64| (255.0 * part.clamp(0.0, 1.0) + 0.5) as u8;
        match self {
            // Piecewise linear: each channel a trapezium of slope 4 over the unit interval.
            Palette::Jet => {
                let u = (value + 1.0) / 2.0;
                [3.0, 2.0, 1.0].map(|centre| byte(1.5 - (4.0 * u - centre).abs()))
            }
            // From white, first its opposite channels fade, then all darken towards the end.
            Palette::Diverging => {
                let t = value.abs();
                let (own, middle, other) = (1.0 - 0.35 * t * t * t, 1.0 - 0.92 * t, 1.0 - t * (1.85 - 0.9 * t));
                if value >= 0.0 { [own, middle, other].map(byte) } else { [other, middle, own].map(byte) }
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
        assert_eq!(Palette::Diverging.colour(0.0), [255, 255, 255]);
        for palette in Palette::ALL {
            assert_eq!(palette.colour(f64::NAN), palette.colour(0.0));
            assert_eq!(palette.colour(f64::INFINITY), palette.colour(1.0));
            assert_eq!(palette.colour(-7.0), palette.colour(-1.0));
        }
    }

    proptest! {
        /// The negative of a value swaps red and blue; away from white it only gets darker; jet walks from blue to red.
        #[test]
        fn palettes_are_symmetric_and_monotone(a in -1.0f64..1.0, b in -1.0f64..1.0) {
            for palette in Palette::ALL {
                let [red, green, blue] = palette.colour(a);
                prop_assert_eq!(palette.colour(-a), [blue, green, red]);
            }
            let sum = |v: f64| Palette::Diverging.colour(v).map(i32::from).iter().sum::<i32>();
            let (near, far) = if a.abs() < b.abs() { (a, b) } else { (b, a) };
            prop_assert!(sum(near) >= sum(far) - 1);
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

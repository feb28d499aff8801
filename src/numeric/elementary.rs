//! Logarithm and exponential without branches or tables, which the compiler can take for several numbers at once.
//!
//! Only the four basic operations are used, none of them fused: any width of register gives the same bits.

/// log₂ x of a positive normal x; relative error below 10⁻¹⁵.
///
/// With `x = 2^k m`, `√½ ≤ m < √2` and `s = (m − 1)/(m + 1)`: `log₂ x = k + 2/ln 2 Σ_n s^(2n+1)/(2n + 1)`. As |s| ≤ 0.172, eleven terms leave less
/// than 10⁻¹⁸; next to 1, k is 0 and nothing cancels.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    const ONE: u64 = 1.0f64.to_bits();
    const ROOT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    /// 2⁵²: in the numbers from there on the mantissa is an integer.
    const INTEGERS: f64 = (1u64 << 52) as f64;
    let bits = x.to_bits();
    let biased = bits.wrapping_add(ONE - ROOT_HALF) >> 52;
    let k = f64::from_bits(biased | INTEGERS.to_bits()) - (INTEGERS + 1023.0);
    let m = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(1023) << 52));
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut series = 1.0 / 21.0;
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        series = series * square + 1.0 / odd;
    }
    let s = s * (2.0 * std::f64::consts::LOG2_E);
    k + (s + s * (square * series))
}

/// e^x of an x ≤ 0, which below −700 is that of −700; relative error below 10⁻¹⁵.
///
/// With the integer k next to `x/ln 2` and `r = x − k ln 2`, |r| ≤ 0.347: `2^k Σ_n r^n/n!` to n = 13, which leaves less than 10⁻¹⁷.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    /// 1.5·2⁵²: what is added to it is rounded to an integer, which the low bits then hold.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
    /// ln 2 in two parts; the first has so few digits that its products with k are exact.
    const LN_2: (f64, f64) = (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10);
    let x = if x > -700.0 { x } else { -700.0 };
    let rounded = x * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (x - k * LN_2.0) - k * LN_2.1;
    let mut series = 1.0;
    for n in [13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0] {
        series = series * (r * (1.0 / n)) + 1.0;
    }
    series * f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52)
}

/// cos and sin of 2π t, |t| < 2⁵⁰; absolute error below 10⁻¹⁵ where t is exact.
///
/// With the quarter q next to t and `a = 2π (t − q/4)`, |a| ≤ π/4: both series to a¹⁷, which leaves less than 10⁻¹⁷, turned by q quarters.
#[inline(always)]
pub fn cosine_and_sine(turns: f64) -> (f64, f64) {
    /// 1.5·2⁵²: what is added to it is rounded to an integer, which the low bits then hold.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
    let rounded = 4.0 * turns + ROUND;
    let a = (turns - 0.25 * (rounded - ROUND)) * std::f64::consts::TAU;
    let square = a * a;
    let (mut cosine, mut sine) = (1.0, 1.0);
    for n in [16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0] {
        cosine = 1.0 - cosine * (square * (1.0 / (n * (n - 1.0))));
        sine = 1.0 - sine * (square * (1.0 / (n * (n + 1.0))));
    }
    let sine = sine * a;
    let quarter = rounded.to_bits();
    let (cosine, sine) = if quarter & 1 == 0 { (cosine, sine) } else { (sine, cosine) };
    // cos is negative in the second and third quarter, sin in the third and fourth.
    let cosine_sign = ((quarter.wrapping_add(1)) >> 1 & 1) << 63;
    let sine_sign = (quarter >> 1 & 1) << 63;
    (f64::from_bits(cosine.to_bits() ^ cosine_sign), f64::from_bits(sine.to_bits() ^ sine_sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn logarithms_are_those_of_the_library() {
        let mut random = crate::numeric::random::stream(1, "log2");
        let mut worst = 0.0f64;
        for i in 0..400_000 {
            let x = match i % 4 {
                0 => random.random::<f64>() * 2.0 + f64::MIN_POSITIVE,
                1 => 1.0 + (random.random::<f64>() - 0.5) * 2f64.powi(-(i % 50)),
                2 => 1.0 + random.random::<f64>() * 1e3,
                _ => 2f64.powf(random.random::<f64>() * 2000.0 - 1000.0),
            };
            let expected = x.log2();
            let error = if expected == 0.0 { log2(x).abs() } else { (log2(x) / expected - 1.0).abs() };
            assert!(error < 1e-15, "log₂ {x:e} is wrong by {error:e}");
            worst = worst.max(error);
        }
        assert!(worst > 0.0);
        for k in -1000..1000 {
            assert_eq!(log2(2f64.powi(k)), f64::from(k));
        }
    }

    #[test]
    fn exponentials_are_those_of_the_library() {
        let mut random = crate::numeric::random::stream(1, "exp");
        for i in 0..400_000 {
            let x = -random.random::<f64>() * [1.0, 20.0, 699.0, 1e-9][i % 4];
            let error = (exp(x) / x.exp() - 1.0).abs();
            assert!(error < 1e-15, "e^{x} is wrong by {error:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e9), exp(-700.0));
    }

    #[test]
    fn cosines_and_sines_are_those_of_the_library() {
        let mut random = crate::numeric::random::stream(3, "cosine and sine");
        let mut worst = 0.0f64;
        for i in 0..200_000 {
            // Eighths and quarters themselves, and everything up to the angles that feature maps have.
            let turns = if i < 400 { f64::from(i - 200) / 8.0 } else { (random.random::<f64>() - 0.5) * 64.0 };
            let (cosine, sine) = cosine_and_sine(turns);
            // The library's argument is rounded too, by up to 2π·32·2⁻⁵³: of the whole turns nothing is left to round.
            let part = (turns - turns.round()) * std::f64::consts::TAU;
            worst = worst.max((cosine - part.cos()).abs()).max((sine - part.sin()).abs());
        }
        assert!(worst < 1e-15, "{worst:e}");
    }
}

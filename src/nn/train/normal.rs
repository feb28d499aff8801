//! Gaussian numbers in bulk, with the same bits on every processor.

use macro_rules_attribute::apply;
use rand::Rng;

use crate::numeric::elementary::{cosine_and_sine, log2};
use crate::numeric::simd::avx512;

/// Numbers that are made at a time.
const BLOCK: usize = 512;

/// Fills `values` with numbers from N(0, 1).
pub(super) fn fill_normal(random: &mut impl Rng, values: &mut [f32]) {
    let mut bits = [0; BLOCK];
    for block in values.chunks_mut(BLOCK) {
        bits.iter_mut().for_each(|bits| *bits = random.next_u32());
        pairs(&bits, block);
    }
}

/// Box and Muller: with u in (0, 1] and t in [0, 1), `√(−2 ln u) cos 2πt` and `√(−2 ln u) sin 2πt` are two independent numbers from N(0, 1).
#[apply(avx512!)]
fn pairs(bits: &[u32; BLOCK], values: &mut [f32]) {
    const UNIT: f64 = 1.0 / (1u64 << 32) as f64;
    let mut made = [0.0f32; BLOCK];
    let (us, ts) = bits.split_at(BLOCK / 2);
    let (cosines, sines) = made.split_at_mut(BLOCK / 2);
    for i in 0..BLOCK / 2 {
        let u = (f64::from(us[i]) + 1.0) * UNIT;
        let radius = (log2(u) * (-2.0 * std::f64::consts::LN_2)).sqrt();
        let (cosine, sine) = cosine_and_sine(f64::from(ts[i]) * UNIT);
        cosines[i] = (radius * cosine) as f32;
        sines[i] = (radius * sine) as f32;
    }
    values.copy_from_slice(&made[..values.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::random::stream;

    #[test]
    fn numbers_are_those_of_a_normal_distribution() {
        let mut values = vec![0.0; 100_001];
        fill_normal(&mut stream(1, "normal"), &mut values);
        let moment = |power: i32| values.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / values.len() as f64;
        for (power, expected, deviation) in [(1, 0.0, 1.0f64), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let allowed = 4.0 * (deviation / values.len() as f64).sqrt();
            assert!((moment(power) - expected).abs() < allowed, "moment {power}: {}", moment(power));
        }
        let within = values.iter().filter(|x| x.abs() < 1.0).count() as f64 / values.len() as f64;
        assert!((within - 0.6827).abs() < 0.006, "{within}");
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut bits = [0; BLOCK];
        let mut random = stream(2, "normal");
        bits.iter_mut().for_each(|bits| *bits = random.next_u32());
        (bits[0], bits[1], bits[2]) = (0, u32::MAX, 1);
        let [mut one, mut two, mut three] = [[0.0; BLOCK]; 3];
        pairs::scalar(&bits, &mut one);
        pairs::avx2(&bits, &mut two);
        pairs::avx512(&bits, &mut three);
        assert_eq!(one, two);
        assert_eq!(one, three);
        assert!(one.iter().all(|x| x.is_finite()));
    }
}

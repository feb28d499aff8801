//! Bootstrap resamples (Efron 1979): how a measure would scatter if other pictures of the same kind had been drawn.

use rand::{Rng, RngExt};

/// Resamples of a number of units, such as pictures or groups of pictures.
#[derive(Debug, Clone)]
pub struct Resamples(Vec<Vec<u32>>);

impl Resamples {
    /// Draws `count` resamples, each as many units as there are, with replacement.
    pub fn draw(units: usize, count: usize, random: &mut impl Rng) -> Self {
        let resample = |_| {
            let mut times = vec![0; units];
            (0..units).for_each(|_| times[random.random_range(0..units)] += 1);
            times
        };
        Self((0..count).map(resample).collect())
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// How often each unit counts: first once each, as the data are, then as each resample has it.
    pub fn times(&self) -> impl Iterator<Item = Times<'_>> + Clone {
        std::iter::once(Times(None)).chain(self.0.iter().map(|times| Times(Some(times))))
    }
}

/// How often each unit counts.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a>(Option<&'a [u32]>);

impl Times<'_> {
    /// How often this unit counts.
    pub fn of(&self, unit: usize) -> u32 {
        self.0.map_or(1, |times| times[unit])
    }
}

/// The standard deviation of a sample; 0 with fewer than two values.
pub fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::random::stream;

    #[test]
    fn a_resample_draws_as_many_units_as_there_are() {
        let resamples = Resamples::draw(7, 50, &mut stream(1, "resamples"));
        let drawn: Vec<Vec<u32>> = resamples.times().map(|times| (0..7).map(|unit| times.of(unit)).collect()).collect();
        assert_eq!(drawn.len(), 51);
        assert_eq!(drawn[0], [1; 7]);
        assert!(drawn.iter().all(|times| times.iter().sum::<u32>() == 7));
        assert_ne!(drawn[1], drawn[2]);
    }

    /// The mean of n values scatters by their deviation over √n.
    #[test]
    fn the_mean_scatters_as_theory_has_it() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 10)).collect();
        let resamples = Resamples::draw(values.len(), 2000, &mut stream(2, "resamples"));
        let mean =
            |times: Times<'_>| values.iter().enumerate().map(|(i, v)| v * f64::from(times.of(i))).sum::<f64>() / 100.0;
        let means: Vec<f64> = resamples.times().skip(1).map(mean).collect();
        let expected = (8.25f64 / 100.0).sqrt();
        assert!((deviation(&means) / expected - 1.0).abs() < 0.1, "{} instead of {expected}", deviation(&means));
    }
}

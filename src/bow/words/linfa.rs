//! linfa's k-means as an engine, and its `Fit` and `Predict` for ours: the only file that knows linfa (feature `linfa`).

use linfa::DatasetBase;
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, Array2, ArrayBase, ArrayView2, Data, Ix2};

use super::vocabulary::{KMeans, Vocabulary, VocabularyError, assign};

/// Learns as many words as `start` has with linfa-clustering.
///
/// # Errors
/// Those of linfa-clustering, which takes reaching the limit of iterations for a failure.
pub(super) fn k_means(
    descriptors: ArrayView2<'_, f32>,
    start: Array2<f32>,
    max_iter: usize,
    tolerance: f64,
) -> Result<Array2<f32>, VocabularyError> {
    let model = linfa_clustering::KMeans::params(start.nrows())
        .init_method(linfa_clustering::KMeansInit::Precomputed(start))
        .max_n_iterations(max_iter as u64)
        .tolerance(tolerance as f32)
        .n_runs(1)
        .fit(&DatasetBase::from(descriptors.to_owned()))?;
    Ok(model.centroids().as_standard_layout().into_owned())
}

impl<D: Data<Elem = f32>, T> Fit<ArrayBase<D, Ix2>, T, VocabularyError> for KMeans {
    type Object = Vocabulary;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Vocabulary, VocabularyError> {
        KMeans::fit(self, dataset.records().view())
    }
}

impl<D: Data<Elem = f32>> PredictInplace<ArrayBase<D, Ix2>, Array1<usize>> for Vocabulary {
    fn predict_inplace(&self, descriptors: &ArrayBase<D, Ix2>, words: &mut Array1<usize>) {
        let descriptors = descriptors.as_standard_layout();
        let (owners, _) = assign(self.nearest(), descriptors.view());
        words.iter_mut().zip(owners).for_each(|(word, owner)| *word = owner as usize);
    }

    fn default_target(&self, descriptors: &ArrayBase<D, Ix2>) -> Array1<usize> {
        Array1::zeros(descriptors.nrows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa::traits::Predict;

    #[test]
    fn the_traits_of_linfa_do_what_the_methods_do() {
        let data = Array2::from_shape_fn((60, 3), |(row, column)| (row % 4 * 10 + column) as f32 + row as f32 / 100.0);
        let k_means = KMeans::new(4, 1);
        let own = k_means.fit(data.view()).unwrap();
        let by_trait = Fit::fit(&k_means, &DatasetBase::from(data.clone())).unwrap();
        assert_eq!(own.words(), by_trait.words());
        let (owners, _) = assign(own.nearest(), data.view());
        assert!(by_trait.predict(&data).iter().zip(&owners).all(|(&word, &owner)| word == owner as usize));
    }
}

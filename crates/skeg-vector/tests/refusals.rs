//! What is refused, with which error, and that nothing has changed afterwards.
#![expect(clippy::unwrap_used, reason = "a step that is refused fails the test")]

use proptest::prelude::*;
use skeg_vector::{
    Backend, DIM_MAX, Hit, ID_BYTES_MAX, IdKind, Index, IndexOptions, K_MAX, Metric, SearchOptions,
    SearchScratch, Tier, VectorError, VectorErrorKind,
};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::InnerProduct, Metric::Euclidean];

fn index(metric: Metric) -> Index {
    Index::new(IndexOptions::new(3, metric), 1).unwrap()
}

fn search_many(index: &mut Index, queries: &[f32], k: usize) -> Result<Vec<Vec<Hit>>, VectorError> {
    index.view().search_many(queries, &SearchOptions::new(k), &mut SearchScratch::default())
}

/// `check` and `set` refuse with this kind, and the index stays as it was.
fn assert_refused(index: &mut Index, id: &str, vector: &[f32], kind: VectorErrorKind) {
    let held = |index: &Index| (index.len(), index.get(id).map(|row| row.read().unwrap().to_vec()));
    let before = held(index);
    assert_eq!(index.check(id, vector).unwrap_err().kind(), kind, "{vector:?}");
    assert_eq!(index.set(id, vector).unwrap_err().kind(), kind, "{vector:?}");
    assert_eq!(held(index), before);
}

#[test]
fn a_vector_of_another_dimension_is_refused() {
    for metric in METRICS {
        let mut index = index(metric);
        index.set("a", &[1.0, 2.0, 3.0]).unwrap();
        for wrong in [&[][..], &[1.0, 2.0], &[1.0; 4]] {
            assert_refused(&mut index, "a", wrong, VectorErrorKind::Dimension);
            let error = index.view().search(wrong, 1).unwrap_err();
            assert_eq!(error, VectorError::Dimension { expected: 3, given: wrong.len() });
        }
        let error = search_many(&mut index, &[1.0; 7], 1).unwrap_err();
        assert_eq!(error, VectorError::Dimension { expected: 3, given: 7 });
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_and_named() {
    for metric in METRICS {
        let mut index = index(metric);
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let vector = [f32::MAX, wrong, f32::MAX];
            assert_refused(&mut index, "a", &vector, VectorErrorKind::NotFinite);
            let error = index.view().search(&vector, 1).unwrap_err();
            assert!(matches!(error, VectorError::NotFinite { position: 1, .. }), "{error}");
            let error = search_many(&mut index, &[1.0, 1.0, 1.0, wrong, 1.0, 1.0], 1).unwrap_err();
            assert!(matches!(error, VectorError::NotFinite { position: 0, .. }), "{error}");
        }
    }
}

#[test]
fn a_vector_of_zeros_is_refused_under_cosine_only() {
    let zeros = [0.0, -0.0, 0.0];
    let mut cosine = index(Metric::Cosine);
    assert_refused(&mut cosine, "a", &zeros, VectorErrorKind::ZeroVector);
    assert_eq!(cosine.view().search(&zeros, 1), Err(VectorError::ZeroVector));
    for metric in [Metric::InnerProduct, Metric::Euclidean] {
        let mut index = index(metric);
        index.set("a", &zeros).unwrap();
        let hits = index.view().search(&zeros, 1).unwrap();
        assert_eq!(hits[0].score.to_bits(), 0.0_f32.to_bits());
    }
}

#[test]
fn k_has_bounds() {
    let mut index = index(Metric::Cosine);
    let view = index.view();
    for given in [0, K_MAX + 1, usize::MAX] {
        assert_eq!(view.search(&[1.0; 3], given), Err(VectorError::K { given }));
        assert_eq!(search_many(&mut index, &[], given), Err(VectorError::K { given }));
    }
    assert_eq!(view.search(&[1.0; 3], K_MAX), Ok(vec![]));
    assert_eq!(search_many(&mut index, &[], 1), Ok(vec![]));
}

#[test]
fn ids_have_one_kind_and_a_greatest_length() {
    let vector = [1.0, 2.0, 3.0];
    let mut strings = index(Metric::Cosine);
    assert_refused(&mut strings, &"x".repeat(ID_BYTES_MAX + 1), &vector, VectorErrorKind::Id);
    assert_eq!(strings.set(7, &vector), Err(VectorError::IdKind { expected: IdKind::Str }));
    assert!(strings.get(7).is_none());
    assert!(!strings.remove(7));
    assert_eq!(strings.set("x".repeat(ID_BYTES_MAX).as_str(), &vector), Ok(false));
    assert_eq!(strings.set("", &vector), Ok(false));

    let options = IndexOptions { ids: IdKind::U64, ..*strings.options() };
    let mut numbers = Index::new(options, 1).unwrap();
    assert_eq!(numbers.set("7", &vector), Err(VectorError::IdKind { expected: IdKind::U64 }));
    assert_eq!(numbers.set(u64::MAX, &vector), Ok(false));
}

#[test]
fn dimensions_that_no_index_has_are_refused() {
    let good = IndexOptions::new(3, Metric::Cosine);
    for dim in [0, DIM_MAX + 1, u32::MAX] {
        let error = Index::new(IndexOptions { dim, ..good }, 1).unwrap_err();
        assert_eq!(error, VectorError::DimensionOption { given: dim });
    }
}

#[test]
fn options_are_read_from_words() {
    assert_eq!("Cosine".parse(), Ok(Metric::Cosine));
    assert_eq!("ip".parse(), Ok(Metric::InnerProduct));
    assert_eq!("EUCLIDEAN".parse(), Ok(Metric::Euclidean));
    assert_eq!("tq2".parse(), Ok(Tier::Tq2));
    assert_eq!("disk".parse(), Ok(Backend::Disk));
    assert_eq!("u64".parse(), Ok(IdKind::U64));
    let error = "manhattan".parse::<Metric>().unwrap_err();
    assert_eq!(error.to_string(), "\"manhattan\" is no metric; known are cosine, ip, euclidean");
    assert_eq!(error.kind(), VectorErrorKind::Options);
}

#[test]
fn the_first_differing_option_is_named() {
    let one = IndexOptions::new(3, Metric::Cosine);
    assert_eq!(one.difference(&one), None);
    assert_eq!(one.difference(&IndexOptions { ids: IdKind::U64, ..one }), Some("ids"));
    assert_eq!(one.difference(&IndexOptions::new(4, Metric::Euclidean)), Some("dim"));
}

#[test]
fn the_stored_form_of_options_is_fixed() {
    let options = IndexOptions {
        ids: IdKind::Str,
        backend: Backend::Flat,
        ..IndexOptions::new(0x0001_0000, Metric::Euclidean)
    };
    assert_eq!(options.to_bytes(), [1, 0, 0, 1, 0, 2, 1, 0, 1]);
    assert_eq!(IndexOptions::from_bytes(&options.to_bytes()), Ok(options));
    let mut later = options.to_bytes();
    later[0] = 2;
    assert_eq!(IndexOptions::from_bytes(&later), Err(VectorError::FormatVersion { found: 2 }));
    assert_eq!(IndexOptions::from_bytes(&[]).unwrap_err().kind(), VectorErrorKind::Corrupt);
    assert_eq!(IndexOptions::from_bytes(&[1; 8]).unwrap_err().kind(), VectorErrorKind::Corrupt);
}

proptest! {
    #[test]
    fn stored_options_read_back_or_are_refused(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..12),
            (1..=DIM_MAX, proptest::collection::vec(0..3_u8, 4)).prop_map(|(dim, codes)| {
                [&[1][..], &dim.to_le_bytes(), &codes].concat()
            }),
        ],
    ) {
        if let Ok(options) = IndexOptions::from_bytes(&bytes) {
            prop_assert_eq!(options.to_bytes().to_vec(), bytes);
            prop_assert!(options.validate().is_ok());
        }
    }
}

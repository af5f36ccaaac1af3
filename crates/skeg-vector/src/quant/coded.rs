//! The rows of an index in the codec of their tier.
//!
//! Invariants: every row that was pushed is scanned or is in `uncoded`, which a search always compares
//! exactly; places are 0 to `len - 1` in the order of pushing.
//!
//! May not know: how any codec works, how a scan goes on.

use skeg_simd::{ROWS, Sifted};

use super::bytes::Bytes;
use super::exact::Exact;
use super::half::Half;
use super::planes::Planes;
use super::product::Product;
use super::ready::{Ready, Scores};
use super::scan::{QUERIES_MAX, Stretch, begin, scan};
use super::sketch::Sketched;
use super::stored::{Fill, Sink};
use super::{Blocks, CodeKind, Codec, Found, Parameters, RowSource, ScanOptions, Scratch};
use crate::metric::{Query, admit};
use crate::row_set::RowSet;
use crate::{K_MAX, Metric, VectorError};

/// The squared norms of rows and queries whose products, squared, neither overflow nor vanish.
const CODED: std::ops::RangeInclusive<f32> = 1e-16..=1e16;

/// See the module's header.
#[derive(Debug)]
pub struct CodedRows {
    parameters: Parameters,
    codec: AnyCodec,
    uncoded: Vec<u32>,
}

/// A codec, chosen once for a scan and not for a block.
#[derive(Debug)]
enum AnyCodec {
    Exact(Exact),
    Half(Half),
    Bytes(Bytes),
    Planes(Planes),
    Product(Product),
}

/// Calls a method of whichever codec it is.
macro_rules! of_any {
    ($codec:expr, $it:ident => $call:expr) => {
        match $codec {
            AnyCodec::Exact($it) => $call,
            AnyCodec::Half($it) => $call,
            AnyCodec::Bytes($it) => $call,
            AnyCodec::Planes($it) => $call,
            AnyCodec::Product($it) => $call,
        }
    };
}

/// Whether a row's or a query's code says anything: its squared norm is far from the ends of `f32`,
/// or it is zero. Under cosine every one is brought to length 1.
pub(crate) fn is_coded(metric: Metric, vector: &[f32]) -> bool {
    let norm2 = skeg_simd::norm2_f32(vector);
    metric == Metric::Cosine || CODED.contains(&norm2) || vector.iter().all(|&x| x == 0.0)
}

pub(crate) fn check_dim(dim: u32, vector: &[f32]) -> Result<(), VectorError> {
    if vector.len() == dim as usize {
        return Ok(());
    }
    Err(VectorError::Dimension { expected: dim, given: vector.len() })
}

/// Codes that are scanned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Codes<'a> {
    /// Of a segment.
    Rows(&'a CodedRows),
    /// Of rows that wait in memory.
    Sketch(&'a Sketched),
}

impl Codes<'_> {
    /// Rows that are scanned.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Sketch(sketched) => sketched.rows(),
        }
    }
}

/// Some rows, of one segment for example, among those of several that are searched together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) codes: Codes<'a>,
    /// The place of its first row among those of all parts.
    pub(crate) first: u32,
    /// Rows that are not to be found.
    pub(crate) dead: Option<&'a RowSet>,
}

/// Checks what is asked.
pub(crate) fn check_queries(
    metric: Metric,
    dim: u32,
    queries: &[f32],
    options: &ScanOptions,
) -> Result<(), VectorError> {
    if !(1..=K_MAX).contains(&options.k) {
        return Err(VectorError::K { given: options.k });
    }
    if !queries.len().is_multiple_of(dim as usize) {
        return Err(VectorError::Dimension { expected: dim, given: queries.len() });
    }
    let kernels = skeg_simd::kernels();
    queries.chunks_exact(dim as usize).try_for_each(|query| admit(metric, kernels, query).map(drop))
}

/// What is asked: queries end to end, which were checked, and what is known of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) metric: Metric,
    pub(crate) dim: u32,
    pub(crate) queries: &'a [f32],
    /// For each query, or for none.
    pub(crate) known: &'a [Known<'a>],
}

/// What is known for a query before anything is scanned.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known<'a> {
    /// Exact scores of other rows, the best first.
    pub(crate) scores: &'a [f32],
    /// Rows that are in no part, by their places, and the score that each has at most.
    pub(crate) candidates: &'a [Found],
}

/// The `k` nearest rows of all parts, the largest first, and of what is known, for each query: into
/// `scratch`, with those that are level with the last. Rows that do not reach the k-th of the scores that
/// are known and of what was found are left out.
pub(crate) fn search_parts(
    parts: &[Part<'_>],
    rows: &impl RowSource,
    asked: Asked<'_>,
    options: &ScanOptions,
    scratch: &mut Scratch,
) -> Result<(), VectorError> {
    let Asked { metric, queries, known, .. } = asked;
    let dim = asked.dim as usize;
    scratch.begin(queries.len() / dim);
    let mut done = 0;
    for some in queries.chunks(QUERIES_MAX * dim) {
        let (readies, states) = scratch.scanning(done, some.len() / dim);
        begin(states, options.k, known.get(done..).unwrap_or_default());
        for (number, part) in parts.iter().enumerate() {
            let scanning = (&mut *readies, &mut *states);
            let uncoded = match part.codes {
                Codes::Rows(rows) => rows.uncoded(),
                Codes::Sketch(sketched) => sketched.uncoded(),
            };
            let stretch = Stretch { first: part.first, uncoded, dead: part.dead };
            match part.codes {
                Codes::Rows(CodedRows { codec, .. }) => of_any!(codec, codec => {
                    scan(codec, metric, stretch, some, options, scanning, number == 0);
                }),
                Codes::Sketch(sketched) => {
                    scan(sketched, metric, stretch, some, options, scanning, number == 0);
                }
            }
        }
        for query in some.chunks_exact(dim) {
            let state = scratch.state(done);
            let candidates = known.get(done).map_or(&[][..], |known| known.candidates);
            state.add(candidates);
            let buffer = std::mem::take(&mut state.unit);
            let exact = Query::reusing(metric, skeg_simd::kernels(), query, buffer)?;
            let reranked = state.rerank(rows, &exact, options);
            state.unit = exact.into_buffer();
            reranked?;
            done += 1;
        }
    }
    Ok(())
}

impl CodedRows {
    /// No rows yet, and room for as many.
    #[must_use]
    pub fn new(parameters: Parameters, rows: usize) -> Self {
        let kernels = skeg_simd::kernels();
        Self::with_kernels(parameters, rows, kernels)
    }

    pub(super) fn with_kernels(
        parameters: Parameters,
        rows: usize,
        kernels: &'static skeg_simd::Kernels,
    ) -> Self {
        let (metric, dim) = (parameters.metric, parameters.dim as usize);
        let seed = parameters.kind.is_rotated().then_some(parameters.seed);
        let centroid = || parameters.centroid.clone();
        let mut codec = match (parameters.kind, parameters.kind.planes()) {
            (CodeKind::F16, _) => AnyCodec::Half(Half::new(kernels, metric, dim)),
            (CodeKind::Int8, _) => AnyCodec::Bytes(Bytes::new(kernels, metric, dim)),
            (_, Some(bits)) => {
                AnyCodec::Planes(Planes::new(kernels, metric, bits, seed, centroid()))
            }
            (_, None) => match parameters.codebook.clone() {
                Some(codebook) => {
                    AnyCodec::Product(Product::new(kernels, metric, seed, centroid(), codebook))
                }
                None => AnyCodec::Exact(Exact::new(kernels, metric, dim)),
            },
        };
        of_any!(&mut codec, codec => codec.reserve(rows));
        Self { parameters, codec, uncoded: Vec::new() }
    }

    /// What the rows are coded with.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        of_any!(&self.codec, codec => codec.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where codes of bits lie: nothing of others, which a scan reads from end to end.
    pub(crate) fn blocks(&self) -> [&[u8]; 2] {
        match &self.codec {
            AnyCodec::Planes(planes) => planes.blocks(),
            AnyCodec::Product(product) => product.blocks(),
            _ => [&[]; 2],
        }
    }

    /// Bytes of all codes.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        of_any!(&self.codec, codec => codec.code_bytes())
    }

    /// Bytes of what is kept of rows beside their codes.
    #[must_use]
    pub fn factor_bytes(&self) -> usize {
        of_any!(&self.codec, codec => codec.factor_bytes())
    }

    /// Bytes of codes and of factors that so many rows with these parameters have.
    pub(crate) fn sizes(parameters: &Parameters, rows: usize) -> (u64, u64) {
        let (rows, dim) = (rows as u64, u64::from(parameters.dim));
        let blocks = rows.div_ceil(ROWS as u64) * ROWS as u64;
        match (parameters.kind, parameters.kind.bits()) {
            (CodeKind::F16, _) => (rows * dim * 2, rows * 8),
            (CodeKind::Int8, _) => (rows * dim, rows * 8),
            (_, None) => (rows * dim * 4, rows * 4),
            (_, Some(bits)) => {
                let plane = dim.next_multiple_of(super::rotation::MULTIPLE as u64) / 8;
                let further = u64::from(bits) - 1;
                let fine = match parameters.kind {
                    CodeKind::Pq => rows * 2,
                    _ if further > 0 => rows * 4,
                    _ => 0,
                };
                ((blocks + rows * further) * plane, blocks * 8 + fine)
            }
        }
    }

    /// Rows that are not coded, ascending.
    pub(crate) fn uncoded(&self) -> &[u32] {
        &self.uncoded
    }

    /// Hands out all codes: `docs/format/codes.md`.
    pub(crate) fn save_codes<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        of_any!(&self.codec, codec => codec.save_codes(out))
    }

    /// Hands out what is kept of rows beside their codes.
    pub(crate) fn save_factors<E>(&self, out: &mut impl Sink<E>) -> Result<(), E> {
        of_any!(&self.codec, codec => codec.save_factors(out))
    }

    /// Reads what was handed out: of as many bytes as [`Self::sizes`] says.
    pub(crate) fn load<E>(
        parameters: Parameters,
        rows: usize,
        uncoded: Vec<u32>,
        codes: &mut impl Fill<E>,
        factors: &mut impl Fill<E>,
    ) -> Result<Self, E> {
        let mut loaded = Self::new(parameters, 0);
        of_any!(&mut loaded.codec, codec => codec.load(rows, codes, factors))?;
        loaded.uncoded = uncoded;
        Ok(loaded)
    }

    /// Codes a further row. Its place is the number of rows before it. One whose norm is near the
    /// ends of `f32`, or whose code says nothing of it, is not coded: every search compares it exactly.
    ///
    /// # Errors
    /// [`VectorError::Dimension`], [`VectorError::NotFinite`], [`VectorError::ZeroVector`],
    /// [`VectorError::Full`].
    pub fn push(&mut self, row: &[f32]) -> Result<(), VectorError> {
        check_dim(self.parameters.dim, row)?;
        let metric = self.parameters.metric;
        admit(metric, skeg_simd::kernels(), row)?;
        let len = self.len();
        let place = u32::try_from(len).map_err(|_| VectorError::Full { len })?;
        let says_something = if is_coded(metric, row) {
            of_any!(&mut self.codec, codec => codec.push(row))
        } else {
            let filler = vec![1.0; row.len()];
            of_any!(&mut self.codec, codec => codec.push(&filler));
            false
        };
        if !says_something {
            self.uncoded.push(place);
        }
        Ok(())
    }

    /// The `k` rows nearest to each of the queries that lie end to end in `queries`, into `scratch`:
    /// greater scores first, equal ones in the order of their places. `rows` are those that were
    /// pushed. All queries are checked before any is answered.
    ///
    /// # Errors
    /// [`VectorError::K`], [`VectorError::Dimension`], [`VectorError::NotFinite`],
    /// [`VectorError::ZeroVector`], and what reading `rows` fails with.
    pub fn search(
        &self,
        rows: &impl RowSource,
        queries: &[f32],
        options: &ScanOptions,
        scratch: &mut Scratch,
    ) -> Result<(), VectorError> {
        let Parameters { metric, dim, .. } = self.parameters;
        check_queries(metric, dim, queries, options)?;
        let part = [Part { codes: Codes::Rows(self), first: 0, dead: None }];
        let asked = Asked { metric, dim, queries, known: &[] };
        search_parts(&part, rows, asked, options, scratch)?;
        scratch.truncate(options.k);
        Ok(())
    }

    /// Estimates and bounds of all rows for a query, for tests and measurements: calls `each` with a
    /// place, its estimate and its bound.
    ///
    /// # Errors
    /// Those of [`Self::search`].
    pub fn estimates(
        &self,
        query: &[f32],
        deviations: f32,
        mut each: impl FnMut(usize, f32, f32),
    ) -> Result<(), VectorError> {
        check_dim(self.parameters.dim, query)?;
        admit(self.parameters.metric, skeg_simd::kernels(), query)?;
        let (mut ready, mut scores) = (Ready::default(), Scores::default());
        let mut sifted = [Sifted::default()];
        of_any!(&self.codec, codec => {
            codec.prepare(query, deviations, &mut ready);
            for block in 0..codec.len().div_ceil(ROWS) {
                let asked = [(&ready, f32::NEG_INFINITY)];
                codec.sift(block, None, &asked, &mut sifted);
                let mask =
                    codec.score(&ready, block, f32::NEG_INFINITY, &sifted[0], &mut scores);
                for place in super::ready::places(mask) {
                    each(block * ROWS + place, scores.estimates[place], scores.bounds[place]);
                }
            }
        });
        Ok(())
    }
}

//! The flat backend: rows as they are, every one compared with the query. An index keeps codes beside rows that
//! wait to be written into a segment, if it is asked to (`quant/sketch.rs`).
//!
//! Invariants: writes, look-ups and views depend on the history of calls alone (the seed changes no
//! answer); a removed row's place is taken by the last row; a view that nobody else holds any more
//! costs a write nothing.
//!
//! May not know: keys, the log, shards, threads.

mod chunk;
mod places;
mod rows;
mod view;

use std::sync::Arc;

use skeg_simd::Kernels;

use self::chunk::Shape;
use self::places::{Places, Tag};
use self::rows::Rows;
pub use self::view::View;
use crate::metric::admit;
use crate::quant::{Sketch, Sketched};
use crate::{ID_BYTES_MAX, IdRef, IndexOptions, Metric, VectorError};

/// The greatest number of rows.
const ROWS_MAX: usize = u32::MAX as usize;

/// An index in memory that compares the query with every row.
#[derive(Debug)]
pub struct FlatIndex {
    options: IndexOptions,
    kernels: &'static Kernels,
    rows: Rows,
    places: Places,
    /// Codes of the rows, if they are kept.
    sketch: Option<Box<Sketch>>,
    /// What was taken since the last write.
    view: Option<Arc<View>>,
}

impl FlatIndex {
    /// An empty index. `seed` should be secret and random: it keys the hash of the ids, and nothing
    /// else depends on it.
    ///
    /// # Errors
    /// Those of [`IndexOptions::validate`].
    pub fn new(options: IndexOptions, seed: u64) -> Result<Self, VectorError> {
        options.validate()?;
        let scaled = options.metric == Metric::Cosine;
        Ok(Self {
            options,
            kernels: skeg_simd::kernels(),
            rows: Rows::new(Shape::new(options.dim as usize, scaled, options.ids)),
            places: Places::new(seed),
            sketch: None,
            view: None,
        })
    }

    /// Keeps codes beside the rows from now on, where they are worth it. `seed` chooses them.
    pub(crate) fn keep_codes(&mut self, seed: u64) {
        let IndexOptions { metric, dim, .. } = self.options;
        let sketch = Sketch::new(self.kernels, metric, dim, seed, self.rows.chunk_rows());
        self.sketch = sketch.map(Box::new);
        self.view = None;
        self.code();
    }

    /// Codes the rows that have no code yet.
    fn code(&mut self) {
        if let Some(sketch) = &mut self.sketch {
            sketch.follow(self.rows.len(), |place| self.rows.row(place));
        }
    }

    /// What the index was made with.
    #[must_use]
    pub fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// Vectors in the index.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the index has allocated and holds, this struct and its cached view included. What
    /// only a view holds (rows as they were before a write) is not counted.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let view = self.view.as_ref().map_or(0, |view| {
            let codes = view.sketched.as_ref().map_or(0, Sketched::own_bytes);
            2 * size_of::<usize>() + size_of::<View>() + size_of_val(&*view.groups) + codes
        });
        let sketch =
            self.sketch.as_ref().map_or(0, |sketch| size_of::<Sketch>() + sketch.heap_bytes());
        size_of::<Self>() + self.rows.memory_bytes() + self.places.heap_bytes() + sketch + view
    }

    /// Tells whether [`Self::set`] would take this, without changing anything.
    ///
    /// # Errors
    /// Those of [`Self::set`].
    pub fn check<'a>(&self, id: impl Into<IdRef<'a>>, vector: &[f32]) -> Result<(), VectorError> {
        let id = id.into();
        self.admit(id, vector)?;
        match self.place_of(id) {
            (_, None) if self.len() == ROWS_MAX => Err(VectorError::Full { len: self.len() }),
            _ => Ok(()),
        }
    }

    /// Stores a vector under an id, in place of the one it has. Tells whether it had one.
    ///
    /// # Errors
    /// [`VectorError::IdKind`], [`VectorError::IdLength`], [`VectorError::Dimension`],
    /// [`VectorError::NotFinite`], [`VectorError::ZeroVector`], [`VectorError::Full`]; then nothing
    /// has changed.
    pub fn set<'a>(
        &mut self,
        id: impl Into<IdRef<'a>>,
        vector: &[f32],
    ) -> Result<bool, VectorError> {
        let id = id.into();
        let scale = self.admit(id, vector)?;
        let (tag, place) = self.place_of(id);
        if place.is_none() && self.len() == ROWS_MAX {
            return Err(VectorError::Full { len: self.len() });
        }
        self.view = None;
        if let Some(place) = place {
            self.rows.overwrite(place, vector, scale);
            if let Some(sketch) = &mut self.sketch {
                sketch.change(place, vector);
            }
        } else {
            self.places.insert(tag, self.len());
            self.rows.push(id, vector, scale);
            self.code();
        }
        Ok(place.is_some())
    }

    /// The vector of an id, bit for bit as it was set.
    #[must_use]
    pub fn get<'a>(&self, id: impl Into<IdRef<'a>>) -> Option<&[f32]> {
        let (_, place) = self.place_of(id.into());
        Some(self.rows.row(place?))
    }

    /// The place of an id.
    pub(crate) fn find(&self, id: IdRef<'_>) -> Option<u32> {
        let (_, place) = self.place_of(id);
        place.map(|place| u32::try_from(place).expect("places have 32 bits"))
    }

    /// The vector at a place.
    pub(crate) fn row(&self, place: u32) -> &[f32] {
        self.rows.row(place as usize)
    }

    /// Removes an id and its vector. Tells whether it was there.
    pub fn remove<'a>(&mut self, id: impl Into<IdRef<'a>>) -> bool {
        let (tag, Some(place)) = self.place_of(id.into()) else { return false };
        self.view = None;
        self.places.remove(tag, place);
        let last = self.len() - 1;
        if place != last {
            let moved = self.places.tag(self.rows.id(last));
            self.places.relocate(moved, last, place);
        }
        self.rows.swap_remove(place);
        if let Some(sketch) = &mut self.sketch {
            sketch.shrink(last);
            if place != last {
                sketch.change(place, self.rows.row(place));
            }
        }
        true
    }

    /// The index as it is now. Until the next write, every call gives the same view.
    pub fn view(&mut self) -> Arc<View> {
        let view = self.view.get_or_insert_with(|| {
            Arc::new(View {
                options: self.options,
                kernels: self.kernels,
                groups: self.rows.share(),
                sketched: self.sketch.as_ref().and_then(|sketch| sketch.share()),
                len: self.rows.len(),
                chunk_rows: self.rows.chunk_rows(),
            })
        });
        Arc::clone(view)
    }

    /// All ids and vectors. Setting them in this order in a new index makes an equal one.
    pub fn iter(&self) -> impl Iterator<Item = (IdRef<'_>, &[f32])> {
        (0..self.len()).map(|place| (self.rows.id(place), self.rows.row(place)))
    }

    /// Checks what can be checked without looking the id up; gives the row's scale.
    fn admit(&self, id: IdRef<'_>, vector: &[f32]) -> Result<f32, VectorError> {
        if id.kind() != self.options.ids {
            return Err(VectorError::IdKind { expected: self.options.ids });
        }
        if let IdRef::Str(text) = id
            && text.len() > ID_BYTES_MAX
        {
            return Err(VectorError::IdLength { given: text.len() });
        }
        if vector.len() != self.options.dim as usize {
            let expected = self.options.dim;
            return Err(VectorError::Dimension { expected, given: vector.len() });
        }
        admit(self.options.metric, self.kernels, vector)
    }

    fn place_of(&self, id: IdRef<'_>) -> (Tag, Option<usize>) {
        let tag = self.places.tag(id);
        (tag, self.places.find(tag, |place| self.rows.id(place) == id))
    }
}

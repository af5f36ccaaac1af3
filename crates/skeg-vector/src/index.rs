//! The door to all backends: an [`Index`] is whichever its options name.
//!
//! Invariant: what a caller sees does not depend on the backend, but for speed, memory and (where a
//! backend says so) recall.
//!
//! May not know: how any backend works.

use std::sync::Arc;

use crate::{Backend, FlatIndex, IdRef, IndexOptions, VectorError, View};

/// An index of any backend.
#[derive(Debug)]
#[non_exhaustive]
pub enum Index {
    /// Every row is compared with the query.
    Flat(FlatIndex),
}

impl Index {
    /// An empty index of the backend that the options name, the flat one for `auto`. `seed` should
    /// be secret and random: it keys hashes and changes no answer.
    ///
    /// # Errors
    /// Those of [`IndexOptions::validate`].
    pub fn new(options: IndexOptions, seed: u64) -> Result<Self, VectorError> {
        options.validate()?;
        FlatIndex::new(options, seed).map(Self::Flat)
    }

    /// The backend in use: never [`Backend::Auto`].
    #[must_use]
    pub fn backend(&self) -> Backend {
        match self {
            Self::Flat(_) => Backend::Flat,
        }
    }

    /// See [`FlatIndex::options`].
    #[must_use]
    pub fn options(&self) -> &IndexOptions {
        match self {
            Self::Flat(index) => index.options(),
        }
    }

    /// Vectors in the index.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Flat(index) => index.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// See [`FlatIndex::memory_bytes`].
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Flat(index) => index.memory_bytes(),
        }
    }

    /// See [`FlatIndex::check`].
    ///
    /// # Errors
    /// Those of [`Self::set`].
    pub fn check<'a>(&self, id: impl Into<IdRef<'a>>, vector: &[f32]) -> Result<(), VectorError> {
        match self {
            Self::Flat(index) => index.check(id, vector),
        }
    }

    /// See [`FlatIndex::set`].
    ///
    /// # Errors
    /// Those of [`FlatIndex::set`]; then nothing has changed.
    pub fn set<'a>(
        &mut self,
        id: impl Into<IdRef<'a>>,
        vector: &[f32],
    ) -> Result<bool, VectorError> {
        match self {
            Self::Flat(index) => index.set(id, vector),
        }
    }

    /// See [`FlatIndex::get`].
    #[must_use]
    pub fn get<'a>(&self, id: impl Into<IdRef<'a>>) -> Option<&[f32]> {
        match self {
            Self::Flat(index) => index.get(id),
        }
    }

    /// See [`FlatIndex::remove`].
    pub fn remove<'a>(&mut self, id: impl Into<IdRef<'a>>) -> bool {
        match self {
            Self::Flat(index) => index.remove(id),
        }
    }

    /// See [`FlatIndex::view`].
    pub fn view(&mut self) -> Arc<View> {
        match self {
            Self::Flat(index) => index.view(),
        }
    }

    /// See [`FlatIndex::iter`].
    pub fn iter(&self) -> impl Iterator<Item = (IdRef<'_>, &[f32])> {
        match self {
            Self::Flat(index) => index.iter(),
        }
    }
}

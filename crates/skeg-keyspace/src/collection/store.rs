//! The large collections of a keyspace, each under a number, and those that wait to be freed.
//!
//! May not know: which key has which number.

use super::{Collection, heap};

const NONE: u32 = u32::MAX;

/// A removed collection with more elements or bytes is kept for whoever frees it elsewhere.
const FREED_AT_ONCE_MAX: usize = 4096;
const FREED_AT_ONCE_BYTES_MAX: usize = 1 << 20;

/// How many removed collections wait; should nobody take them, further ones are freed at once.
const WAITING_MAX: usize = 64;

#[derive(Debug)]
enum Place {
    Taken(Box<Collection>),
    /// The next vacant place.
    Vacant(u32),
}

#[derive(Debug)]
pub(crate) struct Collections {
    places: Vec<Place>,
    vacant: u32,
    taken: usize,
    /// The bytes of all collections with a number, boxes included.
    bytes: usize,
    removed: Vec<Collection>,
    removed_bytes: usize,
}

fn bytes_of(collection: &Collection) -> usize {
    size_of::<Collection>() + collection.memory_bytes()
}

impl Collections {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            vacant: NONE,
            taken: 0,
            bytes: 0,
            removed: Vec::new(),
            removed_bytes: 0,
        }
    }

    /// The bytes of all collections, removed ones included, and of their lists.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes
            + self.places.capacity() * size_of::<Place>()
            + self.removed_bytes
            + self.removed.capacity() * size_of::<Collection>()
    }

    /// Whether no collection has a number.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.taken == 0
    }

    pub(crate) fn get(&self, number: u32) -> &Collection {
        match &self.places[number as usize] {
            Place::Taken(collection) => collection,
            Place::Vacant(_) => unreachable!("a number names a taken place"),
        }
    }

    /// The bytes that the collection and its place take.
    pub(crate) fn bytes_of(&self, number: u32) -> usize {
        bytes_of(self.get(number)) + size_of::<Place>()
    }

    /// Changes a collection and keeps account.
    pub(crate) fn change<R>(
        &mut self,
        number: u32,
        change: impl FnOnce(&mut Collection) -> R,
    ) -> R {
        let Place::Taken(collection) = &mut self.places[number as usize] else {
            unreachable!("a number names a taken place")
        };
        let before = self.bytes;
        self.bytes -= collection.memory_bytes();
        let result = change(collection);
        self.bytes += collection.memory_bytes();
        heap::follow(before, self.bytes);
        result
    }

    /// Gives a collection a number.
    pub(crate) fn add(&mut self, collection: Box<Collection>) -> u32 {
        self.bytes += bytes_of(&collection);
        self.taken += 1;
        if self.vacant == NONE {
            let number = u32::try_from(self.places.len()).expect("no more numbers than handles");
            self.places.push(Place::Taken(collection));
            return number;
        }
        let number = self.vacant;
        let place = &mut self.places[number as usize];
        match std::mem::replace(place, Place::Taken(collection)) {
            Place::Vacant(next) => self.vacant = next,
            Place::Taken(_) => unreachable!("the list of vacant places names only those"),
        }
        number
    }

    /// Takes a collection out.
    pub(crate) fn take(&mut self, number: u32) -> Box<Collection> {
        let place = &mut self.places[number as usize];
        let Place::Taken(collection) = std::mem::replace(place, Place::Vacant(self.vacant)) else {
            unreachable!("a number names a taken place")
        };
        self.vacant = number;
        self.bytes -= bytes_of(&collection);
        self.taken -= 1;
        if self.taken == 0 {
            self.places = Vec::new();
            self.vacant = NONE;
        }
        collection
    }

    /// Frees a collection, or keeps it for whoever does if that takes long.
    pub(crate) fn remove(&mut self, number: u32) {
        let collection = self.take(number);
        let is_large = collection.len() > FREED_AT_ONCE_MAX
            || collection.memory_bytes() > FREED_AT_ONCE_BYTES_MAX;
        if is_large && self.removed.len() < WAITING_MAX {
            self.removed_bytes += collection.memory_bytes();
            self.removed.push(*collection);
        }
    }

    /// Hands out the removed collections.
    pub(crate) fn take_removed(&mut self) -> Vec<Collection> {
        self.removed_bytes = 0;
        std::mem::take(&mut self.removed)
    }

    /// Whether removed collections wait.
    pub(crate) fn has_removed(&self) -> bool {
        !self.removed.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        let taken = self.places.iter().filter_map(|place| match place {
            Place::Taken(collection) => Some(collection),
            Place::Vacant(_) => None,
        });
        assert_eq!(taken.clone().count(), self.taken);
        assert_eq!(taken.clone().map(|it| bytes_of(it)).sum::<usize>(), self.bytes);
        for collection in taken {
            assert!(collection.len() > 0, "an empty collection does not exist");
            match &collection.0 {
                super::Indexed::Hash(table) => table.check(),
                super::Indexed::List(items) => items.check(),
                super::Indexed::Set(table) => table.check(),
                super::Indexed::SortedSet(sorted) => sorted.check(),
            }
        }
    }
}

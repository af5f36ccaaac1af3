//! Connections of a thread by number.
//!
//! Invariant: a number is not used again while an old event of its former owner can still be
//! around: a [`Place`] carries a generation, and one that is out of date finds nothing.

/// Where an entry is, and which of the entries that were there it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    index: u32,
    generation: u32,
}

impl Place {
    /// The place as the number that a poller reports.
    pub(crate) fn to_token(self) -> usize {
        (u64::from(self.generation) << 32 | u64::from(self.index)) as usize
    }

    /// The place of a reported number.
    pub(crate) fn from_token(token: usize) -> Self {
        let token = token as u64;
        Self { index: token as u32, generation: (token >> 32) as u32 }
    }
}

const _: () = assert!(size_of::<usize>() == 8, "a token holds an index and a generation");

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    entry: Option<Box<T>>,
}

/// Boxed entries by place.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

/// Generations stay below this, so that no token equals one of the loop's own.
const GENERATIONS: u32 = 1 << 31;

impl<T> Slab<T> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Where the next entry will be.
    pub(crate) fn next_place(&self) -> Place {
        let index = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        let generation = self.slots.get(index as usize).map_or(0, |slot| slot.generation);
        Place { index, generation }
    }

    /// Adds an entry at [`Slab::next_place`].
    pub(crate) fn insert(&mut self, entry: Box<T>) -> Place {
        let place = self.next_place();
        if self.free.pop().is_some() {
            self.slots[place.index as usize].entry = Some(entry);
        } else {
            self.slots.push(Slot { generation: place.generation, entry: Some(entry) });
        }
        place
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        let slot = self.slots.get_mut(place.index as usize)?;
        if slot.generation == place.generation { slot.entry.as_deref_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, place: Place) -> Option<Box<T>> {
        let slot = self.slots.get_mut(place.index as usize)?;
        if slot.generation != place.generation {
            return None;
        }
        let entry = slot.entry.take()?;
        slot.generation = (slot.generation + 1) % GENERATIONS;
        self.free.push(place.index);
        Some(entry)
    }

    /// All entries with their places.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Place, &mut T)> {
        self.slots.iter_mut().enumerate().filter_map(|(index, slot)| {
            let place = Place { index: index as u32, generation: slot.generation };
            slot.entry.as_deref_mut().map(|entry| (place, entry))
        })
    }

    /// The places of all entries.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.entry.is_some())
            .map(|(index, slot)| Place { index: index as u32, generation: slot.generation })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_place_does_not_find_the_new_entry() {
        let mut slab = Slab::default();
        let first = slab.insert(Box::new(1));
        assert_eq!(slab.remove(first), Some(Box::new(1)));
        let second = slab.insert(Box::new(2));
        assert_eq!(first.index, second.index);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get_mut(second), Some(&mut 2));
        assert_eq!((slab.len(), slab.places()), (1, vec![second]));
    }

    #[test]
    fn a_place_survives_the_trip_through_a_token() {
        let place = Place { index: 7, generation: GENERATIONS - 1 };
        assert_eq!(Place::from_token(place.to_token()), place);
    }
}

//! Entries that are too large for a cell, an allocation each.
//!
//! May not know: what the bytes mean.

const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
enum Place {
    Taken(Vec<u8>),
    /// The next vacant place.
    Vacant(u32),
}

#[derive(Debug)]
pub(crate) struct Slab {
    places: Vec<Place>,
    vacant: u32,
    taken: usize,
    bytes: usize,
}

impl Clone for Slab {
    fn clone(&self) -> Self {
        let places = self.places.clone();
        let blocks = places.iter().map(|place| match place {
            Place::Taken(block) => block.capacity(),
            Place::Vacant(_) => 0,
        });
        Self { bytes: blocks.sum(), places, vacant: self.vacant, taken: self.taken }
    }
}

impl Slab {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), vacant: NONE, taken: 0, bytes: 0 }
    }

    /// The bytes of all allocations and of their list.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes + self.places.capacity() * size_of::<Place>()
    }

    fn block(&self, index: u32) -> &Vec<u8> {
        match &self.places[index as usize] {
            Place::Taken(block) => block,
            Place::Vacant(_) => unreachable!("a handle names a taken place"),
        }
    }

    fn block_mut(&mut self, index: u32) -> &mut Vec<u8> {
        match &mut self.places[index as usize] {
            Place::Taken(block) => block,
            Place::Vacant(_) => unreachable!("a handle names a taken place"),
        }
    }

    pub(crate) fn get(&self, index: u32) -> &[u8] {
        self.block(index)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut [u8] {
        self.block_mut(index)
    }

    /// Two allocations: one to read, another to write.
    pub(crate) fn pair(&mut self, from: u32, to: u32) -> (&[u8], &mut [u8]) {
        match self.places.get_disjoint_mut([from as usize, to as usize]) {
            Ok([Place::Taken(from), Place::Taken(to)]) => (from, to),
            _ => unreachable!("the handles name two taken places"),
        }
    }

    /// The bytes that the allocation at `index` and its place in the list take.
    pub(crate) fn bytes_of(&self, index: u32) -> usize {
        self.block(index).capacity() + size_of::<Place>()
    }

    /// Takes `bytes` zero bytes.
    pub(crate) fn take(&mut self, bytes: usize) -> u32 {
        let block = vec![0; bytes];
        self.bytes += block.capacity();
        self.taken += 1;
        if self.vacant == NONE {
            let index = u32::try_from(self.places.len())
                .ok()
                .filter(|index| *index < 1 << 31)
                .expect("2^31 entries of a keyspace do not fit into any memory");
            self.places.push(Place::Taken(block));
            return index;
        }
        let index = self.vacant;
        let place = &mut self.places[index as usize];
        match std::mem::replace(place, Place::Taken(block)) {
            Place::Vacant(next) => self.vacant = next,
            Place::Taken(_) => unreachable!("the list of vacant places names only those"),
        }
        index
    }

    /// Gives the allocation at `index` back.
    pub(crate) fn give(&mut self, index: u32) {
        self.bytes -= self.block(index).capacity();
        self.places[index as usize] = Place::Vacant(self.vacant);
        self.vacant = index;
        self.taken -= 1;
        if self.taken == 0 {
            *self = Self::new();
        }
    }

    /// Makes the block at `index` `bytes` long, keeping what it holds. A block that grows
    /// step by step gets room ahead; one that shrinks much gives its room back.
    pub(crate) fn resize(&mut self, index: u32, bytes: usize) {
        let block = self.block_mut(index);
        let before = block.capacity();
        block.resize(bytes, 0);
        if block.capacity() / 2 > bytes {
            block.shrink_to_fit();
        }
        let after = block.capacity();
        self.bytes = self.bytes - before + after;
    }

    /// Whether the block at `index` can hold `bytes` as it is and wastes no more than an eighth.
    pub(crate) fn fits(&self, index: u32, bytes: usize) -> bool {
        let capacity = self.block(index).capacity();
        bytes <= capacity && capacity - bytes <= bytes / 8
    }

    #[cfg(test)]
    pub(crate) fn check(&self) {
        let blocks = self.places.iter().filter_map(|place| match place {
            Place::Taken(block) => Some(block.capacity()),
            Place::Vacant(_) => None,
        });
        assert_eq!(blocks.clone().count(), self.taken);
        assert_eq!(blocks.sum::<usize>(), self.bytes);
    }
}

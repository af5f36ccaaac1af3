//! Values that were read back from the log, as many as fit into a budget of bytes: S3-FIFO.
//!
//! After Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache eviction" (SOSP 2023).
//! A value comes into a small queue; one that is asked for again before it has passed through goes on
//! to the main queue, others leave and only their names are remembered for a while: whoever comes back
//! in that time goes to the main queue at once. A hit sets a counter and moves nothing.
//!
//! Invariants: the bytes held never exceed the budget; a name stands in one queue at most; what is
//! under a name never changes, so nothing is ever invalidated.
//! May not know: what names stand for, locks.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use skeg_io::sync::Arc;

/// The small queue has this part of the budget.
const SMALL_PART: usize = 10;
/// A counter goes no further.
const HITS_MAX: u8 = 3;
/// What a value costs beside its bytes: its slot, its names in queue and map.
const VALUE_COST: usize = 96;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queue {
    Small,
    Main,
}

#[derive(Debug)]
struct Slot<T> {
    value: Arc<[T]>,
    hits: u8,
    queue: Queue,
}

impl<T> Slot<T> {
    fn cost(&self) -> usize {
        cost(&self.value)
    }
}

fn cost<T>(value: &[T]) -> usize {
    size_of_val(value) + VALUE_COST
}

/// What a cache has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Values that were found.
    pub hits: u64,
    /// Values that were not.
    pub misses: u64,
    /// Values that had to leave.
    pub evicted: u64,
    /// Values held.
    pub values: u64,
    /// Bytes held, what each costs beside its own included.
    pub bytes: u64,
    /// Bytes that may be held.
    pub bytes_max: u64,
}

/// Values by name.
#[derive(Debug)]
pub(crate) struct Cache<N, T = u8> {
    bytes_max: usize,
    slots: HashMap<N, Slot<T>>,
    small: VecDeque<N>,
    small_bytes: usize,
    main: VecDeque<N>,
    main_bytes: usize,
    /// Names of values that left from the small queue, oldest first.
    ghosts: VecDeque<N>,
    is_ghost: HashSet<N>,
    figures: CacheFigures,
}

impl<N: Copy + Eq + Hash, T> Cache<N, T> {
    /// An empty cache of so many bytes; with 0 it keeps nothing.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            slots: HashMap::new(),
            small: VecDeque::new(),
            small_bytes: 0,
            main: VecDeque::new(),
            main_bytes: 0,
            ghosts: VecDeque::new(),
            is_ghost: HashSet::new(),
            figures: CacheFigures::default(),
        }
    }

    /// The value of this name, if it is held.
    pub(crate) fn get(&mut self, name: &N) -> Option<Arc<[T]>> {
        let Some(slot) = self.slots.get_mut(name) else {
            self.figures.misses += 1;
            return None;
        };
        self.figures.hits += 1;
        slot.hits = (slot.hits + 1).min(HITS_MAX);
        Some(Arc::clone(&slot.value))
    }

    /// Takes a value in, unless it is held or larger than a tenth of the budget: it would drive out
    /// too many others.
    pub(crate) fn insert(&mut self, name: N, value: Arc<[T]>) {
        let cost = cost(&value);
        if cost > self.bytes_max / SMALL_PART || self.slots.contains_key(&name) {
            return;
        }
        while self.small_bytes + self.main_bytes + cost > self.bytes_max {
            self.evict();
        }
        let queue = if self.is_ghost.remove(&name) { Queue::Main } else { Queue::Small };
        self.slots.insert(name, Slot { value, hits: 0, queue });
        self.enqueue(name, queue, cost);
    }

    fn enqueue(&mut self, name: N, queue: Queue, cost: usize) {
        match queue {
            Queue::Small => {
                self.small.push_back(name);
                self.small_bytes += cost;
            }
            Queue::Main => {
                self.main.push_back(name);
                self.main_bytes += cost;
            }
        }
    }

    /// Lets one value leave, or moves some on: each call lowers what is left to do.
    fn evict(&mut self) {
        if self.small_bytes * SMALL_PART >= self.bytes_max || self.main.is_empty() {
            self.evict_small();
        } else {
            self.evict_main();
        }
    }

    fn evict_small(&mut self) {
        let Some(name) = self.small.pop_front() else { return };
        let slot = self.slots.get_mut(&name).expect("a queued name has a slot");
        let cost = slot.cost();
        self.small_bytes -= cost;
        if slot.hits > 0 {
            (slot.hits, slot.queue) = (0, Queue::Main);
            self.enqueue(name, Queue::Main, cost);
            return;
        }
        self.leave(&name);
        self.remember(name);
    }

    fn evict_main(&mut self) {
        let Some(name) = self.main.pop_front() else { return };
        let slot = self.slots.get_mut(&name).expect("a queued name has a slot");
        if slot.hits > 0 {
            slot.hits -= 1;
            self.main.push_back(name);
            return;
        }
        self.main_bytes -= slot.cost();
        self.leave(&name);
    }

    fn leave(&mut self, name: &N) {
        self.slots.remove(name);
        self.figures.evicted += 1;
    }

    /// Remembers as many names as there are values.
    fn remember(&mut self, name: N) {
        if self.is_ghost.insert(name) {
            self.ghosts.push_back(name);
        }
        while self.ghosts.len() > self.slots.len().max(1) {
            if let Some(oldest) = self.ghosts.pop_front() {
                self.is_ghost.remove(&oldest);
            }
        }
    }

    pub(crate) fn figures(&self) -> CacheFigures {
        CacheFigures {
            values: self.slots.len() as u64,
            bytes: (self.small_bytes + self.main_bytes) as u64,
            bytes_max: self.bytes_max as u64,
            ..self.figures
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(name: u16, len: usize) -> Arc<[u8]> {
        vec![name as u8; len].into()
    }

    impl Cache<u16> {
        fn check(&self) {
            let held = |names: &VecDeque<u16>, queue| {
                let slots = names.iter().map(|name| &self.slots[name]);
                assert!(slots.clone().all(|slot| slot.queue == queue));
                slots.map(Slot::cost).sum::<usize>()
            };
            assert_eq!(held(&self.small, Queue::Small), self.small_bytes);
            assert_eq!(held(&self.main, Queue::Main), self.main_bytes);
            assert_eq!(self.small.len() + self.main.len(), self.slots.len());
            assert!(self.small_bytes + self.main_bytes <= self.bytes_max);
            assert!(self.is_ghost.len() <= self.ghosts.len());
        }
    }

    proptest! {
        #[test]
        fn what_is_held_is_what_was_put_in_and_fits(
            steps in prop::collection::vec((0_u16..200, 0_usize..3_000, any::<bool>()), 0..600),
            bytes_max in 0_usize..40_000,
        ) {
            let mut cache = Cache::new(bytes_max);
            let mut put = HashMap::new();
            let (mut hits, mut asked) = (0, 0);
            for (name, len, asks) in steps {
                if asks {
                    asked += 1;
                    if let Some(found) = cache.get(&name) {
                        hits += 1;
                        prop_assert_eq!(Some(&found), put.get(&name));
                    }
                } else {
                    // Under a name there is always the same.
                    let value = put.entry(name).or_insert_with(|| value(name, len));
                    cache.insert(name, Arc::clone(value));
                }
                cache.check();
            }
            let figures = cache.figures();
            prop_assert_eq!((figures.hits, figures.hits + figures.misses), (hits, asked));
        }
    }

    #[test]
    fn what_is_asked_for_again_survives_a_scan() {
        let mut cache = Cache::new(100 * (1_000 + VALUE_COST));
        for name in 0..50 {
            cache.insert(name, value(name, 1_000));
            assert!(cache.get(&name).is_some());
        }
        for name in 1_000..6_000 {
            cache.insert(name, value(name, 1_000));
        }
        let kept = (0..50).filter(|name| cache.get(name).is_some()).count();
        assert_eq!(kept, 50, "values seen once leave before them");
        assert_eq!(cache.figures().values, 100);
    }

    #[test]
    fn who_comes_back_soon_goes_to_the_main_queue() {
        let mut cache = Cache::new(100 * (1_000 + VALUE_COST));
        for name in 0..101 {
            cache.insert(name, value(name, 1_000));
        }
        assert!(cache.get(&0).is_none(), "it was first in, and nobody asked for it");
        cache.insert(0, value(0, 1_000));
        assert_eq!(cache.slots[&0].queue, Queue::Main);
    }
}

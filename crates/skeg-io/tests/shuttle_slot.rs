//! The slot's protocol under a scheduler that tries interleavings: `cargo test -p skeg-io
//! --features shuttle --test shuttle_slot`.
#![cfg(feature = "shuttle")]
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;

use skeg_io::sync::{Arc, Mutex, Slot, thread};

/// Pushes work, then runs all of it if the slot is free; whoever holds the slot looks at the queue
/// again after putting the value back, or not.
fn work(slot: &Slot<Vec<u32>>, queue: &Mutex<VecDeque<u32>>, item: u32, looks_again: bool) {
    queue.lock().push_back(item);
    while let Some(mut done) = slot.take() {
        let items = std::mem::take(&mut *queue.lock());
        done.extend(items);
        slot.put(done);
        if !looks_again || queue.lock().is_empty() {
            break;
        }
    }
}

fn run(looks_again: bool) {
    let slot = Arc::new(Slot::new(Box::default()));
    let queue = Arc::new(Mutex::new(VecDeque::new()));
    let threads: Vec<_> = (0..3)
        .map(|item| {
            let (slot, queue) = (Arc::clone(&slot), Arc::clone(&queue));
            thread::spawn(move || work(&slot, &queue, item, looks_again))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut done = slot.take().unwrap();
    done.sort_unstable();
    assert_eq!(*done, [0, 1, 2]);
}

#[test]
fn shuttle_slot_leaves_no_work_behind() {
    shuttle::check_random(|| run(true), 5_000);
    shuttle::check_pct(|| run(true), 5_000, 3);
}

#[test]
#[should_panic(expected = "left == right")]
fn shuttle_slot_protocol_needs_the_second_look() {
    shuttle::check_random(|| run(false), 5_000);
}

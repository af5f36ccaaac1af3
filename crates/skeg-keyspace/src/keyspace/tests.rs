//! The keyspace against a sorted map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::value::Away;

mod collections;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

fn keyspace() -> Keyspace {
    Keyspace::new(HashSeed::from_bytes([42; 32]))
}

fn string(value: ValueRef<'_>) -> StrRef<'_> {
    value.string().expect("a string")
}

fn bytes_of(value: ValueRef<'_>) -> Vec<u8> {
    let value = string(value);
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    assert_eq!(bytes.len(), value.len());
    bytes
}

/// A keyspace and what should be in it.
struct Pair {
    keyspace: Keyspace,
    model: Model,
    /// Strings that were sent away, by the number in their places.
    elsewhere: Vec<Vec<u8>>,
}

impl Pair {
    fn new() -> Self {
        Self { keyspace: keyspace(), model: Model::new(), elsewhere: Vec::new() }
    }

    fn get(&self, key: &[u8]) -> Option<(Vec<u8>, Option<u64>)> {
        let entry = self.keyspace.get(self.keyspace.hash(key), key)?;
        Some((self.bytes(entry.value), entry.expire_at_ms))
    }

    fn bytes(&self, value: ValueRef<'_>) -> Vec<u8> {
        let ValueRef::Away(away) = value else { return bytes_of(value) };
        let bytes = &self.elsewhere[usize::from(away.at[0]) << 8 | usize::from(away.at[1])];
        assert_eq!(bytes.len(), away.len as usize);
        bytes.clone()
    }

    /// Sends a string away, if the key holds one that is here.
    fn send_away(&mut self, key: &[u8], home: u64) {
        let hash = self.keyspace.hash(key);
        let Some(ValueRef::Str(value @ StrRef::Bytes(_))) =
            self.keyspace.get(hash, key).map(|entry| entry.value)
        else {
            return;
        };
        let number = u16::try_from(self.elsewhere.len()).expect("a test has fewer steps");
        let mut at = [0; 12];
        at[..2].copy_from_slice(&number.to_be_bytes());
        let away = Away { len: value.len() as u32, home, at };
        self.elsewhere.push(bytes_of(ValueRef::Str(value)));
        let wrong = Away { len: away.len + 1, ..away };
        assert!(!self.keyspace.send_away(hash, key, wrong), "it is of another length");
        assert!(self.keyspace.send_away(hash, key, away));
    }

    /// Takes a string back, if it is elsewhere.
    fn take_back(&mut self, key: &[u8]) {
        let hash = self.keyspace.hash(key);
        let entry = self.keyspace.get(hash, key).map(|entry| entry.value);
        match entry {
            Some(value @ ValueRef::Away(_)) => {
                let bytes = self.bytes(value);
                assert!(self.keyspace.take_back(hash, key, &bytes));
            }
            _ => assert!(!self.keyspace.take_back(hash, key, b"")),
        }
    }

    fn contents(&self) -> Model {
        let mut contents = Model::new();
        let mut cursor = 0;
        loop {
            cursor = self.keyspace.scan(cursor, 7, &mut |key, entry| {
                let shown = (self.bytes(entry.value), entry.expire_at_ms);
                assert!(
                    contents.insert(key.to_vec(), shown).is_none(),
                    "nothing changed meanwhile"
                );
            });
            if cursor == 0 {
                return contents;
            }
        }
    }

    fn check(&self) {
        self.keyspace.check();
        assert_eq!(self.keyspace.len(), self.model.len());
        let expiring = self.model.values().filter_map(|(_, deadline)| *deadline);
        assert_eq!(self.keyspace.expiring_len(), expiring.clone().count());
        assert_eq!(self.keyspace.next_deadline_ms(), expiring.min());
        for (key, expected) in &self.model {
            assert_eq!(self.get(key).as_ref(), Some(expected));
            let bytes = self.keyspace.entry_bytes(self.keyspace.hash(key), key);
            let least = key.len() + if expected.0.len() > 20 { 20 } else { 0 };
            assert!(bytes.is_some_and(|bytes| bytes > least));
        }
        assert_eq!(self.contents(), self.model);
    }

    fn apply(&mut self, step: Step) {
        if let Step::Append(key, _) | Step::SetRange(key, _, _) = &step {
            self.take_back(key);
        }
        let Self { keyspace, model, .. } = self;
        match step {
            Step::SendAway(key, home) => self.send_away(&key, home),
            Step::TakeBack(key) => self.take_back(&key),
            Step::Relocate(from, to) => {
                keyspace
                    .relocate(&|away| (away.home == from).then_some(Away { home: to, ..*away }));
            }
            Step::Copy(key, to) => {
                let copied = keyspace.copy_value(keyspace.hash(&key), &key);
                assert_eq!(copied.is_some(), model.contains_key(&key));
                if let Some((value, deadline)) = copied {
                    keyspace.put_value(keyspace.hash(&to), &to, value, deadline);
                    model.insert(to, model[&key].clone());
                }
            }
            Step::Take(key) => {
                let taken = keyspace.take_value(keyspace.hash(&key), &key);
                let expected = model.remove(&key);
                let taken = taken.map(|(value, at)| (self.bytes(value.view()), at));
                assert_eq!(taken, expected);
            }
            Step::Set(key, value, deadline) => {
                let replaced = keyspace.set(keyspace.hash(&key), &key, &value, deadline);
                assert_eq!(replaced, model.insert(key, (value, deadline)).is_some());
            }
            Step::SetInt(key, value) => {
                let hash = keyspace.hash(&key);
                // Half of them by way of what is there; a collection or a refusal leaves all as it was.
                let refused = keyspace.change_int(hash, &key, |_| Err(()));
                assert_eq!(refused, Err(()));
                let changed = keyspace.change_int(hash, &key, |now| match now {
                    Ok(_) if value % 2 == 0 => Ok(value),
                    _ => Err(()),
                });
                let replaced = match changed {
                    Ok((stored, replaced)) => {
                        assert_eq!(stored, value);
                        replaced
                    }
                    Err(()) => keyspace.set_int(hash, &key, value),
                };
                assert_eq!(replaced, model.contains_key(&key));
                model.entry(key).or_default().0 = value.to_string().into_bytes();
            }
            Step::Append(key, tail) => {
                let len = keyspace.append(keyspace.hash(&key), &key, &tail).expect("a string");
                let value = &mut model.entry(key).or_default().0;
                value.extend(tail);
                assert_eq!(len, value.len());
            }
            Step::SetRange(key, offset, patch) => {
                let len = keyspace.set_range(keyspace.hash(&key), &key, offset, &patch);
                let len = len.expect("a string");
                if !patch.is_empty() {
                    let value = &mut model.entry(key.clone()).or_default().0;
                    value.resize(value.len().max(offset + patch.len()), 0);
                    value[offset..offset + patch.len()].copy_from_slice(&patch);
                }
                assert_eq!(len, model.get(&key).map_or(0, |(value, _)| value.len()));
            }
            Step::SetExpiry(key, deadline) => {
                let found = keyspace.set_expiry(keyspace.hash(&key), &key, deadline);
                let entry = model.get_mut(&key);
                assert_eq!(found, entry.is_some());
                if let Some(entry) = entry {
                    entry.1 = deadline;
                }
            }
            Step::Remove(key) => {
                let removed = keyspace.remove(keyspace.hash(&key), &key);
                assert_eq!(removed, model.remove(&key).is_some());
            }
            Step::PopExpired(now_ms, limit) => {
                let mut last = 0;
                let removed = keyspace.pop_expired(now_ms, limit, &mut |key| {
                    let (_, deadline) = model.remove(key).expect("it is there");
                    let deadline = deadline.expect("it has a deadline");
                    assert!(last <= deadline && deadline <= now_ms);
                    last = deadline;
                });
                let due = |(_, at): &(Vec<u8>, Option<u64>)| at.is_some_and(|at| at <= now_ms);
                assert!(removed == limit || !model.values().any(due));
                assert!(keyspace.next_deadline_ms().is_none_or(|next| next >= last));
            }
            Step::Defragment(budget) => {
                keyspace.defragment(budget);
            }
            Step::Clear => {
                let old = keyspace.clear();
                let new = std::mem::take(model);
                let elsewhere = self.elsewhere.clone();
                let old = Self { keyspace: old, model: new, elsewhere };
                old.check();
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Vec<u8>, Option<u64>),
    SetInt(Vec<u8>, i64),
    Append(Vec<u8>, Vec<u8>),
    SetRange(Vec<u8>, usize, Vec<u8>),
    SetExpiry(Vec<u8>, Option<u64>),
    Remove(Vec<u8>),
    SendAway(Vec<u8>, u64),
    TakeBack(Vec<u8>),
    Relocate(u64, u64),
    Copy(Vec<u8>, Vec<u8>),
    Take(Vec<u8>),
    PopExpired(u64, usize),
    Defragment(usize),
    Clear,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => (0_u32..60).prop_map(|number| format!("key:{number}").into_bytes()),
        1 => Just(Vec::new()),
        1 => prop::collection::vec(Just(b'k'), 100..2_200),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..150),
        2 => any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        2 => "[-+]?[0-9]{1,21}".prop_map(String::into_bytes),
        1 => (1_000_usize..6_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn deadline() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![0_u64..1_000, 0_u64..1 << 48, Just(DEADLINE_MS_MAX)])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (key(), value(), deadline()).prop_map(|(key, value, at)| Step::Set(key, value, at)),
        2 => (key(), any::<i64>(), 0..64)
            .prop_map(|(key, value, shift)| Step::SetInt(key, value >> shift)),
        3 => (key(), value()).prop_map(|(key, tail)| Step::Append(key, tail)),
        3 => (key(), 0_usize..300, value())
            .prop_map(|(key, offset, patch)| Step::SetRange(key, offset, patch)),
        3 => (key(), deadline()).prop_map(|(key, at)| Step::SetExpiry(key, at)),
        4 => key().prop_map(Step::Remove),
        6 => (key(), 0_u64..4).prop_map(|(key, home)| Step::SendAway(key, home)),
        1 => key().prop_map(Step::TakeBack),
        1 => (0_u64..4, 0_u64..4).prop_map(|(from, to)| Step::Relocate(from, to)),
        2 => (key(), key()).prop_map(|(key, to)| Step::Copy(key, to)),
        1 => key().prop_map(Step::Take),
        1 => (0_u64..1_200, 0_usize..20).prop_map(|(now, limit)| Step::PopExpired(now, limit)),
        1 => (1_usize..20).prop_map(Step::Defragment),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn agrees_with_a_sorted_map(
        steps in prop::collection::vec(prop_oneof![99 => step(), 1 => Just(Step::Clear)], 0..300),
    ) {
        let mut pair = Pair::new();
        let empty = pair.keyspace.memory_bytes();
        for (index, step) in steps.into_iter().enumerate() {
            pair.apply(step);
            if index % 16 == 0 {
                pair.check();
            }
        }
        pair.check();
        for key in pair.model.keys().cloned().collect::<Vec<_>>() {
            pair.apply(Step::Remove(key));
        }
        pair.check();
        prop_assert!(pair.keyspace.memory_bytes() <= empty + 512);
    }

    /// While one half of the keys comes and goes, a scan shows the other half.
    #[test]
    fn a_scan_shows_what_stays(
        steps in prop::collection::vec((1_usize..50, 0_u32..5_000, 1_u32..800, any::<bool>()), 0..60),
    ) {
        let mut keyspace = keyspace();
        let set = |keyspace: &mut Keyspace, name: &str, number: u32| {
            let key = format!("{name}:{number}");
            keyspace.set(keyspace.hash(key.as_bytes()), key.as_bytes(), b"value", None);
        };
        (0..200).for_each(|number| set(&mut keyspace, "stays", number));
        let mut shown = BTreeSet::new();
        let mut cursor = 0;
        for (count, from, len, grow) in steps {
            for number in from..from + len {
                if grow {
                    set(&mut keyspace, "goes", number);
                } else {
                    let key = format!("goes:{number}");
                    keyspace.remove(keyspace.hash(key.as_bytes()), key.as_bytes());
                }
            }
            cursor = keyspace.scan(cursor, count, &mut |key, _| { shown.insert(key.to_vec()); });
            if cursor == 0 {
                let stayed = shown.iter().filter(|key| key.starts_with(b"stays")).count();
                prop_assert_eq!(stayed, 200);
                shown.clear();
            }
        }
    }
}

#[test]
fn a_keyspace_can_be_handed_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<Keyspace>();
}

#[test]
fn an_empty_keyspace_is_small() {
    assert!(size_of::<Keyspace>() + keyspace().memory_bytes() < 1_024);
}

#[test]
fn only_canonical_integers_are_stored_as_such() {
    let mut keyspace = keyspace();
    let hash = keyspace.hash(b"key");
    for text in ["0", "7", "-7", "9223372036854775807", "-9223372036854775808"] {
        keyspace.set(hash, b"key", text.as_bytes(), None);
        let value = keyspace.get(hash, b"key").expect("it was set").value;
        assert_eq!(string(value), StrRef::Int(text.parse().expect("a number")));
        assert_eq!(bytes_of(value), text.as_bytes());
    }
    let others = ["", "-", "-0", "+1", "01", "-01", " 1", "1 ", "1.0", "9223372036854775808"];
    for text in others.into_iter().chain(["-9223372036854775809", "99999999999999999999"]) {
        keyspace.set(hash, b"key", text.as_bytes(), None);
        let value = keyspace.get(hash, b"key").expect("it was set").value;
        assert_eq!(string(value), StrRef::Bytes(text.as_bytes()));
    }
}

#[test]
fn late_deadlines_are_clamped() {
    let mut keyspace = keyspace();
    let hash = keyspace.hash(b"key");
    keyspace.set(hash, b"key", b"value", Some(u64::MAX));
    assert_eq!(keyspace.next_deadline_ms(), Some(DEADLINE_MS_MAX));
    keyspace.set_expiry(hash, b"key", Some(DEADLINE_MS_MAX + 1));
    assert_eq!(keyspace.next_deadline_ms(), Some(DEADLINE_MS_MAX));
}

#[test]
fn keys_of_one_deadline_expire_in_slices() {
    let mut keyspace = keyspace();
    let at = 1_700_000_000_000;
    for number in 0..100_000_u64 {
        let key = format!("key:{number}");
        let key = key.as_bytes();
        keyspace.set(keyspace.hash(key), key, b"value", Some(at + number * 7 % 1_000));
    }
    keyspace.check();
    assert_eq!(keyspace.pop_expired(at - 1, 1_000, &mut |_| {}), 0);
    let mut removed = 0;
    loop {
        let part = keyspace.pop_expired(at + 1_000, 1_000, &mut |_| {});
        removed += part;
        if part < 1_000 {
            break;
        }
        assert_eq!(keyspace.len(), 100_000 - removed);
    }
    assert_eq!(removed, 100_000);
    assert!(keyspace.memory_bytes() < 2_048);
}

#[test]
fn a_replaced_value_of_the_same_class_stays_in_its_cell() {
    let mut keyspace = keyspace();
    let hash = keyspace.hash(b"key");
    keyspace.set(hash, b"key", &[b'v'; 64], None);
    let handle = keyspace.find(hash, b"key").expect("it was set").1;
    let bytes = keyspace.memory_bytes();
    for len in [64, 65, 64] {
        keyspace.set(hash, b"key", &vec![b'w'; len], None);
        assert_eq!(keyspace.find(hash, b"key").expect("it was set").1, handle);
        let value = keyspace.get(hash, b"key").expect("it was set").value;
        assert_eq!(string(value), StrRef::Bytes(&vec![b'w'; len]));
    }
    assert_eq!(keyspace.memory_bytes(), bytes);
}

#[test]
fn hints_are_there_for_every_key() {
    let mut keyspace = keyspace();
    for (key, len) in [(&b"short"[..], 0), (b"usual", 64), (b"large", 100_000)] {
        let hash = keyspace.hash(key);
        let _ = (keyspace.bucket_hint(hash), keyspace.entry_hint(hash));
        keyspace.set(hash, key, &vec![b'v'; len], None);
        let _ = keyspace.bucket_hint(hash);
        let [first, _] = keyspace.entry_hint(hash).expect("it was set");
        assert_ne!(*first, 0, "the first byte of an entry is not 0");
        let value = keyspace.get(hash, key).expect("it was set").value;
        assert_eq!(string(value), StrRef::Bytes(&vec![b'v'; len]));
    }
    keyspace.check();
}

#[test]
fn elements_of_large_collections_are_hinted_at() {
    let mut keyspace = keyspace();
    let hash = keyspace.hash(b"key");
    assert!(keyspace.large_collection(hash).is_none());
    for number in 0..1_000_u32 {
        let element = format!("element:{number}").into_bytes();
        keyspace.set_add(hash, b"key", &element).expect("it is a set");
        if let Some(hint) =
            keyspace.large_collection(hash).and_then(|it| it.element_hint([&element, b""]))
        {
            assert!(number > 1, "a small one is read with its key");
            let _ = hint.touch_block();
            assert!(hint.entry().is_some(), "it was added");
        }
    }
    let hint = keyspace
        .large_collection(hash)
        .expect("it is large")
        .element_hint([b"absent", b"element:1"])
        .expect("members are found by name");
    let _ = (hint.touch_block(), hint.entry());
    keyspace.check();
}

#[test]
fn mass_deletion_and_defragmentation_return_the_memory() {
    let mut pair = Pair::new();
    let key = |number: u32| format!("key:{number:012}").into_bytes();
    for number in 0..30_000 {
        let deadline = (number % 3 == 0).then_some(u64::from(number) * 1_000);
        pair.apply(Step::Set(key(number), vec![b'v'; 64], deadline));
    }
    let full = pair.keyspace.memory_bytes();
    assert!(full < 30_000 * 110, "{full}");
    assert!(!pair.keyspace.is_fragmented(), "growth alone is no reason to move entries");
    for number in (0..30_000).filter(|number| number % 10 != 0) {
        pair.apply(Step::Remove(key(number)));
    }
    assert!(pair.keyspace.is_fragmented());
    while pair.keyspace.defragment(64) {}
    pair.check();
    assert!(!pair.keyspace.is_fragmented());
    let left = pair.keyspace.memory_bytes();
    assert!(left < full / 8, "{left} bytes of {full} are left");
}

/// What happens while a walk goes on.
#[derive(Clone, Debug)]
enum Change {
    Set(u16, u8, Option<u16>),
    Append(u16),
    Remove(u16),
    Expire(u16, Option<u16>),
    Lapse(u16),
    Walk(u16),
    Defragment,
}

fn change() -> impl Strategy<Value = Change> {
    let key = || 0_u16..3_000;
    let deadline = || prop::option::of(any::<u16>());
    prop_oneof![
        6 => (key(), any::<u8>(), deadline()).prop_map(|(k, v, at)| Change::Set(k, v, at)),
        1 => key().prop_map(Change::Append),
        3 => key().prop_map(Change::Remove),
        1 => (key(), deadline()).prop_map(|(k, at)| Change::Expire(k, at)),
        1 => (0_u16..2_000).prop_map(Change::Lapse),
        3 => (1_u16..4_000).prop_map(Change::Walk),
        1 => Just(Change::Defragment),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is written meanwhile, a walk shows exactly what was there when it began, twice over.
    #[test]
    fn a_walk_shows_what_was_there_when_it_began(
        before in prop::collection::vec((0_u16..3_000, prop::option::of(any::<u16>())), 0..2_000),
        changes in prop::collection::vec(change(), 0..600),
        grown in 0_u16..3_000,
    ) {
        let mut pair = Pair::new();
        let key = |number: u16| format!("key:{number}").into_bytes();
        for (number, at) in before {
            pair.apply(Step::Set(key(number), vec![7; number as usize % 40], at.map(u64::from)));
        }
        let mut changes = changes.into_iter();
        for _ in 0..2 {
            let expected = pair.contents();
            let shown = std::cell::RefCell::new(Model::new());
            let show = &|Shown { key, entry, .. }: Shown<'_>| {
                let entry = (bytes_of(entry.value), entry.expire_at_ms);
                assert!(shown.borrow_mut().insert(key.to_vec(), entry).is_none(), "shown once");
            };
            pair.keyspace.begin_walk();
            let mut cursor = None;
            while cursor != Some(0) {
                let change = changes.next().unwrap_or(Change::Walk(u16::MAX));
                let mut touched = Vec::new();
                match &change {
                    Change::Set(n, ..) | Change::Append(n) | Change::Remove(n)
                    | Change::Expire(n, _) => touched.push(key(*n)),
                    Change::Lapse(at) => {
                        let due = &mut |key: &[u8]| touched.push(key.to_vec());
                        pair.keyspace.due(u64::from(*at), 5, due);
                    }
                    Change::Walk(_) | Change::Defragment => {}
                }
                for key in &touched {
                    let hash = pair.keyspace.hash(key);
                    pair.keyspace.preserve(hash, &mut |it| show(it));
                }
                match change {
                    Change::Set(n, value, at) => {
                        let value = vec![value; usize::from(value)];
                        pair.keyspace.set(
                            pair.keyspace.hash(&key(n)),
                            &key(n),
                            &value,
                            at.map(u64::from),
                        );
                    }
                    Change::Append(n) => drop(pair.keyspace.append(
                        pair.keyspace.hash(&key(n)),
                        &key(n),
                        b"tail",
                    )),
                    Change::Remove(_) | Change::Lapse(_) => for key in touched {
                        pair.keyspace.remove(pair.keyspace.hash(&key), &key);
                    },
                    Change::Expire(n, at) => drop(pair.keyspace.set_expiry(
                        pair.keyspace.hash(&key(n)),
                        &key(n),
                        at.map(u64::from),
                    )),
                    Change::Walk(budget) => {
                        let from = cursor.unwrap_or(0);
                        let visit = &mut |it: Shown<'_>| {
                            show(it);
                            256 + it.bytes
                        };
                        cursor = Some(pair.keyspace.walk(from, usize::from(budget), visit));
                    }
                    Change::Defragment => while pair.keyspace.defragment(50) {},
                }
            }
            pair.model = pair.contents();
            pair.keyspace.check();
            prop_assert_eq!(shown.into_inner(), expected);
            for number in 0..grown {
                pair.apply(Step::Set(key(number), vec![1; 9], None));
            }
        }
    }
}

//! Collections in the keyspace against the standard library's.

use std::cmp::Ordering;

use super::*;
use crate::{End, Kind, Value, WrongType};

/// What a key should hold.
#[derive(Clone, Debug)]
enum Held {
    Str(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    List(Vec<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    SortedSet(BTreeMap<Vec<u8>, f64>),
}

impl Held {
    fn is_empty(&self) -> bool {
        match self {
            Self::Str(_) => false,
            Self::Hash(map) => map.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Set(members) => members.is_empty(),
            Self::SortedSet(members) => members.is_empty(),
        }
    }
}

type Models = [BTreeMap<Vec<u8>, (Held, Option<u64>)>; 2];

fn text(value: StrRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

fn ordered(members: &BTreeMap<Vec<u8>, f64>) -> Vec<(Vec<u8>, f64)> {
    let mut members: Vec<_> = members.iter().map(|(name, score)| (name.clone(), *score)).collect();
    members.sort_by(|one, two| {
        one.1.partial_cmp(&two.1).unwrap_or(Ordering::Equal).then_with(|| one.0.cmp(&two.0))
    });
    members
}

fn texts<'a>(values: impl Iterator<Item = StrRef<'a>>) -> Vec<Vec<u8>> {
    values.map(text).collect()
}

/// Holds a view to what it should show.
fn check_view(view: ValueRef<'_>, held: &Held, draw: u64) {
    let absent = b"nothing is called so";
    match held {
        Held::Str(bytes) => assert_eq!(&text(view.string().expect("a string")), bytes),
        Held::Hash(map) => {
            let hash = view.hash().expect("a hash");
            assert_eq!(hash.len(), map.len());
            let shown: BTreeMap<_, _> = hash.iter().map(|(f, v)| (text(f), text(v))).collect();
            assert_eq!((&shown, hash.iter().count()), (map, map.len()));
            for (field, value) in map {
                assert_eq!(hash.get(field).map(text).as_ref(), Some(value));
            }
            assert!(hash.get(absent).is_none() && !hash.contains(absent));
            let (field, value) = hash.random(draw).expect("it is not empty");
            assert_eq!(map.get(&text(field)), Some(&text(value)));
            let mut shown = BTreeMap::new();
            let mut cursor = 0;
            loop {
                cursor = hash.scan(cursor, 10, &mut |field, value| {
                    assert!(shown.insert(text(field), text(value)).is_none());
                });
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(&shown, map);
        }
        Held::List(items) => {
            let list = view.list().expect("a list");
            assert_eq!(list.len(), items.len());
            assert_eq!(&texts(list.iter()), items);
            let backwards: Vec<_> = items.iter().rev().cloned().collect();
            assert_eq!(texts(list.iter().rev()), backwards);
            let (start, end) = (draw as usize % items.len(), draw as usize % 97 + 1);
            let end = (start + end).min(items.len());
            assert_eq!(texts(list.range(start..end)), items[start..end]);
            assert_eq!(list.get(start).map(text).as_ref(), items.get(start));
            let mut both = list.range(start..end);
            let (mut front, mut back) = (start, end);
            for index in 0..end - start {
                let (item, at) = if (draw >> (index % 64)) & 1 == 0 {
                    front += 1;
                    (both.next(), front - 1)
                } else {
                    back -= 1;
                    (both.next_back(), back)
                };
                assert_eq!(item.map(text).as_ref(), items.get(at));
            }
            assert!(both.next().is_none() && both.next_back().is_none());
            assert!(list.get(items.len()).is_none());
            assert_eq!(list.range(items.len()..usize::MAX).count(), 0);
        }
        Held::Set(members) => {
            let set = view.set().expect("a set");
            assert_eq!(set.len(), members.len());
            let shown: BTreeSet<_> = set.iter().map(text).collect();
            assert_eq!((&shown, set.iter().count()), (members, members.len()));
            assert!(members.iter().all(|member| set.contains(member)));
            assert!(!set.contains(absent));
            assert!(set.random(draw).is_some_and(|member| members.contains(&text(member))));
        }
        Held::SortedSet(members) => {
            let set = view.sorted_set().expect("a sorted set");
            let order = ordered(members);
            assert_eq!(set.len(), order.len());
            let shown: Vec<_> = set.iter().map(|(member, score)| (text(member), score)).collect();
            assert_eq!(shown, order);
            let backwards: Vec<_> = set.iter().rev().map(|(it, score)| (text(it), score)).collect();
            assert!(backwards.iter().eq(order.iter().rev()));
            for (rank, (member, score)) in order.iter().enumerate() {
                assert_eq!(set.rank(member), Some((rank, *score)));
                assert_eq!(set.score(member), Some(*score));
                let found = set.get(rank).map(|(member, score)| (text(member), score));
                assert_eq!(found, Some((member.clone(), *score)));
            }
            assert!(set.rank(absent).is_none() && set.get(order.len()).is_none());
            let bound = order[draw as usize % order.len()].1;
            let below = order.iter().filter(|(_, score)| *score < bound).count();
            let up_to = order.iter().filter(|(_, score)| *score <= bound).count();
            assert_eq!((set.count_below(bound), set.count_up_to(bound)), (below, up_to));
            let ranks = below..up_to;
            let found: Vec<_> = set.range(ranks.clone()).map(|(it, _)| text(it)).collect();
            assert!(found.iter().eq(order[ranks].iter().map(|(it, _)| it)));
            if order.iter().all(|(_, score)| *score == bound) {
                let (member, _) = &order[order.len() / 2];
                assert_eq!(set.count_before(member, false), order.len() / 2);
                assert_eq!(set.count_before(member, true), order.len() / 2 + 1);
                assert_eq!(set.count_before(b"", false), 0);
            }
            let (member, score) = set.random(draw).expect("it is not empty");
            assert_eq!(members.get(&text(member)), Some(&score));
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    HashSet(Vec<u8>, Vec<u8>),
    HashRemove(Vec<u8>),
    SetAdd(Vec<u8>),
    SetRemove(Vec<u8>),
    Push(bool, Vec<u8>),
    Pop(bool),
    ListSet(usize, Vec<u8>),
    ListInsert(usize, Vec<u8>),
    ListRemove(usize, usize),
    Score(Vec<u8>, f64),
    ScoreRemove(Vec<u8>),
    /// Adds many elements of a kind.
    Fill(Kind, u32, u32),
    /// Removes most elements of a kind.
    Thin(Kind, u32),
    Set(Vec<u8>),
    Remove,
    Expiry(Option<u64>),
    PopExpired(u64),
    Defragment,
    /// To another key of the same keyspace, or to the other keyspace.
    Move {
        keep: bool,
        to: u8,
        other: bool,
    },
}

fn name(number: u32) -> Vec<u8> {
    match number % 7 {
        0 => number.to_string().into_bytes(),
        1 => format!("-{number}").into_bytes(),
        2 => vec![b'a' + (number % 26) as u8; number as usize % 200],
        _ => format!("element:{number}").into_bytes(),
    }
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => (0_u32..300).prop_map(name),
        2 => any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..300),
        1 => (1_000_usize..9_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3_i32..3).prop_map(f64::from),
        2 => any::<i32>().prop_map(|value| f64::from(value) / 8.0),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, f64::MIN]),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Hash, Kind::List, Kind::Set, Kind::SortedSet])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (element(), element()).prop_map(|(field, value)| Step::HashSet(field, value)),
        4 => element().prop_map(Step::HashRemove),
        6 => element().prop_map(Step::SetAdd),
        4 => element().prop_map(Step::SetRemove),
        6 => (any::<bool>(), element()).prop_map(|(front, item)| Step::Push(front, item)),
        3 => any::<bool>().prop_map(Step::Pop),
        3 => (any::<usize>(), element()).prop_map(|(index, item)| Step::ListSet(index, item)),
        3 => (any::<usize>(), element()).prop_map(|(index, item)| Step::ListInsert(index, item)),
        2 => (any::<usize>(), 0_usize..40)
            .prop_map(|(start, count)| Step::ListRemove(start, count)),
        8 => (element(), score()).prop_map(|(member, score)| Step::Score(member, score)),
        4 => element().prop_map(Step::ScoreRemove),
        4 => (kind(), 0_u32..2_000, 1_u32..600)
            .prop_map(|(kind, from, count)| Step::Fill(kind, from, count)),
        1 => (kind(), 0_u32..8).prop_map(|(kind, left)| Step::Thin(kind, left)),
        1 => element().prop_map(Step::Set),
        1 => Just(Step::Remove),
        2 => prop::option::of(0_u64..1_000).prop_map(Step::Expiry),
        1 => (0_u64..200).prop_map(Step::PopExpired),
        2 => Just(Step::Defragment),
        3 => (any::<bool>(), 0_u8..8, any::<bool>())
            .prop_map(|(keep, to, other)| Step::Move { keep, to, other }),
    ]
}

struct World {
    keyspaces: [Keyspace; 2],
    models: Models,
}

impl World {
    fn new() -> Self {
        let other = Keyspace::new(HashSeed::from_bytes([43; 32]));
        Self { keyspaces: [keyspace(), other], models: [BTreeMap::new(), BTreeMap::new()] }
    }

    /// What the key holds, if it may be changed as something of this kind; else `None`.
    fn held<'a>(
        model: &'a mut BTreeMap<Vec<u8>, (Held, Option<u64>)>,
        key: &[u8],
        empty: &Held,
    ) -> Option<&'a mut Held> {
        let entry = model.entry(key.to_vec()).or_insert_with(|| (empty.clone(), None));
        let same = std::mem::discriminant(&entry.0) == std::mem::discriminant(empty);
        same.then_some(&mut entry.0)
    }

    fn add(&mut self, kind: Kind, key: &[u8], number: u32) {
        let element = name(number);
        let step = match kind {
            Kind::Hash => Step::HashSet(element.clone(), name(number / 3)),
            Kind::List => Step::Push(number.is_multiple_of(2), element),
            Kind::Set => Step::SetAdd(element),
            _ => Step::Score(element, f64::from(number % 17) / 4.0),
        };
        self.apply(key, step);
    }

    fn thin(&mut self, kind: Kind, key: &[u8], left: usize) {
        let Some((held, _)) = self.models[0].get(key).cloned() else { return };
        match (kind, held) {
            (Kind::Hash, Held::Hash(map)) => map
                .into_keys()
                .skip(left)
                .for_each(|field| self.apply(key, Step::HashRemove(field))),
            (Kind::List, Held::List(items)) => {
                (left..items.len()).for_each(|at| self.apply(key, Step::Pop(at % 3 == 0)));
            }
            (Kind::Set, Held::Set(members)) => members
                .into_iter()
                .skip(left)
                .for_each(|member| self.apply(key, Step::SetRemove(member))),
            (Kind::SortedSet, Held::SortedSet(members)) => members
                .into_keys()
                .skip(left)
                .for_each(|member| self.apply(key, Step::ScoreRemove(member))),
            _ => {}
        }
    }

    fn apply(&mut self, key: &[u8], step: Step) {
        match step {
            Step::Fill(kind, from, count) => {
                return (from..from + count).for_each(|number| self.add(kind, key, number));
            }
            Step::Thin(kind, left) => return self.thin(kind, key, left as usize),
            Step::Move { keep, to, other } => return self.transfer(key, keep, to, other),
            _ => {}
        }
        let (keyspace, model) = (&mut self.keyspaces[0], &mut self.models[0]);
        let hash = keyspace.hash(key);
        let empty = match step {
            Step::HashSet(..) | Step::HashRemove(_) => Held::Hash(BTreeMap::new()),
            Step::SetAdd(_) | Step::SetRemove(_) => Held::Set(BTreeSet::new()),
            Step::Score(..) | Step::ScoreRemove(_) => Held::SortedSet(BTreeMap::new()),
            _ => Held::List(Vec::new()),
        };
        match step {
            Step::Set(value) => {
                let before = model.insert(key.to_vec(), (Held::Str(value.clone()), None));
                assert_eq!(keyspace.set(hash, key, &value, None), before.is_some());
                return;
            }
            Step::Remove => {
                assert_eq!(keyspace.remove(hash, key), model.remove(key).is_some());
                return;
            }
            Step::Expiry(at) => {
                let held = model.get_mut(key);
                assert_eq!(keyspace.set_expiry(hash, key, at), held.is_some());
                if let Some(held) = held {
                    held.1 = at;
                }
                return;
            }
            Step::PopExpired(now_ms) => {
                keyspace.pop_expired(now_ms, usize::MAX, &mut |key| {
                    let (_, at) = model.remove(key).expect("it is there");
                    assert!(at.is_some_and(|at| at <= now_ms));
                });
                return;
            }
            Step::Defragment => {
                while keyspace.defragment(8) {}
                return;
            }
            _ => {}
        }
        let Some(held) = Self::held(model, key, &empty) else {
            self.refused(key, step);
            return;
        };
        match (step, &mut *held) {
            (Step::HashSet(field, value), Held::Hash(map)) => {
                let is_new = keyspace.hash_set(hash, key, &field, &value);
                assert_eq!(is_new, Ok(map.insert(field, value).is_none()));
            }
            (Step::HashRemove(field), Held::Hash(map)) => {
                let removed = keyspace.hash_remove(hash, key, &field);
                assert_eq!(removed, Ok(map.remove(&field).is_some()));
            }
            (Step::SetAdd(member), Held::Set(members)) => {
                let is_new = keyspace.set_add(hash, key, &member);
                assert_eq!(is_new, Ok(members.insert(member)));
            }
            (Step::SetRemove(member), Held::Set(members)) => {
                let removed = keyspace.set_remove(hash, key, &member);
                assert_eq!(removed, Ok(members.remove(&member)));
            }
            (Step::Score(member, score), Held::SortedSet(members)) => {
                let before = keyspace.zset_set(hash, key, &member, score);
                assert_eq!(before, Ok(members.insert(member, score)));
            }
            (Step::ScoreRemove(member), Held::SortedSet(members)) => {
                let before = keyspace.zset_remove(hash, key, &member);
                assert_eq!(before, Ok(members.remove(&member)));
            }
            (Step::Push(front, item), Held::List(items)) => {
                let end = if front { End::Front } else { End::Back };
                items.insert(if front { 0 } else { items.len() }, item.clone());
                assert_eq!(keyspace.list_push(hash, key, end, &item), Ok(items.len()));
            }
            (Step::Pop(front), Held::List(items)) => {
                let end = if front { End::Front } else { End::Back };
                let at = if front { 0 } else { items.len().saturating_sub(1) };
                let expected = (!items.is_empty()).then(|| (at, items.remove(at)));
                let bytes = |item: StrRef<'_>| {
                    let mut bytes = Vec::new();
                    item.write_to(&mut bytes);
                    bytes
                };
                assert_eq!(keyspace.list_pop(hash, key, end, bytes), Ok(expected));
            }
            (Step::ListSet(index, item), Held::List(items)) => {
                let index = index % (items.len() + 1);
                let done = keyspace.list_set(hash, key, index, &item);
                assert_eq!(done, Ok(index < items.len()));
                if let Some(place) = items.get_mut(index) {
                    *place = item;
                }
            }
            (Step::ListInsert(index, item), Held::List(items)) => {
                let index = index % (items.len() + 2);
                let len = keyspace.list_insert(hash, key, index, &item);
                if index <= items.len() && !items.is_empty() {
                    items.insert(index, item);
                    assert_eq!(len, Ok(Some(items.len())));
                } else {
                    assert_eq!(len, Ok(None));
                }
            }
            (Step::ListRemove(start, count), Held::List(items)) => {
                let start = start % (items.len() + 1);
                let removed = keyspace.list_remove(hash, key, start, count);
                let end = (start + count).min(items.len());
                assert_eq!(removed, Ok(items.drain(start..end).count()));
            }
            _ => unreachable!("the model is of the step's kind"),
        }
        if held.is_empty() {
            model.remove(key);
        }
    }

    /// A change of another kind changes nothing.
    fn refused(&mut self, key: &[u8], step: Step) {
        let keyspace = &mut self.keyspaces[0];
        let hash = keyspace.hash(key);
        let refused = match step {
            Step::HashSet(field, value) => keyspace.hash_set(hash, key, &field, &value).err(),
            Step::HashRemove(field) => keyspace.hash_remove(hash, key, &field).err(),
            Step::SetAdd(member) => keyspace.set_add(hash, key, &member).err(),
            Step::SetRemove(member) => keyspace.set_remove(hash, key, &member).err(),
            Step::Score(member, score) => keyspace.zset_set(hash, key, &member, score).err(),
            Step::ScoreRemove(member) => keyspace.zset_remove(hash, key, &member).err(),
            Step::Push(_, item) => keyspace.list_push(hash, key, End::Back, &item).err(),
            Step::Pop(_) => keyspace.list_pop(hash, key, End::Front, |_| ()).err(),
            Step::ListSet(index, item) => keyspace.list_set(hash, key, index, &item).err(),
            Step::ListInsert(index, item) => keyspace.list_insert(hash, key, index, &item).err(),
            Step::ListRemove(at, count) => keyspace.list_remove(hash, key, at, count).err(),
            _ => unreachable!("others fit every kind"),
        };
        assert_eq!(refused, Some(WrongType));
        if !matches!(self.models[0][key].0, Held::Str(_)) {
            assert_eq!(keyspace.append(hash, key, b"tail"), Err(WrongType));
            assert_eq!(keyspace.set_range(hash, key, 3, b"patch"), Err(WrongType));
        }
    }

    fn transfer(&mut self, key: &[u8], keep: bool, to: u8, other: bool) {
        let to = [b'k', b'0' + to];
        if key == to && !other {
            return;
        }
        let from = &mut self.keyspaces[0];
        let hash = from.hash(key);
        let taken: Option<(Value, Option<u64>)> =
            if keep { from.copy_value(hash, key) } else { from.take_value(hash, key) };
        let held = if keep { self.models[0].get(key).cloned() } else { self.models[0].remove(key) };
        let ((value, at), held) = match (taken, held) {
            (Some(taken), Some(held)) => (taken, held),
            (None, None) => return,
            _ => panic!("only one of both is there"),
        };
        assert_eq!(at, held.1);
        check_view(value.view(), &held.0, 5);
        let index = usize::from(other);
        let keyspace = &mut self.keyspaces[index];
        let replaced = keyspace.put_value(keyspace.hash(&to), &to, value, at);
        assert_eq!(replaced, self.models[index].insert(to.to_vec(), held).is_some());
    }

    fn check(&self, draw: u64) {
        for (keyspace, model) in self.keyspaces.iter().zip(&self.models) {
            keyspace.check();
            assert_eq!(keyspace.len(), model.len());
            for (key, (held, at)) in model {
                let entry = keyspace.get(keyspace.hash(key), key).expect("it is there");
                assert_eq!(entry.expire_at_ms, *at);
                check_view(entry.value, held, draw);
                assert!(keyspace.entry_bytes(keyspace.hash(key), key).is_some());
            }
            let mut shown = 0;
            let mut cursor = 0;
            loop {
                cursor = keyspace.scan(cursor, 3, &mut |key, entry| {
                    check_view(entry.value, &model[key].0, draw);
                    shown += 1;
                });
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(shown, model.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn collections_agree_with_the_standard_library(
        steps in prop::collection::vec((0_u8..8, step()), 0..200),
        draw in any::<u64>(),
    ) {
        let mut world = World::new();
        let empty = world.keyspaces[0].memory_bytes();
        for (index, (key, step)) in steps.into_iter().enumerate() {
            // Fewer keys than kinds would mostly refuse.
            let key = match &step {
                Step::HashSet(..) | Step::HashRemove(_) | Step::Fill(Kind::Hash, ..) => key & 1,
                Step::SetAdd(_) | Step::SetRemove(_) | Step::Fill(Kind::Set, ..) => 2 | key & 1,
                Step::Score(..) | Step::ScoreRemove(_) | Step::Fill(Kind::SortedSet, ..) => {
                    4 | key & 1
                }
                Step::Push(..) | Step::Pop(_) | Step::Fill(Kind::List, ..) => 6 | key & 1,
                _ => key,
            };
            world.apply(&[b'k', b'0' + key], step);
            if index % 32 == 0 {
                world.check(draw.wrapping_add(index as u64));
            }
        }
        world.check(draw);
        for key in world.models[0].keys().cloned().collect::<Vec<_>>() {
            world.apply(&key, Step::Remove);
        }
        world.check(draw);
        prop_assert!(world.keyspaces[0].take_removed().is_empty());
        prop_assert!(world.keyspaces[0].memory_bytes() <= empty + 512);
    }
}

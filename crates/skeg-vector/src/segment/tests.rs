//! Segments in memory: what was written is read, and no damage goes unnoticed.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::format::{Kind, PAGE, seed};
use super::{Linked, RowBuffer, Segment, SegmentError, SegmentFile, SegmentTag, SegmentWriter};
use crate::graph::{Alone, BuildOptions, WalkOptions};
use crate::quant::CodeKind;
use crate::quant::Trainer;
use crate::{Id, IdKind, IdRef, Index, IndexOptions, Metric, Tier, VectorError};

/// A file in memory.
#[derive(Debug, Default)]
pub(crate) struct Bytes(pub(crate) Mutex<Vec<u8>>);

impl Bytes {
    pub(crate) fn of(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(bytes)))
    }

    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), Infallible> {
        let mut all = self.0.lock().unwrap();
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        let length = all.len().max(to);
        all.resize(length, 0);
        all[from..to].copy_from_slice(bytes);
        Ok(())
    }
}

impl Bytes {
    /// Gives the file the length that a writer says it has.
    pub(crate) fn complete(&self, length: u64) {
        let mut all = self.0.lock().unwrap();
        assert!(all.len() as u64 <= length);
        all.resize(length as usize, 0);
    }
}

impl SegmentFile for Bytes {
    fn name(&self) -> String {
        "a segment".to_owned()
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let all = self.0.lock().unwrap();
        let range = offset as usize..offset as usize + bytes.len();
        bytes.copy_from_slice(all.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// Some rows are in memory, and some not.
    fn read_resident_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<bool> {
        self.read_at(bytes, offset)?;
        let is_resident = !(offset / 8).is_multiple_of(3);
        if !is_resident {
            bytes.fill(0xa5);
        }
        Ok(is_resident)
    }
}

pub(crate) const TAG: SegmentTag =
    SegmentTag { database: 3 << 99, file: 7, index: 11, generation: 5, salt: 0x1234_5678_9abc };

pub(crate) fn options(tier: Tier, metric: Metric, ids: IdKind, dim: u32) -> IndexOptions {
    IndexOptions { ids, tier, ..IndexOptions::new(dim, metric) }
}

pub(crate) fn rows(count: u32, dim: u32, ids: IdKind) -> Vec<(Id, Vec<f32>)> {
    let number = |n: u32| (n.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1_u32 << 23) as f32 - 1.1;
    let row = |n| (0..dim).map(move |d| number(n * dim + d)).collect();
    let id = |n: u32| match ids {
        IdKind::U64 => Id::U64(u64::from(n) * 3),
        IdKind::Str => Id::Str(format!("{n:05} ü").into()),
    };
    (0..count).map(|n| (id(n), row(n))).collect()
}

pub(crate) fn written(
    options: &IndexOptions,
    rows: &[(Id, Vec<f32>)],
) -> (Segment, Arc<Bytes>, u32) {
    written_with(options, rows, false)
}

fn written_with(
    options: &IndexOptions,
    rows: &[(Id, Vec<f32>)],
    linked: bool,
) -> (Segment, Arc<Bytes>, u32) {
    let kind = CodeKind::of(options.tier);
    let mut trainer = Trainer::new(kind, options.metric, options.dim, 9).unwrap();
    rows.iter().for_each(|(_, row)| trainer.add(row).unwrap());
    let file = Bytes::of(Vec::new());
    let mut write = |bytes: &[u8], offset| file.write(bytes, offset);
    let mut writer = SegmentWriter::new(options, TAG, trainer.finish(), rows.len());
    if linked {
        writer = writer.to_be_linked(rows.len(), BuildOptions::default(), 1);
    }
    for (number, (id, row)) in rows.iter().enumerate() {
        assert_eq!(writer.push(id.as_ref(), row, &mut write), Ok(number as u32));
    }
    writer.link(&Alone).unwrap();
    let of = Arc::clone(&file) as Arc<dyn SegmentFile>;
    let (segment, length, sum) = writer.finish(of, &mut write).unwrap();
    file.complete(length);
    (segment, file, sum)
}

fn estimates(segment: &Segment, query: &[f32]) -> Vec<(usize, u32, u32)> {
    let mut all = Vec::new();
    let each = |place, estimate: f32, bound: f32| {
        all.push((place, estimate.to_bits(), bound.to_bits()));
    };
    segment.codes().estimates(query, 2.0, each).unwrap();
    all
}

const TIERS: [Tier; 7] =
    [Tier::F32, Tier::Int8, Tier::Binary, Tier::Tq1, Tier::Tq2, Tier::Tq4, Tier::Pq];

#[test]
fn what_is_opened_is_what_was_written() {
    for (tier, metric) in TIERS.iter().flat_map(|&t| [(t, Metric::Cosine), (t, Metric::Euclidean)])
    {
        for (count, dim, ids) in [(0, 3, IdKind::Str), (1, 65, IdKind::U64), (70, 520, IdKind::Str)]
        {
            let mut rows = rows(count, dim, ids);
            if metric == Metric::Euclidean && count > 9 {
                rows[9].1.fill(1e20);
            }
            let (segment, file, sum) = written(&options(tier, metric, ids, dim), &rows);
            let (opened, found) = Segment::open(file).unwrap();
            assert_eq!((opened.head(), found), (segment.head(), sum));
            assert_eq!(opened.head().tag, TAG);
            assert_eq!(opened.head().rows, count);
            let query = vec![0.5; dim as usize];
            assert_eq!(estimates(&opened, &query), estimates(&segment, &query));
            let mut buffer = RowBuffer::default();
            for (place, (id, row)) in (0..).zip(&rows) {
                assert_eq!(opened.id(place), id.as_ref());
                assert_eq!(opened.find(id.as_ref()), Some(place));
                opened.read(place, &mut buffer).unwrap();
                assert_eq!(&buffer.row, row);
            }
            let missing = if ids == IdKind::U64 { IdRef::U64(1) } else { IdRef::Str("00001") };
            assert_eq!(opened.find(missing), None);
            opened.verify_rows().unwrap();
        }
    }
}

#[test]
fn a_row_of_1024_numbers_is_one_page() {
    let options = options(Tier::Tq2, Metric::Cosine, IdKind::U64, 1024);
    let (segment, _, _) = written(&options, &rows(40, 1024, IdKind::U64));
    for row in 0..40 {
        assert_eq!(segment.head().row_offset(row), PAGE as u64 * (u64::from(row) + 1));
    }
}

/// Opens damaged bytes and reads all rows: the error, if one was found.
fn look(bytes: Vec<u8>) -> Option<SegmentError> {
    let length = bytes.len() as u64;
    let opened = Segment::open(Bytes::of(bytes));
    let error = match opened {
        Ok((segment, _)) => segment.verify_rows().err()?,
        Err(error) => error,
    };
    if let SegmentError::Damaged { offset, file, .. } = &error {
        assert!(*offset <= length && file == "a segment", "{error}");
    }
    Some(error)
}

/// Whether a byte is between sections: such bytes mean nothing.
fn is_padding(segment: &Segment, at: usize) -> bool {
    let of = |section: &super::format::Section| section.offset..section.offset + section.length;
    at >= PAGE && !segment.head().sections.iter().any(|section| of(section).contains(&(at as u64)))
}

#[test]
fn every_flipped_bit_is_found() {
    let options = options(Tier::Tq2, Metric::Euclidean, IdKind::Str, 70);
    let mut rows = rows(40, 70, IdKind::Str);
    rows[3].1.fill(1e20);
    let (segment, file, _) = written(&options, &rows);
    let whole = file.0.lock().unwrap().clone();
    for at in 0..whole.len() {
        if (at > 400 && at < PAGE - 8 && !at.is_multiple_of(97)) || is_padding(&segment, at) {
            continue;
        }
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(look(bytes).is_some(), "byte {at}");
    }
}

#[test]
fn every_cut_and_every_row_in_another_place_is_found() {
    let options = options(Tier::Int8, Metric::Cosine, IdKind::U64, 32);
    let (segment, file, _) = written(&options, &rows(40, 32, IdKind::U64));
    let whole = file.0.lock().unwrap().clone();
    for length in (0..whole.len()).step_by(61) {
        assert!(look(whole[..length].to_vec()).is_some(), "{length}");
    }
    let mut bytes = whole;
    let (a, b) = (segment.head().row_offset(3) as usize, segment.head().row_offset(4) as usize);
    let row: Vec<u8> = bytes[a..b].to_vec();
    bytes[b..b + row.len()].copy_from_slice(&row);
    assert!(
        matches!(look(bytes), Some(SegmentError::Damaged { offset, .. }) if offset == b as u64)
    );
}

/// What a walk over a segment's graph finds, with bounds.
fn walked(segment: &Segment, query: &[f32]) -> Option<Vec<(u32, u32)>> {
    let Linked { graph, points } = segment.linked()?;
    let mut found = Vec::new();
    let options = WalkOptions::new(5, 0);
    graph.candidates(points, query, |_| true, &options, &mut Default::default(), &mut found);
    Some(found.iter().map(|found| (found.place, found.score.to_bits())).collect())
}

#[test]
fn a_graph_is_opened_as_it_was_written() {
    for (tier, metric) in
        TIERS.iter().flat_map(|&t| [(t, Metric::Cosine), (t, Metric::InnerProduct)])
    {
        for count in [0, 1, 150] {
            let mut rows = rows(count, 65, IdKind::U64);
            if metric == Metric::InnerProduct && count > 9 {
                rows[9].1.fill(1e20);
            }
            let options = options(tier, metric, IdKind::U64, 65);
            let (segment, file, sum) = written_with(&options, &rows, true);
            let (opened, found) = Segment::open(file).unwrap();
            assert_eq!((opened.head(), found), (segment.head(), sum));
            assert_eq!(opened.is_linked(), segment.can_be_linked(1, &BuildOptions::default(), 1));
            assert_eq!(opened.can_be_linked(1, &BuildOptions::default(), 1), tier != Tier::F32);
            let query = vec![0.5; 65];
            let walked = [&segment, &opened].map(|segment| walked(segment, &query));
            assert_eq!(walked[0], walked[1]);
            assert!(walked[0].as_ref().is_none_or(|found| found.len() == count.min(150) as usize));
        }
    }
}

#[test]
fn damage_of_a_graph_is_found_wherever_it_is() {
    let options = options(Tier::Tq2, Metric::Cosine, IdKind::U64, 64);
    let (segment, file, _) = written_with(&options, &rows(200, 64, IdKind::U64), true);
    let whole = file.0.lock().unwrap().clone();
    for kind in [Kind::Graph, Kind::Points] {
        let section = segment.head().section(kind);
        assert!(section.length > 200);
        for at in (section.offset..section.offset + section.length).step_by(37) {
            let mut bytes = whole.clone();
            bytes[at as usize] ^= 1 << (at % 8);
            match look(bytes) {
                Some(SegmentError::Damaged { offset, .. }) => assert_eq!(offset, section.offset),
                other => panic!("{kind:?} {at}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_file_of_version_1_is_read() {
    let options = options(Tier::Tq2, Metric::Cosine, IdKind::Str, 66);
    let (segment, file, _) = written(&options, &rows(34, 66, IdKind::Str));
    let mut bytes = file.0.lock().unwrap().clone();
    let last = segment.head().section(Kind::RowSums);
    bytes.truncate((last.offset + last.length) as usize);
    bytes[8] = 1;
    bytes[76] = 7;
    bytes[96 + 7 * 32..96 + 9 * 32].fill(0);
    set_header_sum(&mut bytes);
    let (opened, _) = Segment::open(Bytes::of(bytes)).unwrap();
    assert!(!opened.is_linked());
    let query = vec![0.5; 66];
    assert_eq!(estimates(&opened, &query), estimates(&segment, &query));
    opened.verify_rows().unwrap();
}

fn set_header_sum(bytes: &mut [u8]) {
    let sum = skeg_simd::crc32c(0, &bytes[..PAGE - 4]);
    bytes[PAGE - 4..PAGE].copy_from_slice(&sum.to_le_bytes());
}

proptest! {
    // As many as PROPTEST_CASES says, or 256: `npm run fuzz -- segments` goes on for hours.
    #![proptest_config(ProptestConfig::default())]

    /// A header with right checksums but fields as they may be: never a panic, never a large allocation.
    #[test]
    fn any_header_is_refused_or_true(
        changes in proptest::collection::vec((0..400_usize, any::<u8>()), 1..6),
        tier in 0..TIERS.len(),
    ) {
        let options = options(TIERS[tier], Metric::Cosine, IdKind::Str, 66);
        let (_, file, _) = written(&options, &rows(34, 66, IdKind::Str));
        let mut bytes = file.0.lock().unwrap().clone();
        let before = bytes.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        set_header_sum(&mut bytes);
        // Whose file it is, and whether that is right, the owner judges.
        let tag = 16..64;
        let salt = 40..48;
        let changed = (0..400).any(|at| {
            bytes[at] != before[at] && (!tag.contains(&at) || salt.contains(&at))
        });
        prop_assert_eq!(look(bytes).is_some(), changed);
    }

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
        prop_assert!(look(bytes).is_some());
    }

    /// A graph and points with right checksums but bytes as they may be: refused, or walked over.
    #[test]
    fn any_graph_is_refused_or_walked(
        tier in 1..TIERS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let options = options(TIERS[tier], Metric::InnerProduct, IdKind::U64, 16);
        let (segment, file, _) = written_with(&options, &rows(40, 16, IdKind::U64), true);
        let mut bytes = file.0.lock().unwrap().clone();
        let (graph, points) =
            (segment.head().section(Kind::Graph), segment.head().section(Kind::Points));
        for (at, byte) in changes {
            let at = at.index((graph.length + points.length) as usize) as u64;
            let at = if at < graph.length { graph.offset + at } else { points.offset + at - graph.length };
            bytes[at as usize] = byte;
        }
        for (kind, section) in [(Kind::Graph, graph), (Kind::Points, points)] {
            let content = &bytes[section.offset as usize..][..section.length as usize];
            let sum = skeg_simd::crc32c(seed(TAG.salt, section.offset), content).to_le_bytes();
            bytes[96 + (kind as usize - 1) * 32 + 4..][..4].copy_from_slice(&sum);
        }
        set_header_sum(&mut bytes);
        if let Ok((opened, _)) = Segment::open(Bytes::of(bytes)) {
            let found = walked(&opened, &[0.5; 16]).unwrap();
            prop_assert!(found.iter().all(|&(place, _)| place < 40));
        }
    }
}

/// The file with other bytes in a section, and checksums that say that they are right: what no damage
/// does, but an enemy.
fn forged(
    segment: &Segment,
    mut bytes: Vec<u8>,
    kind: Kind,
    changes: &[(prop::sample::Index, u8)],
) -> Vec<u8> {
    let mut head = *segment.head();
    let section = head.section(kind);
    let range = section.offset as usize..(section.offset + section.length) as usize;
    if range.is_empty() {
        return bytes;
    }
    for (at, byte) in changes {
        bytes[range.start + at.index(range.len())] = *byte;
    }
    if kind != Kind::Rows {
        let sum = skeg_simd::crc32c(seed(head.tag.salt, section.offset), &bytes[range]);
        head.section_mut(kind).sum = sum;
        bytes[..PAGE].copy_from_slice(&head.encode().0);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    /// What opens can be searched and read, whatever its bytes say: answers may be wrong, nothing panics.
    #[test]
    fn forged_sections_are_refused_or_harmless(
        section in 0..Kind::ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        tier in 0..TIERS.len(),
        metric in prop::sample::select(vec![Metric::Cosine, Metric::InnerProduct, Metric::Euclidean]),
        ids in prop::sample::select(vec![IdKind::Str, IdKind::U64]),
    ) {
        let mut rows = rows(40, 66, ids);
        if metric != Metric::Cosine {
            // One that has no code.
            rows[9].1.fill(1e20);
        }
        let (segment, file, _) = written(&options(TIERS[tier], metric, ids, 66), &rows);
        let whole = file.0.lock().unwrap().clone();
        let bytes = forged(&segment, whole, Kind::ALL[section], &changes);
        let length = bytes.len() as u64;
        let opened = match Segment::open(Bytes::of(bytes)) {
            Ok((opened, _)) => opened,
            Err(SegmentError::Damaged { offset, .. }) => {
                prop_assert!(offset <= length);
                return Ok(());
            }
            Err(SegmentError::Version { .. }) => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        for (place, (id, _)) in (0..).zip(&rows) {
            let _ = (opened.id(place), opened.find(id.as_ref()));
        }
        let mut index = Index::new(options(TIERS[tier], metric, ids, 66), 1).unwrap();
        index.attach(vec![opened]).unwrap();
        for k in [1, 40] {
            // A row that is not what was written is an error that says so.
            if let Err(error) = index.view().search(&rows[3].1, k) {
                prop_assert!(matches!(error, VectorError::Segment(_)), "{}", error);
            }
        }
    }
}

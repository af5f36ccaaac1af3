//! Files that are whole, and files that are damaged or made up: an error, never a panic, never memory for
//! what is only claimed.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use skeg_vecs::{Fields, Format, RowReader, RowWriter, Truth, TruthFormat, VecsError};

type Rows = Vec<(Option<String>, Vec<f32>)>;

fn read(format: Format, bytes: &[u8]) -> Result<Rows, VecsError> {
    let mut reader = RowReader::new(format, bytes, Fields::default())?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        assert_eq!(row.number, rows.len() as u64);
        rows.push((row.id.map(str::to_owned), row.vector.to_vec()));
    }
    assert_eq!(reader.offset(), bytes.len() as u64);
    Ok(rows)
}

fn written(format: Format, rows: &[Vec<f32>]) -> Vec<u8> {
    let dim = rows.first().map_or(1, Vec::len);
    let mut writer = RowWriter::new(format, Vec::new(), rows.len() as u64, dim).unwrap();
    for (number, row) in rows.iter().enumerate() {
        writer.push(&format!("id {number}"), row).unwrap();
    }
    writer.finish().unwrap()
}

const WRITTEN: [Format; 4] = [Format::Fbin, Format::Fvecs, Format::Npy, Format::Jsonl];

/// Two rows of three numbers.
fn example(format: Format) -> Vec<u8> {
    let head = [2_u32, 3].map(u32::to_le_bytes).concat();
    match format {
        Format::U8bin | Format::I8bin => [&head[..], &[1, 2, 3, 4, 5, 255]].concat(),
        Format::Bvecs => b"\x03\0\0\0\x01\x02\x03\x03\0\0\0\x04\x05\xff".to_vec(),
        _ => written(format, &[vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 255.0]]),
    }
}

#[test]
fn every_format_is_read() {
    for format in Format::ALL {
        let rows = read(format, &example(format)).unwrap();
        let last = if format == Format::I8bin { -1.0 } else { 255.0 };
        assert_eq!(rows[0].1, [1.0, 2.0, 3.0], "{format:?}");
        assert_eq!(rows[1].1, [4.0, 5.0, last], "{format:?}");
        assert_eq!(rows[1].0.as_deref(), format.has_ids().then_some("id 1"), "{format:?}");
        assert_eq!(rows.len(), 2);
    }
}

#[test]
fn arrays_of_numpy_may_be_of_other_numbers() {
    let array = |kind: &str, bytes: &[u8]| {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (1, 2), }}\n");
        let length = (text.len() as u32).to_le_bytes();
        [b"\x93NUMPY\x02\x00", &length[..], text.as_bytes(), bytes].concat()
    };
    let of = |kind, bytes: &[u8]| read(Format::Npy, &array(kind, bytes)).unwrap()[0].1.clone();
    assert_eq!(of("<f2", b"\x00\x3c\x00\xc0"), [1.0, -2.0]);
    assert_eq!(of("<f8", &[1.5_f64, 0.1].map(f64::to_le_bytes).concat()), [1.5, 0.1]);
    assert_eq!(of("|i1", b"\xff\x01"), [-1.0, 1.0]);
    let error = read(Format::Npy, &array("<i8", &[0; 16])).unwrap_err();
    assert!(matches!(error, VecsError::Unsupported { .. }), "{error}");
}

#[test]
fn every_cut_is_an_error() {
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Jsonl) {
        let bytes = example(format);
        for cut in 0..bytes.len() {
            let rows = read(format, &bytes[..cut]);
            // Rows that are not announced can end behind any of them.
            let whole =
                matches!(format, Format::Fvecs | Format::Bvecs) && cut % (bytes.len() / 2) == 0;
            assert_eq!(rows.is_ok(), whole, "{format:?} cut at {cut}");
        }
        if !matches!(format, Format::Fvecs | Format::Bvecs) {
            assert!(read(format, &[&bytes[..], b"x"].concat()).is_err(), "{format:?}");
        }
    }
}

#[test]
fn errors_say_where_and_what() {
    let said = |format, bytes: &[u8]| read(format, bytes).unwrap_err().to_string();
    let mut bytes = example(Format::Fbin);
    bytes[24..28].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(
        said(Format::Fbin, &bytes),
        "row 1 (offset 20): number 1 is NaN, no finite 32-bit float"
    );
    assert_eq!(
        said(Format::Fbin, &example(Format::Fbin)[..21]),
        "damaged at offset 21: it ends in row 1; 2 rows were announced"
    );
    assert_eq!(
        said(Format::Fbin, &[0xff; 40]),
        "damaged at offset 8: rows of 4294967295 numbers; expected 1 to 65536"
    );
    let lines = b"{\"vector\":[1,2]}\n\n{\"vector\":[1]}\n";
    assert_eq!(said(Format::Jsonl, lines), "line 3: 1 numbers where the first row has 2");
    let lines = b"{\"vector\":[1]}\n{\"vector\":[1],\"id\":\"a\"}\n";
    assert_eq!(said(Format::Jsonl, lines), "line 2: an id, where the first row has none");
    assert_eq!(
        said(Format::Jsonl, b"{\"vector\":[1]}\n{]}\n"),
        "damaged at line 2: key must be a string (column 2)"
    );
    let rows = [1_u32, 7, 2, 7, 7].map(u32::to_le_bytes).concat();
    assert_eq!(
        said(Format::Fvecs, &rows),
        "damaged at offset 8: a row of 2 numbers where the first has 1"
    );
}

#[test]
fn claims_take_no_memory() {
    // Four billion rows of 65,536 numbers.
    let bytes = [u32::MAX, 65_536, 1].map(u32::to_le_bytes).concat();
    assert!(read(Format::Fbin, &bytes).is_err());
    assert!(Truth::read(TruthFormat::Ibin, &*bytes).is_err());
    assert!(read(Format::Npy, b"\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr'").is_err());
}

#[test]
fn truths_are_read_with_and_without_distances() {
    let ids = [2_u32, 2, 5, 6, 7, 8].map(u32::to_le_bytes).concat();
    let truth = Truth::read(TruthFormat::Ibin, &*ids).unwrap();
    assert_eq!((truth.queries(), truth.k()), (2, 2));
    assert_eq!((truth.nearest(1), truth.nearest(2)), (Some(&[7, 8][..]), None));
    let with = [&ids[..], &[0; 16]].concat();
    assert_eq!(Truth::read(TruthFormat::Ibin, &*with).unwrap(), truth);
    for cut in (0..ids.len()).chain(ids.len() + 1..with.len()) {
        assert!(Truth::read(TruthFormat::Ibin, &with[..cut]).is_err(), "cut at {cut}");
    }
    let lists = [2_u32, 5, 6, 2, 7, 8].map(u32::to_le_bytes).concat();
    assert_eq!(Truth::read(TruthFormat::Ivecs, &*lists).unwrap(), truth);
    assert!(Truth::read(TruthFormat::Ivecs, &lists[..20]).is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        rows in (1_usize..5).prop_flat_map(|dim| {
            prop::collection::vec(prop::collection::vec(prop::num::f32::NORMAL, dim), 0..6)
        }),
    ) {
        for format in WRITTEN {
            let read: Vec<_> = read(format, &written(format, &rows)).unwrap();
            let vectors: Vec<_> = read.into_iter().map(|(_, vector)| vector).collect();
            prop_assert_eq!(&vectors, &rows, "{:?}", format);
        }
    }

    #[test]
    fn changed_bytes_never_panic(which in 0..7_usize, at: prop::sample::Index, byte: u8) {
        let mut bytes = example(Format::ALL[which]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(Format::ALL[which], &bytes);
    }

    #[test]
    fn bytes_at_random_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in Format::ALL {
            let _ = read(format, &bytes);
        }
        let _ = read(Format::Npy, &[b"\x93NUMPY\x01\x00\x40\x00", &bytes[..]].concat());
        for format in [TruthFormat::Ibin, TruthFormat::Ivecs] {
            let _ = Truth::read(format, &*bytes);
        }
    }
}

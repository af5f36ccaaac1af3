//! Which columns of a file are read, and what they must be.

use parquet::basic::{Compression, LogicalType, Type as Physical};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::{ColumnDescriptor, Type};

use super::leaf::{Leaf, Numbers};
use crate::error::VecsError;
use crate::json::Fields;

/// The columns that are read.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) vectors: Leaf,
    pub(super) ids: Option<Leaf>,
}

impl Columns {
    pub(super) fn find(
        metadata: &ParquetMetaData,
        fields: &Fields,
        ids_are_needed: bool,
    ) -> Result<Self, VecsError> {
        let vectors = find(metadata, &fields.vector, "a list of numbers", as_vectors)?;
        let vectors = vectors.ok_or_else(|| missing(metadata, &fields.vector))?;
        let ids = find(metadata, &fields.id, "ids: strings or integers", as_ids)?;
        if ids.is_none() && ids_are_needed {
            return Err(missing(metadata, &fields.id));
        }
        for leaf in [Some(&vectors), ids.as_ref()].into_iter().flatten() {
            must_be_read(metadata, leaf)?;
        }
        Ok(Self { vectors, ids })
    }
}

fn missing(metadata: &ParquetMetaData, name: &str) -> VecsError {
    let schema = metadata.file_metadata().schema_descr();
    let fields = schema.root_schema().get_fields();
    let there: Vec<_> =
        fields.iter().map(|field| format!("{:?} ({})", field.name(), kind(field))).collect();
    let there = there.join(", ");
    VecsError::Unsupported { what: format!("there is no column {name:?}, but {there}") }
}

/// The column of that name; none when there is none.
fn find(
    metadata: &ParquetMetaData,
    name: &str,
    wanted: &str,
    kind_of: impl Fn(&ColumnDescriptor) -> Option<Numbers>,
) -> Result<Option<Leaf>, VecsError> {
    let schema = metadata.file_metadata().schema_descr();
    let Some(field) = schema.root_schema().get_fields().iter().find(|field| field.name() == name)
    else {
        return Ok(None);
    };
    let mut leaves = (0..schema.num_columns())
        .filter(|at| schema.get_column_root(*at).name() == name)
        .map(|at| (at, schema.column(at)));
    if let (Some((at, leaf)), None) = (leaves.next(), leaves.next())
        && let Some(numbers) = kind_of(&leaf)
    {
        return Ok(Some(Leaf { name: name.into(), at, numbers, whole: leaf.max_def_level() }));
    }
    let what = format!("column {name:?} is {}, where {wanted} is expected", kind(field));
    Err(VecsError::Unsupported { what })
}

fn as_vectors(leaf: &ColumnDescriptor) -> Option<Numbers> {
    let numbers = match leaf.physical_type() {
        Physical::FLOAT | Physical::DOUBLE => Numbers::Plain,
        Physical::INT32 | Physical::INT64 if is_integer(leaf.self_type()) => whole_numbers(leaf),
        Physical::FIXED_LEN_BYTE_ARRAY if is_half(leaf.self_type()) => Numbers::Plain,
        _ => return None,
    };
    (leaf.max_rep_level() == 1).then_some(numbers)
}

fn as_ids(leaf: &ColumnDescriptor) -> Option<Numbers> {
    let numbers = match leaf.physical_type() {
        Physical::INT32 | Physical::INT64 if is_integer(leaf.self_type()) => whole_numbers(leaf),
        Physical::BYTE_ARRAY => Numbers::Plain,
        _ => return None,
    };
    (leaf.max_rep_level() == 0).then_some(numbers)
}

fn whole_numbers(leaf: &ColumnDescriptor) -> Numbers {
    let is_unsigned = kind(leaf.self_type()).starts_with('u');
    if is_unsigned { Numbers::Unsigned } else { Numbers::Plain }
}

/// Whether integers are meant as such, and not as times or decimals.
fn is_integer(leaf: &Type) -> bool {
    let name = kind(leaf);
    name.strip_prefix('u').unwrap_or(&name).starts_with("int")
}

fn is_half(leaf: &Type) -> bool {
    leaf.get_basic_info().logical_type_ref() == Some(&LogicalType::Float16)
}

/// A type in a word or some.
fn kind(field: &Type) -> String {
    if field.is_group() {
        let mut inner = field;
        while let Type::GroupType { fields, .. } = inner
            && let [only] = &fields[..]
        {
            inner = only;
        }
        return if inner.is_primitive() {
            format!("list of {}", kind(inner))
        } else {
            "struct".into()
        };
    }
    let name = match field.get_basic_info().logical_type_ref() {
        Some(LogicalType::Integer(int)) => {
            let sign = if int.is_signed { "" } else { "u" };
            return format!("{sign}int{}", int.bit_width);
        }
        Some(logical) => format!("{logical:?}"),
        None => format!("{}", field.get_physical_type()),
    };
    let end = name.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(name.len());
    name[..end].to_ascii_lowercase()
}

/// Refuses what its pages are compressed by, when it is not read here.
fn must_be_read(metadata: &ParquetMetaData, leaf: &Leaf) -> Result<(), VecsError> {
    for group in metadata.row_groups() {
        let codec = group.column(leaf.at).compression();
        if matches!(codec, Compression::GZIP(_) | Compression::BROTLI(_) | Compression::LZO) {
            let name = &leaf.name;
            let what = format!(
                "column {name:?} is compressed by {codec}; expected snappy, zstd, lz4 or nothing"
            );
            return Err(VecsError::Unsupported { what });
        }
    }
    Ok(())
}

//! What kinds of files there are, by their names.

use std::path::Path;

use crate::element::Element;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Each row with its dimension before it, 32-bit floats (TexMex: SIFT, GIST).
    Fvecs,
    /// The same of bytes.
    Bvecs,
    /// Rows and dimension, then all rows, 32-bit floats (big-ann-benchmarks).
    Fbin,
    /// The same of bytes.
    U8bin,
    /// The same of signed bytes.
    I8bin,
    /// NumPy's arrays.
    Npy,
    /// An object of JSON in every line.
    Jsonl,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Fvecs, Self::Bvecs, Self::Fbin, Self::U8bin, Self::I8bin, Self::Npy, Self::Jsonl];

    /// Its name, which is also what names of such files end with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fvecs => "fvecs",
            Self::Bvecs => "bvecs",
            Self::Fbin => "fbin",
            Self::U8bin => "u8bin",
            Self::I8bin => "i8bin",
            Self::Npy => "npy",
            Self::Jsonl => "jsonl",
        }
    }

    /// The format of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name))
    }

    /// The format of a file, by the end of its name.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        if ending.eq_ignore_ascii_case("ndjson") { Some(Self::Jsonl) } else { Self::named(ending) }
    }

    /// Whether rows bring ids along.
    #[must_use]
    pub fn has_ids(self) -> bool {
        self == Self::Jsonl
    }

    /// What its numbers are, of a format that says so by its name.
    pub(crate) fn element(self) -> Element {
        match self {
            Self::Bvecs | Self::U8bin => Element::U8,
            Self::I8bin => Element::I8,
            Self::Fvecs | Self::Fbin | Self::Npy | Self::Jsonl => Element::F32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_in_a_file() {
        assert_eq!(Format::of(Path::new("a/base.10M.FBIN")), Some(Format::Fbin));
        assert_eq!(Format::of(Path::new("rows.ndjson")), Some(Format::Jsonl));
        assert_eq!(Format::of(Path::new("npy")), None);
        for format in Format::ALL {
            assert_eq!(Format::named(format.name()), Some(format));
        }
    }
}

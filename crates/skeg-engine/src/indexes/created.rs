//! What an index was created with, as bytes of an effect (`docs/format/effects.md`).

use skeg_vector::{IndexOptions, VectorError};

use super::Part;

/// What an index was created with, as effects hold it: the options, and for an index that may have
/// segments its number; in a snapshot also the generation that its changes begin with, and the one up
/// to which its rows are in segments. Behind that the bytes of memory that it may take, if there is a limit; and of
/// one in several parts that limit, or 0, and which part of how many this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) options: IndexOptions,
    pub(crate) number: u64,
    pub(crate) generation: u64,
    pub(crate) relies_on: u64,
    pub(crate) memory_max: Option<u64>,
    pub(crate) part: Part,
}

impl Created {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.options.to_bytes().to_vec();
        if self.number != 0 {
            for number in [self.number, self.generation, self.relies_on] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        if self.part != Part::WHOLE {
            bytes.extend_from_slice(&self.memory_max.unwrap_or(0).to_le_bytes());
            let Part { number, of } = self.part;
            bytes.extend_from_slice(&(u64::from(number) | u64::from(of) << 16).to_le_bytes());
        } else if let Some(max) = self.memory_max {
            bytes.extend_from_slice(&max.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let said = |error: VectorError| error.to_string();
        let (options, rest) = bytes.split_at_checked(bytes.len().min(9)).unwrap_or_default();
        let options = IndexOptions::from_bytes(options).map_err(said)?;
        let (numbers, rest) = rest.as_chunks::<8>();
        let numbers: Vec<u64> = numbers.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let (numbers, memory_max, part) = match (&*numbers, rest) {
            ([], []) => ([0; 3], None, None),
            (&[max], []) => ([0; 3], Some(max), None),
            (&[max, part], []) => ([0; 3], Some(max).filter(|max| *max > 0), Some(part)),
            (&[a, b, c], []) => ([a, b, c], None, None),
            (&[a, b, c, max], []) => ([a, b, c], Some(max), None),
            (&[a, b, c, max, part], []) => {
                ([a, b, c], Some(max).filter(|max| *max > 0), Some(part))
            }
            _ => return Err("options of an index of another length".into()),
        };
        let [number, generation, relies_on] = numbers;
        let part = part.map_or(Some(Part::WHOLE), Part::from_number);
        let part = part.ok_or("a part of an index that cannot be")?;
        Ok(Self { options, number, generation, relies_on, memory_max, part })
    }
}

#[cfg(test)]
mod tests {
    use skeg_vector::Metric;

    use super::*;

    #[test]
    fn what_an_index_was_created_with_survives() {
        let options = IndexOptions::new(7, Metric::InnerProduct);
        let whole = Created {
            options,
            number: 0,
            generation: 0,
            relies_on: 0,
            memory_max: None,
            part: Part::WHOLE,
        };
        let parts = [Part::WHOLE, Part { number: 0, of: 2 }, Part { number: 255, of: 256 }];
        for (bytes, part) in [9, 25, 25].into_iter().zip(parts) {
            for (number, more) in [(0, 0), (3, 24)] {
                let created = Created { part, number, generation: number, ..whole };
                assert_eq!(created.to_bytes().len(), bytes + more);
                assert_eq!(Created::from_bytes(&created.to_bytes()), Ok(created));
                let created = Created { memory_max: Some(5), ..created };
                assert_eq!(Created::from_bytes(&created.to_bytes()), Ok(created));
            }
        }
        for (number, of) in [(2_u64, 2_u64), (0, 1), (0, 0), (0, 257), (0, 1 << 20)] {
            let bytes = [&options.to_bytes()[..], &[0; 8], &(number | of << 16).to_le_bytes()];
            assert!(Created::from_bytes(&bytes.concat()).is_err(), "{number} of {of}");
        }
    }
}

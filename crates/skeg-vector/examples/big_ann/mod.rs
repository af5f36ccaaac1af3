//! What the examples that measure share: files of the big-ann formats, the truth, threads and time.
#![allow(dead_code, reason = "no example uses all of it")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use skeg_vector::Metric;
use skeg_vector::graph::Crew;
use skeg_vector::quant::{CodeKind, CodedRows, Memory, ScanOptions, Scratch, Trainer};

/// Numbers of 4 bytes in rows, as the big-ann formats have them.
pub(crate) struct Table {
    pub(crate) dim: usize,
    bytes: Vec<u8>,
}

impl Table {
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let bytes = std::fs::read(path)?;
        let dim = bytes.get(4..8).ok_or("a file without a header")?;
        Ok(Self { dim: u32::from_le_bytes(dim.try_into()?) as usize, bytes })
    }

    pub(crate) fn rows(&self) -> usize {
        u32::from_le_bytes([0, 1, 2, 3].map(|n| self.bytes[n])) as usize
    }

    pub(crate) fn numbers<T>(&self, from: impl Fn([u8; 4]) -> T) -> Vec<T> {
        let (numbers, _) = self.bytes[8..].as_chunks::<4>();
        numbers[..self.rows() * self.dim].iter().map(|&x| from(x)).collect()
    }

    /// The first numbers of the first rows.
    pub(crate) fn cut(&self, rows: usize, dim: usize) -> Vec<f32> {
        let all = self.numbers(f32::from_le_bytes);
        let rows = all.chunks_exact(self.dim).take(rows);
        rows.flat_map(|row| row[..dim].iter().copied()).collect()
    }
}

/// Seconds that this thread has had a processor.
pub(crate) fn running_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN) / 1e9
}

/// Seconds that all threads of this process have had a processor, to a hundredth.
pub(crate) fn used_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split(' ').skip(12).take(2);
    fields.map(|ticks| ticks.parse().unwrap_or(f64::NAN)).sum::<f64>() / 100.0
}

/// Threads of this process.
pub(crate) struct Threads(pub(crate) usize);

impl Crew for Threads {
    fn run(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        work(number);
                    }
                });
            }
        });
    }

    fn size(&self) -> usize {
        self.0
    }
}

/// The nearest rows of each query, from exact comparison with all.
pub(crate) fn exact_truth(memory: &Memory, dim: u32, queries: &[f32], k: usize) -> Vec<u32> {
    let trainer = Trainer::new(CodeKind::F32, Metric::Cosine, dim, 1).expect("a dimension");
    let mut codes = CodedRows::new(trainer.finish(), 0);
    memory.iter().for_each(|row| codes.push(row).expect("a valid row"));
    let options = ScanOptions { k, ..ScanOptions::default() };
    let mut scratch = Scratch::default();
    codes.search(memory, queries, &options, &mut scratch).expect("valid queries");
    let count = queries.len() / dim as usize;
    (0..count).flat_map(|n| scratch.found(n).iter().map(|found| found.place)).collect()
}

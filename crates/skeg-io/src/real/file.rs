//! An open file of the real disk.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

use crate::File;

/// Written in one go where zeros have to stand in for reserved blocks.
const ZEROS_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct RealFile {
    file: fs::File,
}

impl RealFile {
    pub(super) fn new(file: fs::File) -> Self {
        Self { file }
    }

    /// Writes zeros from the present end to `end`; after an error the file has its old length
    /// again.
    fn extend_with_zeros(&self, end: u64) -> io::Result<()> {
        let start = self.file.metadata()?.len();
        let zeros = [0; ZEROS_BYTES];
        let mut at = start;
        while at < end {
            let count = usize::try_from(end - at).unwrap_or(ZEROS_BYTES).min(ZEROS_BYTES);
            if let Err(error) = self.file.write_all_at(&zeros[..count], at) {
                self.file.set_len(start)?;
                return Err(error);
            }
            at += count as u64;
        }
        Ok(())
    }
}

impl File for RealFile {
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }

    fn read_resident_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        read_resident(&self.file, bytes, offset)
    }

    fn will_read(&self, offset: u64, len: u64) {
        advise(&self.file, offset, len);
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let Some(end) = offset.checked_add(len) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if len == 0 {
            return Ok(());
        }
        let before = self.len()?;
        match reserve(&self.file, offset, len) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.extend_with_zeros(end),
            Err(error) => {
                // ext4 extends the file piece by piece, also when it runs out of space on the way.
                if self.len()? > before {
                    self.file.set_len(before)?;
                }
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    fn marks_first_writes(&self) -> bool {
        marks_first_writes(&self.file)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn read_resident(file: &fs::File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let mut buffers = [io::IoSliceMut::new(bytes)];
    match preadv2(file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
        // File systems that cannot tell say so.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        other => Ok(other?),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn read_resident(_file: &fs::File, _bytes: &mut [u8], _offset: u64) -> io::Result<usize> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// A hint: that it was refused changes nothing but time.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn advise(file: &fs::File, offset: u64, len: u64) {
    use rustix::fs::{Advice, fadvise};
    if let Some(len) = std::num::NonZeroU64::new(len) {
        let _ = fadvise(file, offset, Some(len), Advice::WillNeed);
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn advise(_file: &fs::File, _offset: u64, _len: u64) {}

/// ext4 (whose number ext2 and ext3 share) and XFS: extents that were never written are a kind of their own.
/// Others that do it so are left out, as are those that write each time to another place.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn marks_first_writes(file: &fs::File) -> bool {
    const EXT4: u32 = 0xef53;
    const XFS: u32 = 0x5846_5342;
    rustix::fs::fstatfs(file).is_ok_and(|found| matches!(found.f_type as u32, EXT4 | XFS))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn marks_first_writes(_file: &fs::File) -> bool {
    false
}

/// Reserves blocks by the file system's own means. Only Linux's call says honestly that it cannot:
/// elsewhere libc writes into the file itself (`posix_fallocate`), or the call also cuts the file
/// (macOS).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn reserve(file: &fs::File, offset: u64, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    rustix::io::retry_on_intr(|| fallocate(file, FallocateFlags::empty(), offset, len))?;
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn reserve(_file: &fs::File, _offset: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

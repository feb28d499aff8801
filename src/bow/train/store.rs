//! Histograms on disk, one file per channel: written as they come, and read through a memory map, so that they need not fit into memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Mutex;

use memmap2::Mmap;

/// Histograms being written.
pub(super) struct Writer {
    files: Vec<Mutex<File>>,
    dimensions: Vec<usize>,
}

impl Writer {
    /// Reserves space in `folder` for `rows` rows of channels with these `dimensions`.
    ///
    /// The files have no names, so they vanish with the program, however it ends.
    pub(super) fn new(folder: &Path, rows: usize, dimensions: Vec<usize>) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = |&dimensions: &usize| {
            let mut file = tempfile::tempfile_in(folder)?;
            // Write zeros once to reserve the space: a full disk fails now, not hours later.
            std::io::copy(&mut std::io::repeat(0).take((rows * dimensions * size_of::<f32>()) as u64), &mut file)?;
            Ok(Mutex::new(file))
        };
        let files = dimensions.iter().map(file).collect::<std::io::Result<_>>()?;
        Ok(Self { files, dimensions })
    }

    /// Writes the histograms of row `row`, one per channel.
    pub(super) fn put(&self, row: usize, histograms: &[Vec<f32>]) -> std::io::Result<()> {
        for (file, histogram) in self.files.iter().zip(histograms) {
            let bytes: Vec<u8> = histogram.iter().flat_map(|value| value.to_le_bytes()).collect();
            let mut file = file.lock().expect("the lock is never held across a panic");
            file.seek(SeekFrom::Start((row * bytes.len()) as u64))?;
            file.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Ends the writing and returns the histograms for reading; rows that were not written are 0.
    pub(super) fn finish(self) -> std::io::Result<Store> {
        let map = |file: Mutex<File>| {
            let file = file.into_inner().expect("the lock is never held across a panic");
            // SAFETY: the file has no name and this is its only handle, which nobody writes to any more.
            #[expect(unsafe_code, reason = "mapping a file is unsafe, as others might change it")]
            unsafe {
                Mmap::map(&file)
            }
        };
        let maps = self.files.into_iter().map(map).collect::<std::io::Result<_>>()?;
        Ok(Store { maps, dimensions: self.dimensions })
    }
}

/// Histograms of several channels, row by row.
pub(super) struct Store {
    maps: Vec<Mmap>,
    dimensions: Vec<usize>,
}

impl Store {
    /// Returns the number of dimensions of every channel.
    pub(super) fn dimensions(&self) -> &[usize] {
        &self.dimensions
    }

    /// Reads the histogram of row `row`.
    pub(super) fn histogram(&self, channel: usize, row: usize) -> Vec<f32> {
        let length = self.dimensions[channel] * size_of::<f32>();
        let (values, _) = self.maps[channel][row * length..(row + 1) * length].as_chunks();
        values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written_in_whatever_order() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new(&folder.path().join("new"), 4, vec![3, 1]).unwrap();
        for row in [2, 0, 3] {
            writer.put(row, &[vec![row as f32, 0.5, -1.0], vec![row as f32 * 10.0]]).unwrap();
        }
        let store = writer.finish().unwrap();
        assert_eq!(store.dimensions(), [3, 1]);
        for row in [0, 2, 3] {
            assert_eq!(store.histogram(0, row), [row as f32, 0.5, -1.0]);
            assert_eq!(store.histogram(1, row), [row as f32 * 10.0]);
        }
        assert_eq!(store.histogram(0, 1), [0.0; 3]);
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 0);
    }

    /// The device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_no_crash() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let writer = Writer { files: vec![Mutex::new(full)], dimensions: vec![2] };
        assert_eq!(writer.put(0, &[vec![1.0, 2.0]]).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(Writer::new(&file, 1, vec![1]).is_err());
    }
}

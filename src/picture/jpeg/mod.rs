//! Checks that a JPEG holds all of its coded data, which the decoder does not report: it fills what is missing with grey.
//!
//! The check walks over the marker segments (ITU-T T.81, annex B) and Huffman-decodes every scan without computing
//! pixels: each scan must hold all of its minimum coded units (MCUs). Files that go beyond Huffman-coded sequential and
//! progressive JPEG are left to the decoder, but for arithmetic coding and the like, which are named.

mod bits;
mod frame;
mod scan;

use bits::Table;
use frame::Frame;
use scan::{Ending, Scan};

/// What the check says about a file that can't be read as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum JpegFault {
    /// The end marker is missing.
    #[error("the file ends before the picture does{}", after(.reached, ", "))]
    FileEnds { reached: Option<Rows> },
    /// A scan's coded data end too early.
    #[error("the picture's data end{}", after(.reached, " "))]
    DataEnd { reached: Option<Rows> },
    /// A scan's coded data are zero bytes from some row on.
    #[error("the picture's data are zeros{}", after(.reached, " "))]
    Zeros { reached: Option<Rows> },
    /// A scan holds bits that are no Huffman code.
    #[error("the picture's data are no valid code{}", after(.reached, " "))]
    BadCode { reached: Option<Rows> },
    /// A component of the picture has no data at all.
    #[error("the picture's data lack a colour component")]
    NoScan,
    /// A coding process that is not read.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// The rows of pixels that are complete, out of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    pub whole: usize,
    pub all: usize,
}

fn after(reached: &Option<Rows>, separator: &str) -> String {
    reached.map_or_else(String::new, |Rows { whole, all }| format!("{separator}after row {whole} of {all}"))
}

const END: u8 = 0xD9;

/// Checks that the JPEG in `bytes` holds all of its coded data.
///
/// # Errors
/// [`JpegFault`].
pub(super) fn check(bytes: &[u8]) -> Result<(), JpegFault> {
    let mut state = State::default();
    // After the start marker.
    let mut at = 2;
    loop {
        let Some((marker, after)) = next_marker(bytes, at) else { return Err(JpegFault::FileEnds { reached: None }) };
        at = after;
        match marker {
            END => return state.finish(),
            // Restarts, a second start and TEM stand alone.
            0xD0..=0xD8 | 0x01 => continue,
            _ => {}
        }
        let Some(length) = bytes.get(at..at + 2).and_then(|two| two.first_chunk::<2>()) else {
            return Err(JpegFault::FileEnds { reached: None });
        };
        let end = at + usize::from(u16::from_be_bytes(*length)).max(2);
        let Some(segment) = bytes.get(at + 2..end) else { return Err(JpegFault::FileEnds { reached: None }) };
        at = end;
        match marker {
            0xC4 => state.read_tables(segment),
            0xC0..=0xCF => state.read_frame(marker, segment)?,
            0xDD => state.restart = segment.first_chunk::<2>().map_or(0, |v| usize::from(u16::from_be_bytes(*v))),
            0xDA => at = state.read_scan(segment, bytes, at)?,
            _ => {}
        }
    }
}

/// The next marker from `at` on and the position after it.
///
/// Bytes between segments that belong to none are passed over, as other readers do.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        match bytes.get(at + 1)? {
            // Fill bytes.
            0xFF => at += 1,
            0x00 => at += 2,
            &marker => return Some((marker, at + 2)),
        }
    }
}

/// What the segments so far have set.
#[derive(Default)]
struct State {
    frame: Option<Frame>,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// MCUs between two restart markers; 0: there are none.
    restart: usize,
}

impl State {
    /// Reads the Huffman tables of a DHT segment; what is malformed is left to the decoder.
    fn read_tables(&mut self, mut segment: &[u8]) {
        while let Some((&kind, rest)) = segment.split_first() {
            let Some((counts, rest)) = rest.split_first_chunk::<16>() else { return };
            let number = counts.iter().map(|&count| usize::from(count)).sum();
            let Some((symbols, rest)) = rest.split_at_checked(number) else { return };
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            tables[usize::from(kind & 3)] = Some(Table::new(counts, symbols));
            segment = rest;
        }
    }

    fn read_frame(&mut self, marker: u8, segment: &[u8]) -> Result<(), JpegFault> {
        match marker {
            0xC0..=0xC2 => self.frame = Frame::read(segment, marker == 0xC2),
            0xC3 => return Err(JpegFault::Unsupported("a lossless JPEG")),
            0xC5..=0xC7 => return Err(JpegFault::Unsupported("a hierarchical JPEG")),
            0xC9..=0xCF => return Err(JpegFault::Unsupported("an arithmetic-coded JPEG")),
            _ => {}
        }
        Ok(())
    }

    /// Checks the scan whose header is `segment` and whose coded data begin at `at`; gives the position after them.
    fn read_scan(&mut self, segment: &[u8], bytes: &[u8], at: usize) -> Result<usize, JpegFault> {
        let data = coded_data(bytes, at);
        let end = at + data.len();
        let Some(frame) = &mut self.frame else { return Ok(end) };
        let Some(scan) = Scan::read(segment, frame) else {
            // A header that makes no sense: the decoder names it.
            frame.checked = false;
            return Ok(end);
        };
        let ending = scan.walk(data, frame, &self.dc, &self.ac, self.restart);
        let reached = |mcus: usize| Some(scan.rows(mcus, frame));
        let file_ends = next_marker(bytes, end).is_none();
        match ending {
            Ending::TableMissing => frame.checked = false,
            Ending::Whole => {}
            Ending::Short { mcus } | Ending::Zeros { mcus } | Ending::BadCode { mcus } if file_ends => {
                return Err(JpegFault::FileEnds { reached: reached(mcus) });
            }
            Ending::Short { mcus } => return Err(JpegFault::DataEnd { reached: reached(mcus) }),
            Ending::Zeros { mcus } => return Err(JpegFault::Zeros { reached: reached(mcus) }),
            Ending::BadCode { mcus } => return Err(JpegFault::BadCode { reached: reached(mcus) }),
        }
        Ok(end)
    }

    fn finish(&self) -> Result<(), JpegFault> {
        match &self.frame {
            Some(frame) if frame.checked && frame.components.iter().any(|component| !component.seen) => {
                Err(JpegFault::NoScan)
            }
            _ => Ok(()),
        }
    }
}

/// A scan's coded data: from `at` to the next marker that is no restart. In them `FF 00` stands for the byte `FF`.
fn coded_data(bytes: &[u8], at: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut end = 0;
    while let Some(next) = rest[end..].iter().position(|&byte| byte == 0xFF) {
        end += next;
        match rest.get(end + 1) {
            None => break,
            Some(0x00 | 0xD0..=0xD7) => end += 2,
            Some(0xFF) => end += 1,
            Some(_) => return &rest[..end],
        }
    }
    rest
}

#[cfg(test)]
mod tests;

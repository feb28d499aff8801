//! A scan of a JPEG (ITU-T T.81, B.2.3): its coded data are Huffman-decoded, without pixels, to count its units.

use super::Rows;
use super::bits::{Bits, Stop, Table};
use super::frame::Frame;

/// A scan's header.
pub(super) struct Scan {
    parts: Vec<Part>,
    /// First and last coefficient, in zigzag order.
    band: (u32, u32),
    /// Whether the scan refines what an earlier one began.
    refines: bool,
}

/// A component in a scan.
struct Part {
    component: usize,
    dc: usize,
    ac: usize,
}

/// How a scan's data end. `mcus` counts the complete units before the fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    /// The data end before the last unit.
    Short {
        mcus: usize,
    },
    /// From this unit on the data are zero bytes.
    Zeros {
        mcus: usize,
    },
    /// The bits of this unit are no code.
    BadCode {
        mcus: usize,
    },
    /// A Huffman table is not defined (motion JPEG leaves out those of the standard).
    TableMissing,
}

/// Zero bytes at the end of a scan, beyond its last unit or where units are missing, that count as lost data.
const ZEROS: usize = 16;

impl Scan {
    /// Reads a scan header, if it makes sense for `frame`.
    pub fn read(segment: &[u8], frame: &mut Frame) -> Option<Self> {
        let (&count, rest) = segment.split_first()?;
        let (specs, rest) = rest.split_at_checked(2 * usize::from(count))?;
        let &[first, last, approximation, ..] = rest else { return None };
        let mut parts = Vec::new();
        for &[id, tables] in specs.as_chunks::<2>().0 {
            let component = frame.components.iter().position(|component| component.id == id)?;
            frame.components[component].seen = true;
            parts.push(Part { component, dc: usize::from(tables >> 4 & 3), ac: usize::from(tables & 3) });
        }
        let band = if frame.progressive { (u32::from(first), u32::from(last)) } else { (0, 63) };
        let one_kind = !frame.progressive || (band.0 == 0) == (band.1 == 0) && (band.0 == 0 || parts.len() == 1);
        let sensible = (1..=4).contains(&parts.len()) && band.0 <= band.1 && band.1 <= 63 && one_kind;
        sensible.then_some(Self { parts, band, refines: frame.progressive && approximation >> 4 != 0 })
    }

    /// Units of the scan, across and down: blocks for one component, else MCUs.
    fn units(&self, frame: &Frame) -> (usize, usize) {
        match &self.parts[..] {
            [part] => frame.components[part.component].blocks,
            _ => (frame.width.div_ceil(8 * frame.most.0), frame.height.div_ceil(8 * frame.most.1)),
        }
    }

    /// The rows of pixels that `mcus` units fill.
    pub fn rows(&self, mcus: usize, frame: &Frame) -> Rows {
        let across = self.units(frame).0;
        let sampled = match &self.parts[..] {
            [part] => frame.components[part.component].sampling.1,
            _ => 1,
        };
        let whole = mcus / across * 8 * frame.most.1 / sampled;
        Rows { whole: whole.min(frame.height), all: frame.height }
    }

    /// Walks over all units in `data`, which restart markers may divide.
    pub fn walk(
        &self,
        data: &[u8],
        frame: &mut Frame,
        dc: &[Option<Table>; 4],
        ac: &[Option<Table>; 4],
        restart: usize,
    ) -> Ending {
        let units = self.units(frame);
        let all = units.0 * units.1;
        let mut walk = Walk { scan: self, frame, dc, ac, across: units.0, run: 0 };
        let mut mcus = 0;
        for part in Parts(Some(data)) {
            let until = if restart == 0 { all } else { all.min(mcus + restart) };
            match walk.part(part, mcus, until) {
                Ending::Whole => mcus = until,
                fault => return fault,
            }
            if mcus == all {
                return Ending::Whole;
            }
        }
        Ending::Short { mcus }
    }
}

/// The parts of a scan's data between restart markers.
struct Parts<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let data = self.0?;
        let marker = data.windows(2).position(|two| two[0] == 0xFF && matches!(two[1], 0xD0..=0xD7));
        self.0 = marker.map(|at| &data[at + 2..]);
        let part = &data[..marker.unwrap_or(data.len())];
        // Fill bytes before the marker.
        Some(&part[..part.len() - part.iter().rev().take_while(|&&byte| byte == 0xFF).count()])
    }
}

struct Walk<'a> {
    scan: &'a Scan,
    frame: &'a mut Frame,
    dc: &'a [Option<Table>; 4],
    ac: &'a [Option<Table>; 4],
    across: usize,
    /// Blocks that the last end-of-band code still stands for.
    run: u32,
}

impl Walk<'_> {
    /// Walks the units `from..until`, which `data` should hold.
    fn part(&mut self, data: &[u8], from: usize, until: usize) -> Ending {
        let zeros = data.iter().rev().take_while(|&&byte| byte == 0).count();
        // The zero that is stuffed after FF is no data byte of its own.
        let begin = data.len() - zeros + usize::from(data.len() > zeros && data[data.len() - zeros - 1] == 0xFF);
        let mut bits = Bits::new(data);
        let mut before_zeros = None;
        self.run = 0;
        for mcu in from..until {
            let stop = self.unit(&mut bits, mcu);
            if zeros >= ZEROS && before_zeros.is_none() && bits.left().len() < data.len() - begin {
                before_zeros = Some(mcu);
            }
            match stop {
                Ok(true) => {}
                Ok(false) => return Ending::TableMissing,
                Err(_) if zeros >= ZEROS => return Ending::Zeros { mcus: before_zeros.unwrap_or(mcu) },
                Err(Stop::End) => return Ending::Short { mcus: mcu },
                Err(Stop::BadCode) => return Ending::BadCode { mcus: mcu },
            }
        }
        let left = bits.left();
        if left.len() >= ZEROS && left.iter().all(|&byte| byte == 0) {
            return Ending::Zeros { mcus: before_zeros.unwrap_or(until) };
        }
        Ending::Whole
    }

    /// Walks one unit; false if a table is not defined.
    fn unit(&mut self, bits: &mut Bits, mcu: usize) -> Result<bool, Stop> {
        let (x, y) = (mcu % self.across, mcu / self.across);
        let scan = self.scan;
        let alone = scan.parts.len() == 1;
        for part in &scan.parts {
            let component = &self.frame.components[part.component];
            let (h, v) = if alone { (1, 1) } else { component.sampling };
            let stride = component.stride;
            for block in 0..h * v {
                let place = (y * v + block / h) * stride + x * h + block % h;
                if !self.block(bits, part, place)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn block(&mut self, bits: &mut Bits, part: &Part, place: usize) -> Result<bool, Stop> {
        let (dc, ac) = (&self.dc[part.dc], &self.ac[part.ac]);
        let (first, last) = self.scan.band;
        if first == 0 {
            match (self.scan.refines, dc) {
                (true, _) => _ = bits.take(1)?,
                (false, Some(dc)) => {
                    let size = bits.symbol(dc)?;
                    if size > 16 {
                        return Err(Stop::BadCode);
                    }
                    bits.skip(u32::from(size))?;
                }
                (false, None) => return Ok(false),
            }
        }
        if last == 0 {
            return Ok(true);
        }
        let Some(ac) = ac else { return Ok(false) };
        match (self.frame.progressive, self.scan.refines) {
            (false, _) => sequential(bits, ac)?,
            (true, refines) => {
                let Some(nonzero) = self.frame.components[part.component].nonzero.get_mut(place) else {
                    return Ok(false);
                };
                let band = Band { first, last, run: &mut self.run };
                if refines { band.refine(bits, ac, nonzero)? } else { band.begin(bits, ac, nonzero)? }
            }
        }
        Ok(true)
    }
}

/// The AC coefficients of a block of a sequential picture (F.2.2.2).
fn sequential(bits: &mut Bits, ac: &Table) -> Result<(), Stop> {
    let mut k = 1;
    while k < 64 {
        let symbol = u32::from(bits.symbol_with_value(ac)?);
        match (symbol >> 4, symbol & 15) {
            (run, 0) if run < 15 => return Ok(()),
            (run, _) => k += run + 1,
        }
    }
    Ok(())
}

/// A band of AC coefficients of a block of a progressive picture.
struct Band<'a> {
    first: u32,
    last: u32,
    run: &'a mut u32,
}

impl Band<'_> {
    /// The first scan of a band (G.1.2.2).
    fn begin(self, bits: &mut Bits, ac: &Table, nonzero: &mut u64) -> Result<(), Stop> {
        if *self.run > 0 {
            *self.run -= 1;
            return Ok(());
        }
        let mut k = self.first;
        while k <= self.last {
            let symbol = u32::from(bits.symbol_with_value(ac)?);
            match (symbol >> 4, symbol & 15) {
                (15, 0) => k += 16,
                (length, 0) => {
                    *self.run = (1 << length) - 1 + bits.take(length)?;
                    return Ok(());
                }
                (run, _) => {
                    k += run;
                    *nonzero |= 1u64.checked_shl(k).unwrap_or(0);
                    k += 1;
                }
            }
        }
        Ok(())
    }

    /// A refining scan of a band (G.1.2.3): each coefficient that is not zero yet takes a bit where it is passed.
    fn refine(self, bits: &mut Bits, ac: &Table, nonzero: &mut u64) -> Result<(), Stop> {
        let mut k = self.first;
        if *self.run == 0 {
            while k <= self.last {
                let symbol = u32::from(bits.symbol_with_value(ac)?);
                let (zeros, size) = (symbol >> 4, symbol & 15);
                if size == 0 && zeros < 15 {
                    *self.run = (1 << zeros) + bits.take(zeros)?;
                    break;
                }
                // The coefficient meant is the one that is still zero behind `zeros` others.
                let (ahead, inside) = (*nonzero >> k, lowest(self.last - k + 1));
                let free = (0..zeros).fold(!ahead & inside, |free, _| free & free.wrapping_sub(1));
                let passed = if free == 0 { self.last - k + 1 } else { free.trailing_zeros() };
                bits.skip((ahead & lowest(passed)).count_ones())?;
                k += passed;
                if size != 0 && k <= self.last {
                    *nonzero |= 1 << k;
                }
                k += 1;
            }
        }
        if *self.run > 0 {
            if k <= self.last {
                bits.skip((*nonzero >> k & lowest(self.last - k + 1)).count_ones())?;
            }
            *self.run -= 1;
        }
        Ok(())
    }
}

/// A word with its `count` ≤ 64 lowest bits set.
fn lowest(count: u32) -> u64 {
    u64::MAX.checked_shr(64 - count).unwrap_or(0)
}

//! Bits of a scan's coded data, and Huffman codes in them (ITU-T T.81, annex F.2.2).

/// A Huffman table: codes in order of length, numbered upward within a length.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// For the next [`SHORT`] bits: length of the code in the upper byte (0: longer than these bits), symbol in the lower.
    short: Vec<u16>,
    /// Per length 1…16: the first number that is no code of at most this length, shifted to 16 bits.
    limit: [u32; 17],
    /// Per length: what is added to a code for its place in `symbols`.
    offset: [i32; 17],
    symbols: Vec<u8>,
}

/// Maximum length, in bits, of codes that one table lookup finds.
const SHORT: usize = 10;

impl Table {
    /// Builds the table of `counts` codes per length 1…16, with their symbols in order.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Self {
        let mut table = Self { short: vec![0; 1 << SHORT], limit: [0; 17], offset: [0; 17], symbols: symbols.to_vec() };
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16 {
            table.offset[length] = place as i32 - code as i32;
            for &symbol in &symbols[place..place + usize::from(counts[length - 1])] {
                if length <= SHORT {
                    let first = (code << (SHORT - length)) as usize;
                    let entry = (length as u16) << 8 | u16::from(symbol);
                    // More codes than a length has room for make no sense; the walk then meets a bad code.
                    table.short.iter_mut().skip(first).take(1 << (SHORT - length)).for_each(|slot| *slot = entry);
                }
                code += 1;
            }
            place += usize::from(counts[length - 1]);
            table.limit[length] = code << (16 - length);
            code <<= 1;
        }
        table
    }

    /// The length and symbol of the code that begins the 16 bits `next`, if there is one.
    fn find(&self, next: u32) -> Option<(u32, u8)> {
        let entry = self.short[(next >> (16 - SHORT)) as usize];
        if entry != 0 {
            return Some((u32::from(entry >> 8), entry as u8));
        }
        let length = (SHORT + 1..=16).find(|&length| next < self.limit[length])?;
        let place = (next >> (16 - length)) as i32 + self.offset[length];
        let symbol = self.symbols.get(usize::try_from(place).ok()?)?;
        Some((length as u32, *symbol))
    }
}

/// Why no symbol could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The data end.
    End,
    /// The bits are no code.
    BadCode,
}

/// A reader of the bits between two restart markers; stuffed zeros are left out.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, held: 0 }
    }

    /// The bytes that are still unread.
    pub fn left(&self) -> &'a [u8] {
        let mut whole = self.held / 8;
        let mut at = self.at;
        // Step back over whole bytes that are held, and over the zeros that are stuffed after FF.
        while whole > 0 {
            at -= if at >= 2 && self.data[at - 1] == 0 && self.data[at - 2] == 0xFF { 2 } else { 1 };
            whole -= 1;
        }
        &self.data[at..]
    }

    fn fill(&mut self) {
        // Several bytes at once, if none of the next eight is FF.
        if let Some(next) = self.data.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let next = u64::from_be_bytes(*next);
            let ones = 0x0101_0101_0101_0101;
            // The usual search for a zero byte, in the complement.
            if (!next).wrapping_sub(ones) & next & (ones << 7) == 0 {
                let bytes = ((64 - self.held) / 8).min(7);
                self.buffer = self.buffer << (8 * bytes) | next >> (64 - 8 * bytes);
                self.held += 8 * bytes;
                self.at += bytes as usize;
                return;
            }
        }
        while self.held <= 48 {
            let Some(&byte) = self.data.get(self.at) else { return };
            self.at += if byte == 0xFF && self.data.get(self.at + 1) == Some(&0) { 2 } else { 1 };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.held += 8;
        }
    }

    /// Reads `count` ≤ 16 bits.
    pub fn take(&mut self, count: u32) -> Result<u32, Stop> {
        if self.held < count {
            self.fill();
            if self.held < count {
                return Err(Stop::End);
            }
        }
        self.held -= count;
        Ok((self.buffer >> self.held) as u32 & ((1 << count) - 1))
    }

    /// Skips `count` bits.
    pub fn skip(&mut self, mut count: u32) -> Result<(), Stop> {
        while count > 16 {
            self.take(16)?;
            count -= 16;
        }
        self.take(count).map(|_| ())
    }

    /// Reads one code of `table`, then as many bits as the lower half of its symbol says.
    pub fn symbol_with_value(&mut self, table: &Table) -> Result<u8, Stop> {
        if self.held < 32 {
            self.fill();
        }
        if self.held >= 32 {
            let next = (self.buffer >> (self.held - SHORT as u32)) as usize & ((1 << SHORT) - 1);
            let entry = table.short[next];
            if entry != 0 {
                self.held -= u32::from(entry >> 8) + u32::from(entry & 15);
                return Ok(entry as u8);
            }
        }
        let symbol = self.symbol(table)?;
        self.take(u32::from(symbol & 15))?;
        Ok(symbol)
    }

    /// Reads one code of `table` and returns its symbol.
    pub fn symbol(&mut self, table: &Table) -> Result<u8, Stop> {
        if self.held < 16 {
            self.fill();
        }
        // Beyond the end are ones, as encoders pad.
        let next = match self.held {
            16.. => (self.buffer >> (self.held - 16)) as u32 & 0xFFFF,
            held => {
                let missing = 16 - held;
                ((self.buffer as u32) << missing | ((1 << missing) - 1)) & 0xFFFF
            }
        };
        let end = if self.held < 16 { Stop::End } else { Stop::BadCode };
        let (length, symbol) = table.find(next).ok_or(end)?;
        self.take(length)?;
        Ok(symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_all_lengths_are_found() {
        // One code per length: 0, 10, 110, … (1 bit to 16 bits).
        let table = Table::new(&[1; 16], &(1..=16).collect::<Vec<u8>>());
        for length in 1..=16u32 {
            let code = ((1u32 << length) - 2) << (16 - length);
            assert_eq!(table.find(code), Some((length, length as u8)));
        }
        assert_eq!(table.find(0xFFFF), None);
    }

    #[test]
    fn bits_come_in_order_and_the_rest_is_known() {
        let mut bits = Bits::new(&[0b1010_0000, 0xFF, 0x00, 0x81, 0x07]);
        assert_eq!(bits.take(3), Ok(0b101));
        assert_eq!(bits.left(), [0xFF, 0x00, 0x81, 0x07]);
        assert_eq!(bits.take(13), Ok(0xFF));
        assert_eq!(bits.left(), [0x81, 0x07]);
        assert_eq!(bits.take(16), Ok(0x8107));
        assert_eq!(bits.take(1), Err(Stop::End));
        assert!(bits.left().is_empty());
    }

    #[test]
    fn a_table_with_too_many_codes_is_no_panic() {
        let table = Table::new(&[255; 16], &[7; 255 * 16]);
        let mut bits = Bits::new(&[0xAB; 64]);
        while bits.symbol(&table).is_ok() {}
    }
}

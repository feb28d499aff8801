//! The frame header of a JPEG (ITU-T T.81, B.2.2): size, components and their sampling.

/// A picture's size and components.
#[derive(Debug)]
pub(super) struct Frame {
    pub progressive: bool,
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// Largest sampling factors of all components, across and down.
    pub most: (usize, usize),
    /// Whether all scans so far could be followed.
    pub checked: bool,
}

/// A colour component.
#[derive(Debug)]
pub(super) struct Component {
    pub id: u8,
    /// Sampling factors, across and down.
    pub sampling: (usize, usize),
    /// Blocks of 8×8 samples that a scan of this component alone holds, across and down.
    pub blocks: (usize, usize),
    /// Blocks per row with those that fill up the last MCU of an interleaved scan.
    pub stride: usize,
    /// Per block a bit for each coefficient that is not zero yet; kept for progressive pictures only.
    pub nonzero: Vec<u64>,
    /// Whether a scan held data of this component.
    pub seen: bool,
}

/// Maximum number of blocks whose coefficients are followed: those of 200 million pixels in three full components.
const MAX_BLOCKS: usize = 200_000_000 / 64 * 3;

impl Frame {
    /// Reads a frame header, if it is one of 8-bit samples that makes sense and is not too large to follow.
    pub fn read(segment: &[u8], progressive: bool) -> Option<Self> {
        let &[precision, y1, y0, x1, x0, count, ref specs @ ..] = segment else { return None };
        let (height, width) = (usize::from(u16::from_be_bytes([y1, y0])), usize::from(u16::from_be_bytes([x1, x0])));
        let specs = specs.as_chunks::<3>().0.get(..usize::from(count))?;
        let sampling = |spec: &[u8; 3]| (usize::from(spec[1] >> 4), usize::from(spec[1] & 15));
        let sensible = |spec| matches!(sampling(spec), (1..=4, 1..=4));
        if precision != 8 || width == 0 || height == 0 || !(1..=4).contains(&count) || !specs.iter().all(sensible) {
            return None;
        }
        let most = specs.iter().map(sampling).fold((1, 1), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let (across, down) = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
        let total: usize = specs.iter().map(|spec| across * down * sampling(spec).0 * sampling(spec).1).sum();
        if progressive && total > MAX_BLOCKS {
            return None;
        }
        let component = |spec: &[u8; 3]| {
            let (h, v) = sampling(spec);
            let stored = if progressive { across * h * down * v } else { 0 };
            Component {
                id: spec[0],
                sampling: (h, v),
                blocks: ((width * h).div_ceil(8 * most.0), (height * v).div_ceil(8 * most.1)),
                stride: across * h,
                nonzero: vec![0; stored],
                seen: false,
            }
        };
        let components = specs.iter().map(component).collect();
        Some(Self { progressive, width, height, components, most, checked: true })
    }
}

//! Rectangles of pixels.

/// The pixels `[x0, x1) × [y0, y1)`, with x to the right and y down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    /// Left end.
    pub x0: u32,
    /// Upper end.
    pub y0: u32,
    /// Right end, exclusive.
    pub x1: u32,
    /// Lower end, exclusive.
    pub y1: u32,
}

impl std::fmt::Display for Rectangle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "({}, {})–({}, {})", self.x0, self.y0, self.x1, self.y1)
    }
}

impl Rectangle {
    /// All pixels of a `width`×`height` picture.
    pub fn of_size(width: usize, height: usize) -> Self {
        Self { x0: 0, y0: 0, x1: width as u32, y1: height as u32 }
    }

    /// Whether all of `other` lies inside.
    pub fn holds(&self, other: &Rectangle) -> bool {
        self.x0 <= other.x0 && self.y0 <= other.y0 && other.x1 <= self.x1 && other.y1 <= self.y1
    }

    /// Whether the pixel (x, y) lies inside.
    pub fn has_pixel(&self, x: u32, y: u32) -> bool {
        (self.x0..self.x1).contains(&x) && (self.y0..self.y1).contains(&y)
    }

    /// Number of pixels.
    pub fn area(&self) -> u64 {
        u64::from(self.x1.saturating_sub(self.x0)) * u64::from(self.y1.saturating_sub(self.y0))
    }
}

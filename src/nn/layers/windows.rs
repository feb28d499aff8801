//! The windows that convolution and pooling share: where a kernel lies over the rows and columns of every channel.
//!
//! One axis of space is taken as a single row.

use serde::{Deserialize, Serialize};

use super::{LayerError, shape_text};

/// Sizes of windows, for rows and columns; a single entry is for columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// Lengths.
    pub size: Vec<usize>,
    /// Steps from one window to the next.
    pub strides: Vec<usize>,
    /// Steps from one place of a window to the next.
    pub dilations: Vec<usize>,
    /// Rows and columns that are added before the first one.
    pub before: Vec<usize>,
    /// And after the last one.
    pub after: Vec<usize>,
    /// Whether a last window may reach beyond these.
    pub ceil: bool,
    /// Whether the padding was reckoned from the input's size, and is not to be changed (ONNX's `auto_pad` = SAME_UPPER or SAME_LOWER).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reckoned: bool,
}

impl Kernel {
    /// Windows of this size without padding, side by side.
    pub fn new(size: Vec<usize>) -> Self {
        let axes = size.len();
        let ones = || vec![1; axes];
        Self {
            size,
            strides: ones(),
            dilations: ones(),
            before: vec![0; axes],
            after: vec![0; axes],
            ceil: false,
            reckoned: false,
        }
    }
}

/// Windows over items of one shape, channels × rows × columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Number of channels.
    pub channels: usize,
    /// Rows and columns.
    pub size: [usize; 2],
    /// Of a window.
    pub kernel: [usize; 2],
    /// Number of windows, by rows and columns.
    pub out: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    before: [usize; 2],
    /// Padding after the last row and column, as it was asked for.
    after: [usize; 2],
    /// Whether there is one axis of space.
    flat: bool,
}

/// Two axes of one or two entries; a single one is for columns.
fn axes<T: Copy>(values: &[T], rows: T) -> [T; 2] {
    match values {
        [columns] => [rows, *columns],
        [rows, columns, ..] => [*rows, *columns],
        [] => [rows, rows],
    }
}

/// Largest length of an axis of windows, and of their padding: beyond it a file is damaged.
const LONGEST: usize = 1 << 24;

impl Windows {
    /// The windows over items of `shape`, channels first.
    ///
    /// # Errors
    /// [`LayerError`] if sizes are impossible or no window fits.
    pub fn new(shape: &[usize], kernel: &Kernel) -> Result<Self, LayerError> {
        let Some((&channels, space)) = shape.split_first().filter(|(_, space)| (1..=2).contains(&space.len())) else {
            return Err(LayerError::new("the input", "channels and one or two axes of space", shape_text(shape)));
        };
        let lengths = [&kernel.size, &kernel.strides, &kernel.dilations, &kernel.before, &kernel.after];
        if let Some(other) = lengths.iter().find(|lengths| lengths.len() != space.len()) {
            return Err(LayerError::new("the number of axes of the kernel", space.len(), other.len()));
        }
        for (what, values) in
            [("the kernel's size", &kernel.size), ("strides", &kernel.strides), ("dilations", &kernel.dilations)]
        {
            if let Some(wrong) = values.iter().find(|&&value| value == 0 || value > LONGEST) {
                return Err(LayerError::new(what, format!("from 1 to {LONGEST}"), wrong));
            }
        }
        if let Some(wrong) = kernel.before.iter().chain(&kernel.after).find(|&&value| value > LONGEST) {
            return Err(LayerError::new("pads", format!("at most {LONGEST}"), wrong));
        }
        let mut windows = Self {
            channels,
            size: axes(space, 1),
            kernel: axes(&kernel.size, 1),
            out: [1, 1],
            strides: axes(&kernel.strides, 1),
            dilations: axes(&kernel.dilations, 1),
            before: axes(&kernel.before, 0),
            after: axes(&kernel.after, 0),
            flat: space.len() == 1,
        };
        for axis in 0..2 {
            let reach = windows.dilations[axis] * (windows.kernel[axis] - 1) + 1;
            let padded = windows.before[axis] + windows.size[axis] + windows.after[axis];
            let Some(room) = padded.checked_sub(reach).filter(|_| windows.size[axis] > 0) else {
                let fits = format!("at most the padded input, {padded}");
                return Err(LayerError::new("the reach of the kernel", fits, reach));
            };
            let stride = windows.strides[axis];
            windows.out[axis] = if kernel.ceil {
                // No window begins in the padding after the input.
                let count = room.div_ceil(stride) + 1;
                if (count - 1) * stride >= windows.size[axis] + windows.before[axis] { count - 1 } else { count }
            } else {
                room / stride + 1
            };
        }
        Ok(windows)
    }

    /// One window over everything.
    pub fn global(shape: &[usize]) -> Result<Self, LayerError> {
        Self::new(shape, &Kernel::new(shape.iter().skip(1).copied().collect()))
    }

    /// Number of windows of a channel.
    pub fn count(&self) -> usize {
        self.out[0] * self.out[1]
    }

    /// Number of places of a window.
    pub fn places(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Number of rows times columns.
    pub fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// The shape of an item of so many channels, with one number for each window.
    pub fn shape(&self, channels: usize) -> Vec<usize> {
        if self.flat { vec![channels, self.out[1]] } else { vec![channels, self.out[0], self.out[1]] }
    }

    /// Whether every window is one place, and every place a window.
    pub fn are_single(&self) -> bool {
        self.kernel == [1, 1] && self.strides == [1, 1] && self.before == [0, 0] && self.after == [0, 0]
    }

    /// Whether there is one window, which is the whole input place by place.
    pub fn are_global(&self) -> bool {
        self.kernel == self.size && self.out == [1, 1] && self.dilations == [1, 1] && self.before == [0, 0]
    }

    /// For a place of the kernel along an axis: the windows whose place lies inside the input, and where it lies in the first of them.
    fn inside(&self, axis: usize, place: usize) -> (std::ops::Range<usize>, usize) {
        let (stride, offset, before) = (self.strides[axis], place * self.dilations[axis], self.before[axis]);
        let first = before.saturating_sub(offset).div_ceil(stride);
        let end = match (self.size[axis] + before).checked_sub(offset + 1) {
            Some(room) => (room / stride + 1).min(self.out[axis]),
            None => 0,
        };
        let first = first.min(end);
        (first..end, (first * stride + offset).saturating_sub(before))
    }

    /// Calls `visit` for every row of windows that a place of the kernel has inside the input: with the first window, the first place in the input,
    /// the number of windows, and the step in the input from one window to the next.
    pub fn rows(&self, place: usize, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let (down, across) = (place / self.kernel[1], place % self.kernel[1]);
        let (rows, first_row) = self.inside(0, down);
        let (columns, first_column) = self.inside(1, across);
        if columns.is_empty() {
            return;
        }
        for (number, row) in rows.enumerate() {
            let input_row = first_row + number * self.strides[0];
            let window = row * self.out[1] + columns.start;
            visit(window, input_row * self.size[1] + first_column, columns.len(), self.strides[1]);
        }
    }

    /// Calls `visit` for every window, row by row, with the places of it that lie inside the input, counted over a channel.
    pub fn each(&self, mut visit: impl FnMut(usize, &[usize])) {
        let whole = [0, 1].map(|axis| self.whole(axis));
        let along = |axis: usize, place: usize| place * self.dilations[axis];
        let offsets: Vec<usize> = (0..self.places())
            .map(|place| along(0, place / self.kernel[1]) * self.size[1] + along(1, place % self.kernel[1]))
            .collect();
        let mut places = Vec::with_capacity(self.places());
        for window in 0..self.count() {
            let [down, across] = [window / self.out[1], window % self.out[1]];
            places.clear();
            if whole[0].contains(&down) && whole[1].contains(&across) {
                let row = down * self.strides[0] - self.before[0];
                let first = row * self.size[1] + across * self.strides[1] - self.before[1];
                places.extend(offsets.iter().map(|offset| first + offset));
            } else {
                let inside = |axis: usize, window: usize, place: usize| {
                    let at = (window * self.strides[axis] + along(axis, place)).checked_sub(self.before[axis])?;
                    (at < self.size[axis]).then_some(at)
                };
                for i in 0..self.kernel[0] {
                    let Some(row) = inside(0, down, i) else { continue };
                    let columns = (0..self.kernel[1]).filter_map(|j| inside(1, across, j));
                    places.extend(columns.map(|column| row * self.size[1] + column));
                }
            }
            visit(window, &places);
        }
    }

    /// The windows along an axis that lie inside the input with all their places.
    fn whole(&self, axis: usize) -> std::ops::Range<usize> {
        let reach = self.dilations[axis] * (self.kernel[axis] - 1) + 1;
        let first = self.before[axis].div_ceil(self.strides[axis]);
        let end =
            (self.size[axis] + self.before[axis]).checked_sub(reach).map_or(0, |room| room / self.strides[axis] + 1);
        first..end.min(self.out[axis])
    }

    /// Number of places of every window: those inside the input, or those inside the padding that was asked for.
    pub fn counts(&self, with_padding: bool) -> Vec<usize> {
        let along = |axis: usize| -> Vec<usize> {
            let (low, high) = match with_padding {
                true => (0, self.before[axis] + self.size[axis] + self.after[axis]),
                false => (self.before[axis], self.before[axis] + self.size[axis]),
            };
            let is_inside = |window: usize, place: usize| {
                (low..high).contains(&(window * self.strides[axis] + place * self.dilations[axis]))
            };
            let count = |window| (0..self.kernel[axis]).filter(|&place| is_inside(window, place)).count();
            (0..self.out[axis]).map(count).collect()
        };
        let (rows, columns) = (along(0), along(1));
        rows.iter().flat_map(|row| columns.iter().map(move |column| row * column)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(size: [usize; 2], strides: [usize; 2], pads: [usize; 4], dilations: [usize; 2], ceil: bool) -> Kernel {
        Kernel {
            size: size.to_vec(),
            strides: strides.to_vec(),
            dilations: dilations.to_vec(),
            before: pads[..2].to_vec(),
            after: pads[2..].to_vec(),
            ceil,
            reckoned: false,
        }
    }

    /// Every place of every window, counted one by one.
    #[test]
    fn rows_of_windows_are_all_places_inside_the_input() {
        for (size, kernel) in [
            ([5, 6], kernel([3, 2], [2, 1], [1, 0, 2, 1], [1, 2], false)),
            ([7, 7], kernel([3, 3], [2, 2], [0, 0, 0, 0], [1, 1], true)),
            ([4, 3], kernel([2, 2], [3, 3], [1, 1, 1, 1], [2, 1], true)),
            ([1, 1], kernel([3, 3], [1, 1], [2, 2, 2, 2], [1, 1], false)),
        ] {
            let windows = Windows::new(&[1, size[0], size[1]], &kernel).unwrap();
            let mut found = Vec::new();
            for place in 0..windows.places() {
                windows.rows(place, |window, input, count, step| {
                    found.extend((0..count).map(|i| (place, window + i, input + i * step)));
                });
            }
            let mut expected = Vec::new();
            for place in 0..windows.places() {
                for window in 0..windows.count() {
                    let [i, j] = [place / kernel.size[1], place % kernel.size[1]];
                    let [y, x] = [window / windows.out[1], window % windows.out[1]];
                    let row = (y * kernel.strides[0] + i * kernel.dilations[0]) as isize - kernel.before[0] as isize;
                    let column = (x * kernel.strides[1] + j * kernel.dilations[1]) as isize - kernel.before[1] as isize;
                    if (0..size[0] as isize).contains(&row) && (0..size[1] as isize).contains(&column) {
                        expected.push((place, window, row as usize * size[1] + column as usize));
                    }
                }
            }
            assert_eq!(found, expected, "{windows:?}");
            let mut by_window = Vec::new();
            windows.each(|window, places| by_window.extend(places.iter().map(|&place| (window, place))));
            let mut expected_by_window: Vec<(usize, usize)> =
                expected.iter().map(|&(_, window, at)| (window, at)).collect();
            // Places of the kernel come in the order of their places in the input.
            expected_by_window.sort_unstable();
            assert_eq!(by_window, expected_by_window, "{windows:?}");
            let mut counts = vec![0; windows.count()];
            expected.iter().for_each(|(_, window, _)| counts[*window] += 1);
            assert_eq!(windows.counts(false), counts);
        }
    }

    #[test]
    fn impossible_windows_are_refused() {
        let fails = |shape: &[usize], kernel: Kernel| Windows::new(shape, &kernel).unwrap_err().to_string();
        let good = || kernel([3, 3], [1, 1], [0; 4], [1, 1], false);
        assert!(
            fails(&[1, 2, 2], good()).contains("the reach of the kernel must be at most the padded input, 2, found 3")
        );
        assert!(fails(&[1, 5, 5], Kernel { strides: vec![0, 1], ..good() }).contains("strides must be from 1"));
        assert!(fails(&[1, 5], good()).contains("the number of axes of the kernel must be 1, found 2"));
        assert!(fails(&[5], good()).contains("channels and one or two axes of space"));
        assert!(fails(&[1, 5, 5], Kernel { after: vec![usize::MAX, 0], ..good() }).contains("pads must be at most"));
    }

    #[test]
    fn a_single_axis_is_a_row() {
        let windows = Windows::new(&[2, 9], &Kernel::new(vec![4])).unwrap();
        assert_eq!((windows.out, windows.shape(3)), ([1, 6], vec![3, 6]));
        assert_eq!(Windows::global(&[2, 4, 5]).unwrap().shape(2), [2, 1, 1]);
    }
}

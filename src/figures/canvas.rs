//! Marks on pictures: drawn at several times the size and shrunk, so that lines are smooth.

use image::{Rgb, RgbImage, imageops};

/// Factor by which everything is drawn larger.
const FACTOR: u32 = 3;

/// A place in pixels of the finished picture, (x, y).
pub(super) type Place = (f64, f64);

/// Colour of a mark.
pub(super) type Ink = [u8; 3];

/// Black, like text.
pub(super) const BLACK: Ink = [20, 20, 20];

/// A picture to draw on.
pub(super) struct Canvas {
    large: RgbImage,
}

impl Canvas {
    /// A white canvas.
    pub(super) fn white(width: u32, height: u32) -> Self {
        Self { large: RgbImage::from_pixel(width * FACTOR, height * FACTOR, Rgb([255; 3])) }
    }

    /// A canvas that shows `image`.
    pub(super) fn of(image: &RgbImage) -> Self {
        let (width, height) = (image.width() * FACTOR, image.height() * FACTOR);
        Self { large: imageops::resize(image, width, height, imageops::FilterType::Nearest) }
    }

    /// Inks every pixel of the box around `places` grown by `margin` whose centre is `inside`.
    fn ink(&mut self, places: &[Place], margin: f64, ink: Ink, inside: impl Fn(Place) -> bool) {
        let scale = f64::from(FACTOR);
        let bound = |value: f64, length: u32| (value * scale).clamp(0.0, f64::from(length)) as u32;
        let least = |part: fn(&Place) -> f64| places.iter().map(part).fold(f64::INFINITY, f64::min) - margin;
        let most = |part: fn(&Place) -> f64| places.iter().map(part).fold(f64::NEG_INFINITY, f64::max) + margin;
        let (width, height) = self.large.dimensions();
        let columns = bound(least(|p| p.0), width)..bound(most(|p| p.0) + 1.0, width);
        for y in bound(least(|p| p.1), height)..bound(most(|p| p.1) + 1.0, height) {
            for x in columns.clone() {
                if inside(((f64::from(x) + 0.5) / scale, (f64::from(y) + 0.5) / scale)) {
                    self.large.put_pixel(x, y, Rgb(ink));
                }
            }
        }
    }

    /// A disc.
    pub(super) fn disc(&mut self, centre: Place, radius: f64, ink: Ink) {
        self.ink(&[centre], radius, ink, |place| distance(place, centre) <= radius);
    }

    /// A rectangle between two corners.
    pub(super) fn bar(&mut self, a: Place, b: Place, ink: Ink) {
        let within = |value: f64, a: f64, b: f64| (a.min(b)..a.max(b)).contains(&value);
        self.ink(&[a, b], 0.0, ink, |(x, y)| within(x, a.0, b.0) && within(y, a.1, b.1));
    }

    /// The outline of a rectangle.
    pub(super) fn frame(&mut self, a: Place, b: Place, width: f64, ink: Ink) {
        let corners = [a, (b.0, a.1), b, (a.0, b.1), a];
        corners.windows(2).for_each(|side| self.line(side[0], side[1], width, ink));
    }

    /// A triangle that points up.
    pub(super) fn triangle(&mut self, centre: Place, radius: f64, ink: Ink) {
        self.ink(&[centre], radius, ink, |(x, y)| {
            let (dx, down) = (x - centre.0, y - centre.1 + radius);
            (0.0..=1.7 * radius).contains(&down) && dx.abs() <= down * 0.62
        });
    }

    /// A straight line with round ends.
    pub(super) fn line(&mut self, from: Place, to: Place, width: f64, ink: Ink) {
        self.ink(&[from, to], width, ink, |place| {
            distance(place, along(from, to, projection(place, from, to))) <= width / 2.0
        });
    }

    /// A line from `from` with a head at `to`.
    pub(super) fn arrow(&mut self, from: Place, to: Place, width: f64, ink: Ink) {
        let length = distance(from, to);
        if length == 0.0 {
            return;
        }
        let head = (5.0 * width).min(length);
        let neck = along(from, to, 1.0 - head / length);
        self.line(from, neck, width, ink);
        self.ink(&[neck, to], head, ink, |place| {
            let t = (place.0 - to.0, place.1 - to.1);
            let back = -(t.0 * (to.0 - from.0) + t.1 * (to.1 - from.1)) / length;
            let aside = (t.0 * (to.1 - from.1) - t.1 * (to.0 - from.0)).abs() / length;
            (0.0..=head).contains(&back) && aside <= 0.4 * back
        });
    }

    /// A line through `places` in dashes of `dash` pixels with gaps as long.
    pub(super) fn dashed(&mut self, places: &[Place], width: f64, dash: f64, ink: Ink) {
        let mut walked = 0.0;
        for pair in places.windows(2) {
            let length = distance(pair[0], pair[1]);
            let part = |at: f64| along(pair[0], pair[1], at / length);
            let mut at = 0.0;
            while at < length {
                // To where the dash or gap ends; at least a little, so that rounding can't stop the walk.
                let next = (at + (dash - walked % dash).max(1e-6)).min(length);
                if (walked / dash) % 2.0 < 1.0 {
                    self.line(part(at), part(next), width, ink);
                }
                walked += next - at;
                at = next;
            }
        }
    }

    /// The picture.
    pub(super) fn finish(self) -> RgbImage {
        let (width, height) = (self.large.width() / FACTOR, self.large.height() / FACTOR);
        imageops::thumbnail(&self.large, width, height)
    }
}

fn distance(a: Place, b: Place) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

fn along(from: Place, to: Place, t: f64) -> Place {
    (from.0 + t * (to.0 - from.0), from.1 + t * (to.1 - from.1))
}

/// Where on the segment, 0 to 1, it is nearest to `place`.
fn projection(place: Place, from: Place, to: Place) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let square = dx * dx + dy * dy;
    if square > 0.0 { (((place.0 - from.0) * dx + (place.1 - from.1) * dy) / square).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dark(image: &RgbImage) -> f64 {
        image.pixels().map(|pixel| 1.0 - f64::from(pixel.0[1]) / 255.0).sum()
    }

    /// Marks cover their areas, wherever they lie, and what is outside is cut.
    #[test]
    fn marks_have_their_areas() {
        let area = |draw: &dyn Fn(&mut Canvas)| {
            let mut canvas = Canvas::white(60, 50);
            draw(&mut canvas);
            let image = canvas.finish();
            assert_eq!(image.dimensions(), (60, 50));
            dark(&image)
        };
        let near =
            |found: f64, expected: f64| assert!((found - expected).abs() < 0.06 * expected, "{found}, {expected}");
        near(area(&|c| c.disc((30.0, 25.0), 10.0, [0; 3])), 314.2);
        near(area(&|c| c.disc((0.0, 0.0), 20.0, [0; 3])), 314.2);
        near(area(&|c| c.bar((40.0, 30.0), (10.0, 20.0), [0; 3])), 300.0);
        near(area(&|c| c.line((10.0, 10.0), (40.0, 40.0), 3.0, [0; 3])), 127.3 + 7.1);
        near(area(&|c| c.dashed(&[(5.0, 10.0), (25.0, 10.0), (45.0, 10.0)], 4.0, 10.0, [0; 3])), 80.0 + 2.0 * 12.6);
        near(area(&|c| c.triangle((30.0, 25.0), 10.0, [0; 3])), 17.0 * 17.0 * 0.62);
        assert!(area(&|c| c.arrow((5.0, 5.0), (5.0, 5.0), 2.0, [0; 3])) == 0.0);
        assert!(area(&|c| c.arrow((5.0, 25.0), (55.0, 25.0), 2.0, [0; 3])) > 100.0);
    }

    #[test]
    fn a_canvas_of_a_picture_shows_it() {
        let image = RgbImage::from_fn(9, 7, |x, y| Rgb([(20 * x) as u8, (30 * y) as u8, 7]));
        assert_eq!(Canvas::of(&image).finish(), image);
    }
}

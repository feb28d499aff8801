//! What a file holds, by its first bytes.

use std::borrow::Cow;

use image::ImageFormat;

/// What a file's first bytes say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A format that is read.
    Read(ImageFormat),
    /// A variant of such a format that is not.
    Variant(&'static str),
    /// Anything else, to follow "the picture is".
    Other(Cow<'static, str>),
}

/// The name of the picture format that `bytes` are in, if it is one that is read.
pub fn format_name(bytes: &[u8]) -> Option<&'static str> {
    match of(bytes) {
        Kind::Read(ImageFormat::Jpeg) => Some("JPEG"),
        Kind::Read(ImageFormat::Png) => Some("PNG"),
        Kind::Read(ImageFormat::Tiff) => Some("TIFF"),
        Kind::Read(ImageFormat::WebP) => Some("WebP"),
        Kind::Read(ImageFormat::Bmp) => Some("BMP"),
        _ => None,
    }
}

/// What a file of Git Large File Storage is whose content was not fetched.
pub(super) const LFS_POINTER: &str = "a pointer of Git LFS without its content";

/// Says what `bytes` hold.
pub(super) fn of(bytes: &[u8]) -> Kind {
    // `image` knows only the classic magic numbers of TIFF; its decoder reads BigTIFF too.
    if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
        return Kind::Read(ImageFormat::Tiff);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.get(12..16) == Some(b"CgBI") {
        return Kind::Variant("a PNG in the CgBI variant of iPhone apps");
    }
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Tiff | ImageFormat::WebP | ImageFormat::Bmp),
        ) => Kind::Read(format),
        found => Kind::Other(other(bytes, found.ok())),
    }
}

fn other(bytes: &[u8], guessed: Option<ImageFormat>) -> Cow<'static, str> {
    // ISO media files: a box of type "ftyp", its main brand, and further brands from byte 16 on.
    if let (Some(b"ftyp"), Some(brand)) = (bytes.get(4..8), bytes.get(8..12)) {
        let brands =
            || std::iter::once(brand).chain(bytes.get(16..bytes.len().min(64)).unwrap_or_default().chunks_exact(4));
        if brands().any(|brand| matches!(brand, b"avif" | b"avis")) {
            return "an AVIF".into();
        }
        if brands().any(|brand| matches!(brand, b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis")) {
            return "a HEIC".into();
        }
        if matches!(brand, b"mif1" | b"msf1") {
            return "a HEIF".into();
        }
    }
    if bytes.starts_with(b"\0\0\0\x0cjP  \r\n\x87\n") || bytes.starts_with(b"\xff\x4f\xff\x51") {
        return "a JPEG 2000".into();
    }
    if bytes.starts_with(b"\0\0\0\x0cJXL \r\n\x87\n") || bytes.starts_with(b"\xff\x0a") {
        return "a JPEG XL".into();
    }
    match guessed {
        _ if bytes.is_empty() => "empty".into(),
        _ if bytes.starts_with(b"version https://git-lfs") => LFS_POINTER.into(),
        Some(ImageFormat::Gif) => "a GIF".into(),
        Some(ImageFormat::Avif) => "an AVIF".into(),
        Some(format) => format!("of the format {format:?}").into(),
        None => "no picture of a known format".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named_by_their_content() {
        let named = |bytes: &[u8]| match of(bytes) {
            Kind::Other(found) => found.into_owned(),
            kind => format!("{kind:?}"),
        };
        assert_eq!(named(b"\0\0\0\x18ftypheic\0\0\0\0"), "a HEIC");
        assert_eq!(named(b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic"), "a HEIC");
        assert_eq!(named(b"\0\0\0\x1cftypmif1\0\0\0\0mif1miaf"), "a HEIF");
        assert_eq!(named(b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf"), "an AVIF");
        assert_eq!(named(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif"), "an AVIF");
        assert_eq!(named(b"GIF89a"), "a GIF");
        assert_eq!(named(b"\0\0\0\x0cjP  \r\n\x87\n"), "a JPEG 2000");
        assert_eq!(named(b"\0\0\0\x0cJXL \r\n\x87\n"), "a JPEG XL");
        assert_eq!(named(b"version https://git-lfs.github.com/spec/v1\n"), LFS_POINTER);
        assert_eq!(named(b""), "empty");
        assert_eq!(named(b"hello"), "no picture of a known format");
        assert_eq!(named(b"II+\0\x08\0"), "Read(Tiff)");
        assert_eq!(named(b"MM\0+\0\x08"), "Read(Tiff)");
        let apple = of(b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI");
        assert!(matches!(apple, Kind::Variant(what) if what.contains("CgBI")));
    }
}

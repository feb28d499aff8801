use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use proptest::prelude::*;

use super::*;

/// A picture with detail everywhere, as a baseline JPEG.
fn baseline() -> Vec<u8> {
    let picture = RgbImage::from_fn(61, 45, |x, y| Rgb([(x * x + 7 * y) as u8, (x * y) as u8, (11 * (x ^ y)) as u8]));
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&picture).unwrap();
    bytes
}

/// Where the coded data of the first scan lie.
fn data(bytes: &[u8]) -> std::ops::Range<usize> {
    let header = bytes.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap();
    let begin = header + 2 + usize::from(u16::from_be_bytes([bytes[header + 2], bytes[header + 3]]));
    begin..begin + coded_data(bytes, begin).len()
}

fn rows(fault: &JpegFault) -> usize {
    match fault {
        JpegFault::FileEnds { reached: Some(rows) }
        | JpegFault::DataEnd { reached: Some(rows) }
        | JpegFault::Zeros { reached: Some(rows) } => {
            assert_eq!(rows.all, 45);
            rows.whole
        }
        fault => panic!("{fault:?}"),
    }
}

#[test]
fn a_whole_picture_passes() {
    assert_eq!(check(&baseline()), Ok(()));
}

#[test]
fn lost_data_are_an_error_with_the_row_wherever_they_begin() {
    let whole = baseline();
    let range = data(&whole);
    let mut reached = Vec::new();
    for kept in range.clone() {
        // An end marker right behind the cut. A cut after FF would make another marker.
        if whole[kept - 1] == 0xFF {
            continue;
        }
        let cut = [&whole[..kept], &[0xFF, 0xD9]].concat();
        let fault = check(&cut).expect_err("cut");
        assert!(matches!(fault, JpegFault::DataEnd { .. }), "{kept}: {fault:?}");
        reached.push(rows(&fault));
        assert_eq!(
            check(&whole[..kept]),
            Err(JpegFault::FileEnds { reached: Some(Rows { whole: rows(&fault), all: 45 }) })
        );
    }
    assert!(reached.is_sorted() && reached[0] == 0 && reached.contains(&24), "{reached:?}");
    // Too few zeros are not told from the picture's own.
    for kept in range.start..range.end - 64 {
        let mut zeros = whole.clone();
        zeros[kept..range.end].fill(0);
        let fault = check(&zeros).expect_err("zeros");
        assert!(matches!(fault, JpegFault::Zeros { .. }), "{kept}: {fault:?}");
        let expected = reached[(kept - range.start).min(reached.len() - 1)];
        assert!(rows(&fault).abs_diff(expected) <= 8, "{kept}: {fault:?}, {expected}");
    }
}

#[test]
fn bytes_between_segments_are_passed_over_and_zeros_before_the_end_marker_are_lost_data() {
    let whole = baseline();
    let tables = whole.windows(2).position(|two| two == [0xFF, 0xDB]).unwrap();
    assert_eq!(check(&[&whole[..tables], &[1, 2, 3, 0xFF, 0], &whole[tables..]].concat()), Ok(()));
    let range = data(&whole);
    let with = |extra: &[u8]| [&whole[..range.end], extra, &whole[range.end..]].concat();
    assert_eq!(check(&with(&[1, 2, 3, 4])), Ok(()));
    assert!(matches!(check(&with(&[0; 40])), Err(JpegFault::Zeros { .. })));
}

#[test]
fn coding_processes_that_are_not_read_are_named() {
    for (marker, name) in [(0xC3, "lossless"), (0xC6, "hierarchical"), (0xC9, "arithmetic"), (0xCC, "arithmetic")] {
        let mut bytes = baseline();
        let frame = bytes.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
        bytes[frame + 1] = marker;
        let fault = check(&bytes).unwrap_err();
        assert!(matches!(fault, JpegFault::Unsupported(_)) && fault.to_string().contains(name), "{fault:?}");
    }
}

proptest! {
    #[test]
    fn changed_bytes_are_no_panic(flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), progressive in any::<bool>()) {
        let mut bytes = baseline();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if progressive && let Some(frame) = bytes.windows(2).position(|two| two == [0xFF, 0xC0]) {
            bytes[frame + 1] = 0xC2;
        }
        let _ = check(&bytes);
    }
}

//! What is read and what is refused among the pictures of the shared data.

use super::{DecodeOptions, Picture};

#[test]
fn hostile_pictures_are_read_or_refused_by_name() {
    let Some(folder) = crate::shared_data::find("data/hostile") else { return };
    let open = |name: &str| Picture::open(folder.join(name), &DecodeOptions::default());
    for (name, cause) in [
        ("truncated.jpg", "ends before the picture does"),
        ("empty.jpg", "is empty"),
        ("text.jpg", "no picture of a known format"),
        ("bomb_header.png", "60000×60000"),
        ("animated.gif", "is a GIF"),
        ("gif_named.png", "is a GIF"),
    ] {
        let error = crate::causes::chain(&open(name).unwrap_err());
        assert!(error.contains(name) && error.contains(cause), "{name}: {error}");
    }
    for name in [
        "ok.jpg",
        "one_row.png",
        "one_column.png",
        "smaller_than_support.png",
        "cmyk.jpg",
        "grey16.png",
        "alpha.png",
        "palette.png",
    ] {
        assert!(open(name).is_ok(), "{name}: {:?}", open(name).err());
    }
    let difference = |a: &Picture, b: &Picture| {
        assert_eq!((a.width(), a.height()), (b.width(), b.height()));
        (a.grey() - b.grey()).mapv(f32::abs).mean().unwrap()
    };
    let upright = open("orientation6_upright.png").unwrap();
    assert!(difference(&open("orientation6.jpg").unwrap(), &upright) < 0.01);
    let plain = open("ok.jpg").unwrap();
    assert!(difference(&open("cmyk.jpg").unwrap(), &plain) < 0.02, "CMYK is read as the same colours");
    assert!(difference(&open("alpha.png").unwrap(), &upright) < 1e-6);
    assert!(difference(&open("grey16.png").unwrap(), &upright) < 0.003);
}

/// Encodings of one picture of 120×80 pixels.
const SAME: &[&str] = &[
    "b_24.bmp",
    "b_32.bmp",
    "b_32_alpha0.bmp",
    "b_8.bmp",
    "b_rle.bmp",
    "b_rle8.bmp",
    "b_topdown.bmp",
    "base.png",
    "j_base.jpg",
    "j_cmyk_gcr.jpg",
    "j_cmyk_noadobe.jpg",
    "j_cmyk_pillow.jpg",
    "j_double_soi.jpg",
    "j_exif_empty.jpg",
    "j_exif_garbage.jpg",
    "j_exif_short.jpg",
    "j_extraneous_before_eoi.jpg",
    "j_extraneous_between.jpg",
    "j_grey_prog.jpg",
    "j_keep_rgb.jpg",
    "j_leading_ff.jpg",
    "j_orient0.jpg",
    "j_orient1.jpg",
    "j_orient2.jpg",
    "j_orient3.jpg",
    "j_orient4.jpg",
    "j_orient6_long.jpg",
    "j_orient9.jpg",
    "j_prog.jpg",
    "j_prog2.jpg",
    "j_restart.jpg",
    "j_sub420.jpg",
    "j_sub422.jpg",
    "j_sub444.jpg",
    "j_trailing.jpg",
    "j_wrongext.png",
    "j_ycck_right.jpg",
    "p_apng.png",
    "p_badcrc_text.png",
    "p_cutout.png",
    "p_interlaced.png",
    "p_la.png",
    "p_orient3.png",
    "p_pal_trns.png",
    "p_rgb16.png",
    "p_rgba16i.png",
    "p_trailing.png",
    "p_wrongext.jpg",
    "t_5band.tif",
    "t_big.tif",
    "t_bigendian.tif",
    "t_cmyk.tif",
    "t_lzw.tif",
    "t_multipage.tif",
    "t_orient3.tif",
    "t_planar.tif",
    "t_rgb16_be.tif",
    "t_rgba.tif",
    "t_tiled.tif",
    "t_tiled_deflate.tif",
    "w_alpha.webp",
    "w_anim.webp",
    "w_lossless.webp",
    "w_lossy.webp",
    "w_orient3.webp",
];

/// The same turned by a quarter.
const TURNED: &[&str] = &[
    "j_orient5.jpg",
    "j_orient6.jpg",
    "j_orient6_be.jpg",
    "j_orient6_le.jpg",
    "j_orient7.jpg",
    "j_orient8.jpg",
    "p_orient6.png",
    "t_orient6.tif",
    "w_orient6.webp",
];

/// With other colours: fewer levels, another profile, a transparent part, or numbers that mean something else. With the mean grey.
const OTHER: &[(&str, f32)] = &[
    ("b_1.bmp", 0.466),
    ("b_4.bmp", 0.470),
    ("b_565.bmp", 0.468),
    ("im_cmyk.jpg", 0.468),
    ("im_cmyk.tif", 0.466),
    ("j_mpo.jpg", 0.468),
    ("j_ycck.jpg", 0.533),
    ("p_1bit.png", 0.508),
    ("p_cutout_black.png", 0.110),
    ("p_cutout_white.png", 0.860),
    ("p_grey16.png", 0.581),
    ("p_grey2.png", 0.300),
    ("p_pal4.png", 0.470),
    ("p_pal8.png", 0.468),
    ("t_1bit.tif", 0.466),
    ("t_cmyk_gcr.tif", 0.466),
    ("t_g4.tif", 0.466),
    ("t_grey12bit_in16.tif", 0.036),
    ("t_grey16.tif", 0.579),
    ("t_minwhite.tif", 0.579),
    ("t_packbits1.tif", 0.466),
    ("w_alpha_lossy.webp", 0.476),
];

/// What is refused, and what the message says.
const REFUSED: &[(&str, &[&str])] = &[
    ("is of the format Pnm", &["base.ppm"]),
    ("is an AVIF", &["h.avif"]),
    ("is a HEIC", &["h.heic", "heic_named.jpg"]),
    ("is no picture of a known format", &["html.jpg", "j_newline_before.jpg", "svg.svg", "svg_named.png"]),
    ("is an arithmetic-coded JPEG: this is not supported", &["j_arith.jpg"]),
    ("the file ends before the picture does", &["j_cut1.jpg", "j_no_eoi.jpg"]),
    ("the file ends before the picture does, after row 64 of 80", &["j_cut10.jpg"]),
    ("the picture's data end after row 16 of 80", &["j_half_then_eoi.jpg"]),
    ("the picture's data are zeros after row 16 of 80", &["j_zero_tail.jpg"]),
    ("is a pointer of Git LFS without its content", &["lfs_pointer.jpg"]),
    ("CRC error", &["p_badcrc_idat.png", "p_badcrc_ihdr.png"]),
    ("is a PNG in the CgBI variant", &["p_cgbi.png"]),
    ("unexpected end of file", &["p_no_iend.png"]),
    ("is a picture of floating-point numbers", &["t_float32.tif"]),
    ("RGBPalette", &["t_pal.tif"]),
    (
        "this is not supported",
        &[
            "t_float32grey.tif",
            "t_float64grey.tif",
            "t_int16.tif",
            "t_jpeg.tif",
            "t_la.tif",
            "t_lab.tif",
            "t_uint32.tif",
            "t_ycbcr_jpeg.tif",
            "t_zstd.tif",
        ],
    ),
    ("is a GIF", &["x.gif"]),
    ("is of the format Ico", &["x.ico"]),
    ("is a JPEG 2000", &["x.jp2"]),
];

#[test]
fn every_encoding_is_read_rightly_or_refused_with_its_reason() {
    let Some(folder) = crate::shared_data::find("data/cases/decode") else { return };
    let open = |name: &str| Picture::open(folder.join(name), &DecodeOptions::default());
    let base = SAME.iter().map(|name| (*name, 120, 80, 0.469));
    let turned = TURNED.iter().map(|name| (*name, 80, 120, 0.469));
    let other = OTHER.iter().map(|(name, grey)| (*name, 120, 80, *grey));
    let mut seen = 0;
    for (name, width, height, grey) in base.chain(turned).chain(other) {
        let picture = open(name).unwrap_or_else(|error| panic!("{}", crate::causes::chain(&error)));
        assert_eq!((picture.width(), picture.height()), (width, height), "{name}");
        let mean = picture.grey().mean().unwrap();
        assert!((mean - grey).abs() < 1e-3, "{name}: {mean}");
        seen += 1;
    }
    for (reason, names) in REFUSED {
        for name in *names {
            let error = crate::causes::chain(&open(name).unwrap_err());
            assert!(error.contains(reason), "{name}: {error}");
            seen += 1;
        }
    }
    assert_eq!(seen, std::fs::read_dir(&folder).unwrap().count(), "files of the folder that no list names");
}

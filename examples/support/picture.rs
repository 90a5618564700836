//! Pictures as the kernels like them: colour samples as `f32` in 0..=1, alpha kept aside.

use std::io;
use std::path::Path;

use image::{
    ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, codecs::png::PngEncoder,
};

use super::whole_file;

/// Bits per sample of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 0..=255
    Eight,
    /// 0..=65535
    Sixteen,
}

/// A decoded picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u32,
    /// Row by row, channels interleaved, as encoded in the file (sRGB), 0..=1.
    pub samples: Vec<f32>,
    /// One value per pixel where the file has an alpha channel; it is passed through.
    pub alpha: Option<Vec<f32>>,
    /// Bits per sample.
    pub depth: Depth,
}

/// Decodes a PNG or JPEG, upright.
///
/// # Errors
/// An unreadable, truncated or unsupported file.
pub fn read(path: &Path) -> Result<Picture, String> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|e| e.to_string())?;
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let orientation = decoder.orientation().map_err(|e| e.to_string())?;
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    decoded.apply_orientation(orientation);
    if decoded.width() == 0 || decoded.height() == 0 {
        return Err("the picture has no pixels".into());
    }
    Ok(unpack(decoded))
}

fn unpack(decoded: DynamicImage) -> Picture {
    let (width, height, color) = (decoded.width(), decoded.height(), decoded.color());
    let channels = if color.has_color() { 3 } else { 1 };
    let depth = if matches!(color, ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16) {
        Depth::Sixteen
    } else {
        Depth::Eight
    };
    let with_alpha = color.has_alpha();
    let mixed: Vec<f32> = match (depth, channels, with_alpha) {
        (Depth::Eight, 1, false) => scaled(&decoded.into_luma8(), 255.0),
        (Depth::Eight, 1, true) => scaled(&decoded.into_luma_alpha8(), 255.0),
        (Depth::Eight, _, false) => scaled(&decoded.into_rgb8(), 255.0),
        (Depth::Eight, _, true) => scaled(&decoded.into_rgba8(), 255.0),
        (Depth::Sixteen, 1, false) => scaled(&decoded.into_luma16(), 65535.0),
        (Depth::Sixteen, 1, true) => scaled(&decoded.into_luma_alpha16(), 65535.0),
        (Depth::Sixteen, _, false) => scaled(&decoded.into_rgb16(), 65535.0),
        (Depth::Sixteen, _, true) => scaled(&decoded.into_rgba16(), 65535.0),
    };
    let (samples, alpha) = if with_alpha {
        let pixels = || mixed.chunks_exact(channels + 1);
        (pixels().flat_map(|p| p[..channels].iter().copied()).collect(), Some(pixels().map(|p| p[channels]).collect()))
    } else {
        (mixed, None)
    };
    Picture { width, height, channels: channels as u32, samples, alpha, depth }
}

fn scaled<T: Copy + Into<f32>>(samples: &[T], white: f32) -> Vec<f32> {
    samples.iter().map(|&s| s.into() / white).collect()
}

/// Encodes as PNG of the picture's depth; the file is written whole or not at all.
///
/// # Errors
/// What the operating system or the encoder says.
pub fn write(path: &Path, picture: &Picture) -> Result<(), String> {
    let channels = picture.channels as usize;
    let mixed: Vec<f32> = match &picture.alpha {
        None => picture.samples.clone(),
        Some(alpha) => picture
            .samples
            .chunks_exact(channels)
            .zip(alpha)
            .flat_map(|(color, &a)| color.iter().copied().chain([a]))
            .collect(),
    };
    let with_alpha = picture.alpha.is_some();
    let (bytes, color): (Vec<u8>, _) = match picture.depth {
        Depth::Eight => (
            mixed.iter().map(|&v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect(),
            match (channels, with_alpha) {
                (1, false) => ExtendedColorType::L8,
                (1, true) => ExtendedColorType::La8,
                (_, false) => ExtendedColorType::Rgb8,
                (_, true) => ExtendedColorType::Rgba8,
            },
        ),
        // The encoder takes samples in the machine's byte order and swaps them itself.
        Depth::Sixteen => (
            mixed.iter().flat_map(|&v| ((v.clamp(0.0, 1.0) * 65535.0).round() as u16).to_ne_bytes()).collect(),
            match (channels, with_alpha) {
                (1, false) => ExtendedColorType::L16,
                (1, true) => ExtendedColorType::La16,
                (_, false) => ExtendedColorType::Rgb16,
                (_, true) => ExtendedColorType::Rgba16,
            },
        ),
    };
    whole_file::write(path, |file| {
        PngEncoder::new(file).write_image(&bytes, picture.width, picture.height, color).map_err(io::Error::other)
    })
    .map_err(|e| e.to_string())
}

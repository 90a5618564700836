//! Stages that several photographic examples share: the sRGB transfer function and a separable Gaussian.

/// Standard deviation of the Gaussian, in pixels.
const SIGMA: f32 = 1.6;
/// Its kernel reaches three standard deviations: beyond lies 0.3 % of the weight.
const RADIUS: usize = 5;

/// What a file stores to linear light.
#[veda::kernel]
pub fn to_linear(v: f32) -> f32 {
    if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
}

/// Linear light to what a file stores.
#[veda::kernel]
pub fn to_srgb(v: f32) -> f32 {
    if v <= 0.0031308 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 }
}

/// One pass of the separable Gaussian, along rows; the border pixel continues beyond the edge.
#[veda::kernel]
pub fn blur_rows(id: veda::Index, src: &[f32], weights: &[f32], width: u32) -> f32 {
    let radius = (weights.len() as i32 - 1) / 2;
    let row = id.y * width;
    let mut sum = 0.0;
    for tap in 0..weights.len() {
        let x = (id.x as i32 + tap as i32 - radius).clamp(0, width as i32 - 1);
        sum += weights[tap] * src[(row + x as u32) as usize];
    }
    sum
}

/// The other pass, along columns.
#[veda::kernel]
pub fn blur_columns(id: veda::Index, src: &[f32], weights: &[f32], width: u32, height: u32) -> f32 {
    let radius = (weights.len() as i32 - 1) / 2;
    let mut sum = 0.0;
    for tap in 0..weights.len() {
        let y = (id.y as i32 + tap as i32 - radius).clamp(0, height as i32 - 1);
        sum += weights[tap] * src[(y as u32 * width + id.x) as usize];
    }
    sum
}

/// The weights of the Gaussian; their sum is 1.
pub fn gaussian() -> Vec<f32> {
    let raw: Vec<f32> = (0..=2 * RADIUS)
        .map(|tap| {
            let d = tap as f32 - RADIUS as f32;
            (-d * d / (2.0 * SIGMA * SIGMA)).exp()
        })
        .collect();
    let total: f32 = raw.iter().sum();
    raw.into_iter().map(|w| w / total).collect()
}

//! The workloads, each as a kernel and as the function that somebody who uses Rayon would write.

/// Iterations of Mandelbrot.
pub const ITERATIONS: u32 = 256;

/// Two reads, one write, two operations: bound by memory.
#[veda::kernel]
pub fn saxpy(a: f32, x: f32, y: f32) -> f32 {
    a * x + y
}

/// The same on a pair, as `zip` yields it.
#[veda::kernel]
pub fn saxpy2((x, y): (f32, f32)) -> f32 {
    2.0 * x + y
}

/// Eight terms by Horner's rule.
#[veda::kernel]
pub fn polynomial(x: f32) -> f32 {
    ((((((0.125 * x - 0.5) * x + 0.25) * x + 1.5) * x - 0.75) * x + 0.0625) * x + 2.0) * x - 1.0
}

/// Two transcendental functions.
#[veda::kernel]
pub fn sin_exp(x: f32) -> f32 {
    x.sin() * (-x).exp()
}

/// A map before a sum.
#[veda::kernel]
pub fn square(x: f32) -> f32 {
    x * x
}

/// A map of integers before a sum.
#[veda::kernel]
pub fn twice(x: u32) -> u32 {
    x * 2
}

/// Iterations until the point leaves the circle of radius 2: a loop whose length depends on the data.
#[veda::kernel]
pub fn mandelbrot(id: veda::Index, width: u32, height: u32, limit: u32) -> u32 {
    let cr = id.x as f32 * (3.0 / width as f32) - 2.2;
    let ci = id.y as f32 * (2.0 / height as f32) - 1.0;
    let mut zr = 0.0;
    let mut zi = 0.0;
    let mut i = 0;
    while i < limit && zr * zr + zi * zi <= 4.0 {
        let next = zr * zr - zi * zi + cr;
        zi = 2.0 * zr * zi + ci;
        zr = next;
        i += 1;
    }
    i
}

/// Mandelbrot by flat position, for a range; 512 columns and rows.
#[veda::kernel]
pub fn mandelbrot_512(at: u32) -> u32 {
    let cr = (at % 512) as f32 * (3.0 / 512.0) - 2.2;
    let ci = (at / 512) as f32 * (2.0 / 512.0) - 1.0;
    let mut zr = 0.0;
    let mut zi = 0.0;
    let mut i = 0;
    while i < 256 && zr * zr + zi * zi <= 4.0 {
        let next = zr * zr - zi * zi + cr;
        zi = 2.0 * zr * zi + ci;
        zr = next;
        i += 1;
    }
    i
}

/// Unsharp mask with a 3 x 3 box: nine reads around each pixel, the border continued.
#[veda::kernel]
pub fn unsharp(id: veda::Index, src: &[f32], width: u32, height: u32, amount: f32) -> f32 {
    let mut sum = 0.0;
    for dy in 0..3u32 {
        for dx in 0..3u32 {
            let x = (id.x + dx).max(1).min(width) - 1;
            let y = (id.y + dy).max(1).min(height) - 1;
            sum += src[(y * width + x) as usize];
        }
    }
    let center = src[(id.y * width + id.x) as usize];
    center + amount * (center - sum / 9.0)
}

/// The functions as written for Rayon: the standard library's math, `usize` indices.
pub mod plain {
    /// See [`saxpy`](super::saxpy).
    #[inline]
    pub fn saxpy(a: f32, x: f32, y: f32) -> f32 {
        a * x + y
    }

    /// See [`polynomial`](super::polynomial).
    #[inline]
    pub fn polynomial(x: f32) -> f32 {
        ((((((0.125 * x - 0.5) * x + 0.25) * x + 1.5) * x - 0.75) * x + 0.0625) * x + 2.0) * x - 1.0
    }

    /// See [`sin_exp`](super::sin_exp).
    #[inline]
    pub fn sin_exp(x: f32) -> f32 {
        x.sin() * (-x).exp()
    }

    /// See [`mandelbrot`](super::mandelbrot).
    #[inline]
    pub fn mandelbrot(x: usize, y: usize, width: usize, height: usize, limit: u32) -> u32 {
        let cr = x as f32 * (3.0 / width as f32) - 2.2;
        let ci = y as f32 * (2.0 / height as f32) - 1.0;
        let (mut zr, mut zi) = (0.0f32, 0.0f32);
        let mut i = 0;
        while i < limit && zr * zr + zi * zi <= 4.0 {
            let next = zr * zr - zi * zi + cr;
            zi = 2.0 * zr * zi + ci;
            zr = next;
            i += 1;
        }
        i
    }

    /// See [`unsharp`](super::unsharp).
    #[inline]
    pub fn unsharp(src: &[f32], x: usize, y: usize, width: usize, height: usize, amount: f32) -> f32 {
        let mut sum = 0.0;
        for dy in 0..3 {
            for dx in 0..3 {
                let x = (x + dx).clamp(1, width) - 1;
                let y = (y + dy).clamp(1, height) - 1;
                sum += src[y * width + x];
            }
        }
        let center = src[y * width + x];
        center + amount * (center - sum / 9.0)
    }
}

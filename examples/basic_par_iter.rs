//! A plain closure over a range: the same code as with Rayon, run by veda's pool on every core.
use veda::prelude::*;

fn main() {
    // Simple parallel sum - identical to Rayon API
    let sum: i32 = (0..1000).into_par_iter().map(|x| x * 2).sum();

    println!("Sum: {sum}");
}

//! The progress bar of all commands that measure.

use indicatif::{ProgressBar, ProgressStyle};
use veda::calibrate::Progress;

/// Runs `measure` under a bar on standard error, which is gone when it returns.
pub fn with_bar<R>(measure: impl FnOnce(&mut dyn FnMut(Progress<'_>)) -> R) -> R {
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{msg:32!} {wide_bar} {percent:>3} %  {elapsed}") {
        bar.set_style(style);
    }
    let result = measure(&mut |progress| {
        bar.set_message(progress.stage.to_owned());
        bar.set_position((progress.done * 1000.0) as u64);
    });
    bar.finish_and_clear();
    result
}

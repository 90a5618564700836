//! Errors of the macro: what is wrong, on the user's token, and what to write instead.

use quote::ToTokens;

/// The error `message` on `tokens`, with a `help:` line.
pub fn error(tokens: impl ToTokens, message: impl std::fmt::Display, help: impl std::fmt::Display) -> syn::Error {
    syn::Error::new_spanned(tokens, format!("{message}\nhelp: {help}"))
}

/// `Err` of [`error`].
pub fn fail<T>(tokens: impl ToTokens, message: impl std::fmt::Display, help: impl std::fmt::Display) -> syn::Result<T> {
    Err(error(tokens, message, help))
}

/// The candidate that `name` was probably meant to be: at most two edits away, and less than half of the name.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (edits(name, c), c))
        .filter(|&(d, c)| d <= 2 && 2 * d < c.len().max(name.len()))
        .min()
        .map(|(_, c)| c)
}

/// Levenshtein distance of two identifiers.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        assert_eq!(nearest("flor", ["floor", "round"]), Some("floor"));
        assert_eq!(nearest("squareroot", ["sqrt"]), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
